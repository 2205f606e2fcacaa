"""The predicted opinion score: it falls with noise, and is not asked for where it is not fair."""

from __future__ import annotations

import numpy as np
import pytest

from persona_forge.core.ports import Delivery
from persona_forge.engines.dnsmos import DnsMos, installed
from persona_forge.engines.kokoro import Kokoro

RATE = 24_000


def test_a_clip_under_a_second_has_no_score() -> None:
    assert DnsMos().score(np.zeros(RATE - 1, np.float32), RATE) is None


@pytest.mark.real
def test_speech_scores_over_three_and_the_less_the_more_noise_there_is() -> None:
    if not installed():
        pytest.skip("speechmos is not installed")
    said = Kokoro().speak("The ferry is late again.", voice="af_heart", language="en", delivery=Delivery()).samples
    noise = np.random.default_rng(0).standard_normal(said.size).astype(np.float32)
    clean, noisy, lost = (DnsMos().score(np.clip(said + level * noise, -1, 1), RATE) for level in (0.0, 0.01, 0.1))
    assert clean is not None
    assert 3.0 < clean < 3.8
    assert noisy < clean - 0.3
    assert lost < noisy - 0.3
    twice = DnsMos().score(np.concatenate([said] * 6), RATE)
    assert twice == pytest.approx(clean, abs=0.2)
