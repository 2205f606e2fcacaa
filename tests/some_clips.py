"""A small run that holds nothing but clips, what was measured on them, and checks made by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from some_pairs import seal

from persona_forge.core.tables import CHECKS, CLIPS
from persona_forge.dataset.folder import Folder
from persona_forge.speech.listen import queue
from persona_forge.speech.verify import measures
from persona_forge.text.tags import parse

Row = dict[str, Any]

SPOKEN: tuple[tuple[str, str, str, str, str, bool | None, bool | None], ...] = (
    # id, language, mood, pace, words, whether the mood was told by a machine, whether the gates are passed
    ("good", "en", "happy", "fast", "{happy:0.7}{fast}I got the night shift!", True, True),
    ("plain", "en", "neutral", "medium", "The bus stops at the bridge.", None, True),
    ("shut", "en", "sad", "slow", "{sad:0.5}{slow}Nobody came. {sigh}", None, False),
    ("tea", "zh", "angry", "medium_fast", "{angry:0.6}{medium_fast}茶又凉了！", None, None),
    ("kite", "zh", "sad", "medium_slow", "{sad:0.4}{medium_slow}风筝断了线。", None, None),
)
CLIPS_HEARD = len(SPOKEN)
SECONDS, HZ = 0.8, 180.0
ALL_FLAT = {"emotion": "neutral", "speed": "medium", "naturalness": 3}


def voiced(hz: float = HZ, seconds: float = SECONDS) -> bytes:
    """A hum with a voice's harmonics, as FLAC."""
    import soundfile

    file, times = io.BytesIO(), np.arange(round(24000 * seconds)) / 24000
    hum = sum(np.sin(2 * np.pi * hz * n * times) / n for n in range(1, 12))
    soundfile.write(file, 0.2 * np.asarray(hum) / np.abs(hum).max(), 24000, format="FLAC")
    return file.getvalue()


def clip(name: str, language: str, emotion: str, speed: str, tagged: str, **more: Any) -> Row:
    unknown = dict.fromkeys(("pair_id", "want_gender", "want_age_group", "want_timbre"))
    return {
        **dict.fromkeys(CLIPS.names, ""), **unknown, "utterance_id": name, "script_id": "s", "scene_id": "s", "turn": 0,
        "part": "turn", "seed_id": f"seed-{language}", "language": language, "text": parse(tagged)[0],
        "text_tagged": tagged, "offset_s": 0.0, "gap_s": 0.0,
        "audio": {"bytes": voiced(), "path": f"{name}.flac"}, "want_emotion": emotion, "want_intensity": 0.5,
        "want_speed": speed, "want_speed_ratio": 1.0, "want_pitch": "medium", "want_volume": "normal",
        "want_instruction": f"wished for {emotion}", "want_events": [],
        "made_engine": "espeak" if name == "tea" else "kokoro", "made_voice": "af_sky", "made_not_obeyed": [],
        "made_events": [], **more,
    }  # fmt: skip


def verdict(tag: str, wanted: str, obeyed: bool | None, by: str) -> Row:
    return {"tag": tag, "wanted": wanted, "obeyed": obeyed, "by": by, "value": None, "neutral": None}


def check(of: Row, mood: bool | None, passed: bool | None) -> Row:
    """The machine finds the pace as wanted wherever it is slow or fast, and nowhere else."""
    pace = of["want_speed"] in ("slow", "fast")
    tags = [verdict("speed", of["want_speed"], pace, "meas_rate"),
            verdict("emotion", of["want_emotion"], mood, "classifier" if mood else "listener")]  # fmt: skip
    if of["want_emotion"] != "neutral":
        tags.append(verdict("emotion_prosody", of["want_emotion"], True, "meas_f0_median_hz, meas_f0_sd_st"))
    ids = {"utterance_id": of["utterance_id"], "seed_id": of["seed_id"]}
    return {**dict.fromkeys(CHECKS.names), **ids, "qc_asr": "deaf", "qc_obeyed": tags, "qc_pass": passed,
            "qc_reasons": ["words"] if passed is False else []}  # fmt: skip


def spoken() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Clips, measures and checks; one of the clips is a back-channel."""
    clips = [clip(*row[:5]) for row in SPOKEN]
    checked = [check(of, *row[5:]) for of, row in zip(clips, SPOKEN, strict=True)]
    hum = clip("hum", "en", "neutral", "medium", "Mm.", part="back_channel")
    frame = CLIPS.frame([*clips, hum])
    return frame, measures(frame).rows, CHECKS.frame([*checked, check(hum, None, False)])


def in_line() -> pl.DataFrame:
    return queue(*spoken())


def run_of_clips(root: Path) -> Path:
    folder = Folder(root)
    folder.write_card({"config": {}, "engines": {}, "ingredients": {}, "ontology": "", "stages": []})
    for name, frame in zip(("clips", "measures", "checks"), spoken(), strict=True):
        seal(folder, name, frame)
    return root


def told(folder: Path, who: str) -> list[Row]:
    """The events of a listener."""
    path = folder / f"listen.{who}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [{**event, "detail": json.loads(event["detail"])} for event in map(json.loads, lines)]
