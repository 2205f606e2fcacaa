"""Which t-tuples still wait to be covered.

A t-tuple is seen from each of its t dimensions: for one choice in t - 1 others, the codes of dimension d that are
still open are bits of a word. `cover_row` adds such words up; everything here keeps the t views of a tuple alike.
"""

from __future__ import annotations

from math import comb
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from persona_forge.core.errors import Misuse
from persona_forge.space.cover_groups import Groups, codes_at, groups_of, place, places_of
from persona_forge.space.cover_rules import ONE, Bits, Rules, Whole, fix, nth_one, ones, random_below

MOST_WORDS = 250_000_000


class Table(NamedTuple):
    """`open[slot, at]`: slot is 64 codes of a dimension, at a choice in t - 1 others; the last column is always 0."""

    groups: Groups
    """Of t - 1 dimensions."""
    choose: Whole
    """[n, k]: binomials, which rank groups."""
    slot: Whole
    """The slots of dimension d are slot[d] … slot[d + 1] - 1."""
    open: Bits


def table_of(rules: Rules, t: int) -> Table:
    """Everything closed; raises Misuse if it would be too large to hold."""
    cards = rules.cards.tolist()
    slots = np.cumsum([0, *((n + 63) // 64 for n in cards)])
    if (words := (places_of(cards, t - 1) + 1) * int(slots[-1])) > MOST_WORDS:
        raise Misuse(
            f"t = {t} over {len(cards)} dimensions needs {words:,} words of memory",
            allowed=f"{MOST_WORDS:,}",
            todo="ask for a smaller t",
        )
    groups = groups_of(cards, t - 1)
    choose = [[comb(n, k) for k in range(t + 1)] for n in range(len(cards) + 1)]
    return Table(groups, np.array(choose, np.int64), slots, np.zeros((int(slots[-1]), groups.places + 1), np.uint64))


@njit(cache=True)
def view(table: Any, dims: Whole, codes: Whole, i: int) -> int:
    """Where the tuple without its i-th dimension stands."""
    rank, n = 0, 0
    for j in range(dims.size):
        if j != i:
            n += 1
            rank += table.choose[dims[j], n]
    at, n = table.groups.base[rank], 0
    for j in range(dims.size):
        if j != i:
            at += codes[j] * table.groups.stride[rank, n]
            n += 1
    return int(at)


@njit(cache=True)
def is_open(table: Any, dims: Whole, codes: Whole) -> bool:
    """From every side."""
    for i in range(dims.size):
        word = table.open[table.slot[dims[i]] + (codes[i] >> 6), view(table, dims, codes, i)]
        if not (word >> np.uint64(codes[i] & 63)) & ONE:
            return False
    return True


@njit(cache=True)
def close_tuple(table: Any, dims: Whole, codes: Whole) -> None:
    for i in range(dims.size):
        slot = table.slot[dims[i]] + (codes[i] >> 6)
        table.open[slot, view(table, dims, codes, i)] &= ~(ONE << np.uint64(codes[i] & 63))


@njit(cache=True)
def close_row(table: Any, row: Whole, at: Whole, hidden: Any) -> int:
    """The row's tuples are covered; how many were open."""
    total = 0
    for s in range(at.size):
        at[s] = place(table.groups, s, row)
        seen = True
        for i in range(table.groups.members.shape[1]):
            seen &= not hidden[table.groups.members[s, i]]
        if seen:
            for d in range(row.size):
                slot, bit = table.slot[d] + (row[d] >> 6), ONE << np.uint64(row[d] & 63)
                if not hidden[d] and table.open[slot, at[s]] & bit:
                    table.open[slot, at[s]] &= ~bit
                    total += 1
    return int(total // (table.groups.members.shape[1] + 1))


@njit(cache=True)
def tuple_at(table: Any, slot: int, at: int, bit: int, dims: Whole, codes: Whole) -> None:
    """The tuple that a bit stands for, its dimensions rising."""
    m = table.groups.members.shape[1]
    codes_at(table.groups, at, dims, codes)
    d = np.searchsorted(table.slot, slot, side="right") - 1
    i = m
    while i > 0 and dims[i - 1] > d:
        dims[i], codes[i] = dims[i - 1], codes[i - 1]
        i -= 1
    dims[i], codes[i] = d, 64 * (slot - table.slot[d]) + bit


@njit(cache=True)
def open_all(rules: Any, table: Any, work: Any, start: Bits, dims: Whole, codes: Whole) -> None:
    """Opens every tuple within the (settled) domains that propagation from t - 1 of its codes lets stand."""
    groups, domains = table.groups, work.levels[0]
    for g in range(groups.base.size):
        stop = groups.base[g + 1] if g + 1 < groups.base.size else table.open.shape[1] - 1
        for d in range(rules.cards.size):
            if d not in groups.members[g]:
                for slot in range(table.slot[d], table.slot[d + 1]):
                    table.open[slot, groups.base[g] : stop] = start[d, slot - table.slot[d]]
    for at in range(table.open.shape[1] - 1):
        domains[:] = start
        codes_at(groups, at, dims, codes)
        possible = True
        for i in range(dims.size - 1):
            possible = possible and fix(rules, domains, dims[i], codes[i], work.waiting)
        for d in range(rules.cards.size):
            for slot in range(table.slot[d], table.slot[d + 1]):
                word = table.open[slot, at]
                if possible:
                    word &= ~domains[d, slot - table.slot[d]]
                while word:
                    tuple_at(table, slot, at, nth_one(word, 0), dims, codes)
                    close_tuple(table, dims, codes)
                    word &= word - ONE


@njit(cache=True)
def open_words(table: Any) -> tuple[Whole, int]:
    """The places, flat, of the words that see a tuple from its last dimension and are not 0; and the bits in them."""
    m, width = table.groups.members.shape[1], table.open.shape[1]
    found = np.empty(np.count_nonzero(table.open), np.int64)
    n = bits = 0
    for d in range(table.slot.size - 1):
        below = table.choose[d, m]  # the groups of lower dimensions come first
        stop = table.groups.base[below] if below < table.groups.base.size else width
        for slot in range(table.slot[d], table.slot[d + 1]):
            for at in range(stop if m else width):
                if table.open[slot, at]:
                    found[n] = slot * width + at
                    bits += ones(table.open[slot, at])
                    n += 1
    return found[:n].copy(), bits


@njit(cache=True)
def an_open_tuple(table: Any, words: Whole, n: int, state: Bits, dims: Whole, codes: Whole) -> int:
    """One at random, and how many words may still hold one; words found empty are dropped."""
    width = table.open.shape[1]
    while n:
        i = random_below(state, n)
        slot, at = words[i] // width, words[i] % width
        word = table.open[slot, at]
        if word:
            tuple_at(table, slot, at, nth_one(word, random_below(state, ones(word))), dims, codes)
            return n
        n -= 1
        words[i] = words[n]
    return 0
