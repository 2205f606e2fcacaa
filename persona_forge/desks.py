"""What stands behind the annotators' apps: seeds as a run would read them, and their decisions on the way back; the
pairs of replies of a run or a file; and the clips of a run.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from persona_forge.beside import beside
from persona_forge.choices import choose
from persona_forge.config import Config
from persona_forge.core.errors import Misuse, SeedsError
from persona_forge.dataset.events import EventLog
from persona_forge.dataset.explore import sounds
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.shards import write_text
from persona_forge.dialogues.compare import CompareDesk
from persona_forge.dialogues.questions import Question, of_file, of_run
from persona_forge.hands import Hands
from persona_forge.personas.curate import curate
from persona_forge.personas.propose import Outcome
from persona_forge.personas.propose import propose as proposals
from persona_forge.personas.readers import read, seed_files
from persona_forge.personas.review import adopted, as_authored, edited, review, text_id
from persona_forge.personas.review_desk import ReviewDesk, Shelf
from persona_forge.space.model import Ontology
from persona_forge.space.ontology import read_ontology
from persona_forge.speech.listen import ListenDesk, Row, queue

log = logging.getLogger("persona_forge")

REVIEW, COMPARE, LISTEN = "review", "compare", "listen"


def events_folder(path: Path) -> Path:
    """Where the events of a review are kept unless told otherwise: beside the seeds."""
    return path.resolve().with_name(f"{path.resolve().name}.events")


def review_desk(path: Path, events: Path, who: str) -> dict[str, Any]:
    """An annotator's desk, as the calls that the app may make."""
    desk = ReviewDesk(_shelf(path, _stamps(path)), EventLog(events, REVIEW), who)

    def start() -> dict[str, Any]:
        return {"dimensions": _dimensions(), **desk.start()}

    calls = (desk.find, desk.show, desk.decide, desk.undo, desk.agreement)
    return {"start": start, **{call.__name__: call for call in calls}}


def adopt(path: Path, events: Path, to: Path) -> dict[str, int]:
    """Writes the seeds with what was decided on them; how many are approved, rejected, new, and in dispute."""
    files = seed_files([path])
    if to.suffix.lower() != ".jsonl" or to.resolve() in {file.resolve() for file in files}:
        raise Misuse(f"decisions cannot be written to {to}", allowed="a .jsonl file other than the seeds reviewed")
    made = curate(records=read(files), ontology=_ontology(), hold=())
    log = EventLog(events, REVIEW)
    log.refresh()
    counts = Counter({"approved": 0, "rejected": 0, "new": 0, "disputed": 0, "unreadable": len(made.rejects)})
    lines = []
    for seed in made.rows.iter_rows(named=True):
        outcome = review(log.on(seed["seed_id"]), text_id(seed))
        row = adopted(seed, outcome)
        counts[row["review"]] += 1
        counts["disputed"] += outcome.disputed
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(to, "".join(lines))
    return dict(counts)


def propose(path: Path, to: Path, config: Config, tick: Callable[[], None]) -> tuple[int, Outcome]:
    """Writes the seeds with the pins that a language model proposes; how many were asked about, and what it said.

    Replies are kept beside `to`: the same command asks for none of them again.
    """
    files = seed_files([path])
    if to.suffix.lower() != ".jsonl" or to.resolve() in {file.resolve() for file in files}:
        raise Misuse(f"proposals cannot be written to {to}", allowed="a .jsonl file other than the seeds read")
    ontology = beside("seeds", "traits.toml")
    hands = Hands(
        config, ontology.read_text(encoding="utf-8"), ontology.name, {"chat": choose("chat", config, log.info)}
    )
    seeds = curate(records=read(files), ontology=hands.ontology, hold=()).rows
    kept = to.with_name(f"{to.name}.replies")
    with hands.lent():
        chat, replies = hands.chat("chat", kept, kept / "propose" / "all", tick)
        try:
            outcome = hands.wait(proposals(seeds, space=hands.space, chat=chat))
        finally:
            replies.close()
    rows = [edited(seed, {"pins": [*seed["pins"], *outcome.pins.get(seed["seed_id"], [])]})
            for seed in seeds.iter_rows(named=True)]  # fmt: skip
    write_text(to, "".join(json.dumps(as_authored(row), ensure_ascii=False) + "\n" for row in rows))
    return seeds.height, outcome


