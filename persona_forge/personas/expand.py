"""Expands the seeds of a shard into rows: each draws from the law that its pins leave, and every row is valid and new.

The rows numbered [first, stop) of a seed depend on the run's key, the seed and the ontology alone, so any worker may
draw them, in any order.
"""

from __future__ import annotations

from collections.abc import Collection

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
from persona_forge.space.ontology import LANGUAGES
from persona_forge.space.tiles import WITHHELD

SPLITS = ("train", "validation", "test")
ORIGINS = ("cover", "fill")


def expand(
    quotas: pl.DataFrame, seeds: pl.DataFrame, weights: pl.DataFrame, cover: pl.DataFrame, *, space: Space, key: str
) -> Made:
    space = tilted(space, weights)
    laid = by_seed(cover)
    read = seeds.select("seed_id", "language", "pins", "withheld")
    by_id = {row["seed_id"]: row for row in read.iter_rows(named=True)}
    run_key = key64(key)
    rejects: list[Reject] = []
    lengths: list[int] = []
    withheld: set[int] = set()
    origins: list[npt.NDArray[np.bool_]] = [np.zeros(0, np.bool_)]
    codes: list[npt.NDArray[np.uint8]] = [np.zeros((len(space.names), 0), np.uint8)]
    ids: list[npt.NDArray[np.uint64]] = [np.zeros((0, 2), np.uint64)]
    for quota in quotas.iter_rows(named=True):
        law = given(space, by_id[quota["seed_id"]])
        if isinstance(law, Reject):
            rejects.append(law)
            lengths.append(0)
            continue
        seed_id, first, stop = quota["seed_id"], quota["first"], quota["stop"]
        rows, row_ids, covers = rows_of(law, run_key, seed_id, laid.get(seed_id, ()), first, stop)
        origins.append(np.arange(row_ids.shape[0]) >= covers)
        codes.append(rows)
        ids.append(row_ids)
        lengths.append(row_ids.shape[0])
        withheld |= law.withheld
    frame = pl.DataFrame({
        "persona_id": _binary(np.concatenate(ids)),
        **_runs(quotas, lengths),
        **_traits(np.concatenate(codes, axis=1), space, {space.variables[v] for v in withheld}),
        "origin": pl.Series(np.concatenate(origins).view(np.uint8)).cat.to(pl.Enum(ORIGINS)),
    })  # fmt: skip
    return Made(frame, quotas.height, tuple(rejects))


def _binary(ids: npt.NDArray[np.uint64]) -> pl.Series:
    """Two little-endian lanes a row as 16 bytes."""
    buffer = pa.py_buffer(np.ascontiguousarray(ids).view(np.uint8))
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), ids.shape[0], [None, buffer])
    series = pl.from_arrow(fixed.cast(pa.binary()))
    assert isinstance(series, pl.Series)
    return series


def _runs(quotas: pl.DataFrame, lengths: list[int]) -> dict[str, pl.Series]:
    """What a quota says of its seed, as often as the seed has rows."""
    seeds = pl.Enum(quotas["seed_id"].unique(maintain_order=True))
    kinds = {"seed_id": seeds, "language": pl.Enum(LANGUAGES), "split": pl.Enum(SPLITS)}
    said = quotas.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    return said[np.repeat(np.arange(quotas.height, dtype=np.uint32), lengths)].to_dict()


def _traits(codes: npt.NDArray[np.uint8], space: Space, withheld: Collection[str]) -> dict[str, pl.Series]:
    columns = {name: pl.Series(column) for name, column in zip(space.names, codes, strict=True)}
    for name in withheld:
        columns[name] = columns[name].set(columns[name] == WITHHELD, None)
    kinds = {name: pl.Enum(space.values[name]) for name in space.names}
    return pl.DataFrame(columns).select(pl.col(name).cat.to(kind) for name, kind in kinds.items()).to_dict()
