"""Performs the scripts of a shard: every turn a clip, with what was wanted and how it was made.

A turn that cannot be spoken costs that turn and not the run: it goes to the rejects, and the next one follows in time
where it would have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from persona_forge.core.errors import Permanent, Transient
from persona_forge.core.ids import canonical, digest, unit
from persona_forge.core.ports import Samples, Spoken, Voice
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import CLIPS
from persona_forge.speech.audio import encode
from persona_forge.speech.cast import wanted_voice
from persona_forge.speech.direct import SPEED, direct

RATE = 24_000
SILENT = 1e-3
"""A clip whose highest sample is under this holds nothing to hear."""
SHORTEST_GAP_S, LONGEST_GAP_S = 0.15, 0.7
"""Between turns; floor transfers in conversation lie about 0.2 s (Stivers et al. 2009, PNAS 106)."""


def speak(casting: pl.DataFrame, scripts: pl.DataFrame, scenes: pl.DataFrame, *, voice: Voice) -> Made:
    voices = {(row["scene_id"], row["role"]): row for row in casting.iter_rows(named=True)}
    by_scene = {row["scene_id"]: row for row in scenes.iter_rows(named=True)}
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for script in scripts.iter_rows(named=True):
        clock = 0.0
        for turn in script["turns"]:
            who = voices[script["scene_id"], turn["role"]]
            gap = gap_s(script["script_id"], turn["turn"])
            utterance_id = digest("utterance", script["script_id"], str(turn["turn"]), who["engine"], who["voice"])
            try:
                row, seconds = _clip(utterance_id, script, turn, who, by_scene[script["scene_id"]], voice)
            except (Permanent, Transient) as error:
                rejects.append(Reject(utterance_id, script["seed_id"], "unspeakable", error.what, turn["text"]))
                continue
            rows.append(row | {"offset_s": round(clock + gap, 4), "gap_s": gap})
            clock += gap + seconds
    return Made(CLIPS.frame(rows), taken=sum(len(t) for t in scripts["turns"]), rejects=tuple(rejects))


def gap_s(script_id: str, turn: int) -> float:
    """Silence before a turn, in seconds; 0 before the first."""
    if turn == 0:
        return 0.0
    return round(SHORTEST_GAP_S + unit("gap", script_id, str(turn)) * (LONGEST_GAP_S - SHORTEST_GAP_S), 4)


def _clip(
    utterance_id: str,
    script: dict[str, Any],
    turn: dict[str, Any],
    who: dict[str, Any],
    scene: dict[str, Any],
    voice: Voice,
) -> tuple[dict[str, Any], float]:
    """The row but for its place in time, and its length in seconds."""
    wanted, language = turn["delivery"], script["language"]
    spoken = voice.speak(turn["text"], voice=who["voice"], language=language,
                         delivery=direct(wanted, turn["events"]))  # fmt: skip
    samples = _fit(spoken)
    gender, age_group = wanted_voice(scene, turn["role"])
    traits = {t["dimension"]: t["value"] for t in scene["traits"]} if turn["role"] == "persona" else {}
    row = {
        "utterance_id": utterance_id,
        **{k: script[k] for k in ("script_id", "scene_id", "persona_id", "seed_id", "language", "split")},
        **{k: turn[k] for k in ("turn", "role", "text", "text_tagged")},
        "audio": {"bytes": encode(samples, RATE), "path": f"{utterance_id}.flac"},
        "want_gender": gender,
        "want_age_group": age_group,
        "want_timbre": traits.get("voice_timbre"),
        "want_emotion": wanted["emotion"],
        "want_intensity": wanted["intensity"],
        "want_style": scene["tone"],
        "want_speed": wanted["speed"],
        "want_speed_ratio": SPEED[wanted["speed"]],
        "want_pitch": wanted["pitch"],
        "want_volume": wanted["volume"],
        "want_events": turn["events"],
        "want_instruction": turn["instruction"],
        "made_engine": voice.engine,
        "made_model": voice.model,
        "made_voice": who["voice"],
        "made_licence": who["licence"],
        "made_parameters": canonical(spoken.parameters),
        "made_not_obeyed": sorted(spoken.not_obeyed),
        "made_events": [{"type": t, "start_s": a, "end_s": b} for t, a, b in spoken.events],
    }
    return row, samples.size / RATE


def _fit(spoken: Spoken) -> Samples:
    """Samples within full scale; raises Permanent for silence, for numbers that are none, and for another rate."""
    samples = spoken.samples
    if spoken.rate != RATE:
        raise Permanent(f"the voice engine gave {spoken.rate} samples a second", allowed=str(RATE))
    if not samples.size or not np.isfinite(samples).all():
        raise Permanent("the voice engine returned no sound, or numbers that are not finite")
    if (peak := float(np.abs(samples).max())) < SILENT:
        raise Permanent(f"the voice engine returned silence (peak {peak:.1e})")
    return np.clip(samples, -1.0, 1.0)
