"""The sealed rows of a table as pieces that can be read by themselves: row groups of shards.

`utterances` is clips with what was measured and checked beside them, joined by id within a shard, as in SQL: the rows
of a stage stand in the shard of the same name as the rows it worked on, so a join never looks past its own shard. Rows
of another split are left out when a piece is read, and are not counted in it.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import REJECTS, TABLES
from persona_forge.dataset.exports import SPLITS
from persona_forge.dataset.folder import Folder

JOINED = {"utterances": ("clips", "measures", "checks")}
"""Tables of one row a key: the first is walked, the others are looked up."""
AT_ONCE = 16
"""Footers read side by side: on an object store each is a wait."""


@dataclass(frozen=True, slots=True)
class Piece:
    shard: str
    group: int
    """The row group's number in its file."""
    rows: int
    """Of the split that was asked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is sealed of a table at one moment, and which of it is wanted."""

    folder: Folder
    table: str
    split: str | None
    columns: tuple[str, ...]
    shards: dict[str, str]
    """Of the table that is walked: name → sha256."""
    beside: dict[str, frozenset[str]]
    """Of the tables that are looked up: the sealed shards."""

    def pieces(self) -> tuple[Piece, ...]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return tuple(piece for found in pool.map(self._pieces, self.shards) for piece in found if piece.rows)

    def _pieces(self, shard: str) -> list[Piece]:
        file = self._open(self._walked, shard)
        groups = range(file.num_row_groups)
        if self.split is None:
            return [Piece(shard, g, file.metadata.row_group(g).num_rows) for g in groups]
        columns = (file.read_row_group(g, columns=["split"], use_threads=False)["split"] for g in groups)
        return [Piece(shard, g, pc.sum(pc.equal(c, self.split)).as_py() or 0) for g, c in enumerate(columns)]

    def schema(self) -> pa.Schema:
        """Of the rows, with the metadata by which HF `datasets` decodes audio."""
        walked = _schema(self.folder, self._walked, self.shards)
        fields = {f.name: f for t in self.beside for f in TABLES[t].schema()} | {f.name: f for f in walked}
        if self.table == "personas":
            fields["persona_id"] = pa.field("persona_id", pa.string())
        wanted = [fields[c].with_nullable(True) for c in self.columns]  # datasets knows audio by exactly this type
        return pa.schema(wanted, metadata=walked.metadata if "audio" in self.columns else None)

    def read(self, piece: Piece) -> pa.Table:
        """The rows of a piece, with the columns that are wanted, in that order."""
        walked = TABLES[self._walked]
        ours = [c for c in self.columns if self.table not in JOINED or c in walked.names]
        also = {"split"} if self.split else set()
        also |= {walked.key} if len(ours) < len(self.columns) else set()
        file = self._open(self._walked, piece.shard)
        rows = file.read_row_group(piece.group, columns=[*ours, *also.difference(ours)], use_threads=False)
        if self.split:
            rows = rows.filter(pc.equal(rows["split"], self.split))
        for table in self.beside:
            rows = self._look_up(rows, table, piece.shard)
        if self.table == "personas" and "persona_id" in self.columns:
            nth = rows.column_names.index("persona_id")
            rows = rows.set_column(nth, "persona_id", _hex(rows["persona_id"]))
        return rows.select(self.columns)

    def _look_up(self, rows: pa.Table, table: str, shard: str) -> pa.Table:
        """The columns of the row with the same key; null where there is none."""
        key = TABLES[table].key
        wanted = [c for c in TABLES[table].names if c in self.columns and c not in rows.column_names and c != key]
        if not wanted:
            return rows
        if shard not in self.beside[table]:
            there = TABLES[table].schema().empty_table()
        else:
            there = self._open(table, shard).read(columns=[key, *wanted], use_threads=False).combine_chunks()
        at = pc.index_in(rows[key], value_set=there[key].combine_chunks())
        found = there.select(wanted).take(at)
        for name in wanted:
            rows = rows.append_column(pa.field(name, found[name].type), found[name])
        return rows

    @property
    def _walked(self) -> str:
        return JOINED.get(self.table, (self.table,))[0]

    def _open(self, table: str, shard: str) -> pq.ParquetFile:
        return _open(self.folder, table, shard)


def source(folder: Folder, table: str, split: str | None, columns: Sequence[str] | None) -> Source:
    """Raises Misuse for a table, split or column that there is not."""
    if table not in TABLES and table not in JOINED:
        raise Misuse(f"there is no table {table!r}", allowed=", ".join([*TABLES, *JOINED]))
    walked, *others = JOINED.get(table, (table,))
    if split is not None and split not in SPLITS:
        raise Misuse(f"there is no split {split!r}", allowed=", ".join(SPLITS))
    if walked == REJECTS.name:
        folder.rejects_of(TABLES)  # on this disk
        seals = [seal for name in TABLES for seal in folder.seals(name) if seal.rejects_sha256]
        shards = {f"{seal.stage}/{seal.shard}": seal.rejects_sha256 or "" for seal in seals}
    else:
        shards = {seal.shard: seal.sha256 for seal in folder.seals(walked)}
    schema = _schema(folder, walked, shards)
    if split is not None and "split" not in schema.names:
        having = ", ".join(["utterances", *(n for n, t in TABLES.items() if "split" in t.names)])
        raise Misuse(f"{table} has no column split", allowed=f"split=None, or one of the tables {having}")
    names = [*schema.names, *(n for t in others for n in TABLES[t].names if n not in schema.names)]
    names = list(dict.fromkeys(names))
    if unknown := [c for c in columns or () if c not in names]:
        raise Misuse(f"{table} has no column {', '.join(unknown)}", allowed=", ".join(names))
    beside = {t: frozenset(folder.names(t)) for t in others}
    return Source(folder, table, split, tuple(names if columns is None else dict.fromkeys(columns)), shards, beside)


def _schema(folder: Folder, table: str, shards: Iterable[str]) -> pa.Schema:
    """As the files have it: the personas' columns are known to their ontology alone."""
    first = next(iter(shards), None)
    return TABLES[table].schema() if first is None else _open(folder, table, first).schema_arrow


def _open(folder: Folder, table: str, shard: str) -> pq.ParquetFile:
    if table != REJECTS.name:
        return folder.open(table, shard)
    stage, _, name = shard.partition("/")
    return pq.ParquetFile(folder.rejects(stage, name))


def _hex(ids: pa.ChunkedArray) -> pa.Array:
    """Ids of 16 bytes each as 32 hex digits, as they stand in every other table."""
    raw = b"".join(chunk.buffers()[2].slice(chunk.offset * 16, len(chunk) * 16) for chunk in ids.chunks if len(chunk))
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(binascii.hexlify(raw)))
