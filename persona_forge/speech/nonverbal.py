"""Where in a clip somebody makes a sound that is no word: a sigh, a laugh, a breath, a gasp, a cough, a throat cleared.

In speech the mouth moves: within a quarter of a second the spectrum is another one. In these sounds it rests, whatever
the voice and the breath do (laughs are unarticulated: Bachorowski, Smoski and Owren 2001, JASA 110). So a sound is a
stretch, or a few with short breaks, bounded by quiet, through which the shape of the spectrum stands still though it is
no pure tone; or breath alone for longer than any consonant is held, in a clip that has a voice.
Words are not looked at. The kind is read from length, and from where and how often the level rises; it is a guess.

On Kokoro 259 of 260 sounds that `sounds` had made and put between quiets of 0.08 s were found (by more than half of
what both cover; mean 0.96), the kind right in 95 %; the other was taken together with the "oh" after it. One was
claimed in 299 plain clips, a quarter of them cries and hums. On voices and sentences that no threshold was set by, 96
of 96 were found and none was claimed in 448 (tests/benchmarks/obedience.py). What humans recorded was not tried: a
sound made while the mouth moves is missed, and so is one that touches a word and is shorter than 0.4 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from persona_forge.core.ports import Samples
from persona_forge.speech.audio import HOP_S, SILENT_DBFS, levels

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

UNDER_DB = 40.0
"""Breath is softer than speech: quiet begins so far under the loud frames."""
QUIET_S, BREAK_S = 0.03, 0.2
"""What ends a stretch; and the longest break between bursts of one sound."""
SHORTEST_S = 0.2
STILL_DB = 2.9
"""Spread of the spectrum's shape over time: sounds that were made stay under 2.6, speech of 0.2 s and more over 3.2."""
HUM = 0.9
"""Share of voiced frames from which on a still sound is a held note and no sound of breath."""
LONG_BREATH_S = 0.4
VOICED = 0.25
"""Share of a clip's sound that is voiced if it is not whispered."""
FRAME_S = 0.01
BANDS, LOWEST_HZ, HIGHEST_HZ, MEL_HZ = 20, 80.0, 8000.0, 700.0
"""Bands as wide as the ear's."""
SMOOTH = 5
"""Frames over which power is averaged: noise alone must not look like movement."""
DEEP_DB = 40.0
"""Bands so far under the strongest say nothing."""
DIP_DB = 5.0
"""Two bursts have a dip of so much between them."""
SUDDEN_S, LATE, LONG_S = 0.06, 0.55, 0.8
"""A cough is loudest at once, a gasp near its end (as a share of it); nothing but a sigh or a laugh lasts so long."""


@dataclass(frozen=True, slots=True)
class Sound:
    type: str
    """sigh, laugh, breath, gasp, cough, throat_clear or other."""
    start_s: float
    end_s: float


def sounds(samples: Samples, rate: int, voiced: Bools) -> list[Sound]:
    """In order; `voiced` says of each 10 ms whether they have a pitch."""
    level = levels(samples, rate)
    loud = float(np.percentile(level, 95))
    stretches = _runs(level > max(loud - UNDER_DB, SILENT_DBFS), QUIET_S)
    shape = _shape(samples, rate)
    voiced = np.pad(voiced[: len(shape)], (0, max(0, len(shape) - voiced.size)))
    sounding = np.concatenate([_frames([s]) for s in stretches] or [np.zeros(0, int)])
    sounding = sounding[sounding < len(shape)]
    whispered = not sounding.size or voiced[sounding].mean() < VOICED
    found = list(_still(stretches, shape, voiced))
    if not whispered:
        free = [s for s in stretches if not any(a < s[1] and s[0] < b for a, b in found)]
        found += [run for s in free for run in _breaths(s, shape, voiced)]
    left = sum(b - a for a, b in stretches) - sum(b - a for a, b in found)
    if left < SHORTEST_S:  # somebody spoke in this clip, too
        return []
    return [Sound(_kind(level, a, b), round(a, 3), round(b, 3)) for a, b in sorted(found)]


def without(active: Bools, found: Sequence[Sound]) -> Bools:
    """Activity where it is speech."""
    active, times = active.copy(), np.arange(active.size) * HOP_S
    for sound in found:
        active[(times >= sound.start_s) & (times <= sound.end_s)] = False
    return active


