"""Bucket elimination (Dechter 1999): exact laws and exact counts over an ontology, given what a seed says.

Factors are weights and 0/1 masks. Eliminating a dimension multiplies the factors that mention it and sums it out; the
product before the sum, read for one choice of the other dimensions in it, is in proportion to P(dimension | those),
with all that lies ahead already weighed in. Drawing in the reverse order then has exactly the law of rejection
sampling: P(vector) in proportion to the product of its weights, over the vectors that no relation forbids. With masks
alone the sum is the number of vectors. Everything is an exact integer.

Evidence (pins, language) slices the factors; what is left is eliminated in one order that never changes, and each
bucket is remembered by the evidence that its subtree can see, so that seeds share most of the work. A withheld
dimension is eliminated like any other, and never shown.

Variables are numbered in drawing order: 0 is the language (always evidence), the last is eliminated first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product as combinations_of
from math import prod
from typing import Literal

import numpy as np

from persona_forge.core.errors import OntologyError
from persona_forge.space.factors import Factor, Table, absorb, factor, product, slice_at, sum_last
from persona_forge.space.hidden import count_seen
from persona_forge.space.model import LANGUAGE, LANGUAGES, Ontology, unknown
from persona_forge.space.reason import explain
from persona_forge.space.tabulate import Tilt, drawing_order, masks_of, weights_of

MOST_CELLS = 4_000_000
CACHED = 6_000_000
"""How much is remembered, in units of about 8 bytes."""

Kind = Literal["law", "count"]
Key = tuple[Kind, int, tuple[int, ...]]
"""Of what, from which variable down, under which evidence."""


@dataclass
class Bucket:
    """One variable eliminated (or passed by, if it is evidence) with everything below it."""

    variable: int
    table: Factor | None
    """The product before the sum; its last variable is the bucket's own."""
    out: tuple[Factor, ...]
    mass: int
    """What has been divided out of `out`, or has no scope left."""
    line: tuple[Bucket, ...]
    """The buckets below that are to be drawn, each after all that it depends on."""
    packed: Table | None = None
    """The table as alias tables; `alias` fills it in when rows are first drawn."""
    step: tuple[int, ...] = ()
    """The axes of the table among the rows of codes; `tiles` fills it in."""

    @cached_property
    def least(self) -> int:
        """The fewest values that any possible choice of the other dimensions leaves."""
        assert self.table is not None
        open_values = np.count_nonzero(self.table.table, axis=-1)
        return int(np.min(open_values, initial=self.table.table.shape[-1], where=open_values > 0))

    @property
    def size(self) -> int:
        """Roughly, in units of 8 bytes."""
        table = self.table.table if self.table else np.empty(0)
        return 256 + table.size * (8 if table.dtype == object else 2)


@dataclass(frozen=True, slots=True)
class Dead:
    """A seed that nothing can satisfy, and why, in words."""

    reasons: tuple[str, ...]


