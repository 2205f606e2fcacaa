"""The law of many seeds together under tilts: how much mass each block of a target's values has, seed by seed.

Only buckets that tilts reach (those of tilted dimensions, and all above them) change with the tilts. What hangs below
them is eliminated once, exactly, and comes out of the space's memory. Seeds that leave the same dimensions free go
through the rest together: sums upward to the top of the tree, then down the one path to where a target's tilt stands.
Tables are 64-bit reals for fitting and Python's whole numbers for the exact evaluation; the code is the same.

A target's values are split into blocks; a tilt has one weight a block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from persona_forge.core.errors import OntologyError
from persona_forge.space.compile import Dead, Space
from persona_forge.space.factors import Table, product, slice_at
from persona_forge.space.model import LANGUAGE

AT_ONCE = 1 << 19
"""Cells of the largest table that a batch of seeds is cut to."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of seeds that say the same: what a law depends on, and how many rows it is to give."""

    language: str
    pins: Mapping[str, str]
    withheld: frozenset[str]
    rows: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """A target as the tables see it."""

    variables: tuple[int, ...]
    """Sorted."""
    label: Table
    """An axis a variable: the block of each combination of values."""
    number: int
    language: int | None
    """The code of the language it speaks of, or all."""

    def renumbered(self, number: Mapping[int, int]) -> Blocks:
        """The same where variables have other numbers."""
        fresh = [number[v] for v in self.variables]
        order = sorted(range(len(fresh)), key=fresh.__getitem__)
        return Blocks(tuple(sorted(fresh)), self.label.transpose(order), self.number, self.language)


@dataclass(frozen=True, slots=True)
class Part:
    """A factor as many seeds see it: different tables, and which of them each seed has."""

    scope: tuple[int, ...]
    tables: Table
    which: Table


@dataclass(frozen=True, slots=True)
class Batch:
    """Seeds of one language that leave the same of the reached variables free."""

    language: int
    free: tuple[int, ...]
    codes: Table
    """[seed, variable]: the pinned value, -1 where it is free."""
    rows: Table
    """[seed, target]: how many of its rows show the target's dimensions; 0 where it speaks of another language."""
    parts: Mapping[int, tuple[Part, ...]]
    """By the last variable of their scope."""


