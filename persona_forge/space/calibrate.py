"""Rakes an ontology's law to target shares: what rows have in the end, over all seeds, with their pins and relations.

Iterative proportional fitting (Deming and Stephan 1940): a weight on each value (or pair of values) that a target
names is multiplied by what is wanted over what there is, target by target, until all hold. What is fitted is the
mixture: every seed's own law, by the rows that it is to give. Rows that have no choice are first taken off both sides,
since no weight moves them. Rows in which a target's dimension is withheld do not count for it. Values that a target
does not name share what is left of 1 in the proportions that the law has anyway.

The weights are then rounded to whole numbers, with as few digits as will do, and the law under these is evaluated
exactly. Nothing is called met that is not: where a target is out of reach, its outcome says what pins and relations
leave, and where targets can be met one by one and not together, the fit says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from persona_forge.space.compile import Space, compile_space
from persona_forge.space.factors import Table
from persona_forge.space.mixture import Blocks, Group, batches, masses
from persona_forge.space.model import LANGUAGE, LANGUAGES
from persona_forge.space.reach import nearest, reach
from persona_forge.space.tabulate import Tilt
from persona_forge.space.targets import Outcome, Share, Target, blocks_of, why_not

TOLERANCE = Fraction(2, 1000)
SWEEPS = 200
STALE = 15
"""Sweeps without progress (of a hundredth) after which it is given up."""
BITS = (10, 14, 18, 22, 26, 30)
"""Of the largest weight; the first that will do are taken, since short numbers sample faster."""
FINE = 128
"""A seed's share is floored at 2^-128: the sum over seeds is exact to so much a seed."""
LEAST_WEIGHT = 2.0**-30
STEP = 1024.0
"""What a weight is multiplied with, or divided by, at once and at the most."""


@dataclass(frozen=True, slots=True)
class Fit:
    tilts: tuple[Tilt, ...]
    """For `compile_space`; one a target, in their order."""
    outcomes: tuple[Outcome, ...]
    conflicts: tuple[tuple[int, ...], ...]
    """Targets, by place, that were not met together, though any one of them less would have been."""
    sweeps: int

    @property
    def converged(self) -> bool:
        return all(outcome.met for outcome in self.outcomes)


def fit(
    space: Space,
    population: Sequence[Group],
    targets: Sequence[Target],
    *,
    tolerance: Fraction = TOLERANCE,
    sweeps: int = SWEEPS,
) -> Fit:
    """Tilts under which the population's rows have the shares wanted, or what was found nearest to them.

    Rows that are laid already (a cover) count if they stand in the population, as a group whose pins are their values.
    Raises ConfigError for a target that makes no sense, OntologyError for a group that can have no row.
    """
    raking = _Raking(space, population, targets, tolerance)
    everything = range(len(targets))
    weights, done = raking.sweep(everything, sweeps)
    whole = raking.rounded(weights)
    outcomes = raking.outcomes(whole)
    conflicts = raking.conflicts(outcomes, sweeps)
    tilts = [raking.tilt(target, blocks, w) for target, blocks, w in zip(targets, raking.blocks, whole, strict=True)]
    return Fit(tuple(tilts), outcomes, conflicts, done)


