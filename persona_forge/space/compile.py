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

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product as combinations_of
from math import prod
from typing import Literal

import numpy as np

from persona_forge.core.errors import OntologyError
from persona_forge.space.factors import Factor, Table, absorb, factor, product, quantise, slice_at, sum_last
from persona_forge.space.hidden import count_seen
from persona_forge.space.model import LANGUAGE, LANGUAGES, Ontology
from persona_forge.space.reason import explain

UNITS = 1 << 16
"""What the weights of a dimension sum to once they are whole numbers."""
MOST_CELLS = 4_000_000
CACHED_CELLS = 8_000_000

Kind = Literal["law", "count"]
Tilt = tuple[tuple[str, ...], Table]
"""Dimensions, and a table of positive integers over their sorted values: a fitted weight."""


@dataclass(slots=True)
class Bucket:
    """One variable eliminated (or passed by, if it is evidence) with everything below it."""

    table: Factor | None
    """The product before the sum; its last variable is the bucket's own."""
    out: tuple[Factor, ...]
    mass: int
    """What has been divided out of `out`, or has no scope left."""
    below: tuple[Bucket, ...]
    packed: Table | None = None
    """The table as alias tables; `sample` fills it in when rows are first drawn."""


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
        scoped = _masks(ontology, self.values, most_cells), _weights(ontology, self.values, most_cells, tilts)
        scopes = [names for part in scoped for names, _ in part]
        self.variables = (LANGUAGE, *_drawing_order(self.names, scopes, self.values, most_cells))
        self.number = {name: i for i, name in enumerate(self.variables)}
        self.cards = tuple(len(self.values[name]) for name in self.variables)
        masks, weights = ([factor([self.number[n] for n in names], t) for names, t in part] for part in scoped)
        self._own: dict[Kind, list[tuple[Factor, ...]]] = {
            "law": self._by_bucket([*masks, *weights]),
            "count": self._by_bucket(masks),
        }
        self._below, self._seen = self._tree([*masks, *weights])
        self._cache: dict[tuple[Kind, int, tuple[int, ...]], Bucket] = {}
        self._cells = 0

    def _by_bucket(self, factors: Sequence[Factor]) -> list[tuple[Factor, ...]]:
        own: list[list[Factor]] = [[] for _ in self.variables]
        for f in factors:
            own[f.scope[-1]].append(f)
        return [absorb(group, self.cards) for group in own]

    def _tree(self, factors: Sequence[Factor]) -> tuple[list[list[int]], list[tuple[int, ...]]]:
        """For each variable the buckets right below it, and every variable that its subtree mentions."""
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
        return below, [tuple(sorted(s)) for s in seen]

    def evidence(self, language: str, pins: Mapping[str, str]) -> list[int]:
        """The code of each variable, or -1 where it is free."""
        self.ontology.check_choice({**pins, LANGUAGE: language})
        result = [-1] * len(self.variables)
        for name, value in {**pins, LANGUAGE: language}.items():
            result[self.number[name]] = self.values[name].index(value)
        return result

    def solve(self, kind: Kind, evidence: Sequence[int], variable: int = 0) -> Bucket:
        """The bucket of a variable and all below it; variable 0 stands for everything."""
        key = (kind, variable, tuple([evidence[v] for v in self._seen[variable]]))
        if (known := self._cache.get(key)) is not None:
            return known
        below = tuple([self.solve(kind, evidence, v) for v in self._below[variable]])
        factors = [slice_at(f, evidence) for f in self._own[kind][variable]]
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
        bucket = Bucket(table, tuple([f for f in factors if f.scope]), mass, below)
        self._remember(key, bucket)
        return bucket

    def _free(self, variable: int) -> Factor:
        return Factor((variable,), np.ones(self.cards[variable], np.int64), 1)

    def _remember(self, key: tuple[Kind, int, tuple[int, ...]], bucket: Bucket) -> None:
        self._cache[key] = bucket
        self._cells += 64 + (bucket.table.table.size if bucket.table else 0)
        if self._cells > CACHED_CELLS:  # forget the older half
            for old in list(self._cache)[: len(self._cache) // 2]:
                gone = self._cache.pop(old)
                self._cells -= 64 + (gone.table.table.size if gone.table else 0)

    def given(self, pins: Mapping[str, str], withheld: Collection[str], language: str) -> Law | Dead:
        """The law of a seed's rows. A pinned dimension may be withheld too: it binds the others and is not shown."""
        evidence = self.evidence(language, pins)
        for name in withheld:
            self.ontology.dimension(name)
        root = self.solve("law", evidence)
        if not root.mass:
            return Dead(explain(self.ontology, {LANGUAGE: language, **pins}))
        return Law(self, tuple(evidence), frozenset(self.number[name] for name in withheld), root)

    def mass(self, kind: Kind, given: Mapping[str, str]) -> int:
        """The sum over all vectors, both languages unless one is given, of their weight (law) or of 1 (count)."""
        languages = [given[LANGUAGE]] if LANGUAGE in given else LANGUAGES
        pins = {name: value for name, value in given.items() if name != LANGUAGE}
        return sum(self.solve(kind, self.evidence(language, pins)).mass for language in languages)

    def marginal(self, names: Sequence[str], given: Mapping[str, str]) -> dict[tuple[str, ...], Fraction]:
        """The exact joint law of a few dimensions: combinations of values that can be, with their probability."""
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
    root: Bucket

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """What to draw, in order: every visible free variable, and the withheld ones that others depend on."""
        found: list[Bucket] = []
        todo = [self.root]
        while todo:
            bucket = todo.pop()
            todo.extend(bucket.below)
            if bucket.table is not None:
                found.append(bucket)
        wanted: set[int] = set(range(len(self.evidence))) - self.withheld
        result = []
        for bucket in sorted(found, key=lambda b: -_own(b)):
            if _own(bucket) in wanted:
                wanted |= set(_scope(bucket))
                result.append(bucket)
        return tuple(reversed(result))

    @cached_property
    def total(self) -> int:
        """The number of different visible vectors: exact, any size."""
        hidden = self._hidden()
        if not hidden:
            return self.space.solve("count", self.evidence).mass
        return count_seen(self._masks(), hidden, self.evidence, self.space.cards)

    def room(self, wanted: int) -> int:
        """min(wanted, total), without counting exactly where it is plain that there is room."""
        return wanted if self.at_least(wanted) else min(wanted, self.total)

    def at_least(self, number: int) -> bool:
        """Whether there are so many different visible vectors; cheap where there are many more."""
        if "total" not in self.__dict__ and self._hidden() and self._seen_with_one_choice >= number:
            return True
        return self.total >= number

    @cached_property
    def _seen_with_one_choice(self) -> int:
        """The vectors seen under one possible choice of what is withheld: no more than all of them."""
        evidence = list(self.evidence)
        for v in self._hidden():
            masses = []
            for code in range(self.space.cards[v]):
                evidence[v] = code
                masses.append(self.space.solve("count", evidence).mass)
            evidence[v] = masses.index(max(masses))
        return self.space.solve("count", evidence).mass

    def _hidden(self) -> list[int]:
        return sorted(v for v in self.withheld if self.evidence[v] < 0)

    def _masks(self) -> list[Factor]:
        return [slice_at(f, self.evidence) for group in self.space._own["count"] for f in group]


def _own(bucket: Bucket) -> int:
    return _scope(bucket)[-1]


def _scope(bucket: Bucket) -> tuple[int, ...]:
    assert bucket.table is not None
    return bucket.table.scope


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


def _masks(ontology: Ontology, values: Mapping[str, tuple[str, ...]], most: int) -> list[tuple[tuple[str, ...], Table]]:
    """One 0/1 table for each set of dimensions that a relation binds."""
    tables: dict[tuple[str, ...], Table] = {}
    for relation in ontology.relations:
        for choice in relation.forbids:
            names = tuple(sorted(choice))
            if names not in tables:
                tables[names] = np.ones(_shape(names, values, most, relation.where), np.int64)
            tables[names][np.ix_(*([values[n].index(v) for v in choice[n]] for n in names))] = 0
    return sorted(tables.items())


def _weights(
    ontology: Ontology, values: Mapping[str, tuple[str, ...]], most: int, tilts: Sequence[Tilt]
) -> list[tuple[tuple[str, ...], Table]]:
    """One table for each dimension: its weights, given the dimensions that they depend on; then the tilts."""
    result: list[tuple[tuple[str, ...], Table]] = []
    for dimension in ontology.dimensions:
        shown = values[dimension.name]
        weight = {v.name: v.weight for v in dimension.values}
        entries = [w for w in ontology.weights if w.of == dimension.name]
        parents = tuple(sorted({name for w in entries for name in w.given}))
        names = (*parents, dimension.name)
        table = np.empty(_shape(names, values, most, ontology.where), np.int64)
        table[...] = quantise([weight[v] for v in shown], UNITS)
        for w in entries:
            rest = sum((weight[v] for v in shown if v not in w.shares), Fraction(0))
            left = 1 - sum(w.shares.values())
            shares = [w.shares[v] if v in w.shares else left * weight[v] / rest for v in shown]
            at = [[values[n].index(v) for v in w.given.get(n, values[n])] for n in parents]
            table[np.ix_(*at)] = quantise(shares, UNITS)
        result.append((names, table))
    return sorted(result, key=lambda part: part[0][-1]) + sorted(tilts, key=lambda part: part[0])


def _shape(names: Iterable[str], values: Mapping[str, tuple[str, ...]], most: int, where: str) -> list[int]:
    shape = [len(values[n]) for n in names]
    if prod(shape) > most:
        raise OntologyError(
            f"{where}: a table over {', '.join(names)} would have {prod(shape):,} cells",
            allowed=f"{most:,} cells",
            todo="relate fewer dimensions with each other, or merge values",
        )
    return shape


def _drawing_order(
    names: Sequence[str], scopes: Iterable[Iterable[str]], values: Mapping[str, tuple[str, ...]], most: int
) -> tuple[str, ...]:
    """The reverse of an elimination order: always the dimension whose table is the smallest."""
    near: dict[str, set[str]] = {name: set() for name in names}
    for scope in scopes:
        bound = set(scope) - {LANGUAGE}
        for name in bound:
            near[name] |= bound - {name}
    order = []
    while near:
        name = min(near, key=lambda n: (prod(len(values[m]) for m in near[n]) * len(values[n]), n))
        around = near.pop(name)
        _shape(sorted(around | {name}), values, most, "compiling")
        for other in around:
            near[other] |= around - {other}
            near[other].discard(name)
        order.append(name)
    return tuple(reversed(order))
