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
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from persona_forge.dataset.funnel import Step

EVERY_S = 10.0
"""Without a terminal, a line of progress comes no more often than this."""

log = logging.getLogger("persona_forge")
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 132)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Lines(logging.Handler):
    """Progress as lines; on a terminal, a last line that moves with every reply and every turn."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._began = self._said = time.monotonic()
        self._status = err.status("starting") if err.is_terminal else None
        self._ticks: dict[tuple[str, str], int] = {}
        self._totals: dict[tuple[str, str], int] = {}
        if self._status:
            self._status.start()

    def emit(self, record: logging.LogRecord) -> None:
        shard = (getattr(record, "stage", ""), getattr(record, "shard", ""))
        if record.levelno >= logging.INFO:
            self._say(record.getMessage())
        elif hasattr(record, "total"):
            self._totals[shard] = record.total
            self._move(f"{shard[0]} {shard[1]}")
        elif hasattr(record, "tick"):
            self._ticks[shard] = self._ticks.get(shard, 0) + record.tick
            self._move(f"{shard[0]} {shard[1]}: {self._ticks[shard]} done")

    def _say(self, line: str) -> None:
        self._said = time.monotonic()
        err.print(f"[dim]{self._said - self._began:6.0f} s[/dim]  {line}", markup=True)

    def _move(self, line: str) -> None:
        if self._status:
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
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "in", "used", "not chosen", "rejected", "waiting", "made", "shards"):
        table.add_column(name, justify="left" if name in ("stage", "made") else "right")
    for s in steps:
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
        shown.add_row(*(str(v) for v in row))
    out.print(shown)


def as_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")
