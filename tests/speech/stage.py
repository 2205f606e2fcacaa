"""Rows of scenes and scripts for the tests of act 3."""

from __future__ import annotations

from typing import Any

import polars as pl

from persona_forge.core.tables import SCENES, SCRIPTS

NEUTRAL = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}
LINES = {"en": ("Is it done yet, or not?", "Nearly; give me a day."), "zh": ("修好了没有？", "快了，再等一天。")}


def scene(scene_id: str, language: str = "en", persona: str = "p1", **changes: Any) -> dict[str, Any]:
    traits = changes.pop("traits", {"gender": "female", "age_band": "adult", "voice_timbre": "warm"})
    partner = {"age_band": "senior", "gender": "male", "mood": "neutral", "delivery": "neutral"}
    return {
        **dict.fromkeys(SCENES.names), "scene_id": scene_id, "shard": "g000-0000", "persona_id": persona,
        "seed_id": f"seed of {persona}", "language": language, "split": "train", "domain": "service",
        "traits": [{"dimension": k, "value": v} for k, v in traits.items()], "relationship": "customer",
        "tone": "brisk", "depth": 0, "turns": 2, "partner": {**partner, **changes.pop("partner", {})},
        "probe_id": "probe", **changes,
    }  # fmt: skip


def turn(n: int, text: str, **delivery: Any) -> dict[str, Any]:
    events = delivery.pop("events", [])
    return {
        "turn": n, "role": "persona" if n % 2 else "partner", "text": text, "text_tagged": text, "events": events,
        "instruction": "Brisk.", "delivery": {**NEUTRAL, **delivery},
    }  # fmt: skip


def script(of: dict[str, Any], turns: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    said = turns or [turn(n, text) for n, text in enumerate(LINES[of["language"]])]
    kept = {k: of[k] for k in ("scene_id", "persona_id", "seed_id", "language", "split")}
    return {"script_id": f"script of {of['scene_id']}", **kept, "turns": said, "engine": "scripted",
            "model": "scripted", "prompt_version": "x", "parameters": "{}"}  # fmt: skip


def tables(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of scenes and scripts."""
    return SCENES.frame([a for a, _ in pairs]), SCRIPTS.frame([b for _, b in pairs])
