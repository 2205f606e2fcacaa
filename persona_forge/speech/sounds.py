"""Sighs, laughs, breaths, gasps, coughs and cleared throats, made in the voice of the speech beside them.

A sound is WORLD frames (see effects): the speaker's own envelope of an open vowel, for which the loudest voiced frames
of a phrase stand, the speaker's own pitch, and a course of pitch, noise and level that is the sound's. These go by

laugh         calls 0.21 s apart that die away (Provine and Yong 1991, Ethology 89), pitched far above speech and
              without articulation (Bachorowski, Smoski and Owren 2001, JASA 110)
cough         a burst, a steady noise, and often a voiced end (Korpáš, Sadloňová and Vrabec 1996, Pulm. Pharmacology 9)
sigh          one long breath out, its voice falling and fading into breath
breath, gasp  breath in: swelling and ebbing, or drawn sharply and cut off
throat_clear  two rough, creaking grunts with the mouth closed

and were chosen by hand where no norm is named; no listener has judged them. Each is drawn anew from the utterance and
its place, so that no two are alike and a rerun gives the same. `room` is the noise in which the speech stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from persona_forge.core.ports import Delivery, Samples
from persona_forge.speech.effects import FRAME_S, RATE, Floats, Frames, bent, neutral, pitched, rms, sounded, uniform

LEVEL_DB = {"sigh": -8.0, "laugh": 0.0, "breath": -14.0, "gasp": -7.0, "cough": 1.0, "throat_clear": -4.0}
"""Against the speech beside it."""
PEAK = 0.95
FADE_S = 0.008
UNPITCHED_HZ = 160.0
"""For a voice that has no pitch to go by."""
OPEN = 0.25
"""Share of the voiced frames, the loudest, that pass for an open vowel."""
LONGEST_S = 2.5
"""So much speech is enough to know a voice by."""
ROOM_FRAME_S, ROOM_SHARE, ROOM_UNDER_DB, ROOM_LEAST = 0.04, 0.1, 30.0, 1e-5
"""The quietest tenth of the frames is the room if it lies so far under the whole; below -100 dBFS there is none."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a sound takes over from the speech beside it."""

    f0_hz: float
    envelope: Floats
    """Power of an open vowel, shape (513,)."""
    level: float
    """Root mean square of the speech."""


@dataclass(frozen=True, slots=True)
class _Course:
    """How a sound runs; one number each 5 ms."""

    pitch: Floats
    """As a ratio of the speaker's; 0 where nothing is voiced."""
    noise: Floats
    """0 to 1."""
    level: Floats
    """Amplitude."""
    closed: bool = False
    """With the mouth closed."""


def speaker(samples: Samples, level: float) -> Speaker:
    """The voice of this speech, and at which level it will be heard."""
    frames = pitched(samples[: round(LONGEST_S * RATE)])
    power = frames.envelope.sum(axis=1)
    voiced = frames.f0 > 0
    among = np.flatnonzero(voiced) if voiced.sum() >= 5 else np.arange(power.size)
    loudest = among[np.argsort(power[among])[-max(1, round(OPEN * among.size)) :]]
    f0 = float(np.median(frames.f0[voiced])) if voiced.sum() >= 5 else UNPITCHED_HZ
    return Speaker(f0, np.exp(np.log(frames.envelope[loudest]).mean(axis=0)), level)


def sound(kind: str, who: Speaker, effects: Delivery, *, key: str) -> Samples:
    """One sound, in the voice as the effects bend it."""
    draws = uniform(12, "sound", kind, key)
    course = _COURSES[kind](draws)
    envelope = who.envelope
    if course.closed:
        envelope = envelope / (1 + (np.linspace(0, RATE / 2, envelope.size) / 900) ** 2)
    voiced = course.pitch > 0
    jitter = 1 + 0.01 * uniform(voiced.size, "jitter", kind, key)
    frames = Frames(
        np.where(voiced, np.clip(who.f0_hz * course.pitch * jitter, 45.0, 800.0), 0.0),
        np.outer(np.maximum(course.level, 1e-4) ** 2, envelope),
        np.repeat(np.clip(np.where(voiced, course.noise, 1.0), 0, 1)[:, None], envelope.size, axis=1),
    )
    wave = sounded(bent(frames, neutral(effects), key=key + kind), round(voiced.size * FRAME_S * RATE))
    width = round(FADE_S * RATE)
    wave[:width] *= np.linspace(0, 1, width, dtype=np.float32)
    wave[-width:] *= np.linspace(1, 0, width, dtype=np.float32)
    wanted = who.level * 10 ** (LEVEL_DB[kind] / 20) / max(rms(wave), 1e-9)
    return wave * np.float32(min(wanted, PEAK / max(float(np.abs(wave).max()), 1e-9)))


