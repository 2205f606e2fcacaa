"""A covering array laid over seeds: each row belongs to a seed, keeps its pins, and shows nothing that it withholds.

Per language, every t-tuple that can stand and that at least one seed permits (pins none of its dimensions otherwise,
withholds none, and can still be completed) stands in a row of a seed that permits it. A row goes to a seed that has
the fewest rows of all that permit the tuple which begins it, so that rows spread evenly; of several such rows the one
that covers the most is taken. Seeds are put in an order by their ids and the key, so the order given is of no account.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import key64
from persona_forge.space.compile import Space
from persona_forge.space.cover import Tuple
from persona_forge.space.cover_groups import places_of
from persona_forge.space.cover_row import Work, offer, work_of
from persona_forge.space.cover_rules import (
    ONE,
    Bits,
    Box,
    Rules,
    Whole,
    domains_of,
    fix,
    random_below,
    rules_of,
    settle,
)
from persona_forge.space.cover_table import Table, an_open_tuple, close_row, close_tuple, open_all, open_words, table_of
from persona_forge.space.model import LANGUAGE, Ontology

TRIES = 4
"""Rows tried for each row taken."""
WITHHELD = 255

Codes = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]
Seed = tuple[str, str, Mapping[str, str], Collection[str]]
"""Its id, language, pins, and withheld dimensions."""


@dataclass(frozen=True, slots=True)
class Laid:
    """The cover of one language. Codes index `space.values[name]` for the names of `space.names`."""

    language: str
    seed_ids: tuple[str, ...]
    """The seed of each row; the n-th row of a seed comes after the one before it."""
    codes: npt.NDArray[np.uint8]
    """[row, dimension], 255 where the seed withholds the dimension."""
    covered: int
    unpermitted: tuple[Tuple, ...]
    """Tuples of (dimension, code) that can stand, but under no seed's pins."""
    infeasible: int


def boxes_of(ontology: Ontology, values: Mapping[str, Sequence[str]], language: str) -> list[Box]:
    """What the relations forbid in one language, by places in `values`, in which no language is."""
    place = {name: i for i, name in enumerate(values)}
    choices = [choice for relation in ontology.relations for choice in relation.forbids]
    boxes: list[Box] = [
        {place[n]: sorted(values[n].index(v) for v in vs) for n, vs in choice.items() if n != LANGUAGE}
        for choice in choices
        if language in choice.get(LANGUAGE, {language})
    ]
    return sorted(boxes, key=lambda box: sorted((d, sorted(codes)) for d, codes in box.items()))


def cover_seeds(space: Space, seeds: Sequence[Seed], t: int, key: int) -> list[Laid]:
    """One cover for each language that the seeds speak. Raises Misuse for seeds or a t that can't be."""
    if not 1 <= t <= len(space.names):
        raise Misuse(f"t = {t} over {len(space.names)} dimensions", allowed=f"1 to {len(space.names)}")
    if len({seed_id for seed_id, *_ in seeds}) < len(seeds):
        raise Misuse("a seed id stands twice", todo="give each seed its own id")
    ordered = sorted(seeds, key=lambda seed: (key64(str(key), seed[0]), seed[0]))
    return [
        _laid(space, language, [seed for seed in ordered if seed[1] == language], t, key)
        for language in sorted({seed[1] for seed in seeds})
    ]


def _laid(space: Space, language: str, seeds: Sequence[Seed], t: int, key: int) -> Laid:
    values = {name: space.values[name] for name in space.names}
    rules = rules_of([len(v) for v in values.values()], boxes_of(space.ontology, values, language))
    table = table_of(rules, t)
    work = work_of(rules, table, key64("lay", str(key), language))
    start = domains_of(rules, {})
    whole = places_of(rules.cards.tolist(), t)
    if not settle(rules, start, work.waiting):
        return Laid(language, (), np.empty((0, len(values)), np.uint8), 0, (), whole)
    laying = _Laying(rules, table, work, start, *_bound(space, rules, start, work, seeds), t)
    open_all(rules, table, work, start, laying.dims, laying.codes)
    words, left = open_words(table)
    owners, rows, covered = [], [], 0
    while left:
        owner, row, words, closed = laying.step(words)
        left -= closed
        if owner >= 0:
            covered += closed
            owners.append(seeds[owner][0])
            rows.append(row)
    codes = np.array(rows, np.uint8).reshape(len(rows), len(values))
    unpermitted = tuple(sorted(laying.unpermitted))
    return Laid(language, tuple(owners), codes, covered, unpermitted, whole - covered - len(unpermitted))


