"""The commands that make something: run, and one act at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from persona_forge.cli.words import ConfigFile, Dialogues, Json, Out, Redo, Rows, Seeds
from persona_forge.core.errors import Misuse

if TYPE_CHECKING:
    from persona_forge.config import Config, RunConfig
    from persona_forge.core.stage import Stage


def run(
    config: ConfigFile = None,
    out: Out = "my-dataset",
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
    runner: Annotated[
        Literal["local", "ray"] | None,
        typer.Option("--runner", help="This machine, or a Ray cluster (run.ray_address).", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """The whole pipeline through Prefect, going on where it was; with no CONFIG, bundled seeds and embedded engines."""
    from persona_forge.pipeline import PIPELINE

    settings = _settings(config, out, seeds, rows, dialogues)
    if runner:
        settings = settings.model_copy(update={"run": settings.run.model_copy(update={"runner": runner})})
    _run(settings, out, _stages(only) or PIPELINE, redo, json, prefect=True, shards=shards)


def expand(
    config: ConfigFile = None,
    out: Out = "my-dataset",
    seeds: Seeds = None,
    rows: Rows = None,
    redo: Redo = None,
    json: Json = False,
) -> None:
    """Act 1 alone, without Prefect: seeds into personas."""
    _act("expand", _settings(config, out, seeds, rows, None), out, redo, json)


def script(
    config: ConfigFile = None,
    out: Out = "my-dataset",
    dialogues: Dialogues = None,
    redo: Redo = None,
    json: Json = False,
) -> None:
    """Act 2 alone, without Prefect: scenes and dialogues of the personas that are there."""
    _act("script", _settings(config, out, None, None, dialogues), out, redo, json)


def judge(config: ConfigFile = None, out: Out = "my-dataset", redo: Redo = None, json: Json = False) -> None:
    """Right and wrong replies to every probe, without Prefect, each looked at by code, and by a model if told."""
    _act("judge", _settings(config, out, None, None, None), out, redo, json)


def pair(config: ConfigFile = None, out: Out = "my-dataset", redo: Redo = None, json: Json = False) -> None:
    """Chosen and rejected replies, without Prefect; what annotators decided is taken in first."""
    _act("pair", _settings(config, out, None, None, None), out, redo, json)


def speak(config: ConfigFile = None, out: Out = "my-dataset", redo: Redo = None, json: Json = False) -> None:
    """Act 3 alone, without Prefect: voices, speech, measures and the check of words."""
    _act("speak", _settings(config, out, None, None, None), out, redo, json)


def _act(name: str, config: Config, out: str, redo: list[str] | None, json: bool) -> None:
    from persona_forge.pipeline import ACTS

    _run(config, out, _stages(ACTS[name]), redo, json, prefect=False)


def _settings(
    config: Path | None, out: str, seeds: list[Path] | None, rows: int | None, dialogues: int | None
) -> Config:
    """The config file's settings, or those that a run in `out` has already, with what was typed laid over them."""
    from persona_forge.config import make_config, read_config
    from persona_forge.dataset.opening import open_folder

    folder = open_folder(out, to_run=True)
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
    out: str,
    stages: tuple[Stage, ...],
    redo: list[str] | None,
    json: bool,
    *,
    prefect: bool,
    shards: list[str] | None = None,
) -> None:
    from persona_forge import show
    from persona_forge.dataset.opening import open_folder
    from persona_forge.run import go
    from persona_forge.start import start

    again = _stages(redo)
    folder = open_folder(out, to_run=True)
    with folder.locked(), show.heard_by(logging.NullHandler() if json else show.Lines()):
        opened = start(folder, config, stages, redo=again)
        flow = _prefect_flow(config.run) if prefect else None
        with show.heard_by(show.JsonLines(folder.root / "log.jsonl")):
            if flow:
                flow(folder.absolute, [s.name for s in stages], shards)
            else:
                go(opened, stages)
    show.report(folder, json)


def _prefect_flow(settings: RunConfig) -> Any:
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
    return forge.with_runner(settings)
