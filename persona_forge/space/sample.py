"""Rows of a seed: drawn while there is room, listed once a quarter of its vectors are used; the law is one.

Randomness is a function of run, seed and row. Rows are numbered within their seed, and the first ones are the same for
any quota.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from persona_forge.core.errors import ForgeError
from persona_forge.core.ids import key64
from persona_forge.space.compile import Law
from persona_forge.space.exhaust import extended
from persona_forge.space.identity import Ids
from persona_forge.space.tiles import Codes, drawn

MOST_ATTEMPTS = 1 << 20
FEW_ATTEMPTS = 64
"""After so many a seed whose vectors can be listed has them listed."""
LISTABLE = 1 << 22


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows first … stop - 1 of a seed."""

    law: Law
    seed_id: str
    first: int
    stop: int


def draw(law: Law, run_key: int, seed_id: str, first: int, stop: int) -> tuple[Codes, Ids]:
    """Rows first … stop - 1 of a seed (fewer where it has no more): codes [dimension, row] and ids [row, lane].

    Codes index `space.values[name]` for the names of `space.names`; a withheld dimension has 255 throughout. The
    earlier rows of the seed are drawn too, for a row may not repeat them.
    """
    codes, ids, _ = draw_many([Wanted(law, seed_id, first, stop)], run_key)
    return codes, ids


def draw_many(wanted: Sequence[Wanted], run_key: int) -> tuple[Codes, Ids, list[int]]:
    """The rows of several seeds of a space, one seed after the other, and how many each has."""
    for w in wanted:
        if not 0 <= w.first <= w.stop:
            raise ForgeError(f"rows {w.first} to {w.stop} of seed {w.seed_id!r}", allowed="0 ≤ first ≤ stop")
    keys = [key64(str(run_key), w.seed_id) for w in wanted]
    stops = [w.law.room(w.stop) for w in wanted]
    easy = [n if w.law.at_least(4 * n) else min(n, w.law.total // 4) for w, n in zip(wanted, stops, strict=True)]
    laws, seed_ids = [w.law for w in wanted], [w.seed_id for w in wanted]
    codes, ids, done = drawn(laws, keys, seed_ids, easy, FEW_ATTEMPTS)
    if done.tolist() == stops and not any(w.first for w in wanted):
        return codes, ids, stops
    edges = np.cumsum([0, *easy])
    parts = []
    for i, w in enumerate(wanted):
        here = slice(edges[i], edges[i] + done[i])
        parts.append(_rest(w, keys[i], easy[i], stops[i], codes[:, here], ids[here]))
    return (
        np.concatenate([part[:, w.first :] for (part, _), w in zip(parts, wanted, strict=True)], axis=1),
        np.concatenate([part[w.first :] for (_, part), w in zip(parts, wanted, strict=True)]),
        [max(stop - w.first, 0) for w, stop in zip(wanted, stops, strict=True)],
    )


def _rest(wanted: Wanted, key: int, easy: int, stop: int, codes: Codes, ids: Ids) -> tuple[Codes, Ids]:
    """Rows 0 … stop - 1 of a seed of which a few attempts made these."""
    law, seed_id, done = wanted.law, wanted.seed_id, len(ids)
    if done < easy and law.at_least(LISTABLE + 1):  # asked only now: an exact count may be dear
        codes, ids, [done] = drawn([law], [key], [seed_id], [easy], MOST_ATTEMPTS)
        if done < easy:
            raise ForgeError(
                f"seed {seed_id!r}: row {done} was drawn {MOST_ATTEMPTS:,} times and always stood before",
                todo="ask for fewer rows of this seed, or make its weights less uneven",
            )
    return extended(law, key, seed_id, codes, ids, stop) if done < stop else (codes, ids)


def traits_of(law: Law, codes: Codes, row: int) -> dict[str, str]:
    """The visible traits of one row."""
    space = law.space
    shown = [(name, i) for i, name in enumerate(space.names) if space.number[name] not in law.withheld]
    return {name: space.values[name][codes[i, row]] for name, i in shown}
