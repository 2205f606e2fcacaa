"""The compiled loop: rows of a law, a dimension at a time for a tile of rows, all different, with their ids.

A row whose visible values stood in an earlier row of its seed is drawn again with the next attempt number, in the order
of rows; so the first rows are the same however many are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.alias import Cells, packed
from persona_forge.space.compile import Law
from persona_forge.space.identity import Ids, constants_of, seed_lanes, sign_rows
from persona_forge.space.philox import fill

Codes = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int64]

WITHHELD = 255
TILE = 512


@dataclass(frozen=True, slots=True)
class Drawing:
    """A law as the arrays that the compiled loop reads."""

    steps: Whole
    """[step, 3]: row of `codes`, number of values, where its alias tables begin."""
    parents: Whole
    """[step, most parents, 2]: row of `codes` and stride."""
    how_many: Whole
    """[step]: number of parents."""
    cells: Cells
    fixed: Whole
    """[dimension]: the code of a pinned dimension, 255 of a withheld one, -1 where it is drawn."""
    hidden: npt.NDArray[np.bool_]
    constants: Ids
    """[dimension's begin + code, lane]"""
    begins: Whole


def drawing(law: Law) -> Drawing:
    space = law.space
    row = {space.number[name]: i for i, name in enumerate(space.names)}
    fixed = np.full(len(space.names), -1, np.int64)
    hidden = np.zeros(len(space.names), np.bool_)
    for variable, i in row.items():
        hidden[i] = variable in law.withheld
        fixed[i] = WITHHELD if hidden[i] else law.evidence[variable]
    steps, parents, cells, begin = [], [], [], 0
    for bucket in law.buckets():
        assert bucket.table is not None
        scope, shape = bucket.table.scope, bucket.table.table.shape
        steps.append((row[scope[-1]], shape[-1], begin))
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(scope) - 1)]
        parents.append([(row[v], stride) for v, stride in zip(scope, strides, strict=False)])
        cells.append(packed(bucket))
        begin += cells[-1].size
    most = max((len(p) for p in parents), default=0)
    padded = np.zeros((len(steps), most, 2), np.int64)
    for s, pairs in enumerate(parents):
        padded[s, : len(pairs)] = np.array(pairs, np.int64).reshape(-1, 2)
    return Drawing(
        np.array(steps, np.int64).reshape(-1, 3),
        padded,
        np.array([len(p) for p in parents], np.int64),
        np.concatenate(cells) if cells else np.zeros(1, np.uint64),
        fixed,
        hidden,
        *constants_of(space),
    )


@njit(cache=True)
def _draw_tile(
    codes: Any, first: int, count: int, attempt: int, key: Any, steps: Any, parents: Any, how_many: Any, cells: Any,
    words: Any, at: Any,
) -> None:  # fmt: skip
    """Fills codes[drawn rows, first : first + count] for one attempt."""
    for s in range(steps.shape[0]):
        if s & 3 == 0:
            fill(words, first, count, s >> 2, attempt, key)
        word = words[s & 3]
        out = codes[steps[s, 0]]
        k, begin = np.uint64(steps[s, 1]), steps[s, 2]
        for i in range(count):
            at[i] = begin
        for p in range(how_many[s]):
            parent, stride = codes[parents[s, p, 0]], parents[s, p, 1]
            for i in range(count):
                at[i] += parent[first + i] * stride
        for i in range(count):
            wide = np.uint64(word[i]) * k
            column = wide >> np.uint64(32)
            cell = cells[at[i] + np.int64(column)]
            low = wide & np.uint64(0xFFFFFFFF)
            out[first + i] = column if low < (cell & np.uint64(0xFFFFFFFF)) else cell >> np.uint64(32)


@njit(cache=True)
def _rows(
    codes: Any, ids: Any, limit: int, key: Any, seed: Any, steps: Any, parents: Any, how_many: Any, cells: Any,
    fixed: Any, hidden: Any, constants: Any, begins: Any,
) -> int:  # fmt: skip
    """Draws rows 0 … n - 1, all different; returns how many were done before one needed more than `limit` attempts."""
    dimensions, n = codes.shape
    size = 16
    while size < 2 * n:
        size *= 2
    slots = np.full(size, -1, np.int32)
    words = np.empty((4, TILE), np.uint32)
    at = np.empty(TILE, np.int64)
    for d in range(dimensions):
        if fixed[d] >= 0:
            codes[d, :] = fixed[d]
    for first in range(0, n, TILE):
        count = min(TILE, n - first)
        _draw_tile(codes, first, count, 0, key, steps, parents, how_many, cells, words, at)
        sign_rows(codes, ids, first, count, hidden, constants, begins, seed)
        for i in range(first, first + count):
            attempt = 0
            while True:
                slot = np.int64(ids[i, 0] & np.uint64(size - 1))
                while slots[slot] >= 0 and not _same(codes, ids, hidden, slots[slot], i):
                    slot = (slot + 1) & (size - 1)
                if slots[slot] < 0:
                    slots[slot] = i
                    break
                attempt += 1
                if attempt >= limit:
                    return int(i)
                _draw_tile(codes, i, 1, attempt, key, steps, parents, how_many, cells, words, at)
                sign_rows(codes, ids, i, 1, hidden, constants, begins, seed)
        for d in range(dimensions):
            if hidden[d]:
                codes[d, first : first + count] = WITHHELD
    return int(n)


@njit(cache=True)
def _same(codes: Any, ids: Any, hidden: Any, i: int, j: int) -> bool:
    """Whether two rows show the same: ids first, then whole vectors."""
    same = bool(ids[i, 0] == ids[j, 0] and ids[i, 1] == ids[j, 1])
    d = 0
    while same and d < codes.shape[0]:
        same = bool(hidden[d] or codes[d, i] == codes[d, j])
        d += 1
    return same


def drawn(law: Law, key: int, seed_id: str, stop: int, limit: int) -> tuple[Codes, Ids, int]:
    """Rows 0 … stop - 1 by redraw, and how many of them are done (all, unless one passed `limit` attempts)."""
    d = drawing(law)
    codes = np.empty((len(law.space.names), stop), np.uint8)
    ids = np.empty((stop, 2), np.uint64)
    seed = seed_lanes(seed_id)
    done = _rows(codes, ids, limit, np.uint64(key), seed, d.steps, d.parents, d.how_many, d.cells, d.fixed, d.hidden,
                 d.constants, d.begins)  # fmt: skip
    return codes, ids, done