def room(speech: Samples) -> Callable[[int, str], Samples]:
    """Gives so many samples of the noise in which this speech stands, padding included; silence if there is none."""
    size = round(ROOM_FRAME_S * RATE)
    frames = speech[: speech.size // size * size].reshape(-1, size)
    level = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    quiet = frames[np.argsort(level)[: max(1, round(ROOM_SHARE * level.size))]]
    floor = rms(quiet)
    if floor < ROOM_LEAST or floor > rms(speech) * 10 ** (-ROOM_UNDER_DB / 20):
        return lambda count, key: np.zeros(count, np.float32)
    shape = np.sqrt(np.mean(np.abs(np.fft.rfft(quiet * np.hanning(size))) ** 2, axis=0))

    def noise(count: int, key: str) -> Samples:
        spectrum = np.fft.rfft(uniform(count, "room", key))
        spectrum *= np.interp(np.linspace(0, 1, spectrum.size), np.linspace(0, 1, shape.size), shape)
        wave = np.fft.irfft(spectrum, count) if count > 1 else np.zeros(count)
        return (wave * (floor / max(rms(wave), 1e-12))).astype(np.float32)

    return noise


def _line(seconds: float) -> Floats:
    """From 0 to 1, a number each 5 ms."""
    return np.linspace(0, 1, round(seconds / FRAME_S))


def _sigh(draws: Floats) -> _Course:
    u = _line(1.15 + 0.2 * draws[0])
    voiced = (u > 0.06) & (u < 0.5 + 0.12 * draws[1])
    pitch = np.where(voiced, (1.1 + 0.08 * draws[2]) * np.exp(-0.9 * u), 0)
    return _Course(pitch, 0.45 + 0.7 * u, np.sin(np.pi * u**0.55) ** 1.3 + 0.01)


def _laugh(draws: Floats) -> _Course:
    calls, period = 4 + round(1.49 * draws[0]), 0.21 + 0.02 * draws[1]
    time = np.arange(round(calls * period / FRAME_S)) * FRAME_S
    call, phase = np.floor(time / period), (time / period) % 1
    burst = np.where(phase < 0.62, np.sin(np.pi * phase / 0.62), 0)
    own = 1 + 0.06 * draws[2 + call.astype(int) % 8]
    high = (1.65 + 0.15 * draws[11]) * own * np.exp(-0.06 * call) * (0.9 + 0.15 * burst)
    return _Course(np.where((phase > 0.12) & (phase < 0.58), high, 0), np.full(time.size, 0.35),
                   (burst + 0.01) * 10 ** (-2.2 * call / 20) * own)  # fmt: skip


def _breath(draws: Floats) -> _Course:
    u = _line(0.5 + 0.1 * draws[0])
    return _Course(np.zeros(u.size), np.ones(u.size), np.sin(np.pi * u ** (0.8 + 0.15 * draws[1])) ** 0.8 + 0.01)


def _gasp(draws: Floats) -> _Course:
    u = _line(0.36 + 0.06 * draws[0])
    rise, stop = u ** (1.4 + 0.3 * draws[1]), np.clip((1 - u) / 0.12, 0, 1)
    return _Course(np.zeros(u.size), np.ones(u.size), rise * stop + 0.01)


def _cough(draws: Floats) -> _Course:
    def one(seconds: float, weight: float, end: float) -> _Course:
        u = _line(seconds)
        fall = np.where(u < 0.04, u / 0.04, 1.0) * (np.exp(-9 * u) + 0.45 * np.exp(-2.5 * u) * (1 - u) ** 0.5)
        return _Course(np.where((u > 0.5) & (u < 0.9), end * (1.2 - 0.4 * u), 0), np.full(u.size, 0.8), weight * fall)

    first = one(0.3 + 0.04 * draws[0], 1.0, 0.95 + 0.1 * draws[1])
    if draws[2] < -0.3:
        return first
    return _joined(first, one(0.24 + 0.04 * draws[3], 0.7, 0.9 + 0.1 * draws[4]), 0.08)


def _throat_clear(draws: Floats) -> _Course:
    def one(seconds: float, high: float, weight: float, shift: float) -> _Course:
        u = _line(seconds)
        creak = np.sin(2 * np.pi * (31 * seconds * u + shift)) * 0.08
        voiced = (u > 0.08) & (u < 0.92)
        return _Course(np.where(voiced, high * (1 + creak - 0.2 * u), 0), np.full(u.size, 0.3),
                       weight * np.sin(np.pi * u**0.9) ** 0.7 * (1 + creak) + 0.01, closed=True)  # fmt: skip

    low = 0.75 + 0.06 * draws[0]
    first = one(0.2 + 0.03 * draws[1], low, 0.8, draws[2])
    return _joined(first, one(0.32 + 0.05 * draws[3], low * 0.9, 1.0, draws[4]), 0.05)


def _joined(first: _Course, second: _Course, pause_s: float) -> _Course:
    gap = np.zeros(round(pause_s / FRAME_S))
    pitch, noise, level = (
        np.concatenate((getattr(first, n), gap, getattr(second, n))) for n in ("pitch", "noise", "level")
    )
    return _Course(pitch, noise, level, closed=first.closed)


_COURSES: dict[str, Callable[[Floats], _Course]] = {
    "sigh": _sigh,
    "laugh": _laugh,
    "breath": _breath,
    "gasp": _gasp,
    "cough": _cough,
    "throat_clear": _throat_clear,
}
