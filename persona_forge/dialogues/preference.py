"""Which of two replies keeps an assertion better, as a model says, asked in both orders.

A preference that turns with the order is one for a place and not for a reply: a tie. So is one whose evidence stands in
neither reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from persona_forge.core.ids import digest
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.dialogues.asking import conversation, prompt_file
from persona_forge.dialogues.assertions import IN_CHARACTER
from persona_forge.dialogues.findings import Context
from persona_forge.dialogues.judge import MAX_TOKENS, TEMPERATURE
from persona_forge.dialogues.rubric import data, quoted, rubric

TIE = "tie"


class Choice(BaseModel):
    """What a model answers."""

    model_config = ConfigDict(extra="forbid")

    evidence: str = Field(min_length=1, max_length=120)
    why: str = Field(min_length=1, max_length=160)
    better: Literal["first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Preference:
    pick: str
    """The better candidate's id, or tie."""
    flipped: bool
    """Whether each order had another one for the better."""
    void: bool
    """Whether the evidence of an order stands in neither reply."""
    evidence: str | None
    why: str


async def compare(
    one: Mapping[str, Any], other: Mapping[str, Any], context: Context, *, chat: Chat, sample: int = 0
) -> Preference:
    """Of two candidates for the same turn. Raises what the chat raises."""
    pair = sorted((one["candidate_id"], other["candidate_id"]))
    orders = [(one, other), (other, one)]
    asks = [
        Ask(digest("compare", *pair, first["candidate_id"]), first["seed_id"], prompt(first, second, context), sample,
            MAX_TOKENS, TEMPERATURE)
        for first, second in orders
    ]  # fmt: skip
    replies = await asyncio.gather(*(chat.ask(ask, Choice) for ask in asks))
    choices = [Choice.model_validate(reply.value.model_dump()) for reply in replies]
    texts = (one["text"], other["text"])
    shown = [quoted(choice.evidence, texts) for choice in choices]
    picks = [_pick(choice, order) for choice, order in zip(choices, orders, strict=True)]
    void, flipped = None in shown, TIE not in picks and picks[0] != picks[1]
    stands = not void and picks[0] == picks[1]
    return Preference(picks[0] if stands else TIE, flipped, void, shown[0] if stands else None, choices[0].why)


def prompt(first: Mapping[str, Any], second: Mapping[str, Any], context: Context) -> tuple[Message, ...]:
    values = rubric(first["assertion"] or IN_CHARACTER, context)
    values |= {"first": data(first["text"]), "second": data(second["text"])}
    return conversation(prompt_file(f"compare.{context.language}"), values)


def _pick(choice: Choice, order: tuple[Mapping[str, Any], Mapping[str, Any]]) -> str:
    if choice.better == "tie":
        return TIE
    return str(order[choice.better == "second"]["candidate_id"])
