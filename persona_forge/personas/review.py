"""Seeds under review: what annotators' events come to, and the seeds that result.

An annotator's judgement of a seed is what stands of their events: a verdict (approve, reject with a reason; skip is
none), an edit, comments. Judgements that differ, in the verdict or in how a field was edited, are a dispute until
somebody settles it, with a verdict and an edit of its own. An event speaks of the text that was seen: of a seed that
has been rewritten since, it says nothing.

A trait that an edit takes out of a seed's pins is withheld from then on: else its cue would pin it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from persona_forge.core.ids import canonical, digest
from persona_forge.personas.curate import Seed

Row = Mapping[str, Any]
"""A row of SEEDS; an edit is some of its fields."""
Event = Mapping[str, str]
"""A row of EVENTS."""

VERDICTS = {"approve": "approved", "reject": "rejected"}
"""A verdict, and the review state that it gives a seed."""
REASONS = (
    "not_a_persona", "contradiction", "thin", "unnatural", "twin", "personal_data", "harmful", "language", "other",
)  # fmt: skip
EDITABLE = ("prose", "pins", "opinions", "emotional_limits")
AUTHORED = ("language", "name", "prose", "opinions", "catchphrases", "emotional_limits", "style", "voice")
DISTRESSING = frozenset({"distressing", "unsafe"})
"""Kinds of flags on a text that nobody should meet unwarned."""
OF_THE_WHOLE = frozenset({"too_short", "too_long", "mixed_language"})
"""Kinds of flags whose evidence is all of the text: marking it would tell nothing."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One annotator's view of one seed."""

    verdict: str = ""
    """approve, reject, skip, or nothing yet."""
    reason: str = ""
    blind: bool = True
    """Whether the verdict was given before others' could be seen: only such count as agreement."""
    edit: Row | None = None
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """Everybody's view of one seed, and what it comes to, worked out once: a page counts thousands at each key."""

    by: Mapping[str, Judgement]
    settled: Judgement | None = None

    @cached_property
    def verdicts(self) -> dict[str, str]:
        return {who: j.verdict for who, j in self.by.items() if j.verdict in VERDICTS}

    @cached_property
    def disputed(self) -> bool:
        return self.settled is None and (len(set(self.verdicts.values())) > 1 or self._edits_clash)

    @property
    def state(self) -> str:
        """new, approved or rejected."""
        if self.disputed or not (verdicts := set(self.verdicts.values())):
            return "new"
        return VERDICTS[self.settled.verdict if self.settled else verdicts.pop()]

    @property
    def edit(self) -> dict[str, Any]:
        """What to change in the seed if it is approved: the settled edit, or all those that approved of it made."""
        edits = [self.settled.edit or {}] if self.settled else self._edits
        return {field: value for edit in edits for field, value in edit.items()}

    @property
    def _edits(self) -> list[Row]:
        return [j.edit for j in self.by.values() if j.verdict == "approve" and j.edit]

    @property
    def _edits_clash(self) -> bool:
        made = {(field, canonical(value)) for edit in self._edits for field, value in edit.items()}
        return len(made) > len({field for field, _ in made})


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why an edit leaves no seed: a fixed word, which an app says in the annotator's language, and what it is about."""

    kind: str
    about: str


def text_id(seed: Row) -> str:
    """Names what the author wrote: an event carries it as `seen`."""
    return digest("text", *(canonical(seed[field]) for field in AUTHORED))


def review(events: Iterable[Event], seen: str) -> Review:
    """Of the events that stand on one seed, in order; `seen` is the seed's `text_id`."""
    by: dict[str, dict[str, Any]] = {}
    settled: dict[str, Judgement] = {}
    for event in events:
        detail = json.loads(event["detail"])
        if detail["seen"] != seen:
            continue
        mine = by.setdefault(event["who"], {})
        if event["comment"]:
            mine["comments"] = (*mine.get("comments", ()), event["comment"])
        match event["verdict"]:
            case "edit":
                mine["edit"] = detail["edit"]
            case "settle":
                settled[event["at"]] = Judgement(detail["verdict"], detail["reason"], False, detail["edit"])
            case "approve" | "reject" | "skip" as verdict:
                mine |= {"verdict": verdict, "reason": detail["reason"], "blind": detail["blind"]}
    last = settled[max(settled)] if settled else None
    return Review({who: Judgement(**parts) for who, parts in by.items()}, last)


def edit_of(seed: Row, given: Row) -> dict[str, Any] | Unfit:
    """What an annotator's form changes in a seed, spelt as curate would."""
    try:
        read = Seed.model_validate({"prose": seed["prose"], **{k: given[k] for k in EDITABLE if k in given}})
    except ValidationError as error:
        first = error.errors()[0]
        return Unfit("unfit", f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}")
    pinned: set[str] = set()
    for pin in read.pins:
        if pin.evidence not in read.prose:
            return Unfit("no_evidence", pin.evidence)
        if pin.dimension in pinned:
            return Unfit("twice", pin.dimension)
        pinned.add(pin.dimension)
    told = read.model_dump(include=set(EDITABLE) & set(given))
    if "pins" in told:
        known = {(p["dimension"], p["value"], p["evidence"]): p["by"] for p in seed["pins"]}
        for pin in told["pins"]:
            pin["by"] = known.get((pin["dimension"], pin["value"], pin["evidence"]), "annotator")
    return {field: value for field, value in told.items() if value != seed[field]}


def edited(seed: Row, edit: Row) -> dict[str, Any]:
    row = {**seed, **edit}
    had, has = ({p["dimension"] for p in pins} for pins in (seed["pins"], row["pins"]))
    return row | {"withheld": sorted({*seed["withheld"], *had} - has)}


def adopted(seed: Row, outcome: Review) -> dict[str, Any]:
    """The seed as a file of seeds holds it, with the review and the edits that were agreed on."""
    state = outcome.state if outcome.verdicts else seed["review"]
    row = edited(seed, outcome.edit) if state == "approved" else seed
    return {**as_authored(row), "review": state}


def as_authored(row: Row) -> dict[str, Any]:
    """A row of SEEDS as a line in a file of seeds."""
    return {**json.loads(row["extras"]), **{k: row[k] for k in Seed.model_fields if k in row}}


def marked(prose: str, pins: Iterable[Row], flags: Iterable[Row]) -> list[dict[str, Any]]:
    """The prose in pieces: each with the numbers of the pins and of the flags whose evidence it is part of."""
    spans = [
        (kind, number, start, start + len(row["evidence"]))
        for kind, rows in (("pins", pins), ("flags", flags))
        for number, row in enumerate(rows)
        if row["evidence"] and row.get("kind") not in OF_THE_WHOLE and (start := prose.find(row["evidence"])) >= 0
    ]
    cuts = sorted({0, len(prose), *(place for _, _, *ends in spans for place in ends)})
    return [
        {
            "text": prose[start:end],
            "pins": [n for kind, n, a, b in spans if kind == "pins" and a <= start and end <= b],
            "flags": [n for kind, n, a, b in spans if kind == "flags" and a <= start and end <= b],
        }
        for start, end in pairwise(cuts)
    ]
