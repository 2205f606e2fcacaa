"""The card of a persona: what a model is told about whom it plays, in the seed's own language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from persona_forge.space.ontology import Ontology
from persona_forge.text.template import fill

SECTIONS = ("who", "talk", "feel", "sound")


@cache
def source(name: str) -> str:
    return (files("persona_forge.text") / "templates" / f"{name}.jinja").read_text(encoding="utf-8")


def card(
    seed: Mapping[str, Any], phrases: Iterable[str], language: str, traits: Mapping[str, str] | None = None
) -> str:
    """`seed` is a row of the seeds table; `phrases` are clauses about the traits that its prose leaves open.

    `traits` says the same in running text, by section; `prose` weaves it.
    """
    said = {section: (traits or {}).get(section, "") for section in SECTIONS}
    return fill(source(f"card.{language}"), {**seed, "phrases": list(phrases), "traits": said})


def phrases(ontology: Ontology, traits: Mapping[str, str], dimensions: Iterable[str], language: str) -> list[str]:
    """The clauses that say these dimensions' values to the persona, in this order; those it lacks are passed over."""
    said = [(ontology.dimension(d).values, traits[d]) for d in dimensions if d in traits]
    return [v.phrase[language] for values, name in said for v in values if v.name == name and language in v.phrase]
