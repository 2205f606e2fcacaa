"""The compiled loop: rows of many laws, a dimension at a time for a tile of rows, all different, with their ids.

A row whose visible values stood in an earlier row of its seed is drawn again with the next attempt number, in the order
of rows; so the first rows are the same however many are asked for.

Inner loops index slices of rows by unsigned numbers: a signed index is tested for being negative, at half the speed.
The interpreter's lock is let go, so that workers draw side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.alias import Cells, packed
from persona_forge.space.compile import Bucket, Law
from persona_forge.space.identity import Ids, constants_of, lanes, sign_rows
from persona_forge.space.philox import fill

Codes = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int64]

WITHHELD = 255
TILE = 512
MOST_CELLS = 1 << 21
"""A drawing takes no further law once it has so many cells of alias tables."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A few laws as the arrays that the compiled loop reads; tables of buckets that they share stand there once."""

    program: Whole
    """Step by step: row of codes, number of values, begin in cells, number of parents, then row and stride of each."""
    parts: Whole
    """Where the program of each law begins, and where that of the last ends."""
    cells: Cells
    fixed: Whole
    """[law, row of codes]: the code of a pinned dimension, 255 of a withheld one, -1 where it is drawn."""


def drawing(laws: Sequence[Law]) -> Drawing:
    """Of the first of these laws (of one space), as many as it takes."""
    program: list[int] = []
    parts, fixed, begin = [0], [], 0
    tables: dict[int, tuple[int, Bucket]] = {}
    space = laws[0].space
    variables = [space.number[name] for name in space.names]
    for law in laws:
        for bucket in law.buckets():
            if id(bucket) not in tables:
                tables[id(bucket)] = begin, bucket
                begin += packed(bucket).size
            own, card, *parents = bucket.step or _step(bucket, space.row)
            program += (own, card, tables[id(bucket)][0], len(parents) // 2, *parents)
        parts.append(len(program))
        fixed.append([WITHHELD if v in law.withheld else law.evidence[v] for v in variables])
        if begin >= MOST_CELLS:
            break
    cells = np.concatenate([np.zeros(0, np.uint64), *(packed(bucket) for _, bucket in tables.values())])
    return Drawing(np.array(program, np.int64), np.array(parts, np.int64), cells, np.array(fixed, np.int64))


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
    codes: Any, start: int, first: int, count: int, attempt: int, key: Any, program: Any, cells: Any, words: Any,
    at: Any,
) -> None:  # fmt: skip
    """Rows first … first + count - 1 of a seed whose row 0 stands at `start`, in one attempt."""
    step = where = 0
    here = slice(start + first, start + first + count)
    while where < program.size:
        if step & 3 == 0:
            fill(words, first, count, step >> 2, attempt, key)
        word, out = words[step & 3], codes[program[where], here]
        k, begin = np.uint64(program[where + 1]), np.uint32(program[where + 2])
        for i in range(count):
            at[i] = begin
        stop = where + 4 + 2 * program[where + 3]
        for p in range(where + 4, stop, 2):
            parent, stride = codes[program[p], here], np.uint32(program[p + 1])
            for i in range(count):
                at[i] += np.uint32(parent[i]) * stride
        for i in range(count):
            wide = np.uint64(word[i]) * k
            column = wide >> np.uint64(32)
            cell = cells[np.uint64(at[i]) + column]
            low = wide & np.uint64(0xFFFFFFFF)
            out[i] = column if low < (cell & np.uint64(0xFFFFFFFF)) else cell >> np.uint64(32)
        step, where = step + 1, stop


@njit(cache=True, nogil=True)
def _rows(
    codes: Any, ids: Any, limit: int, starts: Any, keys: Any, seeds: Any, program: Any, parts: Any, cells: Any,
    fixed: Any, constants: Any, begins: Any,
) -> Any:  # fmt: skip
    """Seed s gets rows starts[s] … starts[s + 1] - 1, all different; returns how many of each are done."""
    done = np.empty(keys.size, np.int64)
    words, at = np.empty((4, TILE), np.uint32), np.empty(TILE, np.uint32)
    for s in range(keys.size):
        start, stop, pin = starts[s], starts[s + 1], fixed[s]
        base, free = seeds[s].copy(), np.flatnonzero(pin < 0)
        for d in np.flatnonzero(pin >= 0):
            codes[d, start:stop] = pin[d]
            if pin[d] != WITHHELD:
                base += constants[begins[d] + pin[d]]
        steps = program[parts[s] : parts[s + 1]]
        done[s] = _seed_rows(
            codes, ids, limit, start, stop - start, keys[s], steps, cells, words, at, free, constants, begins, base
        )
        for d in np.flatnonzero(pin == WITHHELD):
            codes[d, start:stop] = WITHHELD
    return done


@njit(cache=True)
def _seed_rows(
    codes: Any, ids: Any, limit: int, start: int, n: int, key: Any, program: Any, cells: Any, words: Any, at: Any,
    free: Any, constants: Any, begins: Any, base: Any,
) -> int:  # fmt: skip
    """Rows 0 … n - 1 of one seed; returns how many were done before one needed more than `limit` attempts."""
    size = 16
    while size < 2 * n or (size < 8 * n and size < 1 << 20):  # rows seldom meet in a table that fits the cache
        size *= 2
    slots, last = np.full(size, -1, np.int32), np.uint64(size - 1)
    for first in range(0, n, TILE):
        count = min(TILE, n - first)
        _draw_tile(codes, start, first, count, 0, key, program, cells, words, at)
        sign_rows(codes, ids, start + first, count, free, constants, begins, base)
        for i in range(first, first + count):
            attempt = 0
            while True:
                slot = ids[start + i, 0] & last
                while slots[slot] >= 0 and not _same(codes, ids, free, start + slots[slot], start + i):
                    slot = (slot + np.uint64(1)) & last
                if slots[slot] < 0:
                    slots[slot] = i
                    break
                attempt += 1
                if attempt >= limit:
                    return int(i)
                _draw_tile(codes, start, i, 1, attempt, key, program, cells, words, at)
                sign_rows(codes, ids, start + i, 1, free, constants, begins, base)
    return int(n)


@njit(cache=True)
def _same(codes: Any, ids: Any, free: Any, i: int, j: int) -> bool:
    """Whether two rows show the same: ids first, then whole vectors."""
    same = bool(ids[i, 0] == ids[j, 0] and ids[i, 1] == ids[j, 1])
    for d in free:
        same = same and bool(codes[d, i] == codes[d, j])
    return same


def drawn(
    laws: Sequence[Law], keys: Sequence[int], seed_ids: Sequence[str], stops: Sequence[int], limit: int
) -> tuple[Codes, Ids, Whole]:
    """Rows 0 … stop - 1 of each seed, one seed after the other, by redraw; and how many of each are done.

    They are all done, unless one of them passed `limit` attempts.
    """
    space = laws[0].space
    starts = np.cumsum([0, *stops])
    codes, ids = np.empty((len(space.names), starts[-1]), np.uint8), np.empty((starts[-1], 2), np.uint64)
    seeds, numbers = np.array([lanes(f"seed {s}") for s in seed_ids], np.uint64), np.array(keys, np.uint64)
    done, a = np.empty(len(laws), np.int64), 0
    while a < len(laws):
        d = drawing(laws[a:])
        b = a + len(d.fixed)
        done[a:b] = _rows(codes, ids, limit, starts[a : b + 1], numbers[a:b], seeds[a:b], d.program, d.parts, d.cells,
                          d.fixed, *constants_of(space))  # fmt: skip
        a = b
    return codes, ids, done
