"""What a seed says of its rows, as evidence for the trait space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from persona_forge.core.stage import Reject
from persona_forge.space.compile import Dead, Law, Space


def given(space: Space, seed: Mapping[str, Any]) -> Law | Reject:
    """The law of a seed's rows, or the reason why it can have none: pins that contradict each other or the ontology."""
    seed_id: str = seed["seed_id"]
    pins: dict[str, str] = {}
    for pin in seed["pins"]:
        dimension, value = pin["dimension"], pin["value"]
        if pins.setdefault(dimension, value) != value:
            detail = f"pinned to both {dimension}={pins[dimension]} and {dimension}={value}"
            return Reject(seed_id, seed_id, "dead_pins", detail)
    law = space.given(pins, seed["withheld"], seed["language"])
    return Reject(seed_id, seed_id, "dead_pins", "; ".join(law.reasons)) if isinstance(law, Dead) else law


def pinned(seed: Mapping[str, Any]) -> dict[str, str]:
    """Dimension → value, of a seed whose pins do not contradict each other."""
    return {pin["dimension"]: pin["value"] for pin in seed["pins"]}


def contradictions(space: Space, seeds: pl.DataFrame) -> Iterator[Reject]:
    """The seeds that can have no row."""
    for seed in seeds.select("seed_id", "language", "pins", "withheld").iter_rows(named=True):
        law = given(space, seed)
        if isinstance(law, Reject):
            yield law
