"""Expands the seeds of a shard into rows: each draws from the law that its pins leave, and every row is valid and new.

The rows numbered [first, stop) of a seed depend on the run's key, the seed and the ontology alone, so any worker may
draw them, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from persona_forge.core.ids import key64
from persona_forge.core.stage import Made, Reject
from persona_forge.personas.cover import by_seed, rows_of
from persona_forge.personas.evidence import given
from persona_forge.personas.fit import tilted
from persona_forge.space.compile import Space
from persona_forge.space.identity import Ids
from persona_forge.space.ontology import LANGUAGES
from persona_forge.space.sample import Wanted, draw_many
from persona_forge.space.tiles import WITHHELD, Codes

SPLITS = ("train", "validation", "test")
ORIGINS = ("cover", "fill")
TOGETHER = 256
"""So many laws are compiled before their rows are drawn: what they share is remembered still."""


def expand(
    quotas: pl.DataFrame, seeds: pl.DataFrame, weights: pl.DataFrame, cover: pl.DataFrame, *, space: Space, key: str
) -> Made:
    space, laid, run_key = tilted(space, weights), by_seed(cover), key64(key)
    rejects: list[Reject] = []
    codes, ids = [np.zeros((len(space.names), 0), np.uint8)], [np.zeros((0, 2), np.uint64)]
    rows, covers = np.zeros((2, quotas.height), np.int64)
    wanted = _wanted(quotas, seeds, space, rejects)
    for (covered, _), group in groupby(wanted, lambda w: (w[1].seed_id in laid, w[0] // TOGETHER)):
        numbers, batch = (list(part) for part in zip(*group, strict=True))
        if covered:
            some, names, rows[numbers], covers[numbers] = _covered(batch, laid, run_key)
        else:
            some, names, rows[numbers] = draw_many(batch, run_key)
        codes.append(some)
        ids.append(names)
    origins = np.repeat(np.tile(np.arange(2, dtype=np.uint8), quotas.height), np.ravel([covers, rows - covers], "F"))
    frame = pl.DataFrame({
        "persona_id": _binary(_joined(ids, 0)),
        **_runs(quotas, rows),
        **{name: _words(c, space.values[name]) for name, c in zip(space.names, _joined(codes, 1), strict=True)},
        "origin": _words(origins, ORIGINS),
    })  # fmt: skip
    return Made(frame, quotas.height, tuple(rejects))


def _wanted(
    quotas: pl.DataFrame, seeds: pl.DataFrame, space: Space, rejects: list[Reject]
) -> Iterator[tuple[int, Wanted]]:
    """The number of each quota whose seed is alive, and what it asks for; the dead go to `rejects`."""
    columns = seeds.select("seed_id", "language", "pins", "withheld")
    by_id = {seed["seed_id"]: seed for seed in columns.iter_rows(named=True)}
    for i, quota in enumerate(quotas.iter_rows(named=True)):
        law = given(space, by_id[quota["seed_id"]])
        if isinstance(law, Reject):
            rejects.append(law)
        else:
            yield i, Wanted(law, quota["seed_id"], quota["first"], quota["stop"])


def _covered(
    batch: Sequence[Wanted], laid: dict[str, list[dict[str, str]]], run_key: int
) -> tuple[Codes, Ids, list[int], list[int]]:
    """Rows of seeds over which rows of the cover are laid: codes, ids, and of each seed how many, and of the cover."""
    parts = [rows_of(w.law, run_key, w.seed_id, laid[w.seed_id], w.first, w.stop) for w in batch]
    codes, ids, covers = zip(*parts, strict=True)
    return np.concatenate(codes, axis=1), np.concatenate(ids), [len(names) for names in ids], list(covers)


def _joined(parts: list[npt.NDArray[Any]], axis: int) -> npt.NDArray[Any]:
    """The parts in one; where only one has rows, that one, which saves a copy."""
    full = [part for part in parts if part.shape[axis]] or parts[:1]
    return full[0] if len(full) == 1 else np.concatenate(full, axis=axis)


def _binary(ids: Ids) -> pl.Series:
    """Two little-endian lanes a row as 16 bytes."""
    buffer = pa.py_buffer(np.ascontiguousarray(ids))
    series = pl.from_arrow(pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, buffer]))
    assert isinstance(series, pl.Series)
    return series


def _runs(quotas: pl.DataFrame, rows: npt.NDArray[np.int64]) -> dict[str, pl.Series]:
    """What a quota says of its seed, as often as the seed has rows."""
    seeds = pl.Enum(quotas["seed_id"].unique(maintain_order=True))
    kinds = {"seed_id": seeds, "language": pl.Enum(LANGUAGES), "split": pl.Enum(SPLITS)}
    said = quotas.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    return said[np.repeat(np.arange(quotas.height, dtype=np.uint32), rows)].to_dict()


def _words(codes: npt.NDArray[np.uint8], values: Sequence[str]) -> pl.Series:
    """What the codes stand for; null where they are withheld.

    Taking them out of 256 words is twice as fast as having each code checked, or a null among them.
    """
    words = _vocabulary(tuple(values))
    hidden = codes == WITHHELD
    return words[codes].set(pl.Series(hidden), None) if hidden.any() else words[codes]


@cache
def _vocabulary(values: tuple[str, ...]) -> pl.Series:
    """The words of codes 0 … 255; those that no code of ours has stand for something, too."""
    return pl.Series(np.arange(WITHHELD + 1, dtype=np.uint8) % len(values)).cat.to(pl.Enum(values))
