"""Personas chosen to leave one by one: evenly over a run, or one by its id, with their seeds and what they are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.dataset.folder import Folder
from persona_forge.space.ontology import LANGUAGES, Ontology, read_ontology


@dataclass(frozen=True, slots=True)
class People:
    rows: pl.DataFrame
    """Rows of the personas table, every column a text and the id in hex."""
    seeds: pl.DataFrame
    """Rows of the seeds table that they grew from."""
    ontology: Ontology

    def systems(self) -> pl.Series:
        """The system prompt of each."""
        from persona_forge.text.prose import prompts

        return prompts(self.rows, self.seeds, self.ontology).alias("system")

    def seed_rows(self) -> Iterator[dict[str, Any]]:
        """Each as a row of the seeds table of its own: its traits are pins, and its prose says them."""
        from persona_forge.text.prose import cards

        seeds = {seed["seed_id"]: seed for seed in self.seeds.iter_rows(named=True)}
        for row, prose in zip(
            self.rows.iter_rows(named=True), cards(self.rows, self.seeds, self.ontology), strict=True
        ):
            seed = seeds[row["seed_id"]]
            yield {**seed, "seed_id": row["persona_id"], "prose": prose, "pins": self._pins(seed, row), "withheld": []}

    def _pins(self, seed: Mapping[str, Any], row: Mapping[str, Any]) -> list[dict[str, str]]:
        stated = {pin["dimension"]: pin for pin in seed["pins"]}
        drawn = {d.name: {"dimension": d.name, "value": v.name, "evidence": v.phrase[row["language"]], "by": "author"}
                 for d in self.ontology.dimensions for v in d.values if v.name == row[d.name]}  # fmt: skip
        return [stated.get(name, pin) for name, pin in drawn.items()]


def ontology_of(folder: Folder) -> Ontology:
    return read_ontology(folder.ontology.read_text(encoding="utf-8"), folder.ontology.name)


def chosen(folder: Folder, rows: int, *, split: str | None = None, persona: str = "") -> People:
    """The persona of that id, or `rows` of them: as many of each language, at even distances through the run.

    Rows lie seed by seed, so that even distances spread over the seeds. Raises Misuse where there is none.
    """
    ontology = ontology_of(folder)
    text = [pl.col(d.name).cast(pl.String) for d in ontology.dimensions]
    text += [pl.col(name).cast(pl.String) for name in ("seed_id", "language", "origin", "split")]
    found = folder.scan("personas")
    if persona:
        try:
            found = found.filter(pl.col("persona_id") == bytes.fromhex(persona)).head(1)
        except ValueError as error:
            raise Misuse(f"{persona!r} is no persona_id", allowed="32 hex digits") from error
    else:
        if split:
            found = found.filter(pl.col("split").cast(pl.String) == split)
        found = pl.concat([_evenly(found, language, rows) for language in LANGUAGES])
    people = found.with_columns(*text, pl.col("persona_id").bin.encode("hex")).collect().head(rows)
    if not people.height:
        raise Misuse(f"{folder.where} has no such persona: {persona or split or 'none at all'}",
                     todo="persona-forge sql DIR 'SELECT persona_id FROM personas LIMIT 5' lists some")  # fmt: skip
    seeds = folder.scan("seeds").filter(pl.col("seed_id").is_in(people["seed_id"].unique().implode())).collect()
    return People(people, seeds, ontology)


def _evenly(rows: pl.LazyFrame, language: str, wanted: int) -> pl.LazyFrame:
    """Half of those wanted, the larger half in the first of the languages."""
    spoken = rows.filter(pl.col("language").cast(pl.String) == language)
    there = spoken.select(pl.len()).collect().item()
    share = wanted // len(LANGUAGES) + (language == LANGUAGES[0]) * (wanted % len(LANGUAGES))
    places = sorted({(2 * n + 1) * there // (2 * share) for n in range(share)}) if share else []
    return spoken.with_row_index("place").filter(pl.col("place").is_in(places)).drop("place")
