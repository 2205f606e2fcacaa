"""Personas of two splits that have the same traits, or all but one the same.

Two vectors that differ in one dimension at most agree on all of one half of the dimensions, or of the other. So what is
not in train is held, under a hash of each half; the rest is led past it, and whoever shares a half is compared value by
value. Memory is what is held (some 150 bytes a row at 40 dimensions) and a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from persona_forge.core.ids import key64
from persona_forge.core.tables.act1 import PERSONAS_FIXED, PERSONAS_LAST

BLOCK = 2**18
"""Rows read at a time."""
HELD = 2**22
"""Rows held at a time."""
ROOM = 64
"""Bits. In a space of fewer vectors than 2^64 strangers are alike by chance, and twins are not looked for."""

Twin = tuple[str, str, tuple[str, str], str]
"""Two ids, the first not of train; their splits; and the dimension in which they differ, or nothing."""
Hashes = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
SPLITS = ("test", "validation", "train")
"""Of a pair the first is held, so that none is found twice."""
_FIXED = {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)}


@dataclass(frozen=True, slots=True)
class _Held:
    codes: Codes
    """[dimension, row]."""
    halves: tuple[Hashes, Hashes]
    ids: list[bytes]
    splits: npt.NDArray[np.uint16]
    """Numbers of SPLITS."""


def twins(files: Sequence[Path], sizes: Iterable[int]) -> Iterator[Twin]:
    """`sizes` are the numbers of values of the dimensions."""
    if sum(map(log2, sizes)) < ROOM:
        return
    words: dict[tuple[str, str | None], int] = {}
    held, rows = [], 0
    for batch in (b for file in files for b in _batches(file)):
        held.append(_hold(batch.filter(pc.not_equal(batch["split"].cast(pa.string()), "train")), words))
        rows += len(held[-1].ids)
        if rows >= HELD:
            yield from _among(files, held, words)
            held, rows = [], 0
    if rows:
        yield from _among(files, held, words)


def _among(files: Sequence[Path], parts: Sequence[_Held], words: dict[tuple[str, str | None], int]) -> Iterator[Twin]:
    codes = np.concatenate([p.codes for p in parts], axis=1)
    ids, splits = [i for p in parts for i in p.ids], np.concatenate([p.splits for p in parts])
    halves = [np.concatenate(some) for some in zip(*(p.halves for p in parts), strict=True)]
    orders = [np.argsort(half) for half in halves]
    known = [half[order] for half, order in zip(halves, orders, strict=True)]
    for batch in (b for file in files for b in _batches(file)):
        places = [np.searchsorted(k, half) for k, half in zip(known, _halves(batch), strict=True)]
        same = [k[np.minimum(at, k.size - 1)] == half
                for k, at, half in zip(known, places, _halves(batch), strict=True)]  # fmt: skip
        some = batch.take(pa.array(np.flatnonzero((same[0] | same[1]) & (_splits(batch) > 0))))
        mine, theirs, found = _codes(some, words), _splits(some), set[tuple[int, int]]()
        for half, sorted_half, order in zip(_halves(some), known, orders, strict=True):
            first, stop = (np.searchsorted(sorted_half, half, side) for side in ("left", "right"))
            for row in np.flatnonzero(stop > first).tolist():
                others = order[first[row] : stop[row]]
                others = others[splits[others] < theirs[row]]
                different = (codes[:, others] != mine[:, row, None]).sum(axis=0)
                found.update((int(n), row) for n in others[different <= 1])
        for n, row in sorted(found):
            odd = np.flatnonzero(codes[:, n] != mine[:, row])
            yield (ids[n].hex(), some["persona_id"][row].as_py().hex(), (SPLITS[splits[n]], SPLITS[theirs[row]]),
                   _names(some)[odd[0]] if odd.size else "")  # fmt: skip


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(file) as parquet:
        dictionaries = [n for n in parquet.schema_arrow.names if n != "persona_id"]
    with pq.ParquetFile(file, read_dictionary=dictionaries) as parquet:
        yield from parquet.iter_batches(BLOCK)


def _names(batch: pa.RecordBatch) -> list[str]:
    return sorted(set(batch.schema.names) - _FIXED)


def _hold(batch: pa.RecordBatch, words: dict[tuple[str, str | None], int]) -> _Held:
    return _Held(_codes(batch, words), _halves(batch), batch["persona_id"].to_pylist(), _splits(batch))


def _splits(batch: pa.RecordBatch) -> npt.NDArray[np.uint16]:
    return _taken(batch["split"], np.array([SPLITS.index(w) for w in _words(batch["split"])[:-1]] + [0], np.uint16))


def _codes(batch: pa.RecordBatch, words: dict[tuple[str, str | None], int]) -> Codes:
    """A number for each value, the same in all files."""
    tables = ((n, [words.setdefault((n, w), len(words)) for w in _words(batch[n])]) for n in _names(batch))
    return np.array([_taken(batch[n], np.array(table, np.uint16)) for n, table in tables], np.uint16)


def _halves(batch: pa.RecordBatch) -> tuple[Hashes, Hashes]:
    """The sum of the values' hashes over every other dimension, and over those between."""
    sums = np.zeros((2, batch.num_rows), np.uint64)
    for n, name in enumerate(_names(batch)):
        table = np.array([key64(name, "" if w is None else f"={w}") for w in _words(batch[name])], np.uint64)
        sums[n % 2] += _taken(batch[name], table)
    return sums[0], sums[1]


def _words(column: Any) -> list[str | None]:
    """The values of a column, and last none."""
    return [*column.dictionary.to_pylist(), None]


def _taken(column: Any, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    codes = column.indices.cast(pa.int32()).fill_null(len(table) - 1).to_numpy()
    return np.asarray(np.take(table, codes))
