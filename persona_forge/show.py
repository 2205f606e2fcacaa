"""What a person sees: progress while it runs, a funnel and a sample when it is done. Everything here goes to a terminal
or to a log file, and nothing to the dataset.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from persona_forge.dataset.folder import Folder
from persona_forge.dataset.funnel import Step, funnel
from persona_forge.dataset.sample import sample
from persona_forge.dataset.shards import mending

EVERY_S = 10.0
"""Without a terminal, a line of progress comes no more often than this."""

UNITS = {"scripts": "replies", "candidates": "replies", "judge": "looks", "speak": "phrases"}
"""What a stage ticks for."""

QUERIES = {
    "clips": "SELECT role, text, want_emotion, meas_rate, qc_error_rate FROM utterances LIMIT 10",
    "scripts": "SELECT t.role, t.text FROM (SELECT unnest(turns) AS t FROM scripts) LIMIT 10",
    "personas": "SELECT seed_id, count(*) AS rows FROM personas GROUP BY ALL ORDER BY ALL LIMIT 10",
}
"""What to ask first, by the last of these tables that has rows."""

log = logging.getLogger("persona_forge")
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 132)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Lines(logging.Handler):
    """Progress as a line a shard; on a terminal, a last line that moves with every reply and every turn.

    It is heard from several threads; logging lets them in one by one.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._began = self._said = time.monotonic()
        self._status = err.status("starting") if err.is_terminal else None
        self._shards: dict[str, tuple[int, int]] = {}
        """Stage → shards done, and of how many."""
        self._units: dict[tuple[str, str], tuple[int, int]] = {}
        """Stage and shard → replies or turns done, and of how many."""
        if self._status:
            self._status.start()

    def emit(self, record: logging.LogRecord) -> None:
        stage, shard = getattr(record, "stage", ""), getattr(record, "shard", "")
        if hasattr(record, "planned"):
            self._plan(stage, record.todo, record.planned)  # type: ignore[attr-defined]
        elif hasattr(record, "total"):
            self._units[stage, shard] = 0, record.total
            self._move(f"{stage} {shard}")
        elif hasattr(record, "tick"):
            done, total = self._units.get((stage, shard), (0, 0))
            self._units[stage, shard] = done + 1, total
            of = f" of {max(total, done + 1)}" if total else ""
            self._move(f"{stage} {shard}: {done + 1}{of} {UNITS.get(stage, '')}")
        elif record.levelno >= logging.INFO:
            count = self._count(stage)
            self._say(f"{record.getMessage()} ({count})" if count else record.getMessage())
            if self._status and stage:
                self._move(f"{stage}: {count} shards" if count else stage)

    def _plan(self, stage: str, todo: int, planned: int) -> None:
        self._shards[stage] = planned - todo, planned
        if planned and not todo:
            self._say(f"{stage}: nothing to do, {planned} of {planned} shards are done")
        elif todo:
            self._move(f"{stage}: {planned - todo} of {planned} shards")

    def _count(self, stage: str) -> str:
        """How many of a map's shards are done, this one being the last of them."""
        if stage not in self._shards:
            return ""
        done, planned = self._shards[stage]
        self._shards[stage] = done + 1, planned
        return f"{done + 1} of {planned}"

    def _say(self, line: str) -> None:
        self._said = time.monotonic()
        err.print(f"{self._said - self._began:6.0f} s  {line}", markup=False)

    def _move(self, line: str) -> None:
        if self._status:
            self._status.start()  # Prefect's start closes handlers
            self._status.update(line)
        elif time.monotonic() - self._said > EVERY_S:
            self._say(line)

    def close(self) -> None:
        if self._status:
            self._status.stop()
        super().close()


class JsonLines(logging.Handler):
    """The run's log.jsonl: times, and what happened; it is no part of the dataset."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self._file = path.open("a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        extra = {k: getattr(record, k) for k in ("stage", "shard", "rows", "rejected", "seconds") if hasattr(record, k)}
        entry = {"time": round(record.created, 3), "level": record.levelname, "message": record.getMessage(), **extra}
        with mending(Path(self._file.name)):
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def heard_by(handler: logging.Handler) -> Iterator[None]:
    """While it lasts, the handler hears what happens."""
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()


def funnel_table(steps: Sequence[Step]) -> None:
    """What went through; stages that are not begun yet are left out."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "in", "used", "not chosen", "rejected", "waiting", "made", "shards"):
        table.add_column(name, justify="left" if name in ("stage", "made") else "right")
    for s in (s for s in steps if s.begun):
        table.add_row(s.stage, f"{s.came_in:,} {s.unit}", f"{s.used:,}", _count(s.not_chosen), _count(s.rejected),
                      _count(s.waiting), f"{s.rows:,} {s.table}", f"{s.shards}/{s.shards_planned}")  # fmt: skip
    out.print(table)


def _count(n: int) -> str:
    return f"{n:,}" if n else "–"


def markdown(text: str) -> None:
    if out.is_terminal:
        out.print(Markdown(text.replace("\n", "  \n")))
    else:
        sys.stdout.write(text.replace("**", "") + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        shown.add_column(name)
    for row in rows:
        shown.add_row(*(Text(str(v)) for v in row))
    out.print(shown)


def as_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")


def report(folder: Folder, json: bool) -> None:
    """What a run is now: the funnel, a sample, where everything is, what to type next."""
    steps = funnel(folder)
    if json:
        as_json({"out": folder.where, "funnel": [s.as_json() for s in steps]})
        return
    out.print()
    funnel_table(steps)
    out.print()
    if short := _short(folder, steps):
        out.print(f"{short}\n", markup=False)
    markdown(sample(folder))
    where = f"Everything is in {folder.where}/ (<table>/<shard>.parquet, sealed in seals/)"
    out.print(f"\n{where}. What to type next:", markup=False)
    for line in _next(folder, steps):
        out.print(f"  {line}", markup=False)


def _short(folder: Folder, steps: Sequence[Step]) -> str:
    """Whether the seeds have fewer different rows than were asked for."""
    asked = folder.read_card()["config"]["personas"]["rows"]
    made = next((s for s in steps if s.table == "personas"), None)
    if made is None or made.waiting or not made.rows or made.rows >= asked:
        return ""
    return f"{asked:,} personas were asked for; these seeds have {made.rows:,} different ones and no more."


def _next(folder: Folder, steps: Sequence[Step]) -> Iterator[str]:
    """What to type next: the act that is not done, how to ask and check, and how to grow."""
    from persona_forge.pipeline import ACTS

    me = "persona-forge" if which("persona-forge") else sys.argv[0]
    undone = {s.stage for s in steps if s.shards < s.shards_planned}
    acts = [act for act, stages in ACTS.items() if undone.intersection(stages)]
    if acts:
        yield f"{me} {acts[0]} --out {folder.where}"
    yield f"{me} status {folder.where}"
    there = {s.table for s in steps if s.rows}
    if query := next((q for table, q in QUERIES.items() if table in there), ""):
        yield f'{me} sql {folder.where} "{query}"'
    yield f"{me} verify {folder.where}"
    if not acts:
        config = folder.read_card()["config"]
        rows, dialogues = 2 * config["personas"]["rows"], 2 * config["dialogues"]["count"]
        yield f"{me} run --out {folder.where} --rows {rows} --dialogues {dialogues}"
