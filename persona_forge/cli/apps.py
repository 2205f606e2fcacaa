"""The apps on a run, in the browser: what is in it, which of two replies is in character, what is heard in a clip."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from persona_forge.cli.desks import open_app
from persona_forge.cli.words import Dir
from persona_forge.core.errors import Misuse, Uninstalled

Where = Annotated[
    Path,
    typer.Argument(help="The folder of a run, or a .jsonl or .parquet file of pairs.", metavar="DIR|FILE",
                   show_default=False),
]  # fmt: skip
Who = Annotated[str, typer.Option("--who", help="Who is at work; asked in the app, if not given.")]
Events = Annotated[
    Path | None,
    typer.Option("--events", help="The folder of decisions; DIR/events or FILE.events, if none is named.",
                 metavar="DIR"),
]  # fmt: skip
Language = Annotated[
    Literal["zh", "en"] | None, typer.Option("--language", help="Of the app; the browser's, if not given.")
]
Port = Annotated[int, typer.Option("--port", help="Of this machine.", min=1, max=65535)]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")]
EXPLORED_WITH = ("altair", "pysat", "jinja2")
LISTENED_WITH = ("soundfile", "pyworld")


def explore(folder: Dir, language: Language = None, port: Port = 2719, browser: Browser = True) -> None:
    """See what is in a run: funnel, marginals, coverage, families, drift, samples, SQL."""
    from persona_forge.dataset.opening import open_folder

    run = open_folder(folder)
    run.read_card()
    if missing := [name for name in EXPLORED_WITH if find_spec(name) is None]:
        raise Uninstalled(f"this app needs {', '.join(missing)}", todo="pip install 'persona-forge[forge,apps]'")
    arguments = {"run": run.absolute, "language": language or ""}
    open_app("explore.py", arguments, port=port, browser=browser)


def compare(
    path: Where,
    who: Who = "",
    language: Language = None,
    events: Events = None,
    port: Port = 2720,
    browser: Browser = True,
) -> None:
    """Pick the reply that is in character, of two side by side, by keyboard; every pick is kept as it is made."""
    from persona_forge.dataset.events import annotator
    from persona_forge.desks import picks_folder, questions

    if not questions(path):
        raise Misuse(f"{path} has no pairs yet", todo=f"persona-forge pair --out {path}")
    folder = (events or picks_folder(path)).resolve()
    if folder.exists() and not folder.is_dir():
        raise Misuse(f"{folder} is a file", allowed="--events DIR: a folder, new or there already")
    arguments = {"pairs": str(path.resolve()), "events": str(folder), "who": who and annotator(who)}
    open_app("compare_replies.py", {**arguments, "language": language or ""}, port=port, browser=browser)


def listen(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.", metavar="DIR", show_default=False)],
    who: Who = "",
    language: Language = None,
    events: Events = None,
    port: Port = 2721,
    browser: Browser = True,
) -> None:
    """Say which mood is heard in a clip, what pace, and how natural it sounds, by keyboard, before one is told."""
    from persona_forge.dataset.events import annotator
    from persona_forge.desks import clips, picks_folder

    if missing := [name for name in LISTENED_WITH if find_spec(name) is None]:
        raise Uninstalled(f"this app needs {', '.join(missing)}", todo="pip install 'persona-forge[local,apps]'")
    clips(folder)
    kept = (events or picks_folder(folder)).resolve()
    if kept.exists() and not kept.is_dir():
        raise Misuse(f"{kept} is a file", allowed="--events DIR: a folder, new or there already")
    arguments = {"run": str(folder.resolve()), "events": str(kept), "who": who and annotator(who)}
    open_app("listen.py", {**arguments, "language": language or ""}, port=port, browser=browser)
