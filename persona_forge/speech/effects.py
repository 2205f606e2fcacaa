"""What is done to a voice that its engine has no control for: breath, whisper, formants, tremor, stress, pitch, rate.

WORLD (Morise, Yokomori and Ozawa 2016, IEICE Trans. E99-D) takes a phrase apart into pitch (Harvest), spectral envelope
(CheapTrick) and aperiodicity (D4C), 5 ms a frame; the frames are bent and put together again, once a phrase, at the
level that it had. What the figures go by:

breathiness   noise takes over from the harmonics, first above 2 kHz (Klatt and Klatt 1990, JASA 87). A whisper is
              noise alone, and weaker below 1.5 kHz (Ito, Takeda and Itakura 2005, Speech Communication 45)
formants      the envelope is stretched along the frequencies: a shorter throat (Lee, Potamianos and Narayanan 1999)
tremor        pitch and level swing together at 5.5 Hz, between the 4 and 8 Hz of old voices, with jitter and breath
              (Ramig and Shipp 1987, J. Voice 1; Xue and Deliyski 2001, Educational Gerontology 27)
stress        longer, louder, higher (Cooper, Eady and Mueller 1985, JASA 77; Xu 1999, J. Phonetics 27)
effort        a louder voice has more of its high partials and a softer one fewer (Nordenberg and Sundberg 2004,
              Logopedics Phoniatrics Vocology 29): a filter, and no work for WORLD

It leaves out: the pitch that rises with effort, for pitch has labels of its own, and the compression after a stress.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from persona_forge.core.ids import key64
from persona_forge.core.ports import Delivery, Samples

Floats = npt.NDArray[np.float64]

RATE = 24_000
FRAME_S = 0.005
PITCH_HZ = (50.0, 800.0)
"""A creak is as low: with a higher floor it would come out as a clear voice, and higher."""
RESOLVED_HZ = 71.0
"""The least pitch whose harmonics an envelope of 1024 samples tells apart."""
WHISPER = 0.95
"""From this breathiness on nothing is voiced."""
BREATH_HZ, WHISPER_HZ = 2000.0, 1500.0
TREMOR_HZ, TREMOR_F0, TREMOR_DB, JITTER, TREMOR_BREATH = 5.5, 0.05, 2.5, 0.006, 0.12
"""At a tremor of 1."""
STRESS_LONGER, STRESS_ST, STRESS_DB = 1.3, 2.0, 3.5
STRESS_RAMP_S, STRESS_MARGIN_S, CROSSFADE_S = 0.03, 0.1, 0.02
EFFORT_DB = 0.2
"""Tilt in dB an octave for a dB of gain: at 3 kHz partials gain 1.6 times what the whole does."""
EFFORT_HZ = (250.0, 5000.0)
KNEE, CEILING = 0.8, 0.99
LIMITED_DB = 1.0
"""A gain that the limiter ate more of was not carried out."""


@dataclass(frozen=True, slots=True)
class Frames:
    """A voice taken apart; one row each 5 ms."""

    f0: Floats
    """Hz, shape (n,); 0 where nothing is voiced."""
    envelope: Floats
    """Power at 513 frequencies from 0 to 12 kHz, shape (n, 513)."""
    aperiodicity: Floats
    """Amplitude of the noise as a share of the whole, same shape."""


def analysed(samples: Samples) -> Frames:
    world, wave = _world(), samples.astype(np.float64)
    f0, times = world.harvest(wave, RATE, f0_floor=PITCH_HZ[0], f0_ceil=PITCH_HZ[1], frame_period=FRAME_S * 1000)
    told = _told(f0)
    return Frames(f0, world.cheaptrick(wave, told, times, RATE), world.d4c(wave, told, times, RATE))


def pitched(samples: Samples) -> Frames:
    """Pitch (DIO, quick) and envelope alone, for averages; the aperiodicity is left at 0."""
    world, wave = _world(), samples.astype(np.float64)
    coarse, times = world.dio(wave, RATE, f0_floor=PITCH_HZ[0], f0_ceil=PITCH_HZ[1], frame_period=FRAME_S * 1000)
    f0 = world.stonemask(wave, coarse, times, RATE)
    envelope = world.cheaptrick(wave, _told(f0), times, RATE)
    return Frames(f0, envelope, np.zeros_like(envelope))


def _told(f0: Floats) -> Floats:
    """As high as an envelope needs it: lower frames would pass for unvoiced ones."""
    return np.where(f0 > 0, np.maximum(f0, RESOLVED_HZ), 0.0)


def sounded(frames: Frames, size: int) -> Samples:
    """So many samples; WORLD's own noise is the same each time."""
    arrays = (np.ascontiguousarray(a) for a in (frames.f0, frames.envelope, frames.aperiodicity))
    wave = _world().synthesize(*arrays, RATE, FRAME_S * 1000)[:size]
    return np.pad(wave, (0, size - wave.size)).astype(np.float32)