def picks_folder(path: Path) -> Path:
    """Where picks are kept unless told otherwise: in the run, which takes them in; or beside the file."""
    return path.resolve() / "events" if path.is_dir() else events_folder(path)


def questions(path: Path) -> list[Question]:
    """The pairs of a run, or of a file."""
    if not path.is_dir():
        return of_file(path)
    folder = Folder(path)
    folder.read_card()
    return of_run(folder.scan("pairs").collect(), folder.scan("scenes").collect())


def compare_desk(path: Path, events: Path, who: str) -> dict[str, Any]:
    """An annotator's desk, as the calls that the app may make."""

    @lru_cache(maxsize=8)
    def heard(script_id: str) -> dict[tuple[int, str], bytes]:
        return sounds(Folder(path), script_id) if path.is_dir() else {}

    desk = CompareDesk(questions(path), EventLog(events, COMPARE), who, heard)
    calls = (desk.start, desk.find, desk.show, desk.hear, desk.decide, desk.undo, desk.agreement)
    return {call.__name__: call for call in calls}


def clips(path: Path) -> pl.DataFrame:
    """What there is to hear in a run, in the order of the queue, without the audio; and the shard of each clip."""
    folder = Folder(path)
    folder.read_card()
    shards = [folder.scan("clips", [s]).drop("audio").with_columns(shard=pl.lit(s)) for s in folder.names("clips")]
    if not shards:
        raise Misuse(f"{path} has no clips yet", todo=f"persona-forge speak --out {path}")
    spoken, checked = pl.concat(shards).collect(), folder.scan("checks").collect()
    if "part" not in spoken.columns or "qc_obeyed" not in checked.columns:
        raise Misuse(f"the speech in {path} was made by an older version",
                     todo=f"persona-forge speak --out {path} --redo cast")  # fmt: skip
    return queue(spoken, folder.scan("measures").collect(), checked)


def listen_desk(path: Path, events: Path, who: str) -> dict[str, Any]:
    """A listener's desk, as the calls that the app may make."""

    def audio(clip: Row) -> bytes:
        mine = Folder(path).scan("clips", [clip["shard"]]).filter(pl.col("utterance_id") == clip["utterance_id"])
        found: bytes = mine.select(pl.col("audio").struct.field("bytes")).collect().item()
        return found

    desk = ListenDesk(clips(path), EventLog(events, LISTEN), who, audio)
    calls = (desk.start, desk.find, desk.show, desk.hear, desk.decide, desk.undo, desk.agreement)
    return {call.__name__: call for call in calls}


def _stamps(path: Path) -> tuple[tuple[Path, int, int], ...]:
    return tuple((f, f.stat().st_mtime_ns, f.stat().st_size) for f in seed_files([path]))


@lru_cache(maxsize=1)
def _shelf(path: Path, stamps: tuple[tuple[Path, int, int], ...]) -> Shelf:
    """Read once a process, however many annotators come; again when a file has changed."""
    rows = curate(records=read([file for file, _, _ in stamps]), ontology=_ontology(), hold=()).rows
    if rows.is_empty():
        raise SeedsError(f"{path} holds no seed that can be used", todo=f"persona-forge seeds check {path}")
    return Shelf(rows.to_dicts())


@lru_cache(maxsize=1)
def _ontology() -> Ontology:
    path = beside("seeds", "traits.toml")
    return read_ontology(path.read_text(encoding="utf-8"), path.name)


def _dimensions() -> list[dict[str, Any]]:
    return [
        {"name": d.name, "label": dict(d.label), "values": [{"name": v.name, "label": dict(v.label)} for v in d.values]}
        for d in _ontology().dimensions
    ]
