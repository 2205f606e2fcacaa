"""What every export into a folder shares: the folder is whole or not there, and rows are packed into files of one size.

`spoken` gives a run's clips a dialogue at a time, each row with what was measured on it and checked; `packed` lays such
parts side by side until a file is full, and never splits one. One file's rows are held in memory.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa

from persona_forge.core.errors import Misuse
from persona_forge.dataset.exports import SPLITS
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.shards import mending

FILE_BYTES = 450 * 10**6
"""Of rows in a file: with what surrounds them, it stays under 500 MB."""
BESIDE_CLIPS = ("measures", "checks")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place when all is written; raises Misuse where something is."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise Misuse(f"{out} is there already", todo="choose another --out: a folder is never replaced")
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    with mending(out):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            if out.is_dir():
                out.rmdir()
            temporary.replace(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def splits_of(split: str | None) -> tuple[str, ...]:
    """The splits to write: this one, or all; raises Misuse for one that there is not."""
    if split is not None and split not in SPLITS:
        raise Misuse(f"unknown split {split!r}", allowed=", ".join(SPLITS))
    return SPLITS if split is None else (split,)


def spoken(folder: Folder, split: str) -> Iterator[pa.Table]:
    """The clips of each dialogue, pairs' replies with it, joined with their measures and checks."""
    for shard in folder.names("clips"):
        clips = folder.scan("clips", [shard]).filter(pl.col("split") == split).collect()
        for table in BESIDE_CLIPS:
            rows = folder.scan(table, [shard] if shard in folder.names(table) else []).drop("seed_id").collect()
            clips = clips.join(rows, on="utterance_id", how="left", maintain_order="left")
        yield from map(plain, clips.partition_by("script_id", maintain_order=True))


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type as readers of any age know it: polars' large ones and views are its own affair."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_dictionary(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _plain(field.type)) for field in kind])
    return kind


def plain(frame: pl.DataFrame) -> pa.Table:
    """A frame as a table of such types."""
    table = frame.to_arrow()
    return table.cast(pa.schema([pa.field(f.name, _plain(f.type)) for f in table.schema]))


def packed(parts: Iterable[pa.Table], most: int = FILE_BYTES) -> Iterator[pa.Table]:
    """The parts in order, as many to a table as stay under `most` bytes; one that is larger is a table of its own."""
    held: list[pa.Table] = []
    size = 0
    for part in parts:
        if held and size + part.nbytes > most:
            yield pa.concat_tables(held)
            held, size = [], 0
        held.append(part)
        size += part.nbytes
    if held:
        yield pa.concat_tables(held)
