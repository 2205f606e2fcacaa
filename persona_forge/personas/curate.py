"""From records to seeds: one shape, one spelling, a language, an id, and the traits that the prose states.

What an author wrote in fields that we have goes there; everything else is kept in `extras`, so that nothing is lost.
Authored pins stand; cues add what else the prose states, and what it merely touches is withheld (see pins). Where an
author has pinned or withheld anything, what else is open was left open on purpose, and nothing is withheld for being
mentioned. What a field of the seed says (`authored_by` in the ontology) no drawn trait may say too. A record that is no
seed is rejected with its place and the reason, and the others go through.

What a person should look at first is flagged (see flags), and of two seeds that nearly repeat each other the later in
reading order. A seed with a flag of a kind that is to be held is rejected too, until somebody approves it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import SEEDS
from persona_forge.personas.flags import flags_of
from persona_forge.personas.pins import Lexicon, find_pins, lexicon, touched
from persona_forge.personas.readers import Record
from persona_forge.space.model import LANGUAGES, Ontology
from persona_forge.text.language import language_of
from persona_forge.text.near import Originals
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


def curate(*, records: Iterable[Record], ontology: Ontology, hold: Collection[str]) -> Made:
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for _, found in curated(records, ontology, hold):
        rejects.append(found) if isinstance(found, Reject) else rows.append(found)
    return Made(SEEDS.frame(rows), len(rows) + len(rejects), tuple(rejects))


def curated(
    records: Iterable[Record], ontology: Ontology, hold: Collection[str]
) -> Iterator[tuple[Record, dict[str, Any] | Reject]]:
    """Each record, in order, with its row of SEEDS or the reason why it has none."""
    lexicons = {language: lexicon(ontology, language) for language in LANGUAGES}
    domains = {d.name: d.names for d in ontology.dimensions}
    ids: set[str] = set()
    originals = Originals()
    for record in records:
        seed = _seed(record, domains)
        if isinstance(seed, Seed) and seed.seed_id in ids:
            seed = _reject(record, "duplicate_id", f"a seed before it has the id {seed.seed_id!r} too", seed.seed_id)
        if isinstance(seed, Reject):
            yield record, seed
            continue
        row = {**seed.model_dump(include=set(SEEDS.names)), "extras": canonical(seed.model_extra or {})}
        row["flags"] = flags_of(row, _as_it_came(record.data))
        held = _held(record, row, hold) or _twin(record, row, hold, originals)
        if not held:
            ids.add(seed.seed_id)
        yield record, held or {**row, **_settled(seed, ontology, lexicons[seed.language])}


def _twin(record: Record, row: dict[str, Any], hold: Collection[str], originals: Originals) -> Reject | None:
    """Flags a seed that nearly repeats one before it; one that was held or rejected is no original."""
    if row["review"] != "rejected" and (twin := originals.twin(row["seed_id"], row["prose"], row["language"])):
        detail = f"{twin[1]:.0%} of their shingles are the same"
        row["flags"].append({"kind": "near_duplicate", "evidence": twin[0], "detail": detail})
    return _held(record, row, hold)


def _held(record: Record, row: Mapping[str, Any], hold: Collection[str]) -> Reject | None:
    """The reject of a seed that has to be approved first, and is not."""
    held = [f"{f['kind']} ({f['detail']}): {f['evidence']!r}" for f in row["flags"] if f["kind"] in hold]
    if not held or row["review"] != "new":
        return None
    detail = f"{'; '.join(held)}: approve it in `persona-forge seeds review`, or mend it"
    return _reject(record, "held", detail, row["seed_id"])


def _reject(record: Record, reason: str, detail: str, seed_id: str = "") -> Reject:
    row_id = digest("record", record.where, record.raw)
    return Reject(row_id, seed_id or None, reason, f"{record.where}: {detail}", record.raw)


def _seed(record: Record, domains: Mapping[str, Collection[str]]) -> Seed | Reject:
    """The seed that a record is, with its id, source and language."""
    if record.data is None:
        return _reject(record, "unreadable", record.complaint)
    try:
        seed = Seed.model_validate(_ours(record.data))
    except ValidationError as error:
        first = error.errors()[0]
        return _reject(record, "invalid", f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}")
    language = seed.language or language_of(seed.prose)
    if language not in LANGUAGES:
        return _reject(record, "language", "neither Chinese nor English", seed.seed_id)
    unknown = [f"{p.dimension}={p.value}" for p in seed.pins if p.value not in domains.get(p.dimension, ())]
    if unknown := [*unknown, *(d for d in seed.withheld if d not in domains)]:
        return _reject(record, "unknown_trait", f"the ontology has no {', '.join(unknown)}", seed.seed_id)
    if unproven := [f"{p.dimension}={p.value}: {p.evidence!r}" for p in seed.pins if p.evidence not in seed.prose]:
        return _reject(
            record, "evidence", f"these words do not stand in the prose: {'; '.join(unproven)}", seed.seed_id
        )
    source = seed.source or record.source
    seed_id = seed.seed_id or digest("seed", source, seed.prose)
    return seed.model_copy(update={"seed_id": seed_id, "language": language, "source": source})


def _as_it_came(value: Any) -> str:
    """All the text of a record."""
    if isinstance(value, Mapping | list):
        return "\n".join(map(_as_it_came, value.values() if isinstance(value, Mapping) else value))
    return value if isinstance(value, str) else ""


def _settled(seed: Seed, ontology: Ontology, words: Lexicon) -> dict[str, Any]:
    """The pins and the withheld dimensions of a seed: the author's, and what its words and fields add."""
    by_author = {p.dimension for p in seed.pins} | set(seed.withheld)
    found, unsure = find_pins(seed.prose, words, {p.dimension: p.value for p in seed.pins})
    pins = [p.model_dump() for p in seed.pins] + [p for p in found if p["dimension"] not in by_author]
    unsure |= touched(f"{seed.style}\n{seed.voice}", words)
    said = {d.name for d in ontology.dimensions if d.authored_by and getattr(seed, d.authored_by)}
    open_to_us = (said if by_author else said | unsure) - {p["dimension"] for p in pins}
    return {"pins": pins, "withheld": sorted({*seed.withheld, *open_to_us})}


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
