"""Relations and weights as integer tables over sorted names and values, and the order in which to draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import OntologyError
from persona_forge.space.factors import Table
from persona_forge.space.model import LANGUAGE, Ontology

UNITS = 1 << 16
"""What the weights of a dimension sum to once they are whole numbers."""

Tilt = tuple[tuple[str, ...], Table]
"""Dimensions, and a table of positive integers over their sorted values: a fitted weight."""


def masks_of(
    ontology: Ontology, values: Mapping[str, tuple[str, ...]], most: int
) -> list[tuple[tuple[str, ...], Table]]:
    """One 0/1 table for each set of dimensions that a relation binds."""
    tables: dict[tuple[str, ...], Table] = {}
    for relation in ontology.relations:
        for choice in relation.forbids:
            names = tuple(sorted(choice))
            if names not in tables:
                tables[names] = np.ones(_shape(names, values, most, relation.where), np.int64)
            tables[names][np.ix_(*([values[n].index(v) for v in choice[n]] for n in names))] = 0
    return sorted(tables.items())


def weights_of(
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
    for names, table in tilts:
        if table.shape != tuple(_shape(names, values, most, ontology.where)) or (table < 1).any():
            raise OntologyError(
                f"{ontology.where}: a tilt over {', '.join(names)} of the wrong shape, or with a weight below 1"
            )
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


def drawing_order(
    names: Sequence[str], scopes: Iterable[Iterable[str]], values: Mapping[str, tuple[str, ...]], most: int
) -> tuple[str, ...]:
    """The reverse of an elimination order: always the dimension whose table is the smallest.

    Among equals the one that the fewest others have been eliminated into: what many seeds share stays low in the tree,
    and what differs with every pin comes last, where tables are small.
    """
    near: dict[str, set[str]] = {name: set() for name in names}
    for scope in scopes:
        bound = set(scope) - {LANGUAGE}
        for name in bound:
            near[name] |= bound - {name}
    order: list[str] = []
    below = dict.fromkeys(names, 1)
    while near:
        name = min(near, key=lambda n: (prod(len(values[m]) for m in near[n]) * len(values[n]), below[n], n))
        around = near.pop(name)
        _shape(sorted(around | {name}), values, most, "compiling")
        for other in around:
            near[other] |= around - {other}
            near[other].discard(name)
            below[other] += below[name]
        order.append(name)
    return tuple(reversed(order))


def quantise(shares: Sequence[Fraction], units: int) -> npt.NDArray[np.int64]:
    """Positive shares as whole numbers that sum to `units`, by largest remainder, none below 1."""
    total = sum(shares)
    exact = [share / total * units for share in shares]
    whole = [max(1, int(e)) for e in exact]
    by_need = sorted(range(len(whole)), key=lambda i: (whole[i] - exact[i], i))
    for i in range(units - sum(whole)):
        whole[by_need[i % len(whole)]] += 1
    while sum(whole) > units:  # the floor of 1 has given too much: take it where it is felt least
        whole[max(range(len(whole)), key=lambda i: (whole[i], -i))] -= 1
    return np.array(whole, np.int64)
