"""The row that covers the most open tuples, or nearly.

The gain of every code of a dimension, given the rest of a row, is a sum of words bit by bit: carry-save adders take
eight words at a time (Harley and Seal), and the codes of the largest gain fall out as bits of one more word.

A row is begun by an open tuple and filled greedily in random order (Cohen et al. 1997, AETG); then each dimension in
turn takes its best code given all the others, until none moves. Every step stays within the rules.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from persona_forge.space.cover_groups import place
from persona_forge.space.cover_rules import ONE, Bits, Rules, Whole, fix, nth_one, ones, random_below, search
from persona_forge.space.cover_table import Table, an_open_tuple

ATTEMPTS = 6
"""How often a row is filled greedily before it is searched for."""
DEPTH = 32
"""Planes of the bit-by-bit sums: gains up to 2^31."""


class Work(NamedTuple):
    """Room for the loops, made once."""

    levels: Bits
    order: Whole
    waiting: Whole
    row: Whole
    best: Whole
    at: Whole
    part: Whole
    have: Whole
    active: Whole
    planes: Bits
    weights: Any
    state: Bits


def work_of(rules: Rules, table: Table, key: int) -> Work:
    k, words, subsets = len(rules.cards), rules.codes.shape[1], len(table.groups.base)
    return Work(
        np.zeros((k + 2, k, words), np.uint64),
        np.arange(k),
        np.zeros(k + 1, np.int64),
        np.zeros(k, np.int64),
        np.zeros(k, np.int64),
        np.zeros(subsets, np.int64),
        np.zeros(subsets, np.int64),
        np.zeros(subsets, np.int64),
        np.zeros(subsets, np.int64),
        np.zeros(DEPTH, np.uint64),
        np.ones(k),
        np.array([key & 0xFFFFFFFFFFFFFFFF], np.uint64),
    )


@njit(cache=True)
def tally(words: Bits, at: Whole, n: int, planes: Bits) -> int:
    """Sums the words at at[:n] bit by bit into planes, lowest first; how many planes are used."""
    one = two = four = np.uint64(0)
    top = 3
    planes[:] = 0
    i = 0
    while i + 8 <= n:
        a, b, c, d = words[at[i]], words[at[i + 1]], words[at[i + 2]], words[at[i + 3]]
        e, f, g, h = words[at[i + 4]], words[at[i + 5]], words[at[i + 6]], words[at[i + 7]]
        u = one ^ a
        p, one = (one & a) | (u & b), u ^ b
        u = one ^ c
        q, one = (one & c) | (u & d), u ^ d
        u = two ^ p
        v, two = (two & p) | (u & q), u ^ q
        u = one ^ e
        p, one = (one & e) | (u & f), u ^ f
        u = one ^ g
        q, one = (one & g) | (u & h), u ^ h
        u = two ^ p
        w, two = (two & p) | (u & q), u ^ q
        u = four ^ v
        carry, four = (four & v) | (u & w), u ^ w
        j = 3
        while carry:
            planes[j], carry = planes[j] ^ carry, planes[j] & carry
            j += 1
        top = max(top, j)
        i += 8
    while i < n:
        carry = words[at[i]]
        one, carry = one ^ carry, one & carry
        two, carry = two ^ carry, two & carry
        four, carry = four ^ carry, four & carry
        j = 3
        while carry:
            planes[j], carry = planes[j] ^ carry, planes[j] & carry
            j += 1
        top = max(top, j)
        i += 1
    planes[0], planes[1], planes[2] = one, two, four
    return top


@njit(cache=True)
def best_code(
    table: Any, d: int, at: Whole, n: int, allowed: Bits, now: int, planes: Bits, state: Bits
) -> tuple[int, int]:
    """A code of d among the allowed with the largest gain, `now` or a random one among equals; and that gain."""
    best, code, ties = -1, -1, 0
    for slot in range(table.slot[d], table.slot[d + 1]):
        w = slot - table.slot[d]
        left, gain = allowed[w], 0
        if left == 0:
            continue
        for j in range(tally(table.open[slot], at, n, planes) - 1, -1, -1):
            if left & planes[j]:
                left &= planes[j]
                gain |= 1 << j
        if gain > best:
            best, ties = gain, 0
        elif gain < best:
            continue
        many = ones(left)
        ties += many
        if now >> 6 == w and (left >> np.uint64(now & 63)) & ONE:
            code, ties = now, 1 << 40
        elif random_below(state, ties) < many:
            code = 64 * w + nth_one(left, random_below(state, many))
    return code, best


@njit(cache=True)
def _grow(rules: Any, table: Any, work: Any, hidden: Any) -> bool:
    """Fills work.row from the domains work.levels[0] in work.order; False on a dead end, whose dimension goes first."""
    m, active = table.groups.members.shape[1], 0
    work.part[:] = table.groups.base
    work.have[:] = 0
    if m == 0:
        work.active[0], active = 0, 1
    domains = work.levels[0]
    for i in range(work.order.size):
        d = work.order[i]
        while True:
            seen = 0 if hidden[d] else active
            code, _ = best_code(table, d, work.active, seen, domains[d], -1, work.planes, work.state)
            if code < 0:
                work.order[1 : i + 1] = work.order[:i].copy()
                work.order[0] = d
                return False
            if rules.of_begin[d] == rules.of_begin[d + 1]:
                break
            work.levels[1] = domains
            if fix(rules, domains, d, code, work.waiting):
                break
            domains[:] = work.levels[1]
            domains[d, code >> 6] &= ~(ONE << np.uint64(code & 63))
        work.row[d] = code
        if hidden[d]:
            continue
        for e in range(table.groups.of_begin[d], table.groups.of_begin[d + 1]):
            s = table.groups.of[e]
            work.part[s] += code * table.groups.of_stride[e]
            work.have[s] += 1
            if work.have[s] == m:
                work.active[active] = work.part[s]
                active += 1
    return True


@njit(cache=True)
def allowed_codes(rules: Any, start: Bits, row: Whole, d: int, allowed: Bits) -> None:
    """The codes that d may take while the others stay."""
    allowed[:] = start[d]
    for at in range(rules.of_begin[d], rules.of_begin[d + 1]):
        box, own = rules.of[at], -1
        for e in range(rules.begin[box], rules.begin[box + 1]):
            other = rules.param[e]
            if other == d:
                own = e
            elif not (rules.codes[e, row[other] >> 6] >> np.uint64(row[other] & 63)) & ONE:
                own = -1
                break
        if own >= 0:
            allowed &= ~rules.codes[own]


@njit(cache=True)
def _climb(rules: Any, table: Any, work: Any, start: Bits, hidden: Any) -> int:
    """Lets each dimension take its best code given all the others, until none moves; t times the row's gain."""
    k, total, groups = work.row.size, 0, table.groups
    allowed = np.empty(start.shape[1], np.uint64)
    for g in range(work.at.size):
        work.at[g] = place(groups, g, work.row)
    for d in range(k):
        if hidden[d]:
            for e in range(table.groups.of_begin[d], table.groups.of_begin[d + 1]):
                work.at[table.groups.of[e]] = table.open.shape[1] - 1
    still, i = 0, 0
    while still < k:
        d = work.order[i]
        i = (i + 1) % k
        still += 1
        if hidden[d]:
            continue
        allowed_codes(rules, start, work.row, d, allowed)
        code, _ = best_code(table, d, work.at, work.at.size, allowed, work.row[d], work.planes, work.state)
        if code != work.row[d]:
            step = code - work.row[d]
            work.row[d] = code
            for e in range(table.groups.of_begin[d], table.groups.of_begin[d + 1]):
                s = table.groups.of[e]
                if work.at[s] < table.open.shape[1] - 1:
                    work.at[s] += step * table.groups.of_stride[e]
            still = 1
    for d in range(k):
        if not hidden[d]:
            slot, bit = table.slot[d] + (work.row[d] >> 6), np.uint64(work.row[d] & 63)
            for s in range(work.at.size):
                total += (table.open[slot, work.at[s]] >> bit) & ONE
    return int(total)


