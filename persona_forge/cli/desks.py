"""The commands around the annotators' apps: opening one in a browser, and taking over what was decided there."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from persona_forge.cli.words import ConfigFile, Json
from persona_forge.core.errors import Misuse, Uninstalled

SeedsPath = Annotated[Path, typer.Argument(help="A file or folder of seeds.", metavar="PATH", show_default=False)]
Events = Annotated[
    Path | None,
    typer.Option("--events", help="The folder of decisions; <PATH>.events, if none is named.", metavar="DIR"),
]
NEEDED = ("marimo", "anywidget", "sklearn")


def open_app(notebook: str, arguments: dict[str, str], *, port: int, browser: bool) -> None:
    """This process becomes the server of an app: on this machine alone, until Ctrl-C."""
    from persona_forge.beside import beside

    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise Uninstalled(f"this app needs {', '.join(missing)}", todo="pip install 'persona-forge[apps]'")
    given = [part for name, value in arguments.items() if value for part in (f"--{name}", value)]
    shown = [] if browser else ["--headless"]
    words = ["-m", "marimo", "run", str(beside("notebooks", notebook)), "--host", "127.0.0.1", "--port", str(port)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *words, *shown, "--", *given])


def seeds_review(
    path: SeedsPath,
    who: Annotated[str, typer.Option("--who", help="Who is at work; asked in the app, if not given.")] = "",
    language: Annotated[
        Literal["zh", "en"] | None, typer.Option("--language", help="Of the app; the browser's, if not given.")
    ] = None,
    events: Events = None,
    port: Annotated[int, typer.Option("--port", help="Of this machine.", min=1, max=65535)] = 2718,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Review seeds in the browser, in Chinese or English, by keyboard; every decision is kept as it is made."""
    from persona_forge.dataset.events import annotator
    from persona_forge.desks import events_folder
    from persona_forge.personas.readers import seed_files

    seed_files([path])
    folder = (events or events_folder(path)).resolve()
    if folder.exists() and not folder.is_dir():
        raise Misuse(f"{folder} is a file", allowed="--events DIR: a folder, new or there already")
    arguments = {"seeds": str(path.resolve()), "events": str(folder), "who": who and annotator(who)}
    open_app("review_seeds.py", {**arguments, "language": language or ""}, port=port, browser=browser)


def seeds_adopt(
    path: SeedsPath,
    to: Annotated[Path, typer.Option("--to", help="The file of seeds to write.", metavar="FILE.jsonl")],
    events: Events = None,
    json: Json = False,
) -> None:
    """Write the seeds with what annotators agreed on: verdicts and edits; what they dispute stays new."""
    from persona_forge import show
    from persona_forge.desks import adopt, events_folder

    counts = adopt(path, events or events_folder(path), to)
    if json:
        show.as_json(counts)
        return
    show.out.print(
        f"{counts['approved']} approved, {counts['rejected']} rejected, {counts['new']} new, of which "
        f"{counts['disputed']} in dispute; {counts['unreadable']} records could not be read; they are in {to}",
        markup=False,
    )


def seeds_propose(
    path: SeedsPath,
    to: Annotated[Path, typer.Option("--to", help="The file of seeds to write.", metavar="FILE.jsonl")],
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Write the seeds with the pins that a language model proposes, each marked, for people to review.

    The engine, its model and its budget are those of [dialogues] in CONFIG.
    """
    from persona_forge import show
    from persona_forge.config import read_config
    from persona_forge.desks import propose

    asked, outcome = propose(path, to, read_config(config), lambda: None)
    if json:
        show.as_json({"asked": asked, "pins": outcome.pins, "refused": [asdict(r) for r in outcome.refused]})
        return
    made = sum(map(len, outcome.pins.values()))
    reasons = Counter(r.reason for r in outcome.refused)
    left_out = "".join(f", {n:,} {reason}" for reason, n in reasons.most_common())
    show.out.print(f"{asked:,} seeds asked about: {made:,} pins proposed for {len(outcome.pins):,} of them{left_out}",
                   markup=False)  # fmt: skip
    show.out.print(f"they are in {to}; what to type next: persona-forge seeds review {to}", markup=False)
