"""Verdicts on tags: what is told, what noise hides, and the report over many clips in SQL."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.tables import CHECKS, CLIPS
from persona_forge.dataset.views import OBEDIENCE
from persona_forge.speech.obeyed import USUAL, Z, stayed, told, verdicts

SAID = "The doctor said there was nothing to worry about."
NEUTRAL = [
    {"sentence": n, "meas_rate": 5.0, "meas_f0_median_hz": 200.0, "meas_f0_sd_st": 2.5, "meas_lufs": -20.0,
     "meas_voiced_ratio": 0.7}
    for n in range(4)
]  # fmt: skip
CAST = {"gender": "female"}


def clip(**changes: Any) -> dict[str, Any]:
    wanted = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal",
              "gender": None, "age_group": None, "timbre": None, "events": []}  # fmt: skip
    wanted = {f"want_{k}": changes.pop(k, v) for k, v in wanted.items()}
    text = {"text": SAID, "text_tagged": SAID, "language": "en"}
    return {**text, "made_not_obeyed": [], "made_events": [], **wanted, **changes}


def measured(**changes: Any) -> dict[str, Any]:
    """What was measured: the neutral sentence itself, but for these."""
    pace = 5.0 * np.mean([(n + 2.2) / n * 13 / 15.2 for n in (13, 9, 12, 11)])  # of a text of 13 syllables
    usual = {**NEUTRAL[0], "meas_rate": pace, "meas_pauses": [], "meas_events": []}
    return {**usual, **{f"meas_{k}": v for k, v in changes.items()}}


def judged(tag: str, said: dict[str, Any], heard: dict[str, Any]) -> list[tuple[str, bool | None, str]]:
    return [(v["wanted"], v["obeyed"], v["by"]) for v in verdicts(said, heard, NEUTRAL, CAST) if v["tag"] == tag]


# ---- the rule


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.01, 2))
def test_up_and_down_are_judged_alike(size: float, step: float, noise: float) -> None:
    assert told(size, step, noise) == told(-size, -step, noise)


@given(st.floats(0.01, 5), st.floats(0.01, 2))
def test_the_wish_itself_is_obeyed_and_neutral_is_not_or_noise_hides_both(step: float, noise: float) -> None:
    hidden = step < Z * noise
    assert (told(step, step, noise), told(0, step, noise)) == ((None, None) if hidden else (True, False))


@pytest.mark.parametrize("step", [1.7, 2.5, 4.0])
def test_chance_gives_a_wrong_verdict_once_in_twenty_at_most(step: float) -> None:
    draws = np.random.default_rng(0).standard_normal(20_000)
    assert np.mean([told(d, step, 1) is True for d in draws]) < 0.055
    assert np.mean([told(step + d, step, 1) is False for d in draws]) < 0.055


def test_a_move_is_told_by_what_it_is_nearer_to() -> None:
    assert [told(size, 4.0, 1.0) for size in (1.9, 2.1, 9.0)] == [False, True, True]
    assert [told(size, 2.0, 1.0) for size in (0.3, 1.0, 1.7)] == [False, None, True]


def test_nothing_done_is_told_from_a_step_either_way() -> None:
    assert stayed(0.1, (-4, 4), 1) is True
    assert stayed(3.0, (-4, 4), 1) is False
    assert stayed(-3.0, (-4, 4), 1) is False
    assert stayed(0.0, (-1, 4), 1) is None


# ---- tags


@pytest.mark.parametrize(
    ("tag", "wanted", "column", "ratio", "obeyed"),
    [
        ("speed", "slow", "rate", 0.78, True),
        ("speed", "slow", "rate", 1.0, False),
        ("speed", "fast", "rate", 1.26, True),
        ("speed", "fast", "rate", 0.8, False),
        ("speed", "medium_fast", "rate", 1.12, None),
        ("pitch", "high", "f0_median_hz", 1.16, True),
        ("pitch", "low", "f0_median_hz", 1.0, False),
        ("volume", "soft", "lufs", 26 / 20, True),
        ("volume", "shout", "lufs", 1.0, False),
        ("volume", "normal", "lufs", 1.0, True),
        ("volume", "normal", "lufs", 16 / 20, False),
        ("volume", "whisper", "voiced_ratio", 0.1, True),
        ("volume", "whisper", "voiced_ratio", 0.9, False),
    ],
)
def test_a_scale_is_judged_by_its_measure(
    tag: str, wanted: str, column: str, ratio: float, obeyed: bool | None
) -> None:
    found = measured()[f"meas_{column}"] * ratio
    assert judged(tag, clip(**{tag: wanted}), measured(**{column: found})) == [(wanted, obeyed, f"meas_{column}")]


def test_a_verdict_names_the_value_and_the_neutral_one() -> None:
    (v,) = (v for v in verdicts(clip(pitch="high"), measured(f0_median_hz=232.0), NEUTRAL, CAST) if v["tag"] == "pitch")
    assert v == {"tag": "pitch", "wanted": "high", "obeyed": True, "by": "meas_f0_median_hz", "value": 232.0,
                 "neutral": 200.0}  # fmt: skip


def test_the_spread_of_the_voice_itself_widens_the_noise() -> None:
    wild = [{**row, "meas_f0_median_hz": hz} for row, hz in zip(NEUTRAL, (120, 180, 240, 320), strict=True)]
    found = [v["obeyed"] for v in verdicts(clip(pitch="high"), measured(f0_median_hz=232.0), wild, CAST)]
    assert found[1] is None


def test_without_neutral_sentences_or_a_measure_nothing_is_told() -> None:
    assert {v["obeyed"] for v in verdicts(clip(speed="slow"), measured(), [], CAST)} == {None}
    assert judged("pitch", clip(pitch="low"), measured(f0_median_hz=None)) == [("low", None, "listener")]


def test_what_nobody_carried_out_is_not_obeyed_by_the_engine_s_word() -> None:
    said = clip(speed="slow", pitch="high", volume="whisper", emotion="sad", intensity=0.55,
                made_not_obeyed=["rate", "f0_scale", "f0_range", "breathiness", "events", "pauses"],
                events=[{"type": "sigh", "char_pos": 0}], text_tagged="{pause:0.5}" + SAID)  # fmt: skip
    tags = {v["tag"]: v["by"] for v in verdicts(said, measured(), NEUTRAL, CAST) if v["obeyed"] is False}
    assert tags == dict.fromkeys(("speed", "pitch", "volume", "emotion_prosody", "sigh", "pause"), "engine")
    assert judged("speed", clip(made_not_obeyed=["rate"]), measured())[0][2] != "engine"


def test_a_mood_is_null_and_its_prosody_is_told() -> None:
    sad = clip(emotion="sad", intensity=0.55)
    assert judged("emotion", sad, measured()) == [("sad", None, "listener")]
    as_told = measured(f0_median_hz=200 * 0.95, f0_sd_st=2.5 * 0.5)
    assert [o for _, o, _ in judged("emotion_prosody", sad, as_told)] == [True]
    assert [o for _, o, _ in judged("emotion_prosody", sad, measured())] == [False]
    assert judged("emotion_prosody", clip(), measured()) == []
    assert judged("pitch", sad, as_told) == []


def test_a_wanted_pitch_is_no_prosody_of_a_mood() -> None:
    said = clip(emotion="happy", intensity=0.55, pitch="low")
    moved = measured(f0_median_hz=200 * 0.86 * 1.06, f0_sd_st=2.5 * 1.6)
    (v,) = (v for v in verdicts(said, moved, NEUTRAL, CAST) if v["tag"] == "emotion_prosody")
    assert (v["obeyed"], v["value"]) == (True, pytest.approx(1.0))


def test_a_cue_inside_the_words_takes_the_verdict_on_the_whole_away() -> None:
    said = clip(speed="slow", text_tagged=SAID.replace("nothing", "{fast}nothing"))
    assert judged("speed", said, measured()) == [("slow", None, "listener")]
    assert [o for _, o, _ in judged("volume", said, measured())] == [True]


def test_age_and_timbre_are_for_listeners_and_gender_is_the_card_s() -> None:
    said = clip(gender="male", age_group="child", timbre="warm")
    assert judged("gender", said, measured()) == [("male", False, "voice card")]
    assert judged("gender", clip(gender="female"), measured()) == [("female", True, "voice card")]
    assert judged("age_group", said, measured()) + judged("timbre", said, measured()) == [
        ("child", None, "listener"), ("warm", None, "listener")]  # fmt: skip


def test_a_sound_is_obeyed_where_it_was_put() -> None:
    there, elsewhere = ({"type": t, "start_s": a, "end_s": a + 1.0} for t, a in (("other", 0.2), ("sigh", 3.0)))
    made = [{"type": "sigh", "start_s": 0.0, "end_s": 1.0}]
    said = clip(events=[{"type": "sigh", "char_pos": 0}], made_events=made)
    assert judged("sigh", said, measured(events=[there])) == [("sigh", True, "meas_events")]
    assert judged("sigh", said, measured(events=[elsewhere])) == [("sigh", False, "meas_events")]
    by_the_engine = clip(events=[{"type": "sigh", "char_pos": 0}])
    found = [judged("sigh", by_the_engine, measured(events=e))[0][1] for e in ([elsewhere], [there], [])]
    assert found == [True, None, False]


def test_each_of_two_sounds_is_judged_for_itself() -> None:
    made = [{"type": "sigh", "start_s": s, "end_s": s + 1} for s in (0.0, 3.0)]
    said = clip(events=[{"type": "sigh", "char_pos": at} for at in (0, 20)], made_events=made)
    assert [o for _, o, _ in judged("sigh", said, measured(events=made[:1]))] == [True, False]


def test_the_longest_pause_is_held_against_the_longest() -> None:
    said = clip(text_tagged="{pause:0.3}The doctor {pause:1}said{pause:0.1} it.", text="The doctor said it.")
    pauses = [{"start_s": 1.0, "end_s": 1.9}, {"start_s": 3.0, "end_s": 3.21}]
    assert judged("pause", said, measured(pauses=pauses)) == [
        ("1", True, "meas_pauses"), ("0.3", False, "meas_pauses"), ("0.1", None, "meas_pauses")]  # fmt: skip


def test_a_short_cry_is_told_less_of_than_a_sentence() -> None:
    said = clip(pitch="medium_high", text="Oh, no!", text_tagged="Oh, no!")
    assert judged("pitch", said, measured(f0_median_hz=216.0))[0][1] is None
    assert judged("pitch", clip(pitch="medium_high"), measured(f0_median_hz=220.0))[0][1] is True


def test_short_steps_of_pace_are_within_the_noise_of_one_sentence_in_either_language() -> None:
    """It is said in the docstring of USUAL what noise that is."""
    for language in ("en", "zh"):
        noise = USUAL["speed"][language] * (10 / 13 * 5 / 4) ** 0.5
        assert told(np.log(0.78), np.log(0.78), noise) is True
        assert told(np.log(0.89), np.log(0.89), noise) is {"en": None, "zh": True}[language]


# ---- in SQL


def test_shares_and_their_wilson_intervals_are_one_query_away() -> None:
    """8 of 10 obeyed: 0.490 to 0.943 (Wilson 1927)."""
    verdict = {"by": "meas_rate", "value": 1.0, "neutral": 1.0}
    rows = [{"utterance_id": str(n), "qc_obeyed": [
        {"tag": "speed", "wanted": "slow", "obeyed": n < 8 if n < 10 else None, **verdict},
        {"tag": "emotion", "wanted": "sad", "obeyed": None, **verdict}]} for n in range(20)]  # fmt: skip
    kinds = {table: pa.schema([table.schema().field(c) for c in columns]) for table, columns in (
        (CHECKS, ("utterance_id", "qc_obeyed")), (CLIPS, ("utterance_id", "made_engine", "language")))}  # fmt: skip
    made = [{"utterance_id": str(n), "made_engine": "tone", "language": "en"} for n in range(20)]
    with duckdb.connect() as db:
        db.register("checks", pa.Table.from_pylist(rows, kinds[CHECKS]))
        db.register("clips", pa.Table.from_pylist(made, kinds[CLIPS]))
        emotion, speed = db.execute(f"{OBEDIENCE} ORDER BY ALL").fetchall()
    assert emotion == ("tone", "en", "emotion", "sad", 20, 0, None, None, None, 1.0)
    assert speed[:7] == ("tone", "en", "speed", "slow", 20, 10, 0.8)
    assert speed[7:] == pytest.approx((0.4902, 0.9433, 0.5), abs=1e-4)
