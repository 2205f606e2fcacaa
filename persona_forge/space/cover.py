"""x"""
from __future__ import annotations
from typing import Any
import numpy as np
from numba import njit
from persona_forge.space.cover_rules import *
from persona_forge.space.cover_rules import random_below, settle, nth_one, ones, domains_of, rules_of, ONE
from persona_forge.space.cover_table import *
from persona_forge.space.cover_table import offer, close_row, open_all, table_of, work_of, tuple_at, is_open, close_tuple


@njit(cache=True)
def canonical(table: Any, slots_dim: Any) -> Any:
    """Flat places of all non-zero words seen from the largest dimension; tuples not open from all sides are closed."""
    n = 0
    slots, width = table.open.shape
    m = table.members.shape[1]
    dims = np.empty(m + 1, np.int64)
    codes = np.empty(m + 1, np.int64)
    count = 0
    for write in range(2):
        if write:
            live = np.empty(n, np.int64)
            n = 0
        for d in range(slots_dim.size):
            stop = width - 1
            if m:
                rank = table.choose[d, m]  # subsets below d come first
                stop = table.base[rank] if rank < table.base.size else width - 1
            for slot in range(table.slot[d], table.slot[d + 1]):
                for at in range(stop):
                    word = table.open[slot, at]
                    if not write and m:
                        w2 = word
                        while w2:
                            low = w2 & (~w2 + ONE)
                            w2 ^= low
                            tuple_at(table, slot, at, ones(low - ONE), dims, codes)
                            if not is_open(table, dims, codes):
                                close_tuple(table, dims, codes)
                        word = table.open[slot, at]
                    if word:
                        if write:
                            live[n] = slot * width + at
                        else:
                            count += ones(word)
                        n += 1
    return live, count


@njit(cache=True)
def next_row(rules: Any, table: Any, work: Any, start: Any, hidden: Any, live: Any, n: int, candidates: int, dims: Any, codes: Any) -> Any:
    width = table.open.shape[1]
    best = -1
    m = table.members.shape[1]
    k = work.row.size
    most = (m + 1) * table.choose[k, m + 1]
    for c in range(candidates):
        while n:
            i = random_below(work.state, n)
            slot, at = live[i] // width, live[i] % width
            word = table.open[slot, at]
            if word:
                break
            n -= 1
            live[i] = live[n]
        if n == 0:
            return n, best
        bit = nth_one(word, random_below(work.state, ones(word)))
        tuple_at(table, slot, at, bit, dims, codes)
        gain = offer(rules, table, work, start, hidden, dims, codes)
        if gain < 0:
            return n, -2
        if gain > best:
            best = gain
            work.best[:] = work.row
        if best == most:
            break
    return n, best


def array(cards, boxes, t, key, candidates=20, allowed={}):
    rules = rules_of(cards, boxes)
    table = table_of(rules, t)
    work = work_of(rules, table, key)
    start = domains_of(rules, allowed)
    assert settle(rules, start, work.waiting)
    open_all(rules, table, work, start)
    hidden = np.zeros(len(cards), np.bool_)
    live, left = canonical(table, rules.cards)
    feasible = left
    n = len(live)
    rows, struck = [], []
    dims, codes = np.empty(t, np.int64), np.empty(t, np.int64)
    while left:
        n, best = next_row(rules, table, work, start, hidden, live, n, candidates, dims, codes)
        if best == -2:
            close_tuple(table, dims, codes)
            struck.append((dims.copy(), codes.copy()))
            left -= 1
            continue
        got = close_row(table, work.best, work.at, hidden)
        assert got * t == best, (got, best)
        left -= got
        rows.append(work.best.copy())
    return np.array(rows), feasible - len(struck), struck
