"""Integer tables over a few variables, and the three things elimination does with them: slice, multiply, sum out.

Every number is an exact integer: 64-bit where products and sums fit, Python's own where they don't. Nothing here
rounds, so the order of sums is of no account and every machine gets the same tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[Any]
FITS = 1 << 62
"""A table whose entries and sums stay below this is kept in 64 bits."""


@dataclass(frozen=True, slots=True)
class Factor:
    """`table` has an axis for each variable of `scope`, in that order; scopes are sorted, the last goes first."""

    scope: tuple[int, ...]
    table: Table
    top: int
    """The largest absolute entry."""


def factor(scope: Sequence[int], table: Table) -> Factor:
    """A factor whose scope is sorted, in 64 bits where its entries fit."""
    order = sorted(range(len(scope)), key=scope.__getitem__)
    table = np.transpose(table, order)
    top = int(np.abs(table).max()) if table.size else 0
    if table.dtype == object and top < FITS:
        table = table.astype(np.int64)
    return Factor(tuple(scope[i] for i in order), table, top)


def slice_at(given: Factor, evidence: Sequence[int]) -> Factor:
    """The factor at the values that the evidence gives (below 0: free); the same object where it gives none."""
    at = [evidence[v] for v in given.scope]
    if max(at, default=-1) < 0:
        return given
    table = given.table[tuple(slice(None) if i < 0 else i for i in at)]
    return Factor(tuple(v for v, i in zip(given.scope, at, strict=True) if i < 0), np.asarray(table), given.top)


def product(factors: Sequence[Factor], cards: Sequence[int]) -> Factor:
    """The product over the union of the scopes, small tables first; a sum over one variable of it fits its type."""
    if not factors:
        return Factor((), np.ones((), np.int64), 1)
    scope = tuple(sorted({v for f in factors for v in f.scope}))
    bound = max((cards[v] for v in scope), default=1)
    result: Table | None = None
    for f in sorted(factors, key=lambda f: f.table.size):
        table = f.table.reshape([cards[v] if v in f.scope else 1 for v in scope])
        bound *= max(f.top, 1)
        if result is None:
            result = table
        elif bound >= FITS and result.dtype != object:
            result = result.astype(object) * table
        else:
            result = result * table
    whole = np.broadcast_to(np.asarray(result), tuple(cards[v] for v in scope))
    return Factor(scope, whole.astype(object) if bound >= FITS and whole.dtype != object else whole, bound)


def sum_last(given: Factor) -> tuple[Factor, int]:
    """The last variable summed out, as a factor of coprime entries and their greatest common divisor."""
    table = np.asarray(given.table.sum(axis=-1))
    divisor = int(np.gcd.reduce(table.ravel()))
    if divisor > 1:
        table = table // divisor
    return factor(given.scope[:-1], np.asarray(table)), max(divisor, 1)


def absorb(factors: Iterable[Factor], cards: Sequence[int]) -> tuple[Factor, ...]:
    """The same product in fewer factors: one whose scope lies within another's is multiplied into it."""
    kept: list[Factor] = []
    for f in sorted(factors, key=lambda f: (-len(f.scope), f.scope)):
        for i, host in enumerate(kept):
            if set(f.scope) <= set(host.scope):
                both = product((host, f), cards)
                kept[i] = factor(both.scope, both.table)
                break
        else:
            kept.append(f)
    return tuple(kept)
