"""persona-forge COMMAND: thin; every command reads its words, calls one function, and shows what it returned.

Exit codes: 0 fine; 1 a check failed or the run could not end; 2 misuse: what was typed or configured is wrong;
3 stopped before its end: the same command goes on. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persona_forge.core.errors import ForgeError, Misuse, RunMismatch, Stopped

if TYPE_CHECKING:
    from persona_forge.config import Config
    from persona_forge.core.stage import Stage
    from persona_forge.dataset.folder import Folder

ABOUT = "Grow authored persona seeds into training data for voice models that stay in character."
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=ABOUT
)
seeds_app = typer.Typer(no_args_is_help=True, help="Read, check and review seeds.")
weights_app = typer.Typer(no_args_is_help=True, help="Fetch the weights of the embedded engines.")
app.add_typer(seeds_app, name="seeds")
app.add_typer(weights_app, name="weights")

Dir = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="DIR", show_default=False)]
Out = Annotated[
    Path, typer.Option("--out", help="The folder of the run: a new one, or one to go on with.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json", help="For machines: JSON on standard output, and no progress.")]
ConfigFile = Annotated[
    Path | None, typer.Argument(help="A TOML file; without one, the defaults.", metavar="[CONFIG]", show_default=False)
]
Seeds = Annotated[
    list[Path] | None,
    typer.Option("--seeds", help="A file or folder of seeds, instead of the configured ones.", metavar="PATH"),
]
Rows = Annotated[int | None, typer.Option("--rows", help="Persona rows in all.", min=1)]
Dialogues = Annotated[int | None, typer.Option("--dialogues", help="Dialogues in all.", min=0)]
Redo = Annotated[
    list[str] | None,
    typer.Option("--redo", help="Make this stage and all that follows anew; may be repeated.", metavar="STAGE"),
]


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
    except SystemExit as error:
        if error.code != INTERRUPTED:
            raise
        stopped = Stopped("stopped; what is sealed stays", todo="the same command goes on where it was")
        sys.stderr.write(f"persona-forge: {stopped}\n")
        sys.stderr.flush()
        if "prefect" not in sys.modules:  # which has a server to end
            os._exit(stopped.exit_code)  # now: a language model would finish its sentence first
        sys.exit(stopped.exit_code)


# Running --------------------------------------------------------------------------------------------------------------


@app.command()
def run(
    config: ConfigFile = None,
    out: Out = Path("my-dataset"),
    seeds: Seeds = None,
    rows: Rows = None,
    dialogues: Dialogues = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Run this stage alone; may be repeated.", metavar="STAGE")
    ] = None,
    redo: Redo = None,
    shards: Annotated[
        list[str] | None, typer.Option("--shards", help="Make only this shard; may be repeated.", metavar="NAME")
    ] = None,
    json: Json = False,
) -> None:
    """The whole pipeline through Prefect, going on where it was; with no CONFIG, bundled seeds and embedded engines."""
    from persona_forge.pipeline import PIPELINE

    stages = _stages(only) or PIPELINE
    _run(_settings(config, out, seeds, rows, dialogues), out, stages, redo, json, prefect=True, shards=shards)


@app.command()
def expand(
    config: ConfigFile = None,
    out: Out = Path("my-dataset"),
    seeds: Seeds = None,
    rows: Rows = None,
    redo: Redo = None,
    json: Json = False,
) -> None:
    """Act 1 alone, without Prefect: seeds into personas."""
    _act("expand", _settings(config, out, seeds, rows, None), out, redo, json)


@app.command()
def script(
    config: ConfigFile = None,
    out: Out = Path("my-dataset"),
    dialogues: Dialogues = None,
    redo: Redo = None,
    json: Json = False,
) -> None:
    """Act 2 alone, without Prefect: scenes and dialogues of the personas that are there."""
    _act("script", _settings(config, out, None, None, dialogues), out, redo, json)


@app.command()
def speak(config: ConfigFile = None, out: Out = Path("my-dataset"), redo: Redo = None, json: Json = False) -> None:
    """Act 3 alone, without Prefect: voices, speech, measures and the check of words."""
    _act("speak", _settings(config, out, None, None, None), out, redo, json)


def _act(name: str, config: Config, out: Path, redo: list[str] | None, json: bool) -> None:
    from persona_forge.pipeline import ACTS

    _run(config, out, _stages(ACTS[name]), redo, json, prefect=False)


def _settings(
    config: Path | None, out: Path, seeds: list[Path] | None, rows: int | None, dialogues: int | None
) -> Config:
    """The config file's settings, or those that a run in `out` has already, with what was typed laid over them."""
    from persona_forge.config import make_config, read_config
    from persona_forge.dataset.folder import Folder

    folder = Folder(out)
    if config is None and folder.card.is_file():
        settings = make_config(folder.read_card()["config"], where=str(folder.card))
    else:
        settings = read_config(config)
    typed: dict[str, dict[str, Any]] = {"seeds": {}, "personas": {}, "dialogues": {}}
    if seeds:
        typed["seeds"]["paths"] = tuple(str(p.resolve()) for p in seeds)
    if rows:
        typed["personas"]["rows"] = rows
    if dialogues is not None:
        typed["dialogues"]["count"] = dialogues
    return settings.model_copy(update={k: getattr(settings, k).model_copy(update=v) for k, v in typed.items()})


def _stages(names: Sequence[str] | None) -> tuple[Stage, ...]:
    from persona_forge.pipeline import PIPELINE

    known = [s.name for s in PIPELINE]
    if unknown := [n for n in names or () if n not in known]:
        raise Misuse(f"unknown stage {unknown[0]!r}", allowed=", ".join(known))
    return tuple(s for s in PIPELINE if s.name in (names or ()))


