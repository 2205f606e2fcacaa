"""Makes or opens a run: settings, ontology, seeds and engines are looked at, and what cannot work is refused.

`start` is for who gives the commands; `load` for any worker, from what stands in the folder alone. What a run was begun
with stands in its card, run.json: settings, engines chosen, and what each stage's fingerprint is made of.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from persona_forge import plans
from persona_forge.beside import beside
from persona_forge.choices import Choice, Say, choose
from persona_forge.config import SECTIONS, Config, make_config
from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import PORTS, Stage, check
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.opening import open_folder
from persona_forge.pipeline import PIPELINE
from persona_forge.run import Run, downstream

log = logging.getLogger("persona_forge")


def start(
    out: Path | Folder, config: Config, stages: tuple[Stage, ...], *, redo: tuple[Stage, ...] = (), say: Say = log.info
) -> Run:
    """Makes or opens the run in `out` under these settings, with the engines that `stages` need ready to work.

    An `out` in an object store is what `open_folder` gives to a run. Everything that can be refused is refused here,
    before anything is spent or written. The caller holds the lock.
    """
    check(PIPELINE, dict(SECTIONS))
    folder = Folder(out) if isinstance(out, Path) else out
    card = folder.read_card() if folder.card.is_file() else {}
    ontology_path = Path(config.seeds.ontology) if config.seeds.ontology else beside("seeds", "traits.toml")
    ontology = plans.read_text(ontology_path)
    choices = {k: Choice(**v) for k, v in card.get("engines", {}).items()}
    run = Run(folder, config, ontology, str(ontology_path), choices)
    if card.get("ontology") != digest(ontology):
        run.hands.space  # noqa: B018 — one that leaves nothing possible is refused now
    again = downstream(redo)
    plans.refuse_source(run, stages, again)
    for port in PORTS:
        if any(port in s.ports for s in stages):
            choices[port] = choose(port, _as_sealed(config, choices), say)  # type: ignore[arg-type]
    able = _able(choices)
    run.refuse_mismatch(tuple(s for s in able if s not in again))
    run.unseal(again)
    folder.write_card({
        "config": config.model_dump(mode="json"),
        "engines": {k: asdict(c) for k, c in choices.items()},
        "ontology": digest(ontology),
        "ingredients": {s.name: run.ingredients(s) for s in able},
        "stages": [{"name": s.name, "shape": s.shape, "reads": s.reads, "writes": s.writes} for s in PIPELINE],
    })  # fmt: skip
    folder.write(folder.ontology, ontology)
    _open.clear()
    _open[_key(folder)] = run
    return run


def _able(choices: dict[str, Choice]) -> tuple[Stage, ...]:
    """The stages whose engines are chosen, and so those of all that they read."""
    able: list[Stage] = []
    for stage in PIPELINE:
        written = {s.writes for s in able}
        if all(p in choices for p in stage.ports) and written.issuperset(stage.reads):
            able.append(stage)
    return tuple(able)


def _as_sealed(config: Config, sealed: dict[str, Choice]) -> Config:
    """The settings, with the engines that this run was begun with where none is named."""
    dialogues, speech = config.dialogues, config.speech
    if dialogues.engine is None and "chat" in sealed:
        model = dialogues.model or sealed["chat"].model
        dialogues = dialogues.model_copy(update={"engine": sealed["chat"].engine, "model": model})
    if speech.engine is None and "voice" in sealed:
        speech = speech.model_copy(update={"engine": sealed["voice"].engine})
    if speech.ear is None and "ear" in sealed:
        speech = speech.model_copy(update={"ear": sealed["ear"].engine})
    return config.model_copy(update={"dialogues": dialogues, "speech": speech})


_open: dict[str, Run] = {}
"""The run that this process works on, by folder and card; its compiled space and its engines are kept between tasks."""
_opening = Lock()


def _key(folder: Folder) -> str:
    return digest(str(folder.root.resolve()), canonical(folder.read_card()))


def load(root: str) -> Run:
    """The run in a folder or an object store, as any worker opens it: from what stands there alone."""
    with _opening:
        folder = next((run.folder for run in _open.values() if run.folder.absolute == root), None)
        folder = folder or open_folder(root, to_run=True)
        folder.recall()
        key = _key(folder)
        if key not in _open:
            card = folder.read_card()
            config = make_config(card["config"], where=str(folder.card))
            choices = {k: Choice(**v) for k, v in card["engines"].items()}
            _open.clear()
            _open[key] = Run(folder, config, plans.read_text(folder.ontology), str(folder.ontology), choices)
        return _open[key]
