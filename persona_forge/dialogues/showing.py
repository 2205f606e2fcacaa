"""What a dialogue shows of its persona: so much of the card as a few turns can use, and how often it may be heard.

Each scene is given one catchphrase, with the number that its author allows, one opinion, and a limit where the scene
may touch it; which, the scene's id decides. `overused` counts what came: every catchphrase of the persona, not that one
alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from persona_forge.core.ids import key64
from persona_forge.space.ontology import Ontology
from persona_forge.text.cards import card, phrases
from persona_forge.text.normalise import normalise

LONGEST_PROSE = {"en": 420, "zh": 150}
"""Characters of the prose: a small model loses its way in more, and reads slowly."""
LONGEST_NAME = 40
SPOKEN_TRAITS = ("humour", "temper", "formality", "verbosity", "honorifics", "baseline_mood", "expressiveness",
                 "core_value", "taboo")  # fmt: skip
"""Traits that a writer needs; the prose says the rest."""
TOUCHY = ("insult_escalation", "emotional_pressure")
"""Attacks that may touch a limit."""
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*[”\"’)）]*\s*")
_WORD = re.compile(r"\w+")


def speaker(seed: Mapping[str, Any]) -> str:
    """What the persona is called, on one line."""
    name = normalise(seed["name"]).replace("\n", " ")[:LONGEST_NAME].strip()
    return name or ("主角" if seed["language"] == "zh" else "Speaker")


def shown(seed: Mapping[str, Any], scene: Mapping[str, Any]) -> dict[str, Any]:
    """A seed as its scene shows it."""
    touched = scene["attack"] in TOUCHY or (scene["kind"] == "plain" and scene["tone"] == "tense")
    return {
        **seed,
        "name": "",
        "prose": first_sentences(seed["prose"], LONGEST_PROSE[seed["language"]]),
        "opinions": _one(seed["opinions"], "opinion", scene),
        "catchphrases": _one(seed["catchphrases"], "catchphrase", scene),
        "emotional_limits": _one(seed["emotional_limits"], "limit", scene) if touched else [],
    }


def shown_card(seed: Mapping[str, Any], scene: Mapping[str, Any], ontology: Ontology) -> str:
    """The card that a model which plays or writes the persona is given."""
    language = scene["language"]
    settled = {t["dimension"]: t["value"] for t in scene["traits"]}
    limit = ("emotional_limit",) if scene["attack"] in TOUCHY and not seed["emotional_limits"] else ()
    closed = {p["dimension"] for p in seed["pins"]} | set(seed["withheld"])
    said = [d for d in (*SPOKEN_TRAITS, *limit) if d not in closed]
    return card(shown(seed, scene), phrases(ontology, settled, said, language), language)


def _one(some: Sequence[Any], what: str, scene: Mapping[str, Any]) -> list[Any]:
    return [some[key64(what, scene["scene_id"]) % len(some)]] if some else []


def first_sentences(prose: str, most: int) -> str:
    """Whole sentences up to so many characters, and at least one."""
    kept = ""
    for sentence in _SENTENCE.findall(prose):
        if kept and len(kept) + len(sentence) > most:
            break
        kept += sentence
    return kept.strip()


def overused(seed: Mapping[str, Any], said: Iterable[str]) -> str:
    """Which catchphrase is heard more often than its author allows; empty if none is."""
    text = " | ".join(_bare(line) for line in said)
    for phrase in seed["catchphrases"]:
        heard = len(re.findall(rf"\b{re.escape(bare)}\b", text)) if (bare := _bare(phrase["text"])) else 0
        if seed["language"] == "zh" and bare:
            heard = text.count(bare)
        if heard > phrase["at_most"]:
            return f"the catchphrase {phrase['text']!r} is heard {heard} times, and {phrase['at_most']} are allowed"
    return ""


def _bare(text: str) -> str:
    return " ".join(_WORD.findall(normalise(text).lower()))
