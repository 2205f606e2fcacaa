"""How clean a voice and its recording are: harmonics over noise, speech over pauses, low over high.

HNR is that of Boersma (1993, IFA Proceedings 17) in its cross-correlation form, which is Praat's default: a period
of the wave against the next one, at the lag near the pitch where they are most alike. On harmonic complexes in white
noise it is within 1.5 dB of the truth from 0 to 20 dB, within 2.5 at 30, and saturates near 35; on Kokoro within 2.5 dB
of Praat's. SNR is the mean power of speech over that of the quietest stretch, for noise that is steady: within 1 dB of
white noise put in at 5 to 40 dB. Tilt is a plain sum of two bands. None of them knows a room from a hum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_forge.core.ports import Samples
from persona_forge.speech.audio import HOP_S, levels

Floats = npt.NDArray[np.float64]

UPSAMPLED = 4
"""Lags are a quarter of a sample apart: between samples a high harmonic is half a turn away."""
NEAR = 0.1
"""How far from the pitch's own the lag may lie, as a share of it."""
SPLIT_HZ = 1000.0
QUIET_S, STEADY_DB, LEAST_DB = 0.1, 3.0, 3.0
"""A pause to measure noise in: so long, so steady, and so far under speech."""
QUANTISED_DBFS = -95.0
"""What 16 bits leave of silence; nothing under it is noise of a recording."""


def harmonics_to_noise(wave: Floats, rate: int, f0: Floats, times: Floats) -> Floats:
    """In dB at each of these times (seconds), where the pitch is f0 (Hz)."""
    period, most = int(rate / f0.min()), int((1 + NEAR) * rate / f0.min()) + 2
    n = period + most
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, n), n)[
        np.round(times * rate).astype(int) + n - n // 2
    ]
    frames = frames - frames.mean(axis=1, keepdims=True)
    size = 1 << (n + period).bit_length()
    spectrum = np.conj(np.fft.rfft(frames[:, :period], size)) * np.fft.rfft(frames, size)
    alike = UPSAMPLED * np.fft.irfft(spectrum, UPSAMPLED * size)[:, : UPSAMPLED * most]
    power = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    power = power[:, period:] - power[:, :-period]
    lags = np.arange(UPSAMPLED * most) / UPSAMPLED
    whole = lags.astype(int)
    between = power[:, whole] + (lags - whole) * (power[:, whole + 1] - power[:, whole])
    ratio = alike / np.sqrt(np.maximum(power[:, :1] * between, 1e-20))
    best = np.where(np.abs(lags * (f0 / rate)[:, None] - 1) < NEAR, ratio, -1.0).max(axis=1).clip(1e-3, 1 - 1e-5)
    return np.asarray(10 * np.log10(best / (1 - best)))


def signal_to_noise(samples: Samples, rate: int) -> float | None:
    """In dB; None without a pause to hear the noise in, and where the pause is digitally silent."""
    level = levels(samples, rate)
    width = round(QUIET_S / HOP_S)
    if level.size < 2 * width:
        return None
    power = np.convolve(10 ** (level / 10), np.ones(width) / width, "valid")
    floor = float(10 * np.log10(power.min()))
    quiet = level < floor + STEADY_DB
    noise, speech = 10 ** (level[quiet] / 10), 10 ** (level[~quiet] / 10)
    if np.convolve(quiet, np.ones(width), "valid").max() < width or floor < QUANTISED_DBFS or not speech.size:
        return None
    ratio = float(speech.mean() / noise.mean()) - 1
    found = 10 * np.log10(ratio) if ratio > 0 else 0.0
    return float(found) if found >= LEAST_DB else None


def spectral_tilt(wave: Floats, rate: int, active: npt.NDArray[np.bool_]) -> float | None:
    """Level below 1 kHz over that above, in dB, where somebody speaks; None where nobody does, or on one side only."""
    if not active.any():
        return None
    speaking = np.repeat(active, round(HOP_S * rate))[: wave.size]
    spectrum = np.abs(np.fft.rfft(np.where(speaking, wave[: speaking.size], 0.0))) ** 2
    split = int(SPLIT_HZ * 2 * spectrum.size / rate)
    low, high = float(spectrum[:split].sum()), float(spectrum[split:].sum())
    return float(10 * np.log10(low / high)) if low > 0 and high > 0 else None
