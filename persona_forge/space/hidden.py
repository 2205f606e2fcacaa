"""How many different vectors can be seen when some dimensions are withheld.

A vector is seen if some choice of the withheld values goes with it. Where a withheld dimension has few neighbours it is
eliminated by "or". One that binds many (an age band, say) would need too large a table; there the choices are united by
inclusion and exclusion instead: every set of choices stands for what all of them allow, with a sign, and sets that
allow the same are merged as they come, which leaves few.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations_of
from math import prod

import numpy as np

from persona_forge.core.errors import OntologyError
from persona_forge.space.factors import Factor, Table, factor, product, sum_last

OR_CELLS = 1 << 18
MOST_SETS = 4096
MOST_CHOICES = 1 << 14


def count_seen(
    masks: Sequence[Factor],
    hidden: Sequence[int],
    evidence: Sequence[int],
    cards: Sequence[int],
    names: Sequence[str],
    or_cells: int = OR_CELLS,
) -> int:
    """`masks` are 0/1 factors already sliced by the evidence; `hidden` the free variables that are not shown.

    Raises OntologyError, naming them, where withheld dimensions bind one another in too many ways.
    """
    factors, left = _or_out(list(masks), list(hidden), cards, or_cells)
    sizes = dict(enumerate(cards))
    while left:
        group = _joined(factors, left)
        left = [v for v in left if v not in group]
        sign = len(sizes)  # a new variable: which set of choices
        try:
            factors = _united(factors, group, sign, sizes)
        except _TooMany as error:
            raise OntologyError(
                f"what is seen without {', '.join(names[v] for v in group)} can't be counted: too many cases",
                todo="pin one of these dimensions, or withhold fewer",
            ) from error
    free = [v for v in range(1, len(cards)) if evidence[v] < 0 and v not in hidden]
    return _summed(factors, [*free, *range(len(cards), len(sizes))], sizes)


def _or_out(
    factors: list[Factor], hidden: list[int], cards: Sequence[int], most: int
) -> tuple[list[Factor], list[int]]:
    """Eliminates by "or", smallest table first, while tables stay small; returns what is left."""
    left = set(hidden)

    def cells(v: int) -> int:
        return prod(cards[u] for u in {v}.union(*(f.scope for f in factors if v in f.scope)))

    while left and cells(v := min(left, key=lambda v: (cells(v), v))) <= most:
        mine = [f for f in factors if v in f.scope]
        factors = [f for f in factors if v not in f.scope]
        left.discard(v)
        if mine:
            both = product(mine, cards)
            table = np.asarray(both.table.any(axis=both.scope.index(v))).astype(np.int64)
            factors.append(factor([u for u in both.scope if u != v], table))
    return factors, sorted(left)


def _joined(factors: Sequence[Factor], left: Sequence[int]) -> list[int]:
    """The first of the withheld variables with all that factors tie to it."""
    group, grown = {left[0]}, True
    while grown:
        near = {v for f in factors if group & set(f.scope) for v in f.scope if v in left}
        grown, group = not near <= group, group | near
    return sorted(group)


def _united(factors: list[Factor], group: list[int], sign: int, sizes: dict[int, int]) -> list[Factor]:
    """Factors in which the group's choices are united: a variable `sign` runs over sets of choices."""
    mine = [f for f in factors if set(group) & set(f.scope)]
    rest = [f for f in factors if not set(group) & set(f.scope)]
    if prod(sizes[v] for v in group) > MOST_CHOICES:
        raise _TooMany
    outer = [tuple(v for v in f.scope if v not in group) for f in mine]
    allowed = set()
    for codes in combinations_of(*(range(sizes[v]) for v in group)):
        at = dict(zip(group, codes, strict=True))
        tables = [np.asarray(f.table[tuple(at.get(v, slice(None)) for v in f.scope)]) for f in mine]
        if all(t.any() for t in tables):
            allowed.add(tuple(t.astype(bool).tobytes() for t in tables))
    terms = _terms(_largest(allowed))
    sizes[sign] = len(terms)
    shapes = [[sizes[v] for v in scope] for scope in outer]
    result = [factor((sign,), np.array(list(terms.values()), object).reshape(len(terms)))]
    for i, (scope, shape) in enumerate(zip(outer, shapes, strict=True)):
        rows = [np.frombuffer(term[i], bool).reshape(shape) for term in terms]
        table: Table = np.array(rows, np.int64).reshape([len(terms), *shape])
        result.append(factor((sign, *scope), table))
    return rest + result


Allowed = tuple[bytes, ...]


class _TooMany(Exception):
    """More choices, or sets of them, than the limits above."""


def _and(a: Allowed, b: Allowed) -> Allowed:
    pairs = zip(a, b, strict=True)
    return tuple((np.frombuffer(x, np.uint8) & np.frombuffer(y, np.uint8)).tobytes() for x, y in pairs)


def _largest(allowed: set[Allowed]) -> list[Allowed]:
    """Without those that allow nothing which another does not."""
    ordered = sorted(allowed, key=lambda a: (-sum(map(sum, a)), a))
    kept: list[Allowed] = []
    for one in ordered:
        if not any(_and(one, other) == one for other in kept):
            kept.append(one)
    return kept


def _terms(allowed: Sequence[Allowed]) -> dict[Allowed, int]:
    """Inclusion and exclusion: what is allowed by all of a set, and how often it counts."""
    terms: dict[Allowed, int] = {}
    for one in allowed:
        fresh = {one: 1}
        for term, times in terms.items():
            both = _and(term, one)
            if all(any(part) for part in both):
                fresh[both] = fresh.get(both, 0) - times
        for term, times in fresh.items():
            terms[term] = terms.get(term, 0) + times
        terms = {term: times for term, times in terms.items() if times}
        if len(terms) > MOST_SETS:
            raise _TooMany
    return terms


def _summed(factors: list[Factor], free: list[int], sizes: dict[int, int]) -> int:
    """The sum of the product over all free variables, always the smallest table first."""
    cards = [sizes[v] for v in range(len(sizes))]
    mass, left = 1, set(free)
    while left:
        near = {v: {v}.union(*(f.scope for f in factors if v in f.scope)) for v in left}
        v = min(left, key=lambda v: (prod(cards[u] for u in near[v]), v))
        left.discard(v)
        mine = [f for f in factors if v in f.scope]
        if not mine:
            mass *= cards[v]
            continue
        factors = [f for f in factors if v not in f.scope]
        both = product(mine, cards)
        scope = [u for u in both.scope if u != v]
        last = Factor((*scope, v), np.moveaxis(both.table, both.scope.index(v), -1), both.top)
        message, divisor = sum_last(last)
        factors.append(message)
        mass *= divisor
    for f in factors:
        mass *= int(f.table[()])
    return mass
