"""The commands that make something: run, and one act at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persona_forge.cli.words import ConfigFile, Dialogues, Json, Out, Redo, Rows, Seeds
from persona_forge.core.errors import Misuse

if TYPE_CHECKING:
    from persona_forge.config import Config
    from persona_forge.core.stage import Stage


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


def script(
    config: ConfigFile = None,
    out: Out = Path("my-dataset"),
    dialogues: Dialogues = None,
    redo: Redo = None,
    json: Json = False,
) -> None:
    """Act 2 alone, without Prefect: scenes and dialogues of the personas that are there."""
    _act("script", _settings(config, out, None, None, dialogues), out, redo, json)


def judge(config: ConfigFile = None, out: Out = Path("my-dataset"), redo: Redo = None, json: Json = False) -> None:
    """Right and wrong replies to every probe, without Prefect, each looked at by code, and by a model if told."""
    _act("judge", _settings(config, out, None, None, None), out, redo, json)


def pair(config: ConfigFile = None, out: Out = Path("my-dataset"), redo: Redo = None, json: Json = False) -> None:
    """Chosen and rejected replies, without Prefect; what annotators decided is taken in first."""
    _act("pair", _settings(config, out, None, None, None), out, redo, json)


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
