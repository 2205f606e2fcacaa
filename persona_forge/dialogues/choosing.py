"""Which persona of a seed goes into a scene: a covering array over traits × factors, laid one scene after the other.

A pair is a trait's value together with a factor's value. A seed's personas are in the order of their ids, which are
random; its visit number v offers the candidates v·k … v·k + k - 1. Each is put into the scene that suits it best, of
those that may be dealt now, and the one that brings most pairs which no scene of its language has had is taken; of
equals the first. That is the greedy of Cohen et al. (1997, AETG), one row at a time, so what is chosen depends on the
scenes before alone. Of the personas' table ids are sorted and the candidates' rows read, never all columns of all rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from persona_forge.core.tables.act1 import PERSONAS_FIXED, PERSONAS_LAST

CANDIDATES = 16
"""Personas of a seed that are looked at for one scene."""
COVERED = (
    "age_band", "gender", "region", "education", "occupation", "family", "extraversion", "agreeableness", "humour",
    "temper", "formality", "verbosity", "dialect", "baseline_mood", "expressiveness", "voice_age", "voice_rate",
)  # fmt: skip
"""Traits that show in a dialogue, or are heard."""
_FIXED = frozenset(c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST))

Row = dict[str, Any]
Visit = tuple[str, int]
"""A seed, and the number of times it was visited before."""


@dataclass(slots=True)
class Covered:
    """What the scenes of one language have covered."""

    pairs: set[tuple[str, str]] = field(default_factory=set)
    personas: Counter[bytes] = field(default_factory=Counter)

    def add(self, persona_id: bytes, traits: Mapping[str, str], scene: Mapping[str, Any]) -> None:
        self.personas[persona_id] += 1
        self.pairs |= pairs(traits, scene)

    def new(self, traits: Mapping[str, Any], factor: str, value: str) -> int:
        """How many pairs a persona of these traits would bring with this value."""
        return len({(trait, f"{factor}={value}") for trait in _shown(traits)} - self.pairs)

    def best(self, offered: Sequence[tuple[Row, Row]]) -> tuple[Row, Row]:
        """The least used of the personas, each with its scene; of these the one that covers most."""
        return min(offered, key=lambda o: (self.personas[o[0]["persona_id"]], -len(pairs(*o) - self.pairs)))


def pairs(traits: Mapping[str, Any], scene: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Every (trait value, factor value) of a persona of these traits in this scene."""
    values = {
        **{k: scene[k] for k in ("domain", "relationship", "tone")},
        "pressure": scene["attack"] or scene["exit"] or scene["kind"],
        **{f"partner {k}": scene["partner"][k] for k in ("age_band", "gender", "delivery")},
    }
    mine = _shown(traits)
    return {(trait, f"{factor}={value}") for trait in mine for factor, value in values.items()}


def _shown(traits: Mapping[str, Any]) -> list[str]:
    return [f"{d}={traits[d]}" for d in COVERED if traits.get(d) is not None]


def candidates(personas: pl.LazyFrame, visits: Sequence[Visit], k: int) -> dict[Visit, list[Row]]:
    """The personas that each visit has to choose from, with what choosing needs; a seed of fewer has them again."""
    most: dict[str, int] = {}
    for seed_id, number in visits:
        most[seed_id] = max(most.get(seed_id, 0), (number + 1) * k)
    if not most:
        return {}
    seed = pl.col("seed_id").cast(pl.String)
    ids = dict(
        personas.select(seed, "persona_id")
        .filter(pl.col("seed_id").is_in(list(most)))
        .group_by("seed_id")
        .agg(pl.col("persona_id").sort().head(max(most.values())))
        .collect()
        .iter_rows()
    )
    offered = {(s, n): _distinct([ids[s][(n * k + i) % len(ids[s])] for i in range(k)]) for s, n in visits}
    wanted = {i for some in offered.values() for i in some}
    rows = {row["persona_id"]: row for row in read(personas, wanted, COVERED)}
    return {visit: [rows[i] for i in some] for visit, some in offered.items()}


def read(personas: pl.LazyFrame, ids: set[bytes], traits: Sequence[str] | None = None) -> list[Row]:
    """The rows of these personas, with these traits or all."""
    have = personas.collect_schema().names()
    kept = [t for t in (traits or have) if t in have and t not in _FIXED]
    text = pl.col("seed_id", "language", "split", *kept).cast(pl.String)
    return personas.filter(pl.col("persona_id").is_in(list(ids))).select("persona_id", text).collect().to_dicts()


def traits_of(row: Row) -> dict[str, str]:
    """The traits that a persona's row has, by name."""
    return {k: v for k, v in sorted(row.items()) if k not in _FIXED and v is not None}


def _distinct(ids: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(ids))
