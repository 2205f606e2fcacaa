"""What every Ear must do, as rules that a test calls: `for rule in RULES: rule(ear)`, and `it_hears_the_words` with a
clip whose words are known. An ear that hears nothing passes only if it says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from persona_forge.core.ports import Ear, Samples

RATE = 24_000


def it_says_what_it_is(ear: Ear) -> None:
    assert isinstance(ear, Ear)
    assert ear.engine
    assert ear.model
    assert isinstance(ear.honest, bool)


def it_hears_no_words_where_there_is_no_sound(ear: Ear) -> None:
    assert ear.hear(np.zeros(0, np.float32), RATE, language="en") == ""


def it_takes_any_rate_and_any_length(ear: Ear) -> None:
    hum = 0.1 * np.sin(np.arange(50_000) / 20)
    for size, rate in ((1, 24_000), (400, 8_000), (50_000, 22_050), (50_000, 44_100)):
        assert isinstance(ear.hear(hum[:size].astype(np.float32), rate, language="zh"), str)


RULES: tuple[Callable[[Ear], None], ...] = (
    it_says_what_it_is,
    it_hears_no_words_where_there_is_no_sound,
    it_takes_any_rate_and_any_length,
)


def it_hears_the_words(ear: Ear, samples: Samples, rate: int, *, language: str, words: str) -> None:
    """The clip says `words`; letters alone are compared. The samples stay as they are, and so does what is heard."""
    before = samples.copy()
    heard = ear.hear(samples, rate, language=language)
    assert _letters(heard) == (_letters(words) if ear.honest else "")
    assert ear.hear(samples, rate, language=language) == heard
    assert np.array_equal(samples, before)


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
