"""Lines become turns: the schema of a line, its words cleaned, its direction added, and what a dialogue may not be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

from pydantic import ConfigDict, Field

from persona_forge.dialogues.direction import (
    MOVES,
    instruction,
    partner_delivery,
    partner_event,
    persona_delivery,
    tagged,
)
from persona_forge.dialogues.probes import given
from persona_forge.dialogues.showing import overused
from persona_forge.text.language import language_of
from persona_forge.text.spoken import finished, spoken

LONGEST_LINE = {"en": 110, "zh": 36}
"""Characters; keeps six turns under 300 tokens."""
SOUNDS = ("none", "sigh", "laugh", "breath")
ECHOES = 4
"""Of so many turns one may say an earlier one again: a catchphrase does."""
RECENT = 2
"""In a dialogue that is played, echoes of so many turns before count; a long one may come back to its words."""
ALIKE, SHORTEST = 0.85, 6
"""From which ratio on two lines are the same, and how many letters a line needs to be compared like that."""
STRICT = ConfigDict(extra="forbid")
_OTHER_WORD = {"en": re.compile(r"[\u4e00-\u9fff]"), "zh": re.compile(r"[A-Za-z]{2,}")}

_STRAY = re.compile(r"^([^“\"]*[。！？.!?…])(?:\s*”|\").*$")
_QUOTE = re.compile(r"[“”\"]")
_LETTER = re.compile(r"[^\W_]")

Turn = dict[str, Any]


def said_field(language: str) -> dict[str, Any]:
    return {"say": (str, Field(min_length=2, max_length=LONGEST_LINE[language]))}


def felt_fields() -> dict[str, Any]:
    return {"mood": Literal[tuple(MOVES)], "sound": Literal[SOUNDS]}


def clean(line: str, longest: int) -> str:
    """What of a line can be spoken, without a model's slips: a quote that has no other half, and what follows such."""
    text = spoken(line)
    if not _paired(text):
        text = _STRAY.sub(r"\1", text)
    text = finished(text, longest)
    return text if _paired(text) else _QUOTE.sub("", text)


def _paired(text: str) -> bool:
    return text.count("“") == text.count("”") and text.count('"') % 2 == 0


def alike(one: str, other: str) -> bool:
    """Whether two lines say the same, but for a word or a slip."""
    a, b = (_bare(text) for text in (one, other))
    return a == b or (min(len(a), len(b)) >= SHORTEST and SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE)


def partner_turn(number: int, text: str, scene: Mapping[str, Any]) -> Turn:
    """The sound of a delivery is heard once: at the probe, or in a plain scene at the first word."""
    name = scene["partner"]["delivery"]
    sound = partner_event(name) if number == scene["depth"] else None
    return _turn(number, "partner", text, partner_delivery(name), sound, scene)


def persona_turn(number: int, text: str, mood: str, sound: str, scene: Mapping[str, Any]) -> Turn:
    traits = {t["dimension"]: t["value"] for t in scene["traits"]}
    return _turn(number, "persona", text, persona_delivery(traits, mood), None if sound == "none" else sound, scene)


def _turn(
    number: int, role: str, text: str, delivery: dict[str, Any], sound: str | None, scene: Mapping[str, Any]
) -> Turn:
    events = [{"type": sound, "char_pos": 0}] if sound else []
    return {
        "turn": number, "role": role, "text": text, "text_tagged": tagged(text, delivery, events), "delivery": delivery,
        "events": events, "instruction": instruction(scene["tone"], delivery, scene["language"]),
    }  # fmt: skip


def _bare(text: str) -> str:
    return "".join(_LETTER.findall(text.casefold()))


def unusable(turns: Sequence[Turn], scene: Mapping[str, Any], seed: Mapping[str, Any]) -> str:
    """Why these turns are no dialogue of this scene, or no beginning of one; empty if they are."""
    fixed = given(scene)
    free = [t["text"] for t in turns if t["turn"] not in fixed]
    if early := [text for text in free if any(alike(text, said) for said in fixed.values())]:
        return f"{early[0]!r} is said outside of its turn"
    near = RECENT if scene["writing"] == "self_play" else len(free)
    echoes = sum(any(alike(text, said) for said in free[max(0, n - near) : n]) for n, text in enumerate(free))
    if echoes > max(1, len(free) // ECHOES):
        return "the turns repeat each other"
    own = [t["text"] for t in turns if t["role"] == "persona"]
    if not own:
        return ""
    if scene["code_switched"] and len(turns) == scene["turns"]:
        mixed = _OTHER_WORD[scene["language"]].search(" ".join(own))
        return overused(seed, own) if mixed else "no word of the other language is mixed in"
    found = language_of(" ".join(own))
    if found != scene["language"] and not scene["code_switched"]:
        return f"the persona speaks {found}, not {scene['language']}"
    return overused(seed, own)
