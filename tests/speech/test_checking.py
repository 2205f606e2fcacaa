"""Checks of a shard: words, gates, tags, and the share of the clips that is heard."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from persona_forge.core.ports import Delivery, Samples
from persona_forge.core.stage import Made
from persona_forge.core.tables import BASELINES, CASTING, CHECKS, CLIPS, MEASURES
from persona_forge.engines.tone import Tone
from persona_forge.engines.whisper import Deaf
from persona_forge.speech.audio import encode
from persona_forge.speech.baseline import PLAIN, SENTENCES, baselines
from persona_forge.speech.perform import perform
from persona_forge.speech.verify import checks, measures

TEXT = SENTENCES["en"][0]
CAST = {**dict.fromkeys(CASTING.names, "x"), "scene_id": "scene", "role": "persona", "language": "en",
        "voice": "female0", "gender": "female", "f0_scale": 1.0, "formant_scale": 1.0, "breathiness": 0.0,
        "tremor": 0.0}  # fmt: skip
CASTS = CASTING.frame([CAST])
SETTINGS: dict[str, Any] = {"measured_share": 1.0, "max_error_rate": 0.35, "min_mos": None, "failing": "keep"}


class Parrot:
    """An ear that always hears the same words."""

    engine, model, honest = "parrot", "parrot", True

    def __init__(self, words: str = TEXT) -> None:
        self.words = words

    def hear(self, samples: Samples, rate: int, *, language: str) -> str:
        return self.words


def clip(name: str, samples: Samples | None = None, **manner: Any) -> dict[str, Any]:
    wanted = {**PLAIN, **manner}
    said = perform(TEXT, wanted, instruction="", voice=Tone(), cast=CAST, language="en")
    audio = said.samples if samples is None else samples
    return {
        **dict.fromkeys(CLIPS.names, "x"), "utterance_id": name, "seed_id": "seed", "scene_id": "scene",
        "role": "persona", "turn": 0, "language": "en", "text": TEXT, "text_tagged": TEXT, "pair_id": None,
        "audio": {"bytes": encode(audio, said.rate), "path": name}, "offset_s": 0.0, "gap_s": 0.0,
        "want_gender": "female", "want_age_group": None, "want_timbre": None, "want_speed_ratio": 1.0,
        "want_events": [], "made_not_obeyed": sorted(said.not_obeyed), "made_events": [],
        **{f"want_{k}": v for k, v in wanted.items()},
    }  # fmt: skip


def checked(*clips: dict[str, Any], ear: Any, usual: pl.DataFrame | None = None, **settings: Any) -> Made:
    frame = CLIPS.frame(list(clips))
    found = measures(frame)
    MEASURES.conform(found.rows)
    usual = BASELINES.empty() if usual is None else usual
    made = checks(frame, found.rows, usual, CASTS, ear=ear, critic=None, **{**SETTINGS, **settings})
    CHECKS.conform(made.rows)
    assert made.taken == made.rows.height + len(made.rejects) == len(clips)
    return made


@pytest.fixture(scope="module")
def usual() -> pl.DataFrame:
    return baselines(BASELINES.empty(), CASTS.lazy(), voice=Tone()).rows


def test_a_clip_passes_if_its_words_are_heard() -> None:
    row = checked(clip("a"), ear=Parrot()).rows.row(0, named=True)
    assert (row["qc_asr_text"], row["qc_error_rate"], row["qc_asr"]) == (TEXT, 0.0, "parrot/parrot")
    assert (row["qc_pass"], row["qc_reasons"]) == (True, [])


def test_a_clip_of_other_words_fails_and_is_kept_or_rejected_as_told() -> None:
    kept = checked(clip("a"), ear=Parrot("something else")).rows.row(0, named=True)
    assert (kept["qc_pass"], kept["qc_reasons"]) == (False, ["words"])
    assert checked(clip("a"), ear=Parrot(), failing="reject").rejects == ()
    made = checked(clip("a"), ear=Parrot("something else"), failing="reject")
    (reject,) = made.rejects
    assert (reject.row_id, reject.seed_id, reject.reason, reject.raw) == ("a", "seed", "qc", "something else")
    assert reject.detail == "the error rate of its words is 1.00, more than 0.35"


def test_a_deaf_ear_and_a_whisper_are_no_evidence() -> None:
    for row in (
        checked(clip("a"), ear=Deaf()).rows.row(0, named=True),
        checked(clip("a", volume="whisper"), ear=Parrot("else")).rows.row(0, named=True),
    ):
        assert (row["qc_asr_text"], row["qc_error_rate"], row["qc_pass"]) == (None, None, None)
    assert row["qc_mos"] is None


def test_level_and_clipping_are_gates_without_an_ear() -> None:
    time = np.arange(48_000) / 24_000
    tone = np.sin(2 * np.pi * 200 * time).astype(np.float32)
    rows = checked(
        clip("faint", 1e-3 * tone), clip("cut", np.clip(1.5 * tone, -1, 1)), clip("fine", 0.2 * tone), ear=Deaf()
    ).rows
    assert rows["qc_reasons"].to_list() == [["level"], ["clipping", "level"], []]
    assert rows["qc_pass"].to_list() == [False, False, None]


def test_a_share_is_heard_and_every_tag_is_judged(usual: pl.DataFrame) -> None:
    hum = Tone().speak(TEXT[:13], voice="female0", language="en", delivery=Delivery()).samples
    short = clip("x", hum, speed="slow")
    clips = [{**short, "utterance_id": str(n)} for n in range(30)]
    rows = checked(*clips, ear=Parrot(), usual=usual, measured_share=0.4).rows
    heard = [r["utterance_id"] for r in rows.iter_rows(named=True) if r["qc_error_rate"] is not None]
    assert 5 <= len(heard) <= 20
    again = checked(*clips[::-1], ear=Parrot(), usual=usual, measured_share=0.4).rows
    assert again.sort("utterance_id").equals(rows.sort("utterance_id"))
    assert rows.filter(~pl.col("utterance_id").is_in(heard))["qc_pass"].to_list() == [None] * (30 - len(heard))
    tags = {tuple((o["tag"], o["obeyed"]) for o in row) for row in rows["qc_obeyed"]}
    assert tags == {(("speed", False), ("pitch", None), ("volume", True), ("emotion", None), ("gender", True))}


def test_a_tone_does_as_it_is_told(usual: pl.DataFrame) -> None:
    told = [{"speed": "slow"}, {"speed": "fast"}, {"pitch": "high"}, {"pitch": "low"}, {"volume": "soft"},
            {"volume": "loud"}, {"emotion": "sad", "intensity": 0.55}]  # fmt: skip
    rows = checked(*(clip(str(n), **manner) for n, manner in enumerate(told)), ear=Deaf(), usual=usual).rows
    for manner, row in zip(told, rows.sort("utterance_id")["qc_obeyed"], strict=True):
        tag = "emotion_prosody" if "emotion" in manner else next(iter(manner))
        assert [o["obeyed"] for o in row if o["tag"] == tag] == [True], manner