class _Raking:
    def __init__(
        self, space: Space, population: Sequence[Group], targets: Sequence[Target], tolerance: Fraction
    ) -> None:
        self.population, self.targets, self.tolerance = population, targets, tolerance
        made = [blocks_of(space, target) for target in targets]
        pairs = {tuple(sorted(t.names)) for t in targets if len(t.names) > 1}
        flat = [(names, np.ones([len(space.values[n]) for n in names], np.int64)) for names in sorted(pairs)]
        self.space = compile_space(space.ontology, flat) if pairs else space
        number = {space.number[name]: self.space.number[name] for name in space.variables}
        self.blocks = [b.renumbered(number) for b, _ in made]
        self.wanted = [wanted for _, wanted in made]
        self.goals = [np.array([float(w) for w in wanted]) for wanted in self.wanted]
        self.batches = list(batches(self.space, population, self.blocks, exact=False))
        self.of_target = [[b for b in self.batches if b.rows[:, t].any()] for t in range(len(targets))]
        self.reach = [reach(self._supports(t), b.number) for t, b in enumerate(self.blocks)]
        self.out = [float(r.below(w)) for r, w in zip(self.reach, self.wanted, strict=True)]

    def even(self) -> list[Table]:
        return [np.ones(b.number) for b in self.blocks]

    def _supports(self, t: int) -> Counter[tuple[int, ...]]:
        found: Counter[tuple[int, ...]] = Counter()
        for batch in self.of_target[t]:
            for _, mass, _ in masses(self.space, batch, self.blocks, self.even(), [t]):
                _count(found, mass, batch.rows[:, t])
        return found

    # Fitting ----------------------------------------------------------------------------------------------------------

    def shares(self, t: int, weights: Sequence[Table]) -> Table:
        """Of a target's blocks, over the rows that count."""
        total = np.zeros(self.blocks[t].number)
        for batch in self.of_target[t]:
            for _, mass, whole in masses(self.space, batch, self.blocks, weights, [t]):
                total += (mass * (batch.rows[:, t] / whole)[:, None]).sum(axis=0)
        return np.asarray(total / max(self.reach[t].rows, 1))

    def gap(self, t: int, shares: Table) -> float:
        return float(abs(shares - self.goals[t]).sum()) / 2

    def sweep(self, which: Sequence[int], most: int) -> tuple[list[Table], int]:
        """Weights after so many sweeps over some of the targets, or fewer if they hold or nothing moves any more."""
        weights, best, stale, n = self.even(), np.inf, 0, 0
        while n < most and stale < STALE and best > float(self.tolerance) / 16:
            n, worst = n + 1, 0.0
            for t in which:
                shares = self.shares(t, weights)
                worst = max(worst, self.gap(t, shares) - self.out[t])
                weights[t] = self._raked(t, weights[t], shares)
            best, stale = (worst, 0) if worst < 0.99 * best else (best, stale + 1)
        return weights, n

    def _raked(self, t: int, weight: Table, shares: Table) -> Table:
        have = self.reach[t]
        least = np.array(have.least, np.float64) / max(have.rows, 1)
        movable = shares - least
        ratio = np.maximum(self.goals[t] - least, 0) / np.maximum(movable, 1e-15)
        ratio = np.where(movable > 1e-15, np.clip(ratio, 1 / STEP, STEP), 1.0)
        weight = weight * ratio
        top = weight[np.array(have.most) > 0].max(initial=LEAST_WEIGHT)
        return np.asarray(np.clip(weight / top, LEAST_WEIGHT, 1.0))

    def rounded(self, weights: Sequence[Table]) -> list[Table]:
        """Whole weights that do as well, or nearly."""
        ideal = [self.gap(t, self.shares(t, weights)) for t in range(len(weights))]
        slack = float(self.tolerance) / 8
        whole: list[Table] = []
        for bits in BITS:
            whole = [np.maximum(np.rint(w * 2.0**bits), 1.0) for w in weights]
            if all(self.gap(t, self.shares(t, whole)) <= gap + slack for t, gap in enumerate(ideal)):
                break
        return [np.array([int(w) for w in some], object) for some in whole]

    def tilt(self, target: Target, blocks: Blocks, weight: Table) -> Tilt:
        names = tuple(self.space.variables[v] for v in blocks.variables)
        table = weight[blocks.label].astype(np.int64)
        if blocks.language is None:
            return names, table
        both = np.ones((len(LANGUAGES), *table.shape), np.int64)
        both[blocks.language] = table
        return (LANGUAGE, *names), both

    # Judging ----------------------------------------------------------------------------------------------------------

    def outcomes(self, weights: Sequence[Table]) -> tuple[Outcome, ...]:
        """The law under whole weights, in whole numbers."""
        got = [np.zeros(b.number, object) for b in self.blocks]
        supports: list[Counter[tuple[int, ...]]] = [Counter() for _ in self.blocks]
        for batch in batches(self.space, self.population, self.blocks, exact=True):
            wanted = [t for t in range(len(self.blocks)) if batch.rows[:, t].any()]
            for t, mass, whole in masses(self.space, batch, self.blocks, weights, wanted):
                fine = (mass << FINE) // whole[:, None]
                got[t] += (fine * batch.rows[:, t][:, None]).sum(axis=0)
                _count(supports[t], mass, batch.rows[:, t])
        return tuple(self._outcome(t, got[t], supports[t]) for t in range(len(got)))

    def _outcome(self, t: int, got: Table, supports: Counter[tuple[int, ...]]) -> Outcome:
        target, wanted, bounds = self.targets[t], self.wanted[t], reach(supports, self.blocks[t].number)
        spoken = [g for g in self.population if target.language in (None, g.language)]
        shown = [g for g in spoken if not g.withheld & set(target.names)]
        rows = max(bounds.rows, 1)
        shares = []
        for b, values in enumerate(target.named(self.blocks[t].number)):
            least, most = Fraction(bounds.least[b], rows), Fraction(bounds.most[b], rows)
            why = why_not(self.space.ontology, shown, target, values, wanted[b], least, most)
            shares.append(Share(values, wanted[b], Fraction(got[b], rows << FINE), least, most, why))
        withheld = sum(g.rows for g in spoken) - bounds.rows
        result = Outcome(target, bounds.rows, withheld, tuple(shares), Fraction(0), True)
        if bounds.rows and result.distance <= self.tolerance:
            return result
        return Outcome(target, bounds.rows, withheld, tuple(shares), nearest(supports, wanted), False)

    def conflicts(self, outcomes: Sequence[Outcome], sweeps: int) -> tuple[tuple[int, ...], ...]:
        """Sets of targets that do not go together, and do with any one left out; none twice in two sets."""
        floor = [float(o.nearest + self.tolerance) for o in outcomes]

        def fails(which: Collection[int]) -> bool:
            some = sorted(which)
            weights, _ = self.sweep(some, sweeps)
            return any(self.gap(t, self.shares(t, weights)) > floor[t] for t in some)

        left, found = set(range(len(outcomes))), []
        missed = any(o.distance > o.nearest + self.tolerance for o in outcomes)
        while missed:
            needed = set(left)
            for t in sorted(left):
                if fails(needed - {t}):
                    needed.discard(t)
            found.append(tuple(sorted(needed)))
            left -= needed
            missed = fails(left)
        return tuple(found)


def _count(found: Counter[tuple[int, ...]], mass: Table, rows: Table) -> None:
    """Adds each seed's rows to the set of blocks that it may fall into."""
    for possible, number in zip(mass > 0, rows, strict=True):
        if number:
            found[tuple(int(b) for b in np.flatnonzero(possible))] += int(number)
