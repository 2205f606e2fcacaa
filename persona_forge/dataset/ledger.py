"""What was withdrawn from a run, and what left it before: two files of lines beside run.json.

tombstones.jsonl   a line for each seed that was withdrawn: hashes of its id and of its record, when, and why
exports.jsonl      a line for each export: when, format, path, split, rows, and a short hash of each seed in it

Neither holds a word of any seed. A hash tells the one who has an id, or guesses it, whether it was that one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from persona_forge.core.ids import digest
from persona_forge.core.stage import Reject
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.shards import mending

TOMBSTONES, EXPORTS = "tombstones.jsonl", "exports.jsonl"
WITHDRAWN = "withdrawn"
"""The reason of a reject that stands for a seed that was withdrawn."""
SHORT = 8
"""Hex digits of a seed's hash in the ledger of exports: one export in 400,000 seeds is named in error."""

Line = dict[str, Any]


def mark(seed_id: str) -> str:
    """What a tombstone calls a seed."""
    return digest("withdrawn", seed_id)


def withdrawn(root: Path) -> frozenset[str]:
    """The marks of all seeds that were withdrawn from the run in this folder."""
    return frozenset(line["seed"] for line in _lines(root / TOMBSTONES))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def with_tombstones(root: Path, records: dict[str, str], why: str) -> str:
    """The text of tombstones.jsonl, with one for each of these seeds: its id, and a hash of its record."""
    new = [{"seed": mark(s), "record": record, "at": now(), "why": why} for s, record in sorted(records.items())]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (*_lines(root / TOMBSTONES), *new))


def note_export(folder: Folder, to: str, out: Path, rows: int, tables: Collection[str], split: str | None) -> None:
    """Adds an export to the ledger, and returns when it stands there; to be called before `out` does.

    Its seeds are those with rows in these tables, of this split if one is named.
    """
    of_split = pl.lit(True) if split is None else pl.col("split") == split
    frames = [folder.scan(t).filter(of_split).select("seed_id").unique().collect() for t in tables]
    seeds = sorted({mark(s)[:SHORT] for frame in frames for s in frame["seed_id"]})
    line = {"at": now(), "to": to, "out": str(out.resolve()), "split": split, "rows": rows, "seeds": seeds}
    path = folder.root / EXPORTS
    with mending(path), path.open("ab+") as file:
        if file.tell() and path.read_bytes()[-1:] != b"\n":  # a kill left half a line
            file.write(b"\n")
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def exports_with(root: Path, seed_ids: Collection[str]) -> list[Line]:
    """The exports in which one of these seeds had a part."""
    short = {mark(s)[:SHORT] for s in seed_ids}
    found = (line for line in _lines(root / EXPORTS) if not short.isdisjoint(line["seeds"]))
    return [{k: v for k, v in line.items() if k != "seeds"} for line in found]


def _lines(path: Path) -> Iterator[Line]:
    """What was written whole: a kill may have left a last line that is not."""
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def withdrawn_reject(seed_id: str, number: int) -> Reject:
    """What stands for a record of a withdrawn seed, the first of them or a later one."""
    return Reject(digest("withdrawn", mark(seed_id), str(number)), None, WITHDRAWN, f"see {TOMBSTONES}")


def record_in(raw: str | None) -> Line:
    """The record that this text is; empty where it is none."""
    try:
        record = json.loads(raw or "")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def whose(seed_id: str | None, raw: str | None) -> str | None:
    """The seed that a reject belongs to: by its own word, or by that of a record that did not get as far as an id."""
    record = record_in(raw) if seed_id is None else {}
    said = seed_id or record.get("seed_id") or record.get("id")
    return None if said is None else str(said)