class Space:
    """A compiled ontology. `names` and `values` are sorted: they are what codes in drawn rows stand for."""

    def __init__(self, ontology: Ontology, tilts: Sequence[Tilt], most_cells: int) -> None:
        self.ontology = ontology
        self.values = {name: tuple(sorted(values)) for name, values in sorted(ontology.domains().items())}
        self.names = tuple(name for name in self.values if name != LANGUAGE)
        scoped = masks_of(ontology, self.values, most_cells), weights_of(ontology, self.values, most_cells, tilts)
        scopes = [names for part in scoped for names, _ in part]
        self.variables = (LANGUAGE, *drawing_order(self.names, scopes, self.values, most_cells))
        self.number = {name: i for i, name in enumerate(self.variables)}
        self.row = tuple(self.names.index(name) if name != LANGUAGE else -1 for name in self.variables)
        """Variable → its row in drawn codes, which follow `names`."""
        self._codes = {name: {v: i for i, v in enumerate(values)} for name, values in self.values.items()}
        self.cards = tuple(len(self.values[name]) for name in self.variables)
        masks, weights = ([factor([self.number[n] for n in names], t) for names, t in part] for part in scoped)
        self.own: dict[Kind, list[tuple[Factor, ...]]] = {
            "law": self._by_bucket([*masks, *weights]),
            "count": self._by_bucket(masks),
        }
        """By variable, the factors of which it is the last."""
        self.below, self.seen, self.sent = self._tree([*masks, *weights])
        """By variable: the buckets right below it, all that its subtree mentions, and what its message speaks of."""
        self._fresh: dict[Key, Bucket] = {}
        self._stale: dict[Key, Bucket] = {}
        self._held = 0
        self.id_constants: tuple[Table, Table] | None = None
        """What `sample` adds up to ids; it fills this in."""

    def _by_bucket(self, factors: Sequence[Factor]) -> list[tuple[Factor, ...]]:
        own: list[list[Factor]] = [[] for _ in self.variables]
        for f in factors:
            own[f.scope[-1]].append(f)
        return [absorb(group, self.cards) for group in own]

    def _tree(self, factors: Sequence[Factor]) -> tuple[list[list[int]], list[tuple[int, ...]], list[tuple[int, ...]]]:
        scope: list[set[int]] = [{v} for v in range(len(self.variables))]
        for f in factors:
            scope[f.scope[-1]] |= set(f.scope)
        below: list[list[int]] = [[] for _ in self.variables]
        seen = [set(s) for s in scope]
        for v in range(len(self.variables) - 1, 0, -1):
            parent = max(scope[v] - {v}, default=0)
            below[parent].append(v)
            scope[parent] |= scope[v] - {v}
            seen[parent] |= seen[v]
        sent = [tuple(sorted(s - {v})) for v, s in enumerate(scope)]
        return below, [tuple(sorted(s)) for s in seen], sent

    def evidence(self, language: str, pins: Mapping[str, str]) -> list[int]:
        """The code of each variable, or -1 where it is free."""
        result = [-1] * len(self.variables)
        chosen = {**pins, LANGUAGE: language}
        try:
            for name, value in chosen.items():
                result[self.number[name]] = self._codes[name][value]
        except KeyError:
            self.ontology.check_choice(chosen)  # says which name is wrong, and what is near
            raise
        return result

    def solve(self, kind: Kind, evidence: Sequence[int], variable: int = 0) -> Bucket:
        """The bucket of a variable and all below it; variable 0 stands for everything."""
        key = (kind, variable, tuple([evidence[v] for v in self.seen[variable]]))
        if (known := self._fresh.get(key)) is not None:
            return known
        if (known := self._stale.get(key)) is not None:
            return self._remember(key, known)
        below = tuple([self.solve(kind, evidence, v) for v in self.below[variable]])
        factors = [slice_at(f, evidence) for f in self.own[kind][variable]]
        factors += [f for bucket in below for f in bucket.out]
        mass = prod(bucket.mass for bucket in below)
        table = None
        if variable and evidence[variable] < 0:
            mine = [f for f in factors if f.scope and f.scope[-1] == variable]
            table = product([*mine, self._free(variable)], self.cards) if not mine else product(mine, self.cards)
            message, divisor = sum_last(table)
            factors = [f for f in factors if not f.scope or f.scope[-1] != variable] + [message]
            mass *= divisor
        for f in factors:
            if not f.scope:
                mass *= int(f.table[()])
        line = tuple([b for bucket in below for b in ((bucket, *bucket.line) if bucket.table else bucket.line)])
        return self._remember(key, Bucket(variable, table, tuple([f for f in factors if f.scope]), mass, line))

    def _free(self, variable: int) -> Factor:
        return Factor((variable,), np.ones(self.cards[variable], np.int64), 1)

    def _remember(self, key: Key, bucket: Bucket) -> Bucket:
        """What was not asked for while a whole generation was made is forgotten."""
        self._fresh[key] = bucket
        self._held += bucket.size
        if self._held > CACHED // 2:
            self._stale, self._fresh, self._held = self._fresh, {}, 0
        return bucket

    def given(self, pins: Mapping[str, str], withheld: Collection[str], language: str) -> Law | Dead:
        """The law of a seed's rows. A pinned dimension may be withheld too: it binds the others and is not shown."""
        evidence = self.evidence(language, pins)
        if wrong := sorted(set(withheld) - set(self.names)):
            raise unknown(self.ontology.where, "dimension", wrong[0], self.names)
        if not self.solve("law", evidence).mass:
            return Dead(explain(self.ontology, {LANGUAGE: language, **pins}))
        return Law(self, tuple(evidence), frozenset(self.number[name] for name in withheld))

    def masks(self, evidence: Sequence[int]) -> list[Factor]:
        """The relations alone, as 0/1 factors sliced by the evidence."""
        return [slice_at(f, evidence) for group in self.own["count"] for f in group]

    def mass(self, kind: Kind, given: Mapping[str, str]) -> int:
        """The sum over all vectors, both languages unless one is given, of their weight (law) or of 1 (count)."""
        languages = [given[LANGUAGE]] if LANGUAGE in given else LANGUAGES
        pins = {name: value for name, value in given.items() if name != LANGUAGE}
        return sum(self.solve(kind, self.evidence(language, pins)).mass for language in languages)

    def marginal(self, names: Sequence[str], pins: Mapping[str, str], language: str) -> dict[tuple[str, ...], Fraction]:
        """The exact joint law of a few dimensions: combinations of values that can be, with their probability."""
        given = {**pins, LANGUAGE: language}
        whole = self.mass("law", given)
        result = {}
        for values in combinations_of(*(self.values[name] for name in names)):
            chosen = dict(zip(names, values, strict=True))
            if all(given.get(name, value) == value for name, value in chosen.items()):
                part = self.mass("law", {**given, **chosen})
                if part:
                    result[values] = Fraction(part, whole)
        return result


