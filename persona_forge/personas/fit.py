"""Fits the law that rows are drawn from to target marginals, once a run: what is sealed here is used ever after.

The population is the seeds with the rows they are allotted, and what they pin and withhold. A target that cannot be met
is brought as near as may be and said to be missed, with the mass that forbids it.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from persona_forge.core.stage import Made
from persona_forge.core.tables import WEIGHTS
from persona_forge.personas.config import TargetConfig
from persona_forge.personas.evidence import pinned
from persona_forge.space.calibrate import fit as raked
from persona_forge.space.compile import Space, compile_space
from persona_forge.space.mixture import Group
from persona_forge.space.targets import Outcome, Target
from persona_forge.space.tilts import tilt_rows, tilts_of


def fit(
    made: pl.DataFrame, quotas: pl.LazyFrame, seeds: pl.LazyFrame, *, space: Space, targets: tuple[TargetConfig, ...]
) -> Made:
    """The weights of all targets; nothing where there are none, or where they are fitted already."""
    if made.height or not targets:
        return Made(WEIGHTS.empty(), 0)
    columns = seeds.select("seed_id", "language", "pins", "withheld").collect()
    rows = dict(quotas.group_by("seed_id").agg((pl.col("stop") - pl.col("first")).sum()).collect().iter_rows())
    population = [
        Group(seed["language"], pinned(seed), frozenset(seed["withheld"]), rows[seed["seed_id"]])
        for seed in columns.sort("seed_id").iter_rows(named=True)
        if seed["seed_id"] in rows
    ]
    fitted = raked(space, population, [Target.of(t.of, t.combinations(), t.language) for t in targets])
    said = [_said(outcome) for outcome in fitted.outcomes]
    return Made(WEIGHTS.frame([{**row, **said[row["tilt"]]} for row in tilt_rows(space, fitted.tilts)]), len(rows))


def _said(outcome: Outcome) -> dict[str, Any]:
    return {
        "language": outcome.target.language,
        "met": outcome.met,
        "distance": float(outcome.distance),
        "nearest": float(outcome.nearest),
        "why": "; ".join(share.why for share in outcome.shares if share.why),
    }


def tilted(space: Space, weights: pl.DataFrame) -> Space:
    """The space under the fitted weights; itself where there are none."""
    rows = weights.sort("tilt", maintain_order=True).rows(named=True)
    return compile_space(space.ontology, tilts_of(space, rows)) if rows else space