def batches(space: Space, population: Sequence[Group], targets: Sequence[Blocks], exact: bool) -> Iterator[Batch]:
    """The population in batches, one tree of dimensions at a time; rows that no target speaks of are left out."""
    for root in space.below[0]:
        tree = _subtree(space, root)
        mine = [t for t, target in enumerate(targets) if target.variables[0] in tree]
        reached = _reached(space, tree, [targets[t].variables for t in mine])
        groups: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0] * len(targets))
        for group in population if mine else ():
            evidence = space.evidence(group.language, group.pins)
            hidden = {space.number[name] for name in group.withheld}
            seen = {0, *space.seen[root]}
            key = tuple(code if v in seen else -1 for v, code in enumerate(evidence))
            shown = [t for t in mine if _speaks(targets[t], evidence[0]) and not hidden & set(targets[t].variables)]
            for t in shown:
                groups[key][t] += group.rows
        alike: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = defaultdict(list)
        for key, rows in sorted(groups.items()):
            if any(rows):
                alike[key[0], tuple(v for v in reached if key[v] < 0)].append(key)
        for (language, free), keys in sorted(alike.items()):
            widest = max((prod(space.cards[u] for u in {v, *space.sent[v]} & set(free)) for v in free), default=1)
            step = max(AT_ONCE // widest, 1)
            for first in range(0, len(keys), step):
                some = keys[first : first + step]
                parts = _parts(space, some, reached, free, exact)
                counted = np.array([groups[key] for key in some], object if exact else np.float64)
                yield Batch(language, free, np.array(some, np.int64), counted, parts)


def _speaks(target: Blocks, language: int) -> bool:
    return target.language in (None, language)


def _subtree(space: Space, root: int) -> set[int]:
    return {root}.union(*(_subtree(space, v) for v in space.below[root]))


def _reached(space: Space, tree: set[int], scopes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The variables of the tilts, and every one above them."""
    reached = {v for scope in scopes for v in scope}
    for v in sorted(tree, reverse=True):  # those above have lower numbers
        if any(u in reached for u in space.below[v]):
            reached.add(v)
    return tuple(sorted(reached))


def _parts(
    space: Space, keys: Sequence[tuple[int, ...]], reached: Sequence[int], free: Sequence[int], exact: bool
) -> dict[int, tuple[Part, ...]]:
    """What is not tilted, as the seeds of a batch see it: own factors, and messages of all that hangs below."""
    parts: dict[int, list[Part]] = defaultdict(list)
    for v in reached:
        for own in space.own["law"][v]:
            scope = tuple(u for u in own.scope if u in free)
            seen = [tuple(key[u] for u in own.scope) for key in keys]
            made = {at: slice_at(own, key).table for at, key in zip(seen, keys, strict=True)}
            if not scope and not all(table.all() for table in made.values()):
                raise _nothing(space, next(k for k, at in zip(keys, seen, strict=True) if not made[at].all()))
            _add(parts, scope, made, seen, exact)
        for below in space.below[v]:
            if below not in reached:
                scope = tuple(u for u in space.sent[below] if u in free)
                seen = [tuple(key[u] for u in space.seen[below]) for key in keys]
                made = {}
                for at, key in zip(seen, keys, strict=True):
                    if at not in made:
                        made[at] = _message(space, key, below, scope)
                _add(parts, scope, made, seen, exact)
    return {v: tuple(some) for v, some in parts.items()}


def _message(space: Space, key: tuple[int, ...], below: int, scope: tuple[int, ...]) -> Table:
    """All that a bucket says upward, over the whole of what it may speak of."""
    bucket = space.solve("law", key, below)
    if not bucket.mass:
        raise _nothing(space, key)
    message = product(bucket.out, space.cards)
    shape = [space.cards[v] if v in message.scope else 1 for v in scope]
    return np.broadcast_to(message.table.reshape(shape), tuple(space.cards[v] for v in scope))


def _nothing(space: Space, key: Sequence[int]) -> OntologyError:
    pins = {space.variables[v]: space.values[space.variables[v]][code] for v, code in enumerate(key) if code >= 0}
    language = pins.pop(LANGUAGE)
    law = space.given(pins, (), language)
    reasons = law.reasons if isinstance(law, Dead) else ()
    return OntologyError(
        f"{space.ontology.where}: no row can have {pins} in {language}: {'; '.join(reasons)}",
        todo="leave seeds that can have no row out of the population",
    )


def _add(
    parts: dict[int, list[Part]], scope: tuple[int, ...], made: Mapping[tuple[int, ...], Table],
    seen: Sequence[tuple[int, ...]], exact: bool,
) -> None:  # fmt: skip
    if not scope:
        return
    place = {at: i for i, at in enumerate(made)}
    tables = [table.astype(object) if exact else _real(table) for table in made.values()]
    parts[scope[-1]].append(Part(scope, np.array(tables), np.array([place[at] for at in seen])))


def _real(table: Table) -> Table:
    """In proportion, the largest entry 1; whole numbers of any size are divided with one rounding."""
    return np.asarray(table / max(table.max(), 1)).astype(np.float64)


def masses(
    space: Space, batch: Batch, targets: Sequence[Blocks], weights: Sequence[Table], wanted: Sequence[int]
) -> Iterator[tuple[int, Table, Table]]:
    """For each target wanted: the mass of its blocks in each seed, [seed, block], and of everything, [seed].

    `weights` has one weight a block for each target; a tilt works where its language is spoken, shown or not.
    """
    steps, seeds = _upward(space, batch, targets, weights), len(batch.codes)
    for t in wanted:
        target = targets[t]
        scope = tuple(v for v in target.variables if v in batch.free)
        pinned = [v for v in target.variables if v not in batch.free]
        label = _at(target.label, target.variables, pinned, batch.codes)
        if scope:
            belief, whole = _downward(steps, scope, seeds)
        else:
            belief = whole = np.ones(seeds, weights[t].dtype)
        flat = np.broadcast_to(belief.reshape(len(belief), -1), (seeds, label[0].size))
        result = np.zeros((seeds, target.number), flat.dtype)
        np.add.at(result, (np.arange(seeds)[:, None], label.reshape(len(label), -1)), flat)
        if not whole.all():
            raise _nothing(space, [int(code) for code in batch.codes[np.argmin(whole != 0)]])
        yield t, result, whole


def _at(table: Table, variables: Sequence[int], pinned: Sequence[int], codes: Table) -> Table:
    """A table at each seed's pinned values: [seed or 1, free variables]."""
    if not pinned:
        return table[None]
    front = [variables.index(v) for v in pinned]
    rest = [i for i in range(len(variables)) if i not in front]
    return np.asarray(table.transpose([*front, *rest])[tuple(codes[:, v] for v in pinned)])


@dataclass(frozen=True, slots=True)
class Step:
    """A variable summed out: its factors, aligned over the union of their scopes, and where each came from."""

    scope: tuple[int, ...]
    factors: tuple[tuple[int | None, Table], ...]
    """The variable whose message it is, if it is one."""


def _upward(space: Space, batch: Batch, targets: Sequence[Blocks], weights: Sequence[Table]) -> dict[int, Step]:
    factors: dict[int, list[tuple[int | None, tuple[int, ...], Table]]] = defaultdict(list)
    for v, parts in batch.parts.items():
        for p in parts:
            factors[v].append((None, p.scope, p.tables if len(p.tables) == 1 else p.tables[p.which]))
    for target, weight in zip(targets, weights, strict=True):
        scope = tuple(v for v in target.variables if v in batch.free)
        if scope and _speaks(target, batch.language):
            pinned = [v for v in target.variables if v not in batch.free]
            tilt = _at(weight[target.label], target.variables, pinned, batch.codes)
            factors[scope[-1]].append((None, scope, tilt))
    steps = {}
    for v in reversed(batch.free):
        scope = tuple(sorted({v}.union(*(s for _, s, _ in factors[v]))))
        aligned = []
        for source, s, table in factors[v]:
            shape = [space.cards[u] if u in s else 1 for u in scope]
            aligned.append((source, table.reshape(len(table), *shape)))
        steps[v] = Step(scope, tuple(aligned))
        if len(scope) > 1:
            factors[scope[-2]].append((v, scope[:-1], _times([f for _, f in aligned]).sum(axis=-1)))
    return steps


def _times(factors: Sequence[Table]) -> Table:
    """The product, small tables first."""
    first, *rest = sorted(factors, key=lambda f: f.size)
    for f in rest:
        first = first * f
    return first


def _downward(steps: Mapping[int, Step], scope: tuple[int, ...], seeds: int) -> tuple[Table, Table]:
    """The mass of each combination of the scope's values, [seed, values], and of everything, [seed]."""
    path = [scope[-1]]
    while len(steps[path[-1]].scope) > 1:
        path.append(steps[path[-1]].scope[-2])
    top = _times([f for _, f in steps[path[-1]].factors])
    whole = np.broadcast_to(top.sum(axis=-1), (seeds,))
    outside: Table | None = None
    for v, below in zip(reversed(path), [*reversed(path[:-1]), None], strict=True):
        step = steps[v]
        factors = [f for source, f in step.factors if source != below or below is None]
        if outside is not None:
            factors.append(outside[..., None])
        keep = steps[below].scope[:-1] if below is not None else scope
        around = _times(factors) if factors else np.ones((1,) * (len(step.scope) + 1), np.int64)
        outside = around.sum(axis=tuple(1 + i for i, u in enumerate(step.scope) if u not in keep))
    assert outside is not None
    return outside, whole
