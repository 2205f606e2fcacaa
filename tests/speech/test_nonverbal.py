"""Sounds that are no words: found where they were put, and not in speech."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from persona_forge.core.ports import Delivery, Samples
from persona_forge.engines.kokoro import Kokoro
from persona_forge.speech.measure import Measured, measure
from persona_forge.speech.nonverbal import Sound
from persona_forge.speech.sounds import sound, speaker
from persona_forge.text.tags import EVENTS

RATE = 24_000
KOKORO = Kokoro()
LINES = {
    "am_puck": ("en", "Six thick thistle sticks; oh, never mind."),
    "bf_emma": ("en", "She sells sea shells, so she says."),
    "zf_xiaoyi": ("zh", "四是四，十是十，知道吗？"),
    "zm_yunjian": ("zh", "啊？好，我来试试。"),
}


def vowel(seconds: float, first_hz: np.ndarray | float, level: float = 0.2) -> Samples:
    """A buzz of 140 Hz through one resonance, which may move: the mouth of speech, or one at rest."""
    size = round(seconds * RATE)
    centre, phase = np.broadcast_to(first_hz, size), 2 * np.pi * 140 * np.arange(size) / RATE
    parts = [np.sin(k * phase + k) * np.exp(-(((140 * k - centre) / 250) ** 2)) + np.sin(k * phase) / k**2
             for k in range(1, 40)]  # fmt: skip
    wave = sum(parts)
    return (level * wave / np.abs(wave).max()).astype(np.float32)


def talk(seconds: float) -> Samples:
    """A mouth that moves four times a second, hisses in between, and stops for 60 ms after each second."""
    time = np.arange(round(seconds * RATE)) / RATE
    hiss = 0.03 * np.diff(np.random.default_rng(4).standard_normal(time.size + 1))
    wave = np.where(time % 0.27 < 0.19, vowel(seconds, 1100 + 800 * np.sin(2 * np.pi * 3.7 * time)), hiss)
    return (wave * (time % 1 < 0.94)).astype(np.float32)


def breath(seconds: float, level: float = 0.03) -> Samples:
    time = np.linspace(0, 1, round(seconds * RATE))
    white = np.random.default_rng(2).standard_normal(time.size)
    return (level * np.sin(np.pi * time) ** 0.7 * np.convolve(white, np.hanning(6) / 2, "same")).astype(np.float32)


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def found(*parts: Samples) -> tuple[Sound, ...]:
    return measure(np.concatenate(parts), RATE, "a", "en").events


def overlap(start: float, end: float, sound: Sound) -> float:
    both = min(end, sound.end_s) - max(start, sound.start_s)
    return both / (max(end, sound.end_s) - min(start, sound.start_s))


def test_a_mouth_that_moves_is_speech() -> None:
    assert found(talk(3)) == ()


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.2])
def test_breath_between_words_is_found_to_30_ms(seconds: float) -> None:
    (event,) = found(talk(1), quiet(0.08), breath(seconds), quiet(0.08), talk(1))
    assert event.start_s == pytest.approx(1.08, abs=0.03)
    assert event.end_s == pytest.approx(1.08 + seconds, abs=0.03)


def test_breath_that_touches_a_word_is_found_if_no_consonant_lasts_so_long() -> None:
    (event,) = found(talk(1.5), breath(0.7, 0.06))
    assert overlap(1.5, 2.2, event) > 0.7
    assert found(talk(1.5), breath(0.25, 0.06)) == ()


def test_a_held_note_is_speech() -> None:
    assert found(talk(1), quiet(0.3), vowel(1.0, 700)) == ()


def test_a_clip_in_which_nobody_would_speak_has_no_sounds() -> None:
    assert found(quiet(0.1), breath(0.8), quiet(0.1)) == ()
    assert found(quiet(1)) == ()


def test_a_whisper_is_speech() -> None:
    time = np.arange(2 * RATE) / RATE
    white = np.random.default_rng(3).standard_normal(time.size)
    phase = 2 * np.pi * np.cumsum(1500 + 1000 * np.sin(2 * np.pi * 3.7 * time)) / RATE
    assert found((0.05 * white * np.cos(phase) + 0.1 * np.cos(phase) * white).astype(np.float32)) == ()


def test_sounds_are_neither_speech_nor_pauses() -> None:
    clip = np.concatenate([talk(0.9), quiet(0.08), breath(0.6), quiet(0.08), talk(0.9)])
    with_breath, without = measure(clip, RATE, "a b c d", "en"), measure(talk(1.8), RATE, "a b c d", "en")
    assert with_breath.rate == pytest.approx(without.rate, rel=0.05)
    assert with_breath.pauses == ()


# ---- Kokoro


@functools.cache
def spoken(voice: str) -> Samples:
    language, text = LINES[voice]
    return KOKORO.speak(text, voice=voice, language=language, delivery=Delivery()).samples


def heard(voice: str, samples: Samples) -> Measured:
    language, text = LINES[voice]
    return measure(samples, RATE, text, language)


@pytest.mark.real
@pytest.mark.parametrize("voice", LINES)
def test_no_sound_is_claimed_in_plain_speech(voice: str) -> None:
    assert heard(voice, spoken(voice)).events == ()


@pytest.mark.real
@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("voice", LINES)
def test_a_sound_is_found_where_it_was_put(voice: str, kind: str) -> None:
    speech = spoken(voice)
    made = sound(kind, speaker(speech, float(np.std(speech[np.abs(speech) > 0.01]))), Delivery(), key=voice)
    clip = np.concatenate([made, quiet(0.08), speech])
    (event,) = heard(voice, clip).events
    assert overlap(0, made.size / RATE, event) > 0.6
