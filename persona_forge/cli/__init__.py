"""persona-forge COMMAND: thin; every command reads its words, calls one function, and shows what it returned.

Exit codes: 0 fine; 1 a check failed or the run could not end; 2 misuse: what was typed or configured is wrong;
3 stopped before its end: the same command goes on. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import os
import signal
import sys

import typer

from persona_forge.cli import (
    apps,
    asking,
    authoring,
    carding,
    cards,
    curating,
    desks,
    importing,
    judging,
    leaving,
    removing,
    running,
)
from persona_forge.core.errors import ForgeError, Stopped, Uninstalled

ABOUT = "Grow authored persona seeds into training data for voice models that stay in character."


def _group(about: str) -> typer.Typer:
    return typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=about
    )


app, seeds, traits, weights, opened = map(
    _group,
    (ABOUT, "Read and check seeds.", "Ask the ontology.", "Fetch the weights of the embedded engines.", "Open an app."),
)
app.command()(running.run)
app.command()(running.expand)
app.command()(running.script)
app.command()(running.judge)
app.command()(running.pair)
app.command()(running.speak)
app.command()(authoring.cover)
app.command()(asking.status)
app.command()(asking.sql)
app.command()(asking.verify)
app.command()(judging.judges)
app.command()(judging.triage)
app.command()(leaving.export)
app.command()(carding.card)
app.command()(removing.remove)
app.command()(asking.engines)
app.add_typer(seeds, name="seeds")
app.add_typer(traits, name="traits")
app.add_typer(weights, name="weights")
app.add_typer(opened, name="app")
opened.command("explore")(apps.explore)
opened.command("compare")(apps.compare)
opened.command("listen")(apps.listen)
seeds.command("check")(curating.seeds_check)
seeds.command("topics")(curating.seeds_topics)
seeds.command("import")(importing.seeds_import)
seeds.command("review")(desks.seeds_review)
seeds.command("propose")(desks.seeds_propose)
seeds.command("adopt")(desks.seeds_adopt)
seeds.command("export")(cards.seeds_export)
traits.command("check")(authoring.traits_check)
traits.command("show")(authoring.traits_show)
traits.command("count")(authoring.traits_count)
traits.command("explain")(authoring.traits_explain)
weights.command("pull")(asking.weights_pull)

INTERRUPTED = 130
"""What typer makes of a KeyboardInterrupt."""


def main() -> None:
    """The console script: errors become a message and an exit code, never a traceback for a user's mistake."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # a polite kill is a Ctrl-C
    try:
        app(standalone_mode=True)
    except ForgeError as error:
        sys.stderr.write(f"persona-forge: {error}\n")
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("persona_forge"):
            raise
        lacking = Uninstalled(f"this command needs {error.name}", todo="pip install 'persona-forge[forge,local]'")
        sys.stderr.write(f"persona-forge: {lacking}\n")
        sys.exit(lacking.exit_code)
    except SystemExit as error:
        if error.code != INTERRUPTED:
            raise
        stopped = Stopped("stopped; what is sealed stays", todo="the same command goes on where it was")
        sys.stderr.write(f"persona-forge: {stopped}\n")
        sys.stderr.flush()
        if "prefect" not in sys.modules:  # which has a server to end
            os._exit(stopped.exit_code)  # now: a language model would finish its sentence first
        sys.exit(stopped.exit_code)
