"""Nemotron-Personas: what their columns say, as the prose of a seed.

A row has a person's portraits (`persona`, `professional_persona`, `sports_persona` …) and typed facts of the census
(`sex`, `age`, `occupation` …; which of them depends on the country). A fact that does not stand in the prose binds no
trait and reaches no dialogue, so the prose is the portraits, a paragraph each, and a paragraph that states the facts.
All columns stay in the row too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FAMILY = "Nemotron-Personas"
COLUMNS = frozenset({"persona", "professional_persona"})
"""What shows that a table is one of these."""
FACTS = (
    "household_type", "family_type", "housing_type", "military_status", "education_level", "bachelors_field",
    "occupation", "industry", "city", "municipality", "district", "state", "province", "region", "country",
)  # fmt: skip
"""The columns that are told after sex, age and marital status, each under its name."""


def prose(row: Mapping[str, Any]) -> str:
    portraits = ["persona", *(name for name in row if name.endswith("_persona"))]
    paragraphs = [row[name].strip() for name in portraits if isinstance(row.get(name), str)]
    return "\n".join(filter(None, [*paragraphs, " ".join(_facts(row)) if any(paragraphs) else ""]))


def _facts(row: Mapping[str, Any]) -> Iterator[str]:
    age = f"{int(row['age'])} years old" if _said(row.get("age")).isdecimal() else ""
    if who := ", ".join(filter(None, [_said(row.get("sex")), age, _said(row.get("marital_status"))])):
        yield f"{who[0].upper()}{who[1:]}."
    for column in FACTS:
        if value := _said(row.get(column)):
            yield f"{_said(column).capitalize()}: {value}."


def _said(value: Any) -> str:
    return str(value).replace("_", " ").strip() if isinstance(value, str | int) else ""
