"""Rows of a seed: drawn while there is room, listed once a quarter of its vectors are used; the law is one.

Randomness is a function of run, seed and row. Rows are numbered within their seed, and the first ones are the same for
any quota.
"""

from __future__ import annotations

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


def draw(law: Law, run_key: int, seed_id: str, first: int, stop: int) -> tuple[Codes, Ids]:
    """Rows first … stop - 1 of a seed (fewer where it has no more): codes [dimension, row] and ids [row, lane].

    Codes index `space.values[name]` for the names of `space.names`; a withheld dimension has 255 throughout. The
    earlier rows of the seed are drawn too, for a row may not repeat them.
    """
    if not 0 <= first <= stop:
        raise ForgeError(f"rows {first} to {stop} of seed {seed_id!r}", allowed="0 ≤ first ≤ stop")
    stop = law.room(stop)
    key = key64(str(run_key), seed_id)
    easy = stop if law.at_least(4 * stop) else min(stop, law.total // 4)
    codes, ids, done = drawn(law, key, seed_id, easy, FEW_ATTEMPTS)
    if done < easy and law.at_least(LISTABLE + 1):  # asked only now: an exact count may be dear
        codes, ids, done = drawn(law, key, seed_id, easy, MOST_ATTEMPTS)
        if done < easy:
            raise ForgeError(
                f"seed {seed_id!r}: row {done} was drawn {MOST_ATTEMPTS:,} times and always stood before",
                todo="ask for fewer rows of this seed, or make its weights less uneven",
            )
    if done < stop:
        codes, ids = extended(law, key, seed_id, codes[:, :done], ids[:done], stop)
    return codes[:, first:], ids[first:]


def traits_of(law: Law, codes: Codes, row: int) -> dict[str, str]:
    """The visible traits of one row."""
    space = law.space
    shown = [(name, i) for i, name in enumerate(space.names) if space.number[name] not in law.withheld]
    return {name: space.values[name][codes[i, row]] for name, i in shown}
