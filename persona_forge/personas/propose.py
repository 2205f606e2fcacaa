"""A language model proposes pins that no cue found, each marked as its own, for people to review. Nothing asks for it
by itself.

What it says counts only with words of the prose that stand there to the letter, for a dimension that neither the author
nor a cue has settled, with a value that the ontology has and that can stand together with all the other pins. Whatever
else it says is listed with the reason, and so is a seed for which no answer came.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from persona_forge.core.errors import BadReply, Refused, Transient
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.core.stage import Reject
from persona_forge.personas.evidence import pinned
from persona_forge.space.compile import Dead, Space
from persona_forge.text.template import fill

BY = "model"
MOST = 16
MAX_TOKENS, TEMPERATURE = 700, 0.0

Row = Mapping[str, Any]


class Proposed(BaseModel):
    """One pin; the words come first, so that the value follows them."""

    model_config = ConfigDict(extra="forbid")

    evidence: str = Field(min_length=1, max_length=120)
    dimension: str = Field(min_length=1, max_length=40)
    value: str = Field(min_length=1, max_length=40)


class Proposals(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pins: list[Proposed] = Field(max_length=MOST)


@dataclass(frozen=True, slots=True)
class Outcome:
    pins: dict[str, list[dict[str, str]]]
    """Seed → the pins that were proposed and hold."""
    refused: tuple[Reject, ...]
    """Proposals that do not hold, and seeds without an answer."""


async def propose(seeds: pl.DataFrame, *, space: Space, chat: Chat) -> Outcome:
    """Asks once for each row of SEEDS."""
    rows = list(seeds.iter_rows(named=True))
    found = await asyncio.gather(*(_of(seed, space, chat) for seed in rows))
    pins = {seed["seed_id"]: some for seed, (some, _) in zip(rows, found, strict=True) if some}
    return Outcome(pins, tuple(reject for _, refused in found for reject in refused))


async def _of(seed: Row, space: Space, chat: Chat) -> tuple[list[dict[str, str]], list[Reject]]:
    ask = Ask(seed["seed_id"], seed["seed_id"], _messages(seed, space), max_tokens=MAX_TOKENS, temperature=TEMPERATURE)
    try:
        reply = await chat.ask(ask, Proposals)
    except (BadReply, Refused, Transient) as error:
        raw = error.raw if isinstance(error, BadReply) else None
        return [], [Reject(seed["seed_id"], seed["seed_id"], "no_answer", error.what, raw)]
    assert isinstance(reply.value, Proposals)
    told, pins, refused = pinned(seed), [], []
    for said in reply.value.pins:
        if why := _unfit(said, seed, told, space):
            refused.append(Reject(seed["seed_id"], seed["seed_id"], *why, said.model_dump_json()))
        else:
            told[said.dimension] = said.value
            pins.append({**said.model_dump(), "by": BY})
    return pins, refused


def _unfit(said: Proposed, seed: Row, told: Mapping[str, str], space: Space) -> tuple[str, str] | None:
    """The reason and its detail why a proposal does not hold."""
    names = {d.name: d.names for d in space.ontology.dimensions}
    if said.value not in names.get(said.dimension, ()):
        return "unknown_trait", f"the ontology has no {said.dimension}={said.value}"
    if said.dimension in told:
        return "settled", f"{said.dimension}={told[said.dimension]} stands already"
    if said.evidence not in seed["prose"]:
        return "evidence", f"these words do not stand in the prose: {said.evidence!r}"
    law = space.given({**told, said.dimension: said.value}, (), seed["language"])
    return ("impossible", "; ".join(law.reasons)) if isinstance(law, Dead) else None


def _messages(seed: Row, space: Space) -> tuple[Message, ...]:
    language, told = seed["language"], pinned(seed)
    source = (files("persona_forge.personas") / "prompts" / f"propose.{language}.jinja").read_text(encoding="utf-8")
    traits = [
        {
            "name": d.name,
            "label": d.label[language],
            "values": [{"name": v.name, "label": v.label[language]} for v in d.values],
        }
        for d in space.ontology.dimensions
        if d.name not in told and not (d.authored_by and seed[d.authored_by])
    ]
    prose = json.dumps(seed["prose"], ensure_ascii=False)
    return (Message("system", fill(source, {"traits": traits})), Message("user", prose))