def _bound(space: Space, rules: Rules, start: Bits, work: Work, seeds: Sequence[Seed]) -> tuple[Bits, Flags]:
    """[seed, dimension, word]: the codes that a seed's pins leave, none where it is dead; and what it withholds."""
    domains = np.repeat(start[None], len(seeds), axis=0)
    hidden = np.zeros((len(seeds), len(space.names)), np.bool_)
    for i, (_, language, pins, withheld) in enumerate(seeds):
        space.evidence(language, pins)  # says what is wrong with a name
        hidden[i] = [name in withheld for name in space.names]
        for name, value in sorted(pins.items()):
            code = space.values[name].index(value)
            if not fix(rules, domains[i], space.names.index(name), code, work.waiting):
                domains[i] = 0
    return domains, hidden


class _Laying:
    """Rows one by one, and how many each seed has."""

    def __init__(
        self, rules: Rules, table: Table, work: Work, start: Bits, domains: Bits, hidden: Flags, t: int
    ) -> None:
        self.rules, self.table, self.work, self.start = rules, table, work, start
        self.domains, self.hidden = domains, hidden
        self.loads = np.zeros(len(domains), np.int64)
        self.dims, self.codes = np.empty(t, np.int64), np.empty(t, np.int64)
        self.nothing = np.zeros(len(start), np.bool_)
        self.unpermitted: list[Tuple] = []

    def step(self, words: Whole) -> tuple[int, Codes, Whole, int]:
        """A row and its seed, -1 if only a tuple was struck; the words still open, and how many tuples were closed."""
        best, owner, row = -1, -1, self.work.row
        loads = np.unique(self.loads)
        for _ in range(TRIES):
            n = an_open_tuple(self.table, words, len(words), self.work.state, self.dims, self.codes)
            words = words[:n]
            if n == 0:
                break
            seed, gain = self._permitting(loads)
            if seed < 0:
                self._strike()
                return -1, row, words, 1
            if gain > best:
                best, owner, row = gain, seed, self.work.row.copy()
        self.loads[owner] += 1
        hidden = self.hidden[owner]
        closed = close_row(self.table, row, self.work.at, hidden)
        return owner, np.where(hidden, WITHHELD, row), words, closed

    def _permitting(self, loads: Whole) -> tuple[int, int]:
        """A seed with the fewest rows that permits the tuple, and its row's gain; -1 where none does."""
        seeds = len(self.loads)
        begin = random_below(self.work.state, seeds)
        for load in loads:
            i = -1
            while (
                i := _next(self.domains, self.hidden, self.loads, load, begin, i + 1, self.dims, self.codes)
            ) < seeds:
                seed = (begin + i) % seeds
                gain = self._offer(self.domains[seed], self.hidden[seed])
                if gain >= 0:
                    return seed, gain
        return -1, -1

    def _offer(self, domains: Bits, hidden: Flags) -> int:
        return int(offer(self.rules, self.table, self.work, domains, hidden, self.dims, self.codes))

    def _strike(self) -> None:
        if self._offer(self.start, self.nothing) >= 0:
            self.unpermitted.append(tuple(zip(self.dims.tolist(), self.codes.tolist(), strict=True)))
        close_tuple(self.table, self.dims, self.codes)


@njit(cache=True)
def _next(domains: Any, hidden: Any, loads: Whole, load: int, begin: int, i: int, dims: Whole, codes: Whole) -> int:
    """The first seed from begin + i on, round and round, that has so many rows and shows the tuple's codes."""
    while i < loads.size:
        seed = (begin + i) % loads.size
        permits = loads[seed] == load
        for j in range(dims.size):
            word = domains[seed, dims[j], codes[j] >> 6]
            permits = permits and not hidden[seed, dims[j]] and (word >> np.uint64(codes[j] & 63)) & ONE
        if permits:
            break
        i += 1
    return i
