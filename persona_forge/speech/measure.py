"""What is heard in a clip, in numbers: pace, pitch, level, pauses.

Pitch is WORLD's DIO with StoneMask (Morise 2009, 2016), twice: a wide first pass finds the speaker, a second one looks
in the speaker's own range (De Looze and Hirst 2010), because in a wide range octave errors pass for expression. Frames
without speech do not count. Loudness is ITU-R BS.1770 by pyloudnorm. Made for clean speech of one speaker; whispers
have no pitch, and what is found there is noise. It leaves out emotion and age: no number here is one.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from persona_forge.core.ports import Samples
from persona_forge.speech.audio import HOP_S, activity, pauses
from persona_forge.text.syllables import syllables

WIDE_HZ = (60.0, 600.0)
PITCH_STEP = 2
"""Pitch is taken at every second frame of activity: each 10 ms."""
FEWEST = 5
"""Voiced frames below which no pitch is given."""
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff〇]")


@dataclass(frozen=True, slots=True)
class Measured:
    duration_s: float
    rate: float | None
    """In `rate_unit`, over speech alone: outer silences and inner pauses of 0.2 s and more are taken out."""
    rate_unit: str
    """syllables/s for English, characters/s for Mandarin."""
    f0_median_hz: float | None
    f0_sd_st: float | None
    """Standard deviation in semitones."""
    lufs: float | None
    """None where the clip is shorter than the 0.4 s that the standard needs, or silent."""
    peak_dbfs: float | None
    """None for digital silence."""
    voiced_ratio: float
    """Share of the time of speech, 0 to 1."""
    pauses: tuple[tuple[float, float], ...]
    """Start and end in seconds of inner silences of 0.2 s and more."""


def measure(samples: Samples, rate: int, text: str, language: str) -> Measured:
    """`text` is what was said: it is counted, not recognised."""
    active = activity(samples, rate)
    gaps = pauses(active)
    spoken = np.flatnonzero(active)
    speech_s = float(spoken[-1] - spoken[0] + 1) * HOP_S - sum(b - a for a, b in gaps) if spoken.size else 0.0
    f0 = pitch(samples, rate, active)
    units = _units(text, language)
    enough = f0.size >= FEWEST
    peak = float(np.abs(samples).max(initial=0.0))
    median = float(np.median(f0)) if enough else None
    return Measured(
        duration_s=samples.size / rate,
        rate=units / speech_s if units and speech_s > 0 else None,
        rate_unit="characters/s" if language == "zh" else "syllables/s",
        f0_median_hz=median,
        f0_sd_st=float(np.std(12 * np.log2(f0 / median))) if median else None,
        lufs=_loudness(samples, rate),
        peak_dbfs=20 * math.log10(peak) if peak else None,
        voiced_ratio=min(f0.size * PITCH_STEP * HOP_S / speech_s, 1.0) if speech_s > 0 else 0.0,
        pauses=tuple(gaps),
    )


def pitch(samples: Samples, rate: int, active: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """F0 in Hz of the voiced frames where somebody speaks, in order, each 10 ms."""
    wave = samples.astype(np.float64)
    first = _dio(wave, rate, active, *WIDE_HZ)
    if first.size < FEWEST:
        return np.zeros(0)
    low, high = np.quantile(first, [0.35, 0.65])
    return _dio(wave, rate, active, max(0.72 * low - 10, 40.0), 1.9 * high + 10)


def _dio(
    wave: npt.NDArray[np.float64], rate: int, active: npt.NDArray[np.bool_], floor: float, ceiling: float
) -> npt.NDArray[np.float64]:
    with warnings.catch_warnings():  # pyworld's import warns of setuptools
        warnings.simplefilter("ignore")
        import pyworld

    step_ms = PITCH_STEP * HOP_S * 1000
    coarse, times = pyworld.dio(wave, rate, f0_floor=floor, f0_ceil=ceiling, frame_period=step_ms)
    f0 = np.asarray(pyworld.stonemask(wave, coarse, times, rate))
    speaking = active[::PITCH_STEP][: f0.size]
    f0 = f0[: speaking.size]
    return f0[speaking & (f0 >= floor) & (f0 <= ceiling)]


def _units(text: str, language: str) -> int:
    han = len(_HAN.findall(text))
    if language == "zh":  # a digit is a character when it is read
        return han + len(re.findall(r"\d", text)) + syllables(re.sub(r"\d", " ", text))
    return han + syllables(text)


def _loudness(samples: Samples, rate: int) -> float | None:
    import pyloudnorm

    meter = pyloudnorm.Meter(rate)
    if samples.size <= meter.block_size * rate:
        return None
    with np.errstate(divide="ignore"):
        loudness = float(meter.integrated_loudness(samples.astype(np.float64)))
    return loudness if np.isfinite(loudness) else None