def _still(stretches: Sequence[tuple[float, float]], shape: Floats, voiced: Bools) -> Iterator[tuple[float, float]]:
    """The longest rows of stretches through which the spectrum stands still."""
    first = 0
    while first < len(stretches):
        best = None
        for last in range(first, len(stretches)):
            if last > first and stretches[last][0] - stretches[last - 1][1] > BREAK_S:
                break
            frames = _frames(stretches[first : last + 1])
            frames = frames[frames < len(shape)]
            if frames.size * FRAME_S < SHORTEST_S:
                continue
            if shape[frames].std(axis=0).mean() > STILL_DB:
                break
            if voiced[frames].mean() < HUM:
                best = last
        if best is not None:
            yield stretches[first][0], stretches[best][1]
        first = (first if best is None else best) + 1


def _breaths(stretch: tuple[float, float], shape: Floats, voiced: Bools) -> Iterator[tuple[float, float]]:
    """Still parts of a stretch without a voice that are too long for a consonant."""
    at = _frames([stretch])
    for start, end in _runs(~voiced[at[at < voiced.size]], FRAME_S / 2, FRAME_S):
        part = stretch[0] + start, min(stretch[0] + end, stretch[1])
        frames = _frames([part])
        still = shape[frames[frames < len(shape)]].std(axis=0).mean() < STILL_DB
        if end - start >= LONG_BREATH_S and still:
            yield part


def _runs(on: Bools, gap_s: float, hop_s: float = HOP_S) -> list[tuple[float, float]]:
    """Start and end in seconds of what is on, across gaps no longer than this."""
    at = np.flatnonzero(on)
    if not at.size:
        return []
    breaks = np.flatnonzero(np.diff(at) * hop_s > gap_s + hop_s)
    starts, ends = at[np.r_[0, breaks + 1]], at[np.r_[breaks, at.size - 1]]
    return [(float(a * hop_s), float((b + 1) * hop_s)) for a, b in zip(starts, ends, strict=True)]


def _frames(stretches: Sequence[tuple[float, float]]) -> npt.NDArray[np.int_]:
    """Frames of 10 ms inside these stretches; their edges do not count, where the level and not the mouth moves."""
    return np.concatenate([np.arange(round(a / FRAME_S) + 1, max(round(b / FRAME_S) - 1, round(a / FRAME_S) + 2))
                           for a, b in stretches])  # fmt: skip


def _shape(samples: Samples, rate: int) -> Floats:
    """Level in dB in each band at 0, 10, 20 … ms, less their mean: the spectrum without its loudness."""
    size, hop = 1 << (rate // 50).bit_length(), round(FRAME_S * rate)
    count = int(samples.size / rate / FRAME_S) + 1
    padded = np.pad(samples.astype(np.float64), (size // 2, size + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:count] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    mel = np.linspace(np.log1p(LOWEST_HZ / MEL_HZ), np.log1p(HIGHEST_HZ / MEL_HZ), BANDS + 1)
    edges = np.round(MEL_HZ * np.expm1(mel) * size / rate).astype(int)
    banded = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(edges)], axis=1)
    total = np.cumsum(np.pad(banded, ((SMOOTH // 2 + 1, SMOOTH // 2), (0, 0))), axis=0)
    decibels = 10 * np.log10(np.maximum(total[SMOOTH:] - total[:-SMOOTH], 1e-12))
    decibels = np.maximum(decibels, decibels.max(axis=1, keepdims=True) - DEEP_DB)
    return np.asarray(decibels - decibels.mean(axis=1, keepdims=True))


def _kind(level: Floats, start_s: float, end_s: float) -> str:
    inside = level[round(start_s / HOP_S) : round(end_s / HOP_S)]
    seconds, bursts, peak = end_s - start_s, _bursts(inside), float(inside.argmax()) / inside.size
    if bursts >= 3:
        return "laugh"
    if peak * seconds < SUDDEN_S:
        return "cough"
    if seconds > LONG_S:
        return "sigh"
    if bursts == 2:
        return "throat_clear"
    return "gasp" if peak > LATE else "breath"


def _bursts(level: Floats) -> int:
    """How often the level rises and falls by a good deal."""
    smooth = np.convolve(np.pad(level, 2, mode="edge"), np.ones(5) / 5, "valid")
    count, low, high, rising = 0, float(smooth[0]), float(smooth[0]), True
    for value in map(float, smooth):
        if rising:
            high = max(high, value)
            if value < high - DIP_DB:
                count, rising, low = count + 1, False, value
        else:
            low = min(low, value)
            if value > low + DIP_DB:
                rising, high = True, value
    return count + rising
