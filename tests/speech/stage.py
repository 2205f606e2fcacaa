"""Rows of scenes, scripts and pairs for the tests of act 3, and clips of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from persona_forge.core.stage import Made
from persona_forge.core.tables import CASTING, CLIPS, PAIRS, SCENES, SCRIPTS
from persona_forge.engines.tone import Tone
from persona_forge.speech.cast import cast
from persona_forge.speech.speak import speak

Row = dict[str, Any]

NEUTRAL = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}
LINES = {"en": ("Is it done yet, or not?", "Nearly; give me a day."), "zh": ("修好了没有？", "快了，再等一天。")}
LONG = {
    "en": "The lock is stiff because of the rain, so you lift the door a little and then turn the key.",
    "zh": "那把锁一下雨就涩得很，你先把门往上抬一点点，再慢慢转钥匙就开了。",
}
"""A line into which a listener may put a word."""


def scene(scene_id: str, language: str = "en", persona: str = "p1", **changes: Any) -> Row:
    traits = changes.pop("traits", {"gender": "female", "age_band": "adult"})
    partner = {"age_band": "senior", "gender": "male", "mood": "neutral", "delivery": "neutral"}
    return {
        **dict.fromkeys(SCENES.names), "scene_id": scene_id, "shard": "g000-0000", "persona_id": persona,
        "seed_id": f"seed of {persona}", "language": language, "split": "train", "kind": "plain", "domain": "service",
        "traits": [{"dimension": k, "value": v} for k, v in traits.items()], "relationship": "customer",
        "tone": "brisk", "depth": 0, "turns": 2, "partner": {**partner, **changes.pop("partner", {})},
        "probe_id": f"probe of {scene_id}", "writing": "one_shot", "code_switched": False, **changes,
    }  # fmt: skip


def turn(n: int, text: str, **delivery: Any) -> Row:
    events = delivery.pop("events", [])
    tagged = delivery.pop("tagged", text)
    return {
        "turn": n, "role": "persona" if n % 2 else "partner", "text": text, "text_tagged": tagged, "events": events,
        "instruction": "Brisk.", "delivery": {**NEUTRAL, **delivery},
    }  # fmt: skip


def talk(*texts: str) -> list[Row]:
    return [turn(n, text) for n, text in enumerate(texts)]


def script(of: Row, turns: list[Row] | None = None, probe_turn: int | None = None) -> Row:
    said = turns or [turn(n, text) for n, text in enumerate(LINES[of["language"]])]
    kept = {k: of[k] for k in ("scene_id", "persona_id", "seed_id", "language", "split")}
    return {"script_id": f"script of {of['scene_id']}", **kept, "probe_turn": probe_turn, "turns": said,
            "engine": "scripted", "model": "scripted", "prompt_version": "x", "parameters": "{}"}  # fmt: skip


def pair(of: Row, chosen: Row, rejected: Row) -> Row:
    """A pair of a script with a probe; the replies are turns."""
    made = {"candidate_id": "c", "engine": "scripted", "model": "scripted"}
    return {
        **dict.fromkeys(PAIRS.names, ""), **{k: of[k] for k in PAIRS.names if k in of}, "depth": of["probe_turn"],
        "pair_id": f"pair of {of['script_id']}", "prompt": of["turns"][: of["probe_turn"] + 1], "margin": None,
        "chosen": {**made, **chosen}, "rejected": {**made, **rejected},
    }  # fmt: skip


def tables(*pairs: tuple[Row, Row]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of scenes and scripts."""
    return SCENES.frame([a for a, _ in pairs]), SCRIPTS.frame([b for _, b in pairs])


def performed(
    *both: tuple[Row, Row], voice: Any = None, pairs: Sequence[Row] = (), overlaps: float = 0.0, hums: float = 0.0,
    speak_pairs: bool = True,
) -> Made:  # fmt: skip
    """Clips of these scenes and their scripts; by Tone, but for the engine that is given."""
    scenes, scripts = tables(*both)
    voices = cast(CASTING.empty(), scripts.lazy(), scenes.lazy(), voice=Tone(), count=None, per_shard=99).rows
    made = speak(voices, scripts, scenes, PAIRS.frame(list(pairs)), voice=voice or Tone(), speak_pairs=speak_pairs,
                 overlap_share=overlaps, back_channel_share=hums)  # fmt: skip
    CLIPS.conform(made.rows)
    assert made.taken == made.rows.height + len(made.rejects)
    assert made.rows["utterance_id"].n_unique() == made.rows.height
    return made
