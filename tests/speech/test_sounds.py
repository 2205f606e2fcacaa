"""Sounds stand where they were put, as loud as they were meant, in the voice beside them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from vowels import vowel

from persona_forge.core.ports import Delivery, Samples
from persona_forge.engines.tone import Tone
from persona_forge.speech.effects import RATE, rms, uniform
from persona_forge.speech.measure import measure
from persona_forge.speech.sounds import LEVEL_DB, Speaker, room, sound, speaker
from persona_forge.text.tags import EVENTS


def speech(voice: str = "female1", **told: float) -> Samples:
    text = "one two three four five six"
    return Tone().speak(text, voice=voice, language="en", delivery=Delivery(**told)).samples


def who(voice: str = "female1", level: float = 0.1, **told: float) -> Speaker:
    return speaker(speech(voice, **told), level)


def test_every_event_has_a_sound() -> None:
    assert tuple(sorted(LEVEL_DB)) == tuple(sorted(EVENTS))


@pytest.mark.parametrize("kind", EVENTS)
def test_a_sound_is_as_loud_against_the_speech_as_its_kind_and_begins_and_ends_in_silence(kind: str) -> None:
    made = sound(kind, who(), Delivery(), key="k")
    assert 20 * np.log10(rms(made) / 0.1) == pytest.approx(LEVEL_DB[kind], abs=0.01)
    assert (made[0], made[-1]) == (0, 0)
    assert 0.25 < made.size / RATE < 1.5


@pytest.mark.parametrize("kind", EVENTS)
def test_a_sound_repeats_itself_for_one_key_and_is_another_for_another(kind: str) -> None:
    first, again, other = (sound(kind, who(), Delivery(), key=k) for k in "aab")
    assert np.array_equal(first, again)
    assert first.size != other.size or not np.allclose(first, other, atol=1e-3)


def test_a_sound_is_pitched_by_its_speaker() -> None:
    low, high = (measure(sound("laugh", who(v), Delivery(), key="k"), RATE, "a", "en") for v in ("male0", "female1"))
    assert low.f0_median_hz is not None
    assert high.f0_median_hz is not None
    assert high.f0_median_hz / low.f0_median_hz == pytest.approx(210 / 100, rel=0.15)


def test_a_speaker_is_known_by_pitch_and_by_envelope() -> None:
    assert who("male0").f0_hz == pytest.approx(100, rel=0.05)
    hz = np.linspace(0, RATE / 2, 513)
    among = (hz > 1300) & (hz < 2500)
    for formant in (1500.0, 2100.0):
        envelope = speaker(vowel((700.0, formant, 3200.0), 110.0), 0.1).envelope
        assert hz[among][envelope[among].argmax()] == pytest.approx(formant, rel=0.05)


def test_a_whisperer_laughs_without_a_voice() -> None:
    assert measure(sound("laugh", who(), Delivery(breathiness=1.0), key="k"), RATE, "a", "en").voiced_ratio < 0.05


def test_a_voice_without_pitch_can_sigh() -> None:
    noise = (0.1 * uniform(RATE, "noise")).astype(np.float32)
    assert np.isfinite(sound("sigh", speaker(noise, 0.1), Delivery(), key="k")).all()


def test_a_sound_never_passes_full_scale() -> None:
    for kind, key in itertools.product(("cough", "laugh"), "ab"):
        assert np.abs(sound(kind, who(level=0.9), Delivery(), key=key)).max() <= 0.951


def test_the_room_is_as_loud_and_as_dull_as_the_quietest_of_the_speech() -> None:
    hiss = np.convolve(uniform(3 * RATE, "hiss"), np.ones(8) / 8, "same") * 0.002
    clip = np.concatenate([np.zeros(RATE), speech()[:RATE], np.zeros(RATE)]) + hiss
    made = room(clip.astype(np.float32))(RATE, "k")
    assert 20 * np.log10(rms(made) / rms(hiss)) == pytest.approx(0, abs=1.0)
    ours, theirs = (np.abs(np.fft.rfft(x[:RATE])) ** 2 for x in (made, hiss))
    assert ours[:3000].sum() / ours.sum() == pytest.approx(theirs[:3000].sum() / theirs.sum(), abs=0.05)


def test_where_there_is_no_room_there_is_silence() -> None:
    padded = np.concatenate([np.zeros(6000), speech(), np.zeros(6000)]).astype(np.float32)
    assert not room(padded)(1000, "k").any()
    assert not room(speech())(1000, "k").any()
    assert room(padded)(0, "k").size == 0
