"""The rows of a seed whose vectors are nearly or wholly used up: all are listed, and the rest put in order.

Drawing without replacement is the order of independent exponential keys, -log(u) / weight (Efraimidis and Spirakis
2006); and as these have no memory, it may begin after any number of rows drawn by other means. Keys are made from the
ids of the vectors, so the order is a function of seed and run. The logarithm is our own, of nothing but sums, products
and quotients: those of the C libraries differ in their last digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from persona_forge.space.compile import Law
from persona_forge.space.identity import Ids, constants_of, mix, seed_lanes, sign_rows
from persona_forge.space.tiles import WITHHELD, Codes

Reals = npt.NDArray[np.float64]


def listed(law: Law) -> tuple[Codes, Reals]:
    """Every visible vector once, in the order of its codes, and its probability.

    A withheld value is forgotten as soon as nothing ahead depends on it, and what then is the same becomes one: else a
    seed that withholds much would be listed once for every combination of what it hides.
    """
    space = law.space
    codes = np.zeros((len(space.names), 1), np.uint8)
    for variable, row in enumerate(space.row[1:], 1):
        codes[row] = max(law.evidence[variable], 0)
    for variable in law.withheld:
        codes[space.row[variable]] = WITHHELD
    chance = np.ones(1)
    scopes = [bucket.table.scope for bucket in law.buckets() if bucket.table is not None]
    for step, bucket in enumerate(law.buckets()):  # a partial vector has a possible next value: there is no dead end
        assert bucket.table is not None
        *parents, own = (space.row[v] for v in bucket.table.scope)
        table = _shares(bucket.table.table)
        lines = table[tuple(codes[p] for p in parents)].reshape(codes.shape[1] if parents else 1, -1)
        before, code = np.nonzero(np.broadcast_to(lines, (codes.shape[1], lines.shape[1])))
        codes = codes[:, before]
        codes[own] = code
        chance = chance[before] * lines[before if parents else 0, code]
        ahead = {v for scope in scopes[step + 1 :] for v in scope}
        if over := [space.row[v] for v in bucket.table.scope if v in law.withheld and v not in ahead]:
            codes[over] = WITHHELD
            codes, chance = _united(codes, chance)
    return _united(codes, chance)


def _united(codes: Codes, chance: Reals) -> tuple[Codes, Reals]:
    """Vectors in the order of their codes, each once; the chances of the same one are added one after another."""
    order = np.lexsort(codes[::-1])
    codes, chance = codes[:, order], chance[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (codes[:, 1:] != codes[:, :-1]).any(axis=0)
    return codes[:, fresh], np.bincount(np.cumsum(fresh) - 1, chance).astype(np.float64)


def _shares(table: npt.NDArray[Any]) -> Reals:
    """P(own variable | the others), correctly rounded; lines that cannot occur are 0."""
    total = table.sum(axis=-1, keepdims=True)
    return (table / np.where(total == 0, 1, total)).astype(np.float64)


def extended(law: Law, key: int, seed_id: str, codes: Codes, ids: Ids, stop: int) -> tuple[Codes, Ids]:
    """The rows so far, and after them those not yet used, by their exponential keys, up to `stop`."""
    every, chance = listed(law)
    shown = np.flatnonzero([law.space.number[name] not in law.withheld for name in law.space.names])
    names = np.empty((every.shape[1], 2), np.uint64)
    constants, begins = constants_of(law.space)
    sign_rows(every, names, 0, every.shape[1], shown, constants, begins, seed_lanes(seed_id))
    used = np.isin(_as_text(every), _as_text(codes))
    every, chance, names = every[:, ~used], chance[~used], names[~used]
    with np.errstate(over="ignore"):
        bits = mix(names[:, 0] ^ np.uint64(key)) >> np.uint64(11)
    keys = -logarithm((bits.astype(np.float64) + 0.5) * 2.0**-53) / chance
    order = np.argsort(keys, kind="stable")[: stop - codes.shape[1]]
    return np.concatenate([codes, every[:, order]], axis=1), np.concatenate([ids, names[order]])


def _as_text(codes: Codes) -> npt.NDArray[Any]:
    rows = np.ascontiguousarray(codes.T)
    return rows.view(np.dtype((np.void, codes.shape[0]))).ravel()


def logarithm(x: Reals) -> Reals:
    """The natural logarithm by the series of the inverse hyperbolic tangent; the same digits on every machine."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.70710678
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), np.where(low, exponent - 1, exponent)
    s = (mantissa - 1) / (mantissa + 1)
    square, series = s * s, np.zeros_like(s)
    for n in range(25, 0, -2):  # |s| < 0.172: the first term left out is below 1e-21
        series = series * square + 1 / n
    return np.asarray(exponent * 0.6931471805599453 + 2 * s * series)
