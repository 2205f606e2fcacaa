"""Integer tables over a few variables, and the three things elimination does with them: slice, multiply, sum out.

Every number is an exact integer: 64-bit where products and sums fit, Python's own where they don't. Nothing here
rounds, so the order of sums is of no account and every machine gets the same tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
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
    """The product over the union of the scopes."""
    scope = tuple(sorted({v for f in factors for v in f.scope}))
    bound = 1
    for f in factors:
        bound *= max(f.top, 1)
    for v in scope:
        bound *= cards[v]  # so that its sums fit too
    wide = bound >= FITS
    result: Table | None = None
    for f in factors:
        table = f.table.reshape([cards[v] if v in f.scope else 1 for v in scope])
        if wide and table.dtype != object:
            table = table.astype(object)
        result = table if result is None else result * table
    if result is None:
        return Factor((), np.ones((), np.int64), 1)
    shape = tuple(cards[v] for v in scope)
    result = np.asarray(result)
    if result.shape != shape:
        result = np.broadcast_to(result, shape)
    return Factor(scope, result, bound)


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
