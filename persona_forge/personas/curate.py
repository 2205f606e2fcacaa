"""From records to seeds: one shape, one spelling, a language, an id, and the traits that the prose states.

What an author wrote in fields that we have goes there; everything else is kept in `extras`, so that nothing is lost.
Authored pins stand; cues add what else the prose states, and withhold what it merely touches (see pins). A record that
is no seed is rejected with its place and the reason, and the others go through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import SEEDS
from persona_forge.personas.pins import Lexicon, find_pins, lexicon
from persona_forge.personas.readers import Record
from persona_forge.space.model import LANGUAGES
from persona_forge.text.language import language_of
from persona_forge.text.normalise import normalise

SHORTEST_PROSE = 8
"""Characters; less is no persona."""

Text = Annotated[str, BeforeValidator(lambda v: normalise(v) if isinstance(v, str) else v)]
Name = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Opinion(_Part):
    topic: Text = Field(min_length=1)
    stance: Text = Field(min_length=1)
    strength: float = Field(ge=0, le=1)


class Catchphrase(_Part):
    text: Text = Field(min_length=1)
    trigger: Text
    at_most: int = Field(ge=1)


class EmotionalLimit(_Part):
    trigger: Text = Field(min_length=1)
    threshold: Text
    reaction: Text = Field(min_length=1)
    recovery: Text


class Pin(_Part):
    dimension: str
    value: str
    evidence: Text = Field(min_length=1)
    by: str = "author"


class Seed(BaseModel):
    """A seed as its author may write it; only prose is a must."""

    model_config = ConfigDict(extra="allow")

    seed_id: Name = ""
    language: Literal["zh", "en", ""] = ""
    name: Text = ""
    prose: Text = Field(min_length=SHORTEST_PROSE)
    opinions: list[Opinion] = []
    catchphrases: list[Catchphrase] = []
    emotional_limits: list[EmotionalLimit] = []
    style: Text = ""
    voice: Text = ""
    pins: list[Pin] = []
    withheld: list[str] = []
    author_kind: Literal["human", "project", "model", "unknown"] = "unknown"
    source: Text = ""
    licence: Text = "unknown"
    review: Literal["new", "approved", "rejected"] = "new"


def curate(*, records: Iterable[Record], space: Any) -> Made:
    rows: dict[str, dict[str, Any]] = {}
    rejects: list[Reject] = []
    domains = {d.name: d.names for d in space.ontology.dimensions}
    lexicons = {language: lexicon(space.ontology, language) for language in LANGUAGES}
    taken = 0
    for record in records:
        taken += 1
        row = _seed(record, domains, lexicons)
        if isinstance(row, dict) and row["seed_id"] in rows:
            detail = f"{record.where}: a seed before it has the id {row['seed_id']!r} too"
            row = Reject(digest("record", record.where, record.raw), row["seed_id"], "duplicate_id", detail, record.raw)
        if isinstance(row, Reject):
            rejects.append(row)
        else:
            rows[row["seed_id"]] = row
    return Made(SEEDS.frame(list(rows.values())), taken, tuple(rejects))


def _seed(
    record: Record, domains: Mapping[str, tuple[str, ...]], lexicons: Mapping[str, Lexicon]
) -> dict[str, Any] | Reject:
    reject_id = digest("record", record.where, record.raw)
    if record.data is None:
        return Reject(reject_id, None, "unreadable", f"{record.where}: {record.complaint}", record.raw)
    try:
        seed = Seed.model_validate(_ours(record.data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        return Reject(reject_id, None, "invalid", f"{record.where}: {place}: {first['msg']}", record.raw)
    language = seed.language or language_of(seed.prose)
    if language not in LANGUAGES:
        return Reject(reject_id, None, "language", f"{record.where}: neither Chinese nor English", record.raw)
    unknown = [f"{p.dimension}={p.value}" for p in seed.pins if p.value not in domains.get(p.dimension, ())]
    unknown += [d for d in seed.withheld if d not in domains]
    if unknown:
        return Reject(reject_id, seed.seed_id or None, "unknown_trait",
                      f"{record.where}: the ontology has no {', '.join(unknown)}", record.raw)  # fmt: skip
    if unproven := [f"{p.dimension}={p.value}: {p.evidence!r}" for p in seed.pins if p.evidence not in seed.prose]:
        return Reject(reject_id, seed.seed_id or None, "evidence",
                      f"{record.where}: these words do not stand in the prose: {'; '.join(unproven)}", record.raw)  # fmt: skip
    authored = {p.dimension for p in seed.pins} | set(seed.withheld)
    found, touched = find_pins(seed.prose, lexicons[language])
    source = seed.source or record.source
    return {
        **seed.model_dump(include=set(SEEDS.names)),
        "seed_id": seed.seed_id or digest("seed", source, seed.prose),
        "language": language,
        "source": source,
        "pins": [p.model_dump() for p in seed.pins] + [p for p in found if p["dimension"] not in authored],
        "withheld": sorted({*seed.withheld, *(touched - authored)}),
        "extras": canonical(seed.model_extra or {}),
    }


def _ours(data: dict[str, Any]) -> dict[str, Any]:
    """A foreign row in our words: its id, and its sentences or line as prose."""
    row = dict(data)
    if "seed_id" not in row and isinstance(row.get("id"), str | int):
        row["seed_id"] = str(row.pop("id"))
    sentences = row.get("sentences")
    if "prose" not in row and isinstance(sentences, list) and all(isinstance(s, str) for s in sentences):
        row["prose"] = " ".join(row.pop("sentences"))
    if "prose" not in row and isinstance(row.get("persona"), str):
        row["prose"] = row.pop("persona")
    return row
