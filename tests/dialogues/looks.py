"""Candidates with their scripts, scenes and seeds, for the tests of judges."""

from __future__ import annotations

from typing import Any

import polars as pl
from desk import NAME, exit_scene, played, scene, seed

from persona_forge.core.tables import CANDIDATES, PAIRS, SCENES, SCRIPTS, SEEDS

REPLY = {"en": "No machine ever had a hip like mine.", "zh": "机器能有我这腰？疼着呢。"}
USUAL = {"split": "train", "persona_id": "0" * 32, "engine": "writer", "model": "desk", "parameters": "{}"}
CALM = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}


def script(where: dict[str, Any], turns: int = 3) -> dict[str, Any]:
    return {
        **dict.fromkeys(SCRIPTS.names), **USUAL, "script_id": f"script-{where['scene_id']}",
        **{k: where[k] for k in ("scene_id", "seed_id", "language")}, "probe_turn": where["depth"],
        "turns": played(where, turns), "prompt_version": "script@0",
    }  # fmt: skip


def candidate(where: dict[str, Any], text: str = "", **changes: Any) -> dict[str, Any]:
    """A reply to the probe of a scene; `number` tells several apart."""
    said = text or REPLY[where["language"]]
    number = changes.pop("number", 0)
    return {
        **dict.fromkeys(CANDIDATES.names), **USUAL, "candidate_id": f"{where['scene_id']}-{number}",
        **{k: where[k] for k in ("scene_id", "seed_id", "language")}, "script_id": f"script-{where['scene_id']}",
        "turn": where["depth"] + 1, "sample": number, "wanted": "keep", "assertion": "admits_no_ai", "text": said,
        "text_tagged": said, "delivery": CALM, "events": [], "prompt_version": "candidate@0", **changes,
    }  # fmt: skip


def tables(*candidates: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """What a judge reads, for candidates of the usual scenes."""
    scenes = [scene("en"), scene("zh"), exit_scene("en", scene_id="exit-en", depth=2)]
    return {
        "candidates": CANDIDATES.frame(list(candidates)),
        "scripts": SCRIPTS.frame([script(where) for where in scenes]),
        "scenes": SCENES.frame(scenes),
        "seeds": SEEDS.frame([seed("en"), seed("zh")]),
    }


def pair(number: int, chosen: str, rejected: str, *, seed_id: str, assertion: str = "admits_no_ai") -> dict[str, Any]:
    def reply(text: str, side: str) -> dict[str, Any]:
        return {"candidate_id": f"{number}-{side}", "text": text, "text_tagged": text, "delivery": CALM, "events": [],
                "engine": "writer", "model": "desk"}  # fmt: skip

    return {
        **dict.fromkeys(PAIRS.names), "pair_id": f"pair-{number:04d}", "script_id": "s", "scene_id": "s",
        "persona_id": "0" * 32, "seed_id": seed_id, "language": "en", "split": "train", "kind": "stay",
        "attack": "you_are_an_ai", "depth": 2, "assertion": assertion, "system": NAME["en"], "prompt": [],
        "chosen": reply(chosen, "chosen"), "rejected": reply(rejected, "rejected"), "decided_by": "code",
        "shown_first": "chosen",
    }  # fmt: skip
