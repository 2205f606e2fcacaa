"""Fitting the law to target marginals as a stage: what is met, what is said to be missed, what rows then look like."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from small_space import small_space

from persona_forge.core.tables import QUOTAS, SEEDS, WEIGHTS
from persona_forge.personas.config import TargetConfig
from persona_forge.personas.fit import fit, tilted

SPACE = small_space()
DIMENSION = SPACE.ontology.dimension("job")


def tables(*seeds: dict[str, Any]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    blank = dict.fromkeys(SEEDS.names, "") | {
        k: [] for k in ("opinions", "catchphrases", "emotional_limits", "pins", "withheld")
    }
    quotas = [
        {"seed_id": s["seed_id"], "language": "en", "split": "train", "first": 0, "stop": 100, "shard": "g000-0000"}
        for s in seeds
    ]
    return QUOTAS.frame(quotas).lazy(), SEEDS.frame([{**blank, "language": "en", **s} for s in seeds]).lazy()


def target(share: float) -> TargetConfig:
    return TargetConfig(of=DIMENSION.name, shares={DIMENSION.names[0]: share})


def test_a_target_that_can_be_met_is_met_by_the_tilted_law() -> None:
    made = fit(WEIGHTS.empty(), *tables({"seed_id": "a"}), space=SPACE, targets=(target(0.7),))
    assert made.rows["met"].unique().to_list() == [True]
    assert made.rows["why"].unique().to_list() == [""]
    law = tilted(SPACE, made.rows).marginal((DIMENSION.name,), {}, "en")
    assert float(law[DIMENSION.names[0],]) == pytest.approx(0.7, abs=0.002)


def test_a_target_that_pins_forbid_is_missed_and_says_why() -> None:
    pin = {"dimension": DIMENSION.name, "value": DIMENSION.names[1], "evidence": "x", "by": "author"}
    made = fit(WEIGHTS.empty(), *tables({"seed_id": "a", "pins": [pin]}), space=SPACE, targets=(target(0.7),))
    assert made.rows["met"].unique().to_list() == [False]
    assert made.rows["distance"][0] == pytest.approx(0.7)
    assert "pins forbid it in 100.00% of the rows" in made.rows["why"][0]


def test_what_is_fitted_is_not_fitted_again() -> None:
    quotas, seeds = tables({"seed_id": "a"})
    first = fit(WEIGHTS.empty(), quotas, seeds, space=SPACE, targets=(target(0.7),))
    again = fit(first.rows, *tables({"seed_id": "a"}, {"seed_id": "b"}), space=SPACE, targets=(target(0.7),))
    assert (first.taken, again.taken, again.rows.height) == (1, 0, 0)


def test_without_targets_the_law_is_as_it_was() -> None:
    made = fit(WEIGHTS.empty(), *tables({"seed_id": "a"}), space=SPACE, targets=())
    assert (made.taken, made.rows.height) == (0, 0)
    assert tilted(SPACE, made.rows) is SPACE