@njit(cache=True)
def offer(rules: Any, table: Any, work: Any, start: Bits, hidden: Any, dims: Whole, codes: Whole) -> int:
    """A row through a tuple in work.row, and t times its gain; -1 where no row within the domains has the tuple."""
    k = work.row.size
    for i in range(k):
        work.order[i] = i
    for i in range(k - 1, 0, -1):
        j = random_below(work.state, i + 1)
        work.order[i], work.order[j] = work.order[j], work.order[i]
    for i in range(dims.size):
        for j in range(i, k):
            if work.order[j] == dims[i]:
                work.order[i], work.order[j] = work.order[j], work.order[i]
    first = work.levels[k + 1]
    first[:] = start
    for i in range(dims.size):
        if not fix(rules, first, dims[i], codes[i], work.waiting):
            return -1
    for _ in range(ATTEMPTS):
        work.levels[0] = first
        if _grow(rules, table, work, hidden):
            return _climb(rules, table, work, start, hidden)
    work.levels[0] = first
    if not search(rules, work.levels, work.row, work.weights, work.waiting, work.state):
        return -1
    return _climb(rules, table, work, start, hidden)


@njit(cache=True)
def best_row(
    rules: Any, table: Any, work: Any, start: Bits, hidden: Any, words: Whole, n: int, tries: int, dims: Whole,
    codes: Whole,
) -> tuple[int, int]:  # fmt: skip
    """The best of several rows in work.best, t times its gain, and the words left; -1 if the tuple in dims, codes
    can't stand."""
    best, most = -1, dims.size * table.choose[work.row.size, dims.size]
    for _ in range(tries):
        n = an_open_tuple(table, words, n, work.state, dims, codes)
        if n == 0:
            break
        gain = offer(rules, table, work, start, hidden, dims, codes)
        if gain < 0:
            return gain, n
        if gain > best:
            best = gain
            work.best[:] = work.row
        if best == most:
            break
    return best, n
