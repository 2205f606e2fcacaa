"""Fewer rows: takes one away, then mends what that uncovered by changing cells; over and over, while it works out.

Tabu search on one cell at a time (Galinier, Kpodjedo, Antoniol, A penalty-based tabu search for constrained covering
arrays, 2017; without the penalty). For a random uncovered tuple, every row that lacks it by one code is a candidate;
the one that leaves the least uncovered is changed, and that cell then stays for a while. Where no row may change so,
one takes the whole tuple, and whatever else the rules then ask. Rows keep the rules at every step. Effort is counted
in tuples looked at, never in time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.cover_groups import Groups, codes_at, groups_of, place
from persona_forge.space.cover_rules import ONE, Bits, Rules, Whole, fix, random_below, search

Counts = npt.NDArray[np.int32]
CLOSED = 1 << 30
"""How many rows hold a tuple that none need hold."""


TENURE = 10
"""A changed cell stays for up to so many steps."""
LEAST_LOOKS, MOST_LOOKS = 50, 20_000
"""An attempt is begun only while the effort left is so many looks at the whole array; and no more looks are spent."""


class Cover(NamedTuple):
    """How many rows hold the tuple at each place, and which tuples none holds."""

    groups: Groups
    held: Counts
    where: Counts
    """Where a place stands among the missing, or -1."""
    missing: Counts
    left: Whole
    """[0]: how many are missing."""


class Room(NamedTuple):
    levels: Bits
    waiting: Whole
    row: Whole
    weights: npt.NDArray[np.float64]


def fewer(rules: Rules, start: Bits, rows: Whole, t: int, key: int, effort: int) -> Whole:
    """An array that covers what `rows` covers, with as many rows or fewer."""
    groups = groups_of(rules.cards.tolist(), t)
    effort = min(effort, MOST_LOOKS * rows.shape[0] * len(groups.base))
    state, spent = np.array([key & 0xFFFFFFFFFFFFFFFF], np.uint64), 0
    while spent + LEAST_LOOKS * rows.shape[0] * len(groups.base) < effort and len(rows) > fewest(rows, groups):
        cover = Cover(
            groups,
            np.full(groups.places, CLOSED, np.int32),
            np.full(groups.places, -1, np.int32),
            np.zeros(groups.places, np.int32),
            np.zeros(1, np.int64),
        )
        tried = rows.copy()
        _count(cover, tried)
        spare = _spare(cover, tried)
        tried[spare] = tried[-1]
        _uncount(cover, rows[spare])
        tried = tried[:-1]
        spent += 3 * rows.shape[0] * len(groups.base) + _mend(rules, start, cover, tried, state, effort - spent)
        if cover.left[0]:
            break
        rows = tried
    return rows


def fewest(rows: Whole, groups: Groups) -> int:
    """No fewer rows can do than there are tuples in one group of dimensions."""
    held = [len(np.unique(rows[:, dims] @ step)) for dims, step in zip(groups.members, groups.stride, strict=True)]
    return max(held, default=0)


@njit(cache=True)
def _count(cover: Any, rows: Whole) -> None:
    for r in range(rows.shape[0]):
        for g in range(cover.groups.base.size):
            at = place(cover.groups, g, rows[r])
            cover.held[at] = cover.held[at] + 1 if cover.held[at] < CLOSED else 1


@njit(cache=True)
def _spare(cover: Any, rows: Whole) -> int:
    """The row that holds the fewest tuples alone."""
    best, least = 0, 1 << 60
    for r in range(rows.shape[0]):
        alone = 0
        for g in range(cover.groups.base.size):
            alone += cover.held[place(cover.groups, g, rows[r])] == 1
        if alone < least:
            best, least = r, alone
    return best


@njit(cache=True)
def _uncount(cover: Any, row: Whole) -> None:
    for g in range(cover.groups.base.size):
        _less(cover, place(cover.groups, g, row))


@njit(cache=True)
def _less(cover: Any, at: int) -> None:
    cover.held[at] -= 1
    if cover.held[at] == 0:
        cover.where[at] = cover.left[0]
        cover.missing[cover.left[0]] = at
        cover.left[0] += 1


@njit(cache=True)
def _more(cover: Any, at: int) -> None:
    cover.held[at] += 1
    if cover.held[at] == 1:
        cover.left[0] -= 1
        last, here = cover.missing[cover.left[0]], cover.where[at]
        cover.missing[here], cover.where[last] = last, here
        cover.where[at] = -1


@njit(cache=True)
def _loss(cover: Any, row: Whole, d: int, code: int) -> int:
    """How many more tuples are missing once row[d] is another code."""
    groups, loss = cover.groups, 0
    for e in range(groups.of_begin[d], groups.of_begin[d + 1]):
        at = place(groups, groups.of[e], row)
        loss += cover.held[at] == 1
        loss -= cover.held[at + (code - row[d]) * groups.of_stride[e]] == 0
    return loss


@njit(cache=True)
def _change(cover: Any, row: Whole, d: int, code: int) -> None:
    groups = cover.groups
    for e in range(groups.of_begin[d], groups.of_begin[d + 1]):
        at = place(groups, groups.of[e], row)
        _more(cover, at + (code - row[d]) * groups.of_stride[e])
        _less(cover, at)
    row[d] = code


@njit(cache=True)
def may_take(rules: Any, start: Bits, row: Whole, d: int, code: int) -> bool:
    """Whether a row stays within the rules when one of its codes changes."""
    if not (start[d, code >> 6] >> np.uint64(code & 63)) & ONE:
        return False
    for at in range(rules.of_begin[d], rules.of_begin[d + 1]):
        box, within = rules.of[at], True
        for e in range(rules.begin[box], rules.begin[box + 1]):
            own = code if rules.param[e] == d else row[rules.param[e]]
            if not (rules.codes[e, own >> 6] >> np.uint64(own & 63)) & ONE:
                within = False
                break
        if within:
            return False
    return True


@njit(cache=True)
def _mend(rules: Any, start: Bits, cover: Any, rows: Whole, state: Bits, effort: int) -> int:
    """Changes cells until nothing is missing or the effort is spent; what was spent."""
    m, k = cover.groups.members.shape[1], rows.shape[1]
    dims, codes = np.empty(m, np.int64), np.empty(m, np.int64)
    room = Room(np.empty((k + 2, k, start.shape[1]), np.uint64), np.empty(k + 1, np.int64), rows[0].copy(), np.ones(k))
    until = np.zeros(rows.shape, np.int64)
    spent = step = 0
    least = cover.left[0]
    each = m * cover.groups.base.size // k
    while cover.left[0] and spent < effort:
        step += 1
        codes_at(cover.groups, cover.missing[random_below(state, cover.left[0])], dims, codes)
        row, i, looked = _best_cell(rules, start, cover, rows, dims, codes, until, step, least, state)
        spent += rows.shape[0] + each * looked
        if row >= 0:
            _change(cover, rows[row], dims[i], codes[i])
            until[row, dims[i]] = step + 1 + random_below(state, TENURE)
        else:
            spent += each * _impose(rules, start, cover, rows, dims, codes, until, step, state, room)
        least = min(least, cover.left[0])
    return spent


@njit(cache=True)
def _best_cell(
    rules: Any, start: Bits, cover: Any, rows: Whole, dims: Whole, codes: Whole, until: Whole, step: int, least: int,
    state: Bits,
) -> tuple[int, int, int]:  # fmt: skip
    """The row, and which code of the tuple it lacks, whose change leaves the least missing; how many were looked at.

    A cell that was changed lately is passed over, unless that leaves less missing than ever.
    """
    best, ties, row, own, looked = 1 << 60, 0, -1, 0, 0
    for r in range(rows.shape[0]):
        lacks, i = 0, 0
        for j in range(dims.size):
            if rows[r, dims[j]] != codes[j]:
                lacks, i = lacks + 1, j
        if lacks != 1 or not may_take(rules, start, rows[r], dims[i], codes[i]):
            continue
        loss = _loss(cover, rows[r], dims[i], codes[i])
        looked += 1
        if until[r, dims[i]] > step and cover.left[0] + loss >= least:
            continue
        if loss < best:
            best, ties = loss, 0
        if loss == best:
            ties += 1
            if random_below(state, ties) == 0:
                row, own = r, i
    return row, own, looked


@njit(cache=True)
def _impose(
    rules: Any, start: Bits, cover: Any, rows: Whole, dims: Whole, codes: Whole, until: Whole, step: int, state: Bits,
    room: Any,
) -> int:  # fmt: skip
    """No single change would do: a row takes the tuple and all that this entails. How many cells changed."""
    row, changes = random_below(state, rows.shape[0]), 0
    room.row[:] = rows[row]
    room.levels[0] = start
    for i in range(dims.size):
        fix(rules, room.levels[0], dims[i], codes[i], room.waiting)
    search(rules, room.levels, room.row, room.weights, room.waiting, state)
    for d in range(rows.shape[1]):
        if room.row[d] != rows[row, d]:
            _change(cover, rows[row], d, room.row[d])
            until[row, d] = step + 1 + random_below(state, TENURE)
            changes += 1
    return changes
