"""Sealed shards made by hand: tables of any rows, without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from persona_forge.core.ids import digest
from persona_forge.core.tables import CHECKS, CLIPS, FAMILIES, MEASURES, Table
from persona_forge.dataset.folder import CARD, Folder
from persona_forge.dataset.seals import Seal, write_seal
from persona_forge.dataset.shards import sha256, write_table
from persona_forge.speech.audio import encode

Row = dict[str, Any]
RATE = 24_000


def run(root: Path) -> Folder:
    """A run's folder with nothing in it."""
    folder = Folder(root)
    folder.root.mkdir()
    folder.write_card({key: [] for key in CARD})
    return folder


def sealed(folder: Folder, table: Table, shard: str, rows: int) -> None:
    """Seals a file that stands where the shard's does."""
    path = folder.rows(table.name, shard)
    write_seal(folder.seal(table.name, shard), Seal(
        table.name, shard, "by hand", "", rows, path.stat().st_size, sha256(path), rows, 0, None, "", "", {}
    ))  # fmt: skip


def put(folder: Folder, table: Table, shard: str, rows: list[Row]) -> None:
    write_table(folder.rows(table.name, shard), table, table.frame(rows))
    sealed(folder, table, shard, len(rows))


def families(folder: Folder, shards: list[list[str]], group: int = 10**6) -> list[str]:
    """A shard for each list of splits, in row groups of so many rows; the seeds are 0, 1, 2 … in order, returned."""
    names = iter(map(str, range(sum(map(len, shards)))))
    every = []
    for n, splits in enumerate(shards):
        rows = [{"seed_id": next(names), "family": "", "near": None, "similarity": 0.0, "split": s} for s in splits]
        path = folder.rows("families", f"g{n:03d}")
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, FAMILIES.schema()), path, row_group_size=group)
        sealed(folder, FAMILIES, f"g{n:03d}", len(rows))
        every += [row["seed_id"] for row in rows]
    return every


def blank(table: Table, **values: Any) -> Row:
    """A row in which what is not given is null, or a zero of its type."""
    zero = {pa.float64(): 0.0, pa.int32(): 0, pa.int64(): 0, pa.bool_(): False, pa.string(): ""}
    found = {c.name: None if c.nullable else zero.get(c.type, [] if pa.types.is_list(c.type) else {})
             for c in table.columns}  # fmt: skip
    return {**found, **values}


def tone(nth: int, seconds: float = 0.05) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (0.3 * np.sin(np.arange(round(seconds * RATE)) * (nth % 7 + 1) / 40)).astype(np.float32)


def clip(nth: int, audio: bytes | None = None) -> Row:
    name = digest("clip", str(nth))
    return blank(
        CLIPS, utterance_id=name, script_id=str(nth // 4), seed_id=f"s{nth % 3}", turn=nth % 4, text=f"turn {nth}",
        language="zh" if nth // 4 % 2 else "en", split="test" if nth // 4 % 4 == 3 else "train", want_emotion="sad",
        audio={"bytes": audio or encode(tone(nth), RATE), "path": f"{name}.flac"},
    )  # fmt: skip


def utterances(folder: Folder, shards: dict[str, range]) -> None:
    """Clips, each measured and checked, but that the first of a shard has no check."""
    for shard, numbers in shards.items():
        clips = [clip(n) for n in numbers]
        put(folder, CLIPS, shard, clips)
        ids = [{"utterance_id": c["utterance_id"], "seed_id": c["seed_id"]} for c in clips]
        put(
            folder,
            MEASURES,
            shard,
            [blank(MEASURES, **i, meas_duration_s=n / 8) for i, n in zip(ids, numbers, strict=True)],
        )
        rates = [blank(CHECKS, **i, qc_error_rate=n / 16) for i, n in zip(ids, numbers, strict=True)]
        put(folder, CHECKS, shard, rates[1:][::-1])
