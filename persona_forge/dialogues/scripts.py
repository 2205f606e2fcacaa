"""One dialogue a scene, in one reply: `prompt` and `parse`, nothing else; storing and retrying is the engine's affair.

The reply has fixed keys t1, t2, … with the speaker as a constant, since small models mix speakers up without. The model
gives words, the persona's mood and a sound; code adds both levels of direction and renders the tagged text. A reply
that cannot be a dialogue (a turn without words, the wrong language, an echo) is asked for once more as another sample,
then rejected.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, create_model

from persona_forge.core.errors import BadReply, Refused, Transient
from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import SCRIPTS
from persona_forge.dialogues.direction import (
    MOVES,
    instruction,
    partner_delivery,
    partner_event,
    persona_delivery,
    tagged,
)
from persona_forge.dialogues.factors import words
from persona_forge.space.ontology import Ontology
from persona_forge.text.cards import card, phrases
from persona_forge.text.language import language_of
from persona_forge.text.spoken import finished, spoken
from persona_forge.text.template import fill

PROMPTS = ("dialogues/prompts/script.en.jinja", "dialogues/prompts/script.zh.jinja", "dialogues/factors.toml",
           "text/templates/card.en.jinja", "text/templates/card.zh.jinja")  # fmt: skip
_ROLE = re.compile(r"^=== (system|user|assistant)$", re.MULTILINE)
SAMPLES = 2
"""How often a scene is asked for at most, when a reply cannot be used."""
ECHOES = 1
"""Turns that may say an earlier one again: a catchphrase does."""
SOUNDS = ("none", "sigh", "laugh", "breath")
LONGEST_LINE = {"en": 110, "zh": 36}
"""Characters; keeps six turns under 300 tokens."""
LONGEST_PROSE = {"en": 420, "zh": 150}
SPOKEN_TRAITS = ("humour", "temper", "formality", "verbosity", "baseline_mood", "expressiveness", "core_value", "taboo")
"""Traits that a writer needs; the prose says the rest."""


async def scripts(
    scenes: pl.DataFrame, seeds: pl.DataFrame, *, chat: Chat, ontology: Ontology, max_tokens: int, temperature: float
) -> Made:
    by_id = {row["seed_id"]: row for row in seeds.iter_rows(named=True)}
    asks = [_write(scene, by_id[scene["seed_id"]], ontology, chat, max_tokens, temperature)
            for scene in scenes.iter_rows(named=True)]  # fmt: skip
    results = await asyncio.gather(*asks)
    return Made(
        SCRIPTS.frame([r for r in results if not isinstance(r, Reject)]),
        taken=scenes.height,
        rejects=tuple(r for r in results if isinstance(r, Reject)),
    )


async def _write(
    scene: dict[str, Any], seed: dict[str, Any], ontology: Ontology, chat: Chat, max_tokens: int, temperature: float
) -> dict[str, Any] | Reject:
    messages = prompt(scene, seed, ontology)
    why = raw = ""
    for sample in range(SAMPLES):
        ask = Ask(scene["scene_id"], scene["seed_id"], messages, sample, max_tokens, temperature)
        try:
            reply = await chat.ask(ask, reply_model(scene["turns"], _speaker(seed), scene["language"]))
        except BadReply as error:
            why, raw = error.what, error.raw
            continue
        except (Transient, Refused) as error:
            kept = getattr(error, "raw", raw) or None
            return Reject(scene["scene_id"], scene["seed_id"], type(error).__name__.lower(), error.what, kept)
        turns, why = parse(reply.value.model_dump(), scene)
        if not why:
            return _row(scene, turns, chat, sample, {"max_tokens": max_tokens, "temperature": temperature})
        raw = reply.raw
    return Reject(scene["scene_id"], scene["seed_id"], "unusable_reply", why, raw)


def prompt(scene: Mapping[str, Any], seed: Mapping[str, Any], ontology: Ontology) -> tuple[Message, ...]:
    language = scene["language"]
    settled = {t["dimension"]: t["value"] for t in scene["traits"]}
    pinned = {p["dimension"] for p in seed["pins"]}
    open_traits = [d for d in SPOKEN_TRAITS if d not in pinned]
    values = {
        "turns": scene["turns"],
        "persona": _speaker(seed),
        "card": card(_short(seed), phrases(ontology, settled, open_traits, language), language),
        **{k: words(k, scene[k], language) for k in ("domain", "relationship", "tone")},
        "partner_age": words("age", scene["partner"]["age_band"], language),
        "delivery": words("delivery", scene["partner"]["delivery"], language),
        "attack": words("attack", scene["attack"], language) if scene["attack"] else "",
        "attack_from": scene["depth"] + 1,
    }
    return conversation(_prompt(language), values)


def conversation(source: str, values: Mapping[str, Any]) -> tuple[Message, ...]:
    """A prompt file as messages, each after a line `=== role`; cut before it is filled, so that no value begins one."""
    parts = _ROLE.split(source)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return tuple(Message(role, fill(said, values)) for role, said in pairs)  # type: ignore[arg-type]


def _short(seed: Mapping[str, Any]) -> dict[str, Any]:
    """A seed as six turns can use it: a small model loses its way in more, and reads slowly."""
    prose = _first_sentences(seed["prose"], LONGEST_PROSE[seed["language"]])
    return {**seed, "name": "", "prose": prose, "opinions": seed["opinions"][:2],
            "catchphrases": seed["catchphrases"][:1], "emotional_limits": []}  # fmt: skip


def _first_sentences(prose: str, most: int) -> str:
    """Whole sentences up to so many characters, and at least one."""
    kept = ""
    for sentence in re.findall(r"[^.!?。！？]+[.!?。！？]*[”\"’)）]*\s*", prose):
        if kept and len(kept) + len(sentence) > most:
            break
        kept += sentence
    return kept.strip()


@cache
def _prompt(language: str) -> str:
    return (files("persona_forge.dialogues") / "prompts" / f"script.{language}.jinja").read_text(encoding="utf-8")


def _speaker(seed: Mapping[str, Any]) -> str:
    return seed["name"] or ("主角" if seed["language"] == "zh" else "Speaker")


@cache
def reply_model(turns: int, persona: str, language: str) -> type[BaseModel]:
    """The schema of a reply: t1 … tn, odd turns the partner's, even ones the persona's."""
    strict = ConfigDict(extra="forbid")
    say: dict[str, Any] = {"say": (str, Field(min_length=2, max_length=LONGEST_LINE[language]))}
    other: dict[str, Any] = {"who": (Literal["对方" if language == "zh" else "other"], ...)}
    own: dict[str, Any] = {"who": Literal[persona], "mood": Literal[tuple(MOVES)], "sound": Literal[SOUNDS]}
    theirs = create_model("Partner", __config__=strict, **other, **say)
    ours = create_model("Persona", __config__=strict, **own, **say)
    keys: dict[str, Any] = {f"t{i}": (theirs if i % 2 else ours, ...) for i in range(1, turns + 1)}
    model: type[BaseModel] = create_model("Script", __config__=strict, **keys)
    return model


def parse(reply: dict[str, Any], scene: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The turns, and why they cannot be used: empty where they can."""
    traits = {t["dimension"]: t["value"] for t in scene["traits"]}
    turns: list[dict[str, Any]] = []
    for i, said in enumerate(reply.values()):
        text = finished(spoken(said["say"]), LONGEST_LINE[scene["language"]])
        if not text:
            return [], f"turn {i} has no words: {said['say']!r}"
        role = "persona" if i % 2 else "partner"
        name = scene["partner"]["delivery"]
        delivery = persona_delivery(traits, said["mood"]) if i % 2 else partner_delivery(name)
        sound = said["sound"] if i % 2 else (partner_event(name) if i == 0 else None)
        events = [{"type": sound, "char_pos": 0}] if sound and sound != "none" else []
        turns.append({
            "turn": i, "role": role, "text": text, "text_tagged": tagged(text, delivery, events), "delivery": delivery,
            "events": events, "instruction": instruction(scene["tone"], delivery, scene["language"]),
        })  # fmt: skip
    if len({t["text"] for t in turns}) < len(turns) - ECHOES:
        return [], "the turns repeat each other"
    found = language_of(" ".join(t["text"] for t in turns if t["role"] == "persona"))
    return turns, "" if found == scene["language"] else f"the persona speaks {found}, not {scene['language']}"


def _row(
    scene: Mapping[str, Any], turns: list[dict[str, Any]], chat: Chat, sample: int, parameters: dict[str, Any]
) -> dict[str, Any]:
    return {
        "script_id": digest("script", scene["scene_id"], chat.engine, chat.model, str(sample)),
        **{k: scene[k] for k in ("scene_id", "persona_id", "seed_id", "language", "split")},
        "probe_turn": None,
        "turns": turns,
        "engine": chat.engine,
        "model": chat.model,
        "prompt_version": f"script.{scene['language']}@{digest(_prompt(scene['language']))[:8]}",
        "parameters": canonical({**parameters, "sample": sample}),
    }
