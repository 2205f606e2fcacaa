"""Why a combination of values stands in no row: it cannot be, no seed permits it, or it is a hole.

The ontology becomes clauses for a SAT solver (python-sat): each dimension has exactly one value (a literal a value),
`language` among them; each choice that a relation forbids is one clause, "some dimension has a value outside it", that
holds where the relation's own selector literal does. A combination is assumed together with every selector and, where a
seed is asked, with its pins: the clauses stay, and what the solver learns of one question serves the next.

Where the answer is no, the solver names the assumptions that clash. None of those kept can be spared: the relations
among them are the reason. The values among them are remembered: no combination that holds the same ones is asked about
again, and where one of them is the combination's and the others pins, no seed with these pins is asked for it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import TracebackType
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pysat.solvers import Solver

from persona_forge.dataset.witness import Numbering
from persona_forge.space.ontology import LANGUAGE, LANGUAGES, Ontology

Values = frozenset[int]
"""Numbers of a `Numbering`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Literal["infeasible", "not permitted", "hole"]
    relations: tuple[int, ...] = ()
    """For the infeasible: places in the ontology's relations. Together they leave no persona with the values, or with
    some of them, and none of them can be spared for that."""
    withheld: int = 0
    """For what no seed permits: seeds that withhold one of the dimensions; the pins of all others forbid it."""
    seed_id: str = ""
    """For a hole: a seed that permits it."""


class Seeds:
    """What the seeds of one language say, as tables over values and seeds."""

    def __init__(self, seeds: pl.DataFrame, numbering: Numbering, ontology: Ontology) -> None:
        """`seeds` has seed_id, pins and withheld."""
        self.ids: list[str] = seeds["seed_id"].to_list()
        shape = len(numbering.names), len(self.ids)
        self.pinned = np.zeros(shape, bool)
        self.withheld = np.zeros(shape, bool)
        self.barred = np.zeros(shape, bool)
        """[value, seed]: no row of the seed has the value, as far as is known; at first, where it withholds the
        dimension or pins another value of it."""
        self.pins: list[list[int]] = []
        for s, (pins, withheld) in enumerate(seeds.select("pins", "withheld").iter_rows()):
            self.pins.append([])
            for pin in pins:
                name = pin["dimension"], pin["value"]
                if name not in numbering.number:
                    ontology.check_choice(dict([name]))
                value = numbering.number[name]
                self.pins[s].append(value)
                self.pinned[value, s] = True
                its = numbering.of(pin["dimension"])
                self.barred[its[its != value], s] = True
            for dimension in withheld:
                self.withheld[numbering.of(dimension), s] = True
        self.barred |= self.withheld

    def having(self, values: Iterable[int]) -> npt.NDArray[np.bool_]:
        """The seeds that pin all of these values."""
        return np.asarray(self.pinned[list(values)].all(axis=0))

    def withholding(self, values: Iterable[int]) -> int:
        """How many seeds withhold the dimension of any of these values."""
        return int(self.withheld[list(values)].any(axis=0).sum())


class Court:
    """Judges combinations for one language; holds a solver, so it is used in a `with`."""

    def __init__(self, ontology: Ontology, numbering: Numbering, language: str, seeds: pl.DataFrame) -> None:
        self.seeds = Seeds(seeds, numbering, ontology)
        self._size = len(numbering.names) + len(LANGUAGES)
        self._language = 1 + len(numbering.names) + LANGUAGES.index(language)
        self._relations = [1 + self._size + r for r in range(len(ontology.relations))]
        self._dimensions = [dimension for dimension, _ in numbering.names]
        self._scopes: dict[frozenset[str], list[int]] = {}
        """Dimensions → selectors of the relations that forbid a choice in just these (and the language)."""
        for relation, selector in zip(ontology.relations, self._relations, strict=True):
            for choice in relation.forbids:
                self._scopes.setdefault(frozenset(choice) - {LANGUAGE}, []).append(selector)
        self._solver = Solver("minisat22", bootstrap_with=_clauses(ontology, numbering, self._relations))
        self._reasons: dict[Values, tuple[int, ...]] = {}
        """Values that clash, with the relations by which they do."""

    def __enter__(self) -> Court:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._solver.delete()

    def judge(self, values: Sequence[int]) -> Verdict:
        """The verdict on a combination that no row holds."""
        for size in range(len(values) + 1):
            for part in combinations(values, size):
                if (known := self._reasons.get(frozenset(part))) is not None:
                    return Verdict("infeasible", known)
        if core := self._clash(values, self._relations):
            core = self._plainer(values) or core
            self._reasons[self._values(core)] = relations = self._relations_of(core)
            return Verdict("infeasible", relations)
        seed = self._permitting(values)
        if seed is not None:
            return Verdict("hole", seed_id=self.seeds.ids[seed])
        return Verdict("not permitted", withheld=self.seeds.withholding(values))

    def _permitting(self, values: Sequence[int]) -> int | None:
        """A seed that can have these values in a row."""
        can = ~self.seeds.barred[list(values)].any(axis=0)
        while can.any():
            seed = int(can.argmax())
            core = self._clash([*values, *self.seeds.pins[seed]], self._relations)
            if not core:
                return seed
            clash = self._values(core)
            mine = clash.intersection(values)
            those = self.seeds.having(clash - mine)
            can &= ~those
            if len(mine) == 1:
                self.seeds.barred[list(mine)] |= those
            elif not mine:
                self.seeds.barred[:, those] = True
        return None

    def _plainer(self, values: Sequence[int]) -> list[int]:
        """A clash by one relation that speaks of these dimensions and no other, where there is one."""
        dimensions = {self._dimensions[v] for v in values}
        selectors = [s for scope, its in self._scopes.items() if scope <= dimensions for s in its]
        return next((core for s in selectors if (core := self._clash(values, [s]))), [])

    def _clash(self, values: Sequence[int], relations: Sequence[int]) -> list[int]:
        """Literals that cannot hold together, none of which can be spared; empty where the values are possible."""
        wanted = [1 + v for v in values]
        if self._solver.solve(assumptions=[self._language, *wanted, *relations]):
            return []
        core: list[int] = self._solver.get_core()
        for literal in list(core):
            fewer = [other for other in core if other != literal]
            if not self._solver.solve(assumptions=fewer):
                core = fewer
        return core

    def _values(self, core: list[int]) -> Values:
        return frozenset(literal - 1 for literal in core if literal <= self._size - len(LANGUAGES))

    def _relations_of(self, core: list[int]) -> tuple[int, ...]:
        return tuple(sorted(literal - self._size - 1 for literal in core if literal > self._size))


def _clauses(ontology: Ontology, numbering: Numbering, selectors: Sequence[int]) -> Iterator[list[int]]:
    names = [*numbering.names, *((LANGUAGE, language) for language in LANGUAGES)]
    literal = {name: 1 + i for i, name in enumerate(names)}
    domains = ontology.domains()
    for dimension, values in domains.items():
        its = [literal[dimension, value] for value in values]
        yield its
        yield from ([-a, -b] for a, b in combinations(its, 2))
    for relation, selector in zip(ontology.relations, selectors, strict=True):
        for choice in relation.forbids:
            outside = [literal[d, v] for d, values in choice.items() for v in domains[d] if v not in values]
            yield [-selector, *outside]
