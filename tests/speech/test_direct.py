from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.ports import Delivery, Event
from persona_forge.speech.direct import GAIN_DB, MOOD, PITCH, SPEED, direct
from persona_forge.text.tags import EMOTIONS, PITCHES, SPEEDS, VOLUMES

NEUTRAL = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}


def test_every_label_has_its_number_in_order() -> None:
    assert (tuple(SPEED), tuple(PITCH), tuple(GAIN_DB)) == (SPEEDS, PITCHES, VOLUMES)
    assert set(MOOD) == set(EMOTIONS)
    for scale in (SPEED, PITCH, GAIN_DB):
        assert all(a < b for a, b in pairwise(scale.values()))


def test_what_is_as_usual_leaves_the_voice_alone() -> None:
    assert direct(NEUTRAL, []) == Delivery()
    assert direct(NEUTRAL, []).asks() == frozenset()


def test_a_mood_moves_pitch_and_range_by_its_intensity() -> None:
    half = direct({**NEUTRAL, "emotion": "happy", "intensity": 0.275}, [])
    usual = direct({**NEUTRAL, "emotion": "happy", "intensity": 0.55}, [])
    assert (half.f0_scale, half.f0_range) == (1.03, 1.3)
    assert (usual.f0_scale, usual.f0_range) == (1.06, 1.6)
    assert direct({**NEUTRAL, "emotion": "happy", "intensity": 0.0}, []) == Delivery()


def test_pitch_and_mood_multiply() -> None:
    assert direct({**NEUTRAL, "emotion": "sad", "intensity": 0.55, "pitch": "low"}, []).f0_scale == pytest.approx(0.817)


def test_a_whisper_is_breath_and_quiet() -> None:
    assert (direct({**NEUTRAL, "volume": "whisper"}, []).breathiness, GAIN_DB["whisper"]) == (1.0, -14.0)


def test_events_keep_their_places() -> None:
    events = [{"type": "sigh", "char_pos": 0}, {"type": "laugh", "char_pos": 7}]
    assert direct(NEUTRAL, events).events == (Event("sigh", 0), Event("laugh", 7))


@given(st.sampled_from(EMOTIONS), st.floats(0, 1), st.sampled_from(SPEEDS), st.sampled_from(PITCHES),
       st.sampled_from(VOLUMES))  # fmt: skip
def test_no_direction_leaves_what_a_voice_can_bear(
    emotion: str, intensity: float, speed: str, pitch: str, volume: str
) -> None:
    delivery = direct(
        {"emotion": emotion, "intensity": intensity, "speed": speed, "pitch": pitch, "volume": volume}, []
    )
    assert 0.7 <= delivery.rate <= 1.3
    assert 0.75 <= delivery.f0_scale <= 1.3
    assert 0.2 <= delivery.f0_range <= 2.0
    assert 0 <= delivery.breathiness <= 1
