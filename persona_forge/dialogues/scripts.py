"""One dialogue a scene: in one reply (here), or where it is long, turn by turn (`selfplay`).

The reply has fixed keys t1, t2, … with the speaker as a constant, since small models mix speakers up without; the probe
is a constant too. The model gives words, the persona's mood and a sound; code adds both levels of direction and renders
the tagged text. A reply that cannot be a dialogue (a turn without words, the wrong language, an echo, a catchphrase too
often) is asked for again as another sample, with the reason, and at last rejected. A scene in which a minor may not
stand is rejected before anything is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, create_model

from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import SCRIPTS
from persona_forge.dialogues import selfplay
from persona_forge.dialogues.asking import Failed, asked, conversation, prompt_file, version
from persona_forge.dialogues.lines import (
    LONGEST_LINE,
    STRICT,
    Turn,
    alike,
    clean,
    felt_fields,
    partner_turn,
    persona_turn,
    said_field,
    unusable,
)
from persona_forge.dialogues.minors import breach
from persona_forge.dialogues.probes import given
from persona_forge.dialogues.prompting import values
from persona_forge.dialogues.showing import speaker
from persona_forge.space.ontology import Ontology

PROMPTS = (
    *(f"dialogues/prompts/{name}.{language}.jinja" for name in ("script", "selfplay_persona", "selfplay_partner")
      for language in ("en", "zh")),
    "dialogues/factors.toml", "dialogues/probes.toml", "text/templates/card.en.jinja", "text/templates/card.zh.jinja",
)  # fmt: skip
_SAID = re.compile(r'"say":"([^"]+)"')


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
    if why := breach(scene, seed):
        return Reject(scene["scene_id"], scene["seed_id"], "minor", why)
    ask = Ask(scene["scene_id"], scene["seed_id"], (), 0, max_tokens, temperature)
    write = selfplay.play if scene["writing"] == "self_play" else one_shot
    try:
        turns, sample = await write(scene, seed, ontology, chat, ask)
    except Failed as failed:
        return failed.reject(scene["scene_id"], scene["seed_id"])
    return _row(scene, turns, chat, sample, {"max_tokens": max_tokens, "temperature": temperature})


async def one_shot(
    scene: Mapping[str, Any], seed: Mapping[str, Any], ontology: Ontology, chat: Chat, ask: Ask
) -> tuple[list[Turn], int]:
    """The whole dialogue in one reply, and the number of its sample; raises Failed."""
    whole = Ask(ask.row_id, ask.seed_id, prompt(scene, seed, ontology), 0, ask.max_tokens, ask.temperature)
    fixed = tuple(sorted(given(scene).items()))
    model = reply_model(scene["turns"], speaker(seed), scene["language"], fixed)
    return await asked(chat, whole, model, lambda reply: parse(reply, scene, seed), scene["language"])


def prompt(scene: Mapping[str, Any], seed: Mapping[str, Any], ontology: Ontology) -> tuple[Message, ...]:
    return conversation(prompt_file(f"script.{scene['language']}"), values(scene, seed, ontology))


@lru_cache(maxsize=256)
def reply_model(turns: int, persona: str, language: str, fixed: Sequence[tuple[int, str]] = ()) -> type[BaseModel]:
    """The schema of a reply: t1 … tn, odd turns the partner's, even ones the persona's; some words are fixed."""
    other: dict[str, Any] = {"who": (Literal["对方" if language == "zh" else "other"], ...)}
    own: dict[str, Any] = {"who": Literal[persona], **felt_fields()}
    theirs = create_model("Partner", __config__=STRICT, **other, **said_field(language))
    ours = create_model("Persona", __config__=STRICT, **own, **said_field(language))
    keys: dict[str, Any] = {f"t{i}": (theirs if i % 2 else ours, ...) for i in range(1, turns + 1)}
    for number, text in fixed:
        said: dict[str, Any] = {**other, "say": (Literal[text], ...)}
        keys[f"t{number + 1}"] = (create_model(f"Given{number + 1}", __config__=STRICT, **said), ...)
    model: type[BaseModel] = create_model("Script", __config__=STRICT, **keys)
    return model


def parse(reply: dict[str, Any], scene: Mapping[str, Any], seed: Mapping[str, Any]) -> tuple[list[Turn], str]:
    """The turns, and why they cannot be used: empty where they can."""
    fixed = given(scene)
    turns: list[Turn] = []
    for i, said in enumerate(reply.values()):
        text = fixed.get(i) or clean(said["say"], LONGEST_LINE[scene["language"]])
        if not text:
            return [], f"turn {i} has no words: {said['say']!r}"
        turns.append(
            persona_turn(i, text, said["mood"], said["sound"], scene) if i % 2 else partner_turn(i, text, scene)
        )
    if copied := [t["text"] for t in turns if any(alike(t["text"], line) for line in _example(scene["language"]))]:
        return [], f"{copied[0]!r} is copied from the example"
    return turns, unusable(turns, scene, seed)


@cache
def _example(language: str) -> tuple[str, ...]:
    """The lines of the worked example, which a small model is apt to say again."""
    return tuple(_SAID.findall(prompt_file(f"script.{language}")))


def _row(
    scene: Mapping[str, Any], turns: list[Turn], chat: Chat, sample: int, parameters: dict[str, Any]
) -> dict[str, Any]:
    language = scene["language"]
    prompts = selfplay.PROMPTS if scene["writing"] == "self_play" else ("script",)
    return {
        "script_id": digest("script", scene["scene_id"], chat.engine, chat.model, str(sample)),
        **{k: scene[k] for k in ("scene_id", "persona_id", "seed_id", "language", "split")},
        "probe_turn": None if scene["probe"] is None else scene["depth"],
        "turns": turns,
        "engine": chat.engine,
        "model": chat.model,
        "prompt_version": version(*(f"{name}.{language}" for name in prompts)),
        "parameters": canonical({**parameters, "sample": sample}),
    }
