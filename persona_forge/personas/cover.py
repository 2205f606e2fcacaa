"""Covers, then fills: the first rows of a seed are those that a covering array lays over it, the rest are drawn.

The cover is made once a run. Per language every combination of t values that can stand, and that at least one seed
permits, stands in a row of it. A row that its seed no longer permits (its pins changed since) is left out, and the fill
takes its place; a fill row that says what a cover row of its seed says is passed over. So row n of a seed is the same
for any quota.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from persona_forge.core.errors import ConfigError
from persona_forge.core.ids import key64
from persona_forge.core.stage import Made
from persona_forge.core.tables import COVER
from persona_forge.personas.evidence import pinned
from persona_forge.space.compile import Law, Space
from persona_forge.space.cover_seeds import Laid, cover_seeds
from persona_forge.space.identity import Ids, persona_id
from persona_forge.space.sample import draw
from persona_forge.space.tiles import WITHHELD, Codes


def cover(
    made: pl.DataFrame, quotas: pl.LazyFrame, seeds: pl.LazyFrame, *, space: Space, key: str, cover_t: int, rows: int
) -> Made:
    """The rows of the cover. Raises ConfigError where more than pairs are wanted and too few rows are asked for."""
    asked = quotas.select("seed_id").unique().collect()["seed_id"]
    if not cover_t:
        return Made(COVER.empty(), 0)
    columns = seeds.select("seed_id", "language", "pins", "withheld").filter(pl.col("seed_id").is_in(asked.implode()))
    given = [(s["seed_id"], s["language"], pinned(s), s["withheld"]) for s in columns.collect().iter_rows(named=True)]
    laid = cover_seeds(space, given, cover_t, key64(key, "cover"))
    needed = sum(len(part.seed_ids) for part in laid)
    if cover_t > 2 and needed > rows:
        raise ConfigError(f"personas.cover_t = {cover_t} needs {needed:,} rows, and personas.rows asks for {rows:,}",
                          todo=f"ask for {needed:,} rows or more, or set personas.cover_t = 2")  # fmt: skip
    return Made(COVER.frame([row for part in laid for row in _rows(space, part)]), len(given))


def _rows(space: Space, laid: Laid) -> Iterator[dict[str, Any]]:
    places: Counter[str] = Counter()
    for seed_id, codes in zip(laid.seed_ids, laid.codes.tolist(), strict=True):
        visible = [(name, code) for name, code in zip(space.names, codes, strict=True) if code != WITHHELD]
        traits = [{"dimension": name, "value": space.values[name][code]} for name, code in visible]
        yield {"seed_id": seed_id, "language": laid.language, "place": places[seed_id], "traits": traits}
        places[seed_id] += 1


def by_seed(rows: pl.DataFrame) -> dict[str, list[dict[str, str]]]:
    """The traits of the rows laid over each seed, in their order."""
    laid: dict[str, list[dict[str, str]]] = {}
    for row in rows.sort("seed_id", "place").iter_rows(named=True):
        laid.setdefault(row["seed_id"], []).append({t["dimension"]: t["value"] for t in row["traits"]})
    return laid


def rows_of(
    law: Law, run_key: int, seed_id: str, laid: Iterable[Mapping[str, str]], first: int, stop: int
) -> tuple[Codes, Ids, int]:
    """Rows first … stop - 1 of a seed: codes [dimension, row], ids [row, lane], how many are of the cover."""
    vectors = list(dict.fromkeys(v for traits in laid if (v := _permitted(law, traits))))
    space = law.space
    theirs = np.array(vectors, np.uint8).reshape(len(vectors), len(space.names)).T
    ids = np.array([_lanes(space, seed_id, v) for v in vectors], np.uint64).reshape(len(vectors), 2)
    n = len(vectors)
    codes, drawn = draw(law, run_key, seed_id, 0 if n else first, stop)
    if not n:
        return codes, drawn, 0
    new = ~(np.isin(drawn[:, 0], ids[:, 0]) & np.isin(drawn[:, 1], ids[:, 1]))
    fill = slice(max(first - n, 0), max(stop - n, 0))
    mine = slice(min(first, n), min(stop, n))
    return (
        np.concatenate([theirs[:, mine], codes[:, new][:, fill]], axis=1),
        np.concatenate([ids[mine], drawn[new][fill]]),
        mine.stop - mine.start,
    )


def _permitted(law: Law, traits: Mapping[str, str]) -> tuple[int, ...] | None:
    """A laid row as codes; None if it is not what the seed says by now."""
    space, codes = law.space, []
    for name in space.names:
        variable = space.number[name]
        hidden, pin = variable in law.withheld, law.evidence[variable]
        if hidden is (name in traits):
            return None
        code = WITHHELD if hidden else space.values[name].index(traits[name])
        if not hidden and pin not in (-1, code):
            return None
        codes.append(code)
    return tuple(codes)


def _lanes(space: Space, seed_id: str, codes: tuple[int, ...]) -> tuple[int, int]:
    traits = {name: space.values[name][code] for name, code in zip(space.names, codes, strict=True) if code != WITHHELD}
    raw = persona_id(seed_id, traits)
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")