def applied(samples: Samples, todo: Delivery, *, key: str, stresses: Sequence[tuple[float, float]] = ()) -> Samples:
    """The phrase with what `todo` asks for (but gain, pauses and events), and stress from and to these seconds.

    Where stress is all there is, the rest of the phrase keeps its own samples.
    """
    if not todo.asks() - {"gain_db", "pauses", "events"}:
        for start, end in sorted(stresses, reverse=True):
            samples = _stressed_alone(samples, start, end)
        return samples
    frames = bent(analysed(samples), todo, key=key)
    size = round(samples.size / todo.rate)
    even = sounded(frames, size)
    out = sounded(*_stressed(frames, [(a / todo.rate, b / todo.rate) for a, b in stresses], size)) if stresses else even
    return out * np.float32(rms(samples) / max(rms(even), 1e-9))


def bent(frames: Frames, todo: Delivery, *, key: str) -> Frames:
    """The frames of the same voice with other pitch, formants, breath, tremor and rate."""
    f0, envelope, noise = frames.f0, frames.envelope, frames.aperiodicity
    voiced = f0 > 0
    if voiced.any():
        centre = float(np.median(f0[voiced]))
        f0 = np.where(voiced, centre * todo.f0_scale * (np.maximum(f0, 1e-9) / centre) ** todo.f0_range, 0.0)
    if todo.formant_scale != 1:
        envelope, noise = (_warped(a, todo.formant_scale) for a in (envelope, noise))
    if todo.tremor:
        time, depth = np.arange(f0.size) * FRAME_S, todo.tremor
        swing = np.sin(2 * np.pi * (TREMOR_HZ * time + uniform(1, "phase", key)[0]))
        f0 = f0 * (1 + depth * (TREMOR_F0 * swing + JITTER * uniform(f0.size, "jitter", key)))
        envelope = envelope * 10 ** (depth * TREMOR_DB * swing[:, None] / 10)
    breath = 1 - (1 - todo.breathiness) * (1 - TREMOR_BREATH * todo.tremor)
    if breath:
        f0, envelope, noise = _breathy(f0, envelope, noise, breath if todo.breathiness < WHISPER else 1.0)
    out = Frames(f0, envelope, noise)
    return out if todo.rate == 1 else _at(out, np.arange(0, f0.size - 1, todo.rate))


def effort(samples: Samples, gain_db: float) -> Samples:
    """At the same level, with the balance of high and low of a voice that is raised or lowered by so much."""
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.clip(np.fft.rfftfreq(samples.size, 1 / RATE), *EFFORT_HZ) / 1000)
    out = np.fft.irfft(spectrum * 10 ** (EFFORT_DB * gain_db * octaves / 20), samples.size)
    return (out * (rms(samples) / max(rms(out), 1e-9))).astype(np.float32)


def limited(samples: Samples) -> tuple[Samples, bool]:
    """Within full scale, and whether the level is still what it was."""
    size, room = np.abs(samples), CEILING - KNEE
    held = np.where(size > KNEE, np.sign(samples) * (KNEE + room * np.tanh((size - KNEE) / room)), samples)
    return held.astype(np.float32), bool(20 * np.log10(max(rms(samples), 1e-9) / max(rms(held), 1e-9)) <= LIMITED_DB)


