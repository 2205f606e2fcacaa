from __future__ import annotations

import numpy as np
import pytest
from vowels import vowel

from persona_forge.core.ports import Delivery, Samples
from persona_forge.engines.tone import SECONDS, Tone
from persona_forge.speech.effects import RATE
from persona_forge.speech.spotting import guessed, spotted

VOWELS = ((300.0, 2300.0, 3000.0), (750.0, 1200.0, 2500.0), (320.0, 800.0, 2300.0), (550.0, 1800.0, 2600.0))


def said(which: int, seconds: float, f0: float) -> Samples:
    """A glide from one vowel to the next."""
    one, other = np.array(VOWELS[which]), np.array(VOWELS[which - 1])
    size = round(seconds * RATE / 12)
    steps = (one + (other - one) * share for share in np.linspace(0, 1, 12))
    return np.concatenate([vowel(tuple(hz), f0)[4000 : 4000 + size] for hz in steps])


@pytest.mark.parametrize("which", range(4))
def test_a_word_is_found_by_its_sound_though_it_is_longer_and_higher_alone(which: int) -> None:
    phrase = np.concatenate([said(n, 0.3, 120.0) for n in range(4)])
    alone = np.pad(said(which, 0.45, 135.0), 4000)
    start = 0.3 * which
    for off in (-0.15, 0.0, 0.15):
        found = spotted(phrase, alone, RATE, (start + off, start + off + 0.3))
        assert found == pytest.approx((start, start + 0.3), abs=0.08)


def test_a_word_that_is_silent_alone_is_where_it_was_guessed() -> None:
    assert spotted(vowel(VOWELS[0], 120.0), np.zeros(9000, np.float32), RATE, (0.4, 0.7)) == (0.4, 0.7)


def test_even_syllables_are_guessed_to_their_place_and_pauses_are_passed_over() -> None:
    spoken = Tone().speak("一二三四", voice="male1", language="zh", delivery=Delivery()).samples
    one = SECONDS["zh"]
    assert guessed(spoken, RATE, "一二三四", 2, 3) == pytest.approx((2 * one, 3 * one), abs=0.02)
    paused = np.concatenate([spoken[: round(2 * one * RATE)], np.zeros(RATE // 2), spoken[round(2 * one * RATE) :]])
    start, end = guessed(paused.astype(np.float32), RATE, "一二，三四", 3, 4)
    assert (start, end) == (pytest.approx(2 * one + 0.5, abs=0.02), pytest.approx(3 * one + 0.5, abs=0.02))


def test_silence_is_guessed_whole() -> None:
    assert guessed(np.zeros(RATE, np.float32), RATE, "one two", 0, 3) == (0.0, 1.0)
