"""The compiled loop: rows of a law, a dimension at a time for a tile of rows, all different, with their ids.

A row whose visible values stood in an earlier row of its seed is drawn again with the next attempt number, in the order
of rows; so the first rows are the same however many are asked for.

Inner loops index slices of rows by unsigned numbers: a signed index is tested for being negative, at half the speed.
The interpreter's lock is let go, so that workers draw side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.alias import Cells, packed
from persona_forge.space.compile import Bucket, Law
from persona_forge.space.identity import Ids, constants_of, seed_lanes, sign_rows
from persona_forge.space.philox import fill

Codes = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int64]

WITHHELD = 255
TILE = 512


@dataclass(frozen=True, slots=True)
class Drawing:
    """A law as the arrays that the compiled loop reads."""

    program: Whole
    """Step by step: row of codes, number of values, begin in cells, number of parents, then row and stride of each."""
    cells: Cells
    fixed: Whole
    """[row of codes]: the code of a pinned dimension, 255 of a withheld one, -1 where it is drawn."""
    hidden: npt.NDArray[np.bool_]


def drawing(law: Law) -> Drawing:
    program: list[int] = []
    cells: list[Cells] = []
    begin = 0
    for bucket in law.buckets():
        own, card, *parents = bucket.step or _step(bucket, law.space.row)
        program += (own, card, begin, len(parents) // 2, *parents)
        cells.append(packed(bucket))
        begin += cells[-1].size
    fixed = [-1] * len(law.space.names)
    hidden = [False] * len(fixed)
    for variable, row in enumerate(law.space.row[1:], 1):
        hidden[row] = variable in law.withheld
        fixed[row] = WITHHELD if hidden[row] else law.evidence[variable]
    return Drawing(
        np.array(program, np.int64),
        np.concatenate(cells) if cells else np.zeros(1, np.uint64),
        np.array(fixed, np.int64),
        np.array(hidden),
    )


def _step(bucket: Bucket, row: tuple[int, ...]) -> tuple[int, ...]:
    assert bucket.table is not None
    *parents, own = bucket.table.scope
    shape, stride, pairs = bucket.table.table.shape, 1, []
    for variable, card in zip(reversed(parents), reversed(shape), strict=False):
        stride *= card
        pairs += [row[variable], stride]
    bucket.step = (row[own], shape[-1], *pairs)
    return bucket.step


@njit(cache=True)
def _draw_tile(
    codes: Any, first: int, count: int, attempt: int, key: Any, program: Any, cells: Any, words: Any, at: Any
) -> None:  # fmt: skip
    """Fills codes[drawn rows, first : first + count] for one attempt."""
    step = where = 0
    while where < program.size:
        if step & 3 == 0:
            fill(words, first, count, step >> 2, attempt, key)
        word, out = words[step & 3], codes[program[where], first : first + count]
        k, begin = np.uint64(program[where + 1]), np.uint64(program[where + 2])
        for i in range(count):
            at[i] = begin
        stop = where + 4 + 2 * program[where + 3]
        for p in range(where + 4, stop, 2):
            parent, stride = codes[program[p], first : first + count], np.uint64(program[p + 1])
            for i in range(count):
                at[i] += np.uint64(parent[i]) * stride
        for i in range(count):
            wide = np.uint64(word[i]) * k
            column = wide >> np.uint64(32)
            cell = cells[at[i] + column]
            low = wide & np.uint64(0xFFFFFFFF)
            out[i] = column if low < (cell & np.uint64(0xFFFFFFFF)) else cell >> np.uint64(32)
        step, where = step + 1, stop


@njit(cache=True, nogil=True)
def _rows(
    codes: Any, ids: Any, limit: int, key: Any, seed: Any, program: Any, cells: Any, fixed: Any, hidden: Any,
    constants: Any, begins: Any,
) -> int:  # fmt: skip
    """Draws rows 0 … n - 1, all different; returns how many were done before one needed more than `limit` attempts."""
    dimensions, n = codes.shape
    size = 16
    while size < 2 * n:
        size *= 2
    slots = np.full(size, -1, np.int32)
    words = np.empty((4, TILE), np.uint32)
    at = np.empty(TILE, np.uint64)
    for d in range(dimensions):
        if fixed[d] >= 0:
            codes[d, :] = fixed[d]
    for first in range(0, n, TILE):
        count = min(TILE, n - first)
        _draw_tile(codes, first, count, 0, key, program, cells, words, at)
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
                _draw_tile(codes, i, 1, attempt, key, program, cells, words, at)
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
    done = _rows(codes, ids, limit, np.uint64(key), seed_lanes(seed_id), d.program, d.cells, d.fixed, d.hidden,
                 *constants_of(law.space))  # fmt: skip
    return codes, ids, done
