"""Constrained covering arrays: few rows in which every t-tuple of codes that can stand at all does stand.

Rows are made one at a time, each the best of several (`cover_row`), until no tuple is open; a tuple that no row can
hold is found out when it is tried, by complete search, and struck. Then rows are taken away as long as the others can
be mended (`cover_fewer`). The same input and key give the same array on every machine: effort is counted, not timed.

    cover_rules    what a row may be: domains, forbidden boxes, propagation, search
    cover_groups   places of the choices in groups of dimensions
    cover_table    which tuples are open
    cover_row      the row that covers the most of them
    cover_fewer    tabu search for fewer rows
    cover_seeds    the same laid over seeds that pin and withhold
    cover_file     from a trait file, or from a model in PICT's language
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import key64
from persona_forge.space.cover_fewer import fewer
from persona_forge.space.cover_groups import places_of
from persona_forge.space.cover_row import Work, best_row, work_of
from persona_forge.space.cover_rules import Bits, Box, Rules, Whole, domains_of, rules_of, settle
from persona_forge.space.cover_table import Table, close_row, close_tuple, open_all, open_words, table_of

MOST_T = 6
CANDIDATES = 6_000_000
"""Rows tried for each row taken, times the number of tuples."""
MENDING = 100_000_000
"""Tuples looked at in search of fewer rows."""

Tuple = tuple[tuple[int, int], ...]
"""(dimension, code), dimensions rising."""


@dataclass(frozen=True, slots=True)
class Array:
    rows: npt.NDArray[np.uint16]
    """[row, dimension]"""
    feasible: int
    """How many t-tuples can stand, within the domains; each of them does."""
    t: int
    domains: tuple[tuple[int, ...], ...] = field(repr=False)

    def infeasible(self) -> list[Tuple]:
        """The tuples within the domains that no row can hold."""
        found: list[Tuple] = []
        for dims in combinations(range(len(self.domains)), self.t):
            whole = [self.domains[d] for d in dims]
            shape = [max(codes, default=0) + 1 for codes in whole]
            missing = np.zeros(shape, np.bool_)
            missing[np.ix_(*whole)] = True
            missing[tuple(self.rows[:, d] for d in dims)] = False
            found += [tuple(zip(dims, map(int, codes), strict=True)) for codes in np.argwhere(missing)]
        return found


def covering_array(
    cards: Sequence[int],
    boxes: Sequence[Box],
    t: int,
    key: int,
    *,
    allowed: Mapping[int, Collection[int]] | None = None,
    effort: float = 1.0,
) -> Array:
    """Dimensions of so many codes each, `boxes` forbidden, some dimensions held to the codes allowed.

    `effort` scales the work: twice as much may save some rows in a hundred. Raises Misuse for a t that can't be.
    """
    if not 1 <= t <= min(MOST_T, len(cards)):
        raise Misuse(f"t = {t} over {len(cards)} dimensions", allowed=f"1 to {min(MOST_T, len(cards))}")
    rules = rules_of(cards, boxes)
    table = table_of(rules, t)
    start = domains_of(rules, allowed or {})
    domains = tuple(tuple(sorted((allowed or {}).get(d, range(n)))) for d, n in enumerate(cards))
    work = work_of(rules, table, key64("cover", str(key)))
    if not settle(rules, start, work.waiting):
        return Array(np.empty((0, len(cards)), np.uint16), 0, t, domains)
    tries = max(2, min(64, int(effort * CANDIDATES / places_of([len(codes) for codes in domains], t))))
    rows, feasible = _rows(rules, table, work, start, t, tries)
    rows = fewer(rules, start, rows, t, key64("fewer", str(key)), int(effort * MENDING))
    return Array(rows.astype(np.uint16), feasible, t, domains)


def _rows(rules: Rules, table: Table, work: Work, start: Bits, t: int, tries: int) -> tuple[Whole, int]:
    hidden = np.zeros(len(rules.cards), np.bool_)
    dims, codes = np.empty(t, np.int64), np.empty(t, np.int64)
    open_all(rules, table, work, start, dims, codes)
    words, feasible = open_words(table)
    left, n = feasible, len(words)
    rows: list[Whole] = []
    while left:
        gain, n = best_row(rules, table, work, start, hidden, words, n, tries, dims, codes)
        if gain < 0:
            close_tuple(table, dims, codes)
            left, feasible = left - 1, feasible - 1
        else:
            left -= close_row(table, work.best, work.at, hidden)
            rows.append(work.best.copy())
    return np.array(rows, np.int64).reshape(len(rows), len(rules.cards)), feasible