def rms(samples: Samples | Floats) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def uniform(count: int, *key: str) -> Floats:
    """Numbers in [-1, 1) drawn from content."""
    return np.asarray(np.random.Philox(key=key64(*key)).random_raw(count) / 2**63 - 1)


def _breathy(f0: Floats, envelope: Floats, noise: Floats, breath: float) -> tuple[Floats, Floats, Floats]:
    hz = np.linspace(0, RATE / 2, envelope.shape[1])
    if breath == 1:
        low = np.clip(hz / WHISPER_HZ, 0.05, 1) ** 2
        return np.zeros_like(f0), envelope * low, np.ones_like(noise)
    share = breath * (breath + (1 - breath) * np.clip(hz / BREATH_HZ, 0, 1))
    return f0, envelope, np.sqrt(noise**2 + (1 - noise**2) * share)


def _warped(rows: Floats, scale: float) -> Floats:
    """What was at a frequency comes to stand at `scale` times it."""
    last = rows.shape[1] - 1
    place = np.minimum(np.arange(last + 1) / scale, last)
    low = np.minimum(place.astype(int), last - 1)
    share = place - low
    return np.asarray(np.maximum(rows[:, low] * (1 - share) + rows[:, low + 1] * share, 1e-16))


def _at(frames: Frames, places: Floats) -> Frames:
    """The frames at these places of the old ones, which may lie between two."""
    near = np.minimum(np.round(places).astype(int), frames.f0.size - 1)
    low = np.minimum(places.astype(int), max(frames.f0.size - 2, 0))
    share = (places - low)[:, None]
    mixed = frames.envelope[low] * (1 - share) + frames.envelope[np.minimum(low + 1, frames.f0.size - 1)] * share
    return Frames(frames.f0[near], mixed, frames.aperiodicity[near])


def _stressed(frames: Frames, stresses: Sequence[tuple[float, float]], size: int) -> tuple[Frames, int]:
    """Stressed frames, and how many samples they make."""
    time = np.arange(frames.f0.size) * FRAME_S
    weight = np.zeros_like(time)
    for start, end in stresses:
        inside = np.minimum(time - start, end - time) / STRESS_RAMP_S + 1
        weight = np.maximum(weight, np.clip(inside, 0, 1))
    stronger = Frames(
        frames.f0 * 2 ** (STRESS_ST * weight / 12),
        frames.envelope * 10 ** (STRESS_DB * weight[:, None] / 10),
        frames.aperiodicity,
    )
    lasting = np.concatenate(([0.0], np.cumsum(1 + (STRESS_LONGER - 1) * weight[:-1])))
    places = np.interp(np.arange(0, lasting[-1]), lasting, np.arange(lasting.size))
    return _at(stronger, places), size + round((lasting[-1] - lasting.size + 1) * FRAME_S * RATE)


def _stressed_alone(samples: Samples, start: float, end: float) -> Samples:
    """WORLD sees the word and its margins; these fade into the samples around it."""
    margin = STRESS_MARGIN_S
    first, last = max(0, round((start - margin) * RATE)), min(samples.size, round((end + margin) * RATE))
    piece = samples[first:last]
    frames = analysed(piece)
    level = rms(piece) / max(rms(sounded(frames, piece.size)), 1e-9)
    stressed, size = _stressed(frames, [(start - first / RATE, end - first / RATE)], piece.size)
    new = sounded(stressed, size) * np.float32(level)
    width = min(round(CROSSFADE_S * RATE), piece.size // 2)
    ramp = np.linspace(0, 1, width, dtype=np.float32)
    if first:
        new[:width] = new[:width] * ramp + piece[:width] * (1 - ramp)
    if last < samples.size:
        new[-width:] = new[-width:] * (1 - ramp) + piece[-width:] * ramp
    return np.concatenate([samples[:first], new, samples[last:]])


def neutral(todo: Delivery) -> Delivery:
    """Without the controls that change when a thing is heard: for a sound, which has its own length."""
    return replace(todo, rate=1.0)


def _world() -> Any:
    with warnings.catch_warnings():  # its import warns of setuptools
        warnings.simplefilter("ignore")
        import pyworld
    return pyworld
