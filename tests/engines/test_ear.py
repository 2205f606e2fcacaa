"""Every ear runs through the contract; Whisper hears what Kokoro says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from persona_forge.core.errors import Misuse
from persona_forge.core.ports import Delivery, Ear
from persona_forge.engines import contract_ear
from persona_forge.engines.kokoro import Kokoro
from persona_forge.engines.whisper import Deaf, Whisper

WHISPER = Whisper()
EARS = [Deaf(), pytest.param(WHISPER, marks=pytest.mark.real)]


@pytest.mark.parametrize("ear", EARS, ids=lambda ear: ear.engine)
@pytest.mark.parametrize("rule", contract_ear.RULES, ids=lambda rule: rule.__name__)
def test_the_contract_holds(ear: Ear, rule: Callable[[Ear], None]) -> None:
    rule(ear)


def test_the_deaf_ear_hears_nothing_and_says_so() -> None:
    contract_ear.it_hears_the_words(Deaf(), np.ones(100, np.float32), 24_000, language="en", words="Hello.")
    assert Deaf().honest is False


@pytest.mark.real
@pytest.mark.parametrize(
    ("language", "voice", "words"),
    [
        ("en", "af_heart", "I can't believe you remembered my birthday!"),
        ("zh", "zf_xiaoxiao", "我真不敢相信你还记得我的生日！"),
    ],
)
def test_whisper_hears_the_words_of_kokoro(language: str, voice: str, words: str) -> None:
    spoken = Kokoro().speak(words, voice=voice, language=language, delivery=Delivery())
    contract_ear.it_hears_the_words(WHISPER, spoken.samples, spoken.rate, language=language, words=words)


def test_whisper_refuses_a_language_it_was_not_set_up_for() -> None:
    with pytest.raises(Misuse, match="'fr'"):
        Whisper().hear(np.zeros(10, np.float32), 24_000, language="fr")