@dataclass(frozen=True)
class Law:
    """How the rows of one seed are drawn, and how many different ones there are."""

    space: Space
    evidence: tuple[int, ...]
    withheld: frozenset[int]

    def buckets(self) -> tuple[Bucket, ...]:
        """What to draw, in order: every visible free variable, and the withheld ones that others depend on."""
        line = self.space.solve("law", self.evidence).line
        if not self.withheld:
            return line
        wanted, result = set(range(len(self.evidence))) - self.withheld, []
        for bucket in reversed(line):
            if bucket.variable in wanted and bucket.table:
                wanted |= set(bucket.table.scope)
                result.append(bucket)
        return tuple(reversed(result))

    @cached_property
    def total(self) -> int:
        """The number of different visible vectors: exact, any size."""
        hidden = self._hidden()
        if not hidden:
            return self.space.solve("count", self.evidence).mass
        return count_seen(
            self.space.masks(self.evidence), hidden, self.evidence, self.space.cards, self.space.variables
        )

    def room(self, wanted: int) -> int:
        """min(wanted, total), without counting exactly where it is plain that there is room."""
        return wanted if self.at_least(wanted) else min(wanted, self.total)

    def at_least(self, number: int) -> bool:
        """Whether there are so many different visible vectors; cheap where there are many more."""
        return self._surely >= number or self.total >= number

    @cached_property
    def _surely(self) -> int:
        """However a row goes, each visible dimension is left with some number of choices: the product of the least."""
        return prod(bucket.least for bucket in self.buckets() if bucket.variable not in self.withheld)

    def _hidden(self) -> list[int]:
        return sorted(v for v in self.withheld if self.evidence[v] < 0)


def compile_space(ontology: Ontology, tilts: Sequence[Tilt] = (), most_cells: int = MOST_CELLS) -> Space:
    """Raises OntologyError if a table passes `most_cells`, or if nothing at all is possible."""
    space = Space(ontology, tilts, most_cells)
    if not space.mass("count", {}):
        raise OntologyError(
            f"{ontology.where}: the relations leave nothing possible", todo="; ".join(explain(ontology, {}))
        )
    return space


def count(ontology: Ontology, given: Mapping[str, str] | None = None) -> int:
    """The exact number of valid vectors, those of each language counted, unless `given` names a language."""
    return Space(ontology, (), MOST_CELLS).mass("count", given or {})