def _run(
    config: Config,
    out: Path,
    stages: tuple[Stage, ...],
    redo: list[str] | None,
    json: bool,
    *,
    prefect: bool,
    shards: list[str] | None = None,
) -> None:
    from persona_forge import show
    from persona_forge.dataset.folder import Folder
    from persona_forge.run import go
    from persona_forge.start import start

    again = _stages(redo)
    folder = Folder(out)
    with folder.locked(), show.heard_by(logging.NullHandler() if json else show.Lines()):
        opened = start(out, config, stages, redo=again)
        flow = _prefect_flow(config.run.workers) if prefect else None
        with show.heard_by(show.JsonLines(out / "log.jsonl")):
            if flow:
                flow(str(out.resolve()), [s.name for s in stages], shards)
            else:
                go(opened, stages)
    show.report(folder, json)


def _prefect_flow(workers: int) -> Any:
    """The flow, with Prefect told to keep still: no telemetry, no chatter on the terminal, patience when it is slow."""
    quiet = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "persona_forge",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    from persona_forge.beside import flow

    logging.getLogger("persona_forge").info("starting Prefect")
    forge = flow("forge")
    forge.listen()
    return forge.with_workers(workers)


# Asking ---------------------------------------------------------------------------------------------------------------


@app.command()
def status(folder: Dir, json: Json = False) -> None:
    """Shards done of all, the funnel, cost, rate and time left."""
    from persona_forge import show
    from persona_forge.report import status as status_of

    report = status_of(_existing(folder))
    if json:
        show.as_json(report.as_json())
        return
    show.funnel_table(report.steps)
    show.out.print()
    for line in report.lines():
        show.out.print(line, markup=False)


@app.command()
def sql(
    folder: Dir,
    query: Annotated[str, typer.Argument(help="One SELECT statement.", metavar="QUERY", show_default=False)],
    format: Annotated[
        str, typer.Option("--format", help="table, csv, json or parquet (to standard output).")
    ] = "table",
    json: Json = False,
) -> None:
    """Read-only SQL over every table of a run: seeds, personas, scenes, scripts, utterances, rejects …"""
    from persona_forge.dataset.answers import answer

    answer(_existing(folder), query, "json" if json else format, sys.stdout)


@app.command()
def verify(folder: Dir, json: Json = False) -> None:
    """Rehash every shard and recheck every invariant; exit code 1 if one does not hold."""
    from persona_forge import show
    from persona_forge.dataset.verify import verify as checks_of

    checks = []
    for check in checks_of(_existing(folder)):
        checks.append(check)
        if not json:
            verdict = "holds" if check.ok else f"BROKEN by {check.broken:,}: {check.example}"
            show.out.print(f"{check.name:<12} {check.asks}  {verdict}", markup=False)
    if json:
        show.as_json([{"name": c.name, "asks": c.asks, "broken": c.broken, "example": c.example} for c in checks])
    if not all(c.ok for c in checks):
        raise typer.Exit(1)


@app.command()
def engines(json: Json = False) -> None:
    """Which engines work here, under which licence, and what each lacks."""
    from persona_forge import show
    from persona_forge.engines.catalogue import ENGINES, lacking_weights, missing

    rows = []
    for e in ENGINES:
        why = missing(e)
        lacking = lacking_weights(e) if not why else ()
        state = why or (
            f"ready once its weights are fetched: persona-forge weights pull {' '.join(lacking)}"
            if lacking
            else "ready"
        )
        rows.append(
            {
                "port": e.port,
                "engine": e.name,
                "is": e.says,
                "licence": e.licence,
                "lacks": e.lacks or "–",
                "here": state,
            }
        )
    if json:
        show.as_json(rows)
        return
    show.table(list(rows[0]), [list(r.values()) for r in rows])


@weights_app.command("pull")
def weights_pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which; all that the default run needs, if none are named.", metavar="[NAME…]", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Fetch weights into the cache, each checked by its sha256."""
    from persona_forge import show
    from persona_forge.engines import weights

    for name in names or ():
        weights.pinned(name)
    say = (lambda _: None) if json else (lambda line: show.err.print(line, markup=False))
    chosen = names or ["qwen-1.5b", "kokoro", "kokoro-voices", "whisper-base"]
    paths = {name: str(weights.pull(name, say)) for name in chosen}
    if json:
        show.as_json(paths)
    else:
        show.table(["weights", "where"], list(paths.items()))


@seeds_app.command("check")
def seeds_check(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders of seeds.", metavar="PATH…", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Read seeds as a run would; exit code 1 if a record cannot be used, each named with its line."""
    from persona_forge import show
    from persona_forge.report import check_seeds

    good, rejects = check_seeds(paths)
    if json:
        show.as_json({"seeds": good, "rejects": [{"reason": r.reason, "detail": r.detail} for r in rejects]})
    else:
        for r in rejects:
            show.out.print(f"{r.reason}: {r.detail}", markup=False)
        show.out.print(f"{good} seeds can be used, {len(rejects)} records cannot")
    if rejects:
        raise typer.Exit(1)


def _existing(path: Path) -> Folder:
    from persona_forge.dataset.folder import Folder

    if not path.is_dir():
        raise RunMismatch(f"there is no folder {path}", todo="name the folder that `persona-forge run --out` was given")
    folder = Folder(path)
    folder.read_card()
    return folder


if __name__ == "__main__":
    main()
