"""A long dialogue, turn by turn: one call plays the persona, the next the partner, and neither sees the other's prompt.

Who plays the persona has the card and hears the partner's words; who plays the partner knows the scene, the persona's
name and, from the probe on, what to press with. To each its own turns are what it said, the other's are what it was
told, and only the last turns are shown, as many as a small context holds. Every turn is a question with an id of its
own, so that a kill loses those in flight and no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from pydantic import BaseModel, create_model

from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.dialogues.asking import asked, conversation, prompt_file
from persona_forge.dialogues.lines import (
    LONGEST_LINE,
    STRICT,
    Turn,
    clean,
    felt_fields,
    partner_turn,
    persona_turn,
    said_field,
    unusable,
)
from persona_forge.dialogues.probes import given
from persona_forge.dialogues.prompting import values
from persona_forge.space.ontology import Ontology

PROMPTS = ("selfplay_persona", "selfplay_partner")
SHOWN = 12
"""Turns that a player is shown: with the card some 1,500 tokens, in a local context of 4,096."""
LONGEST_TURN = 120
"""Tokens."""


async def play(
    scene: Mapping[str, Any], seed: Mapping[str, Any], ontology: Ontology, chat: Chat, ask: Ask
) -> tuple[list[Turn], int]:
    """The turns, and how many of them were asked for again; raises Failed."""
    known, fixed = values(scene, seed, ontology), given(scene)
    turns: list[Turn] = []
    again = 0
    for number in range(scene["turns"]):
        if number in fixed:
            turns.append(partner_turn(number, fixed[number], scene))
            continue
        question = replace(
            ask,
            row_id=f"{ask.row_id}.{number}",
            messages=prompt(turns, scene, known),
            max_tokens=min(ask.max_tokens, LONGEST_TURN),
        )
        model = line_model(role(number), scene["language"])
        turn, sample = await asked(chat, question, model, partial(parse, turns=turns, scene=scene, seed=seed), None)
        turns.append(turn)
        again += sample
    return turns, again


def role(number: int) -> str:
    return "persona" if number % 2 else "partner"


def prompt(turns: Sequence[Turn], scene: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[Message, ...]:
    """For whoever speaks next. The first turn shown is the partner's, whose prompt ends with a word to begin."""
    number = len(turns)
    pressed = scene["probe"] is not None and number > scene["depth"]
    head = conversation(prompt_file(f"selfplay_{role(number)}.{scene['language']}"), {**known, "pressed": pressed})
    first = max(0, number - SHOWN)
    return (*head, *(_heard(turn, role(number)) for turn in turns[first + first % 2 :]))


def _heard(turn: Turn, by: str) -> Message:
    """A turn as the one who said it (and then in the form of its reply) or the other one knows it."""
    if turn["role"] != by:
        return Message("user", turn["text"])
    felt = {"mood": turn["delivery"]["emotion"], "sound": (turn["events"] or [{"type": "none"}])[0]["type"]}
    said = {**(felt if by == "persona" else {}), "say": turn["text"]}
    return Message("assistant", json.dumps(said, ensure_ascii=False, separators=(",", ":")))  # in the schema's order


@cache
def line_model(by: str, language: str) -> type[BaseModel]:
    felt: dict[str, Any] = {k: (v, ...) for k, v in felt_fields().items()} if by == "persona" else {}
    model: type[BaseModel] = create_model("Line", __config__=STRICT, **felt, **said_field(language))
    return model


def parse(
    reply: dict[str, Any], *, turns: Sequence[Turn], scene: Mapping[str, Any], seed: Mapping[str, Any]
) -> tuple[Turn, str]:
    """The next turn, and why it cannot be used: empty where it can."""
    number, text = len(turns), clean(reply["say"], LONGEST_LINE[scene["language"]])
    if not text:
        return {}, f"turn {number} has no words: {reply['say']!r}"
    if role(number) == "partner":
        turn = partner_turn(number, text, scene)
    else:
        turn = persona_turn(number, text, reply["mood"], reply["sound"], scene)
    return turn, unusable([*turns, turn], scene, seed)
