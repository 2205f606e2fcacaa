"""A vowel whose formants are known."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from persona_forge.core.ports import Samples
from persona_forge.speech.effects import RATE


def vowel(formants: tuple[float, ...], f0: float) -> Samples:
    """Two seconds of pulses, a little up and down in pitch, through resonators a tenth as wide as they are high."""
    time = np.arange(2 * RATE) / RATE
    phase = np.cumsum(f0 * (1 + 0.15 * np.sin(2 * np.pi * 0.9 * time))) / RATE
    wave = np.diff(np.floor(phase), prepend=0)
    for hz in formants:
        pole = np.exp(-np.pi * 0.1 * hz / RATE + 2j * np.pi * hz / RATE)
        wave = lfilter([1.0], np.poly([pole, pole.conj()]).real, wave)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)
