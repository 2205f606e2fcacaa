from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.ports import Delivery
from persona_forge.speech.direct import GAIN_DB, MOOD, PITCH, SPEED, direct, manners
from persona_forge.text.tags import EMOTIONS, PITCHES, SPEEDS, VOLUMES, parse

NEUTRAL = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}


def test_every_label_has_its_number_in_order() -> None:
    assert (tuple(SPEED), tuple(PITCH), tuple(GAIN_DB)) == (SPEEDS, PITCHES, VOLUMES)
    assert tuple(MOOD) == EMOTIONS
    for scale in (SPEED, PITCH, GAIN_DB):
        assert all(a < b for a, b in pairwise(scale.values()))


def test_what_is_as_usual_leaves_the_voice_alone() -> None:
    assert direct(NEUTRAL) == Delivery()


def test_a_mood_moves_pitch_and_range_by_its_intensity() -> None:
    half = direct({**NEUTRAL, "emotion": "happy", "intensity": 0.275})
    usual = direct({**NEUTRAL, "emotion": "happy", "intensity": 0.55})
    assert (half.f0_scale, half.f0_range) == (1.03, 1.3)
    assert (usual.f0_scale, usual.f0_range) == (1.06, 1.6)
    assert direct({**NEUTRAL, "emotion": "happy", "intensity": 0.0}) == Delivery()


def test_fear_trembles() -> None:
    assert direct({**NEUTRAL, "emotion": "fearful", "intensity": 0.55}).tremor == 0.35


def test_pitch_and_mood_and_voice_multiply_and_breath_and_tremor_join() -> None:
    own = {"f0_scale": 1.1, "formant_scale": 1.05, "breathiness": 0.2, "tremor": 0.4, "voice": "x"}
    made = direct({**NEUTRAL, "emotion": "sad", "intensity": 0.55, "pitch": "low"}, own)
    assert made.f0_scale == pytest.approx(0.86 * 0.95 * 1.1, abs=1e-4)
    assert (made.formant_scale, made.breathiness, made.tremor) == (1.05, 0.2, 0.4)
    afraid = direct({**NEUTRAL, "emotion": "fearful", "intensity": 0.55, "volume": "whisper"}, own)
    assert (afraid.breathiness, afraid.tremor) == (1.0, pytest.approx(1 - 0.6 * 0.65))


def test_a_whisper_is_breath_and_quiet() -> None:
    made = direct({**NEUTRAL, "volume": "whisper"})
    assert (made.breathiness, made.gain_db) == (1.0, -14.0)


@given(st.sampled_from(EMOTIONS), st.floats(0, 1), st.sampled_from(SPEEDS), st.sampled_from(PITCHES),
       st.sampled_from(VOLUMES))  # fmt: skip
def test_no_direction_leaves_what_a_voice_can_bear(
    emotion: str, intensity: float, speed: str, pitch: str, volume: str
) -> None:
    made = direct({"emotion": emotion, "intensity": intensity, "speed": speed, "pitch": pitch, "volume": volume})
    assert 0.7 <= made.rate <= 1.3
    assert 0.75 <= made.f0_scale <= 1.3
    assert 0.2 <= made.f0_range <= 2.0
    assert 0 <= made.breathiness <= 1
    assert 0 <= made.tremor <= 0.6


# ---- manners


def moved(tagged: str, **delivery: object) -> list[tuple[int, dict[str, object]]]:
    """Where the manner changes, and into what, without what is as usual."""
    held = manners({**NEUTRAL, **delivery}, parse(tagged)[1])
    return [(at, {k: v for k, v in m.items() if v != NEUTRAL[k]}) for at, m in held]


def test_a_cue_at_the_head_stands_in_for_the_delivery() -> None:
    assert moved("{sad:0.8}{slow}No.", emotion="happy", intensity=0.3) == [
        (0, {"emotion": "sad", "intensity": 0.8, "speed": "slow"})
    ]


def test_a_mood_that_begins_half_way_brings_its_usual_steps() -> None:
    assert moved("Yes. {sad:0.8}No.") == [
        (0, {}),
        (5, {"emotion": "sad", "intensity": 0.8, "speed": "medium_slow", "pitch": "medium_low", "volume": "soft"}),
    ]
    turn = {"emotion": "happy", "intensity": 0.55, "speed": "medium_fast", "pitch": "medium_high"}
    assert moved("Yes. {neutral}No.", **turn)[1] == (5, {})
    assert moved("Yes. {sad}No.", **turn)[1][1]["speed"] == "medium_slow"


def test_rate_and_volume_hold_until_the_next_cue() -> None:
    assert moved("a {fast}b {loud}c {medium}d") == [
        *((0, {}), (2, {"speed": "fast"}), (4, {"speed": "fast", "volume": "loud"}), (6, {"volume": "loud"})),
    ]


def test_nobody_stops_or_begins_to_whisper_because_the_mood_turns() -> None:
    assert moved("a {angry:0.5}b", volume="whisper")[1][1]["volume"] == "whisper"
    assert moved("a {sad:0.5}b", volume="soft")[1][1]["volume"] == "soft"
