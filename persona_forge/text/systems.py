"""The system prompt of the persona of each scene, from the traits that the scene carries."""

from __future__ import annotations

import polars as pl

from persona_forge.space.ontology import Ontology
from persona_forge.text.prose import prompts


def systems(scenes: pl.DataFrame, seeds: pl.DataFrame, ontology: Ontology) -> dict[str, str]:
    """By scene_id; the same words as `prose.prompts` gives the persona's row."""
    columns = ["seed_id", *(d.name for d in ontology.dimensions)]
    rows = [
        {"seed_id": seed_id, **{t["dimension"]: t["value"] for t in traits}}
        for seed_id, traits in scenes.select("seed_id", "traits").iter_rows()
    ]
    personas = pl.DataFrame(
        [{name: row.get(name) for name in columns} for row in rows], dict.fromkeys(columns, pl.String)
    )
    return dict(zip(scenes["scene_id"], prompts(personas, seeds, ontology), strict=True))
