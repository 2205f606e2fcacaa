"""The annotators' log: what people decided, as they decided it, and never changed afterwards.

One file an annotator and app, `<folder>/<app>.<who>.jsonl`; an event a line (table EVENTS, every column a text). An
event is appended in one write under a lock, and synced before `append` returns: what was confirmed survives a kill and
a power cut. A last line without its end was never confirmed: readers pass over it, and the next append cuts it. Every
other line must check (its event_id is a hash of the rest), else the file is Corrupt.

An act is undone by another event; one can undo only one's own. A log reads what was added since it last looked, so that
following many annotators costs little.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from persona_forge.core.errors import Corrupt, Misuse
from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Made
from persona_forge.core.tables import EVENTS
from persona_forge.dataset.shards import mending, sync_folder

UNDO = "undo"
Event = Mapping[str, str]
"""A row of EVENTS."""

_NAME = re.compile(r"\w(?:[\w .@+-]{0,38}\w)?")


def gather(*, acts: Sequence[Event]) -> Made:
    """All events as rows of a run, undone ones and the undoing with them."""
    return Made(EVENTS.frame([dict(event) for event in acts]), taken=len(acts))


def annotator(name: str) -> str:
    """The name, trimmed; raises Misuse for one that can be no part of a file's name."""
    if not _NAME.fullmatch(name := name.strip()):
        raise Misuse(f"{name!r} is no annotator's name", allowed="1 to 40 letters, digits, spaces and . @ + - _")
    return name


class EventLog:
    """The events of one app in one folder, everybody's; `refresh` before asking."""

    def __init__(self, folder: Path, app: str) -> None:
        self.folder, self.app = folder, app
        self._read: dict[Path, int] = {}
        self._acts: dict[str, dict[str, Event]] = {}
        self._on: dict[str, dict[str, Event]] = {}

    def append(
        self, *, who: str, on: str, seed_id: str, verdict: str, detail: Mapping[str, Any], comment: str = ""
    ) -> None:
        """Returns when the event is on the disk."""
        event = {"at": datetime.now(UTC).isoformat(timespec="microseconds"), "who": annotator(who), "app": self.app}
        event |= {"on": on, "seed_id": seed_id, "verdict": verdict, "detail": canonical(detail), "comment": comment}
        line = canonical({"event_id": _id(event), **event}).encode() + b"\n"
        path = self.folder / f"{self.app}.{event['who']}.jsonl"
        with mending(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                _cut_torn_tail(file)
                first = file.tell() == 0
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if first:  # a new file is there once its folder is synced
                sync_folder(self.folder)

    def undo(self, who: str, among: Container[str]) -> Event | None:
        """Takes back the last standing act of an annotator on one of these rows; None where there is none."""
        last = next((e for e in reversed(self._acts.get(who, {}).values()) if e["on"] in among), None)
        if last:
            detail = {"event_id": last["event_id"]}
            self.append(who=who, on=last["on"], seed_id=last["seed_id"], verdict=UNDO, detail=detail)
        return last

    def news(self) -> list[Event]:
        """Every event that was added, by anybody, since the last look: also what is undone, and the undoing."""
        added = [e for path in sorted(self.folder.glob(f"{self.app}.*.jsonl")) for e in self._added(path)]
        for event in added:
            self._take(event)
        return added

    def refresh(self) -> set[str]:
        """Reads what was added; the rows that it is about."""
        return {event["on"] for event in self.news()}

    def on(self, row: str) -> list[Event]:
        """What stands on a row; of one annotator in the order of the acts."""
        return list(self._on.get(row, {}).values())

    def standing(self) -> list[Event]:
        return [event for acts in self._acts.values() for event in acts.values()]

    @property
    def annotators(self) -> list[str]:
        return sorted(self._acts)

    def _take(self, event: Event) -> None:
        acts, on = self._acts.setdefault(event["who"], {}), self._on.setdefault(event["on"], {})
        if event["verdict"] != UNDO:
            acts[event["event_id"]] = on[event["event_id"]] = event
        elif acts.pop(undone := json.loads(event["detail"])["event_id"], None):
            del on[undone]

    def _added(self, path: Path) -> list[Event]:
        start = self._read.get(path, 0)
        with mending(path), path.open("rb") as file:
            file.seek(start)
            whole, end, _torn = file.read().rpartition(b"\n")
        events = [_event(line, path) for line in whole.split(b"\n")] if end else []
        self._read[path] = start + len(whole) + len(end)
        return events


def _id(event: Event) -> str:
    return digest("event", canonical({k: v for k, v in event.items() if k != "event_id"}))


def _event(line: bytes, path: Path) -> Event:
    try:
        event: dict[str, str] = json.loads(line)
        sound = set(event) == set(EVENTS.names) and event["event_id"] == _id(event)
    except (ValueError, TypeError):
        sound = False
    if not sound:
        raise Corrupt(f"{path}: a line does not check: {line[:80]!r}", todo="restore the file, or take that line out")
    return event


def _cut_torn_tail(file: BinaryIO) -> None:
    if not (size := file.seek(0, os.SEEK_END)):
        return
    file.seek(size - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
