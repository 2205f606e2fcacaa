"""What every voice engine does to its samples: pauses, level, rate, and a last look before they leave.

A pause is a stretch of digital silence. The text is cut where a pause stands, the pieces are spoken one by one, and the
silence that an engine puts around each piece is cut away at the inner edges, so that a pause is as long as it was asked
for. Gain is followed by a soft limiter: samples never pass full scale. It leaves out: prosody across a pause, since
each piece is a phrase of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import gcd

import numpy as np

from persona_forge.core.errors import Permanent
from persona_forge.core.ports import Pause, Samples, Spoken

KNEE, CEILING = 0.8, 0.99
"""Amplitudes: up to the knee nothing is touched, and nothing passes the ceiling."""
SILENT = 1e-4
"""A peak below this is silence (-80 dBFS)."""
EDGE_DB = -40.0
"""Quieter than this under the peak, and outside of the speech: an engine's own padding."""
RATE = 24_000
"""Samples a second of every clip."""
CLIPPED, CLIPPED_SHARE = 0.999, 1e-3
"""A voice that holds more than this share of its samples at full scale was cut off there."""
LIMITED_DB = 1.0
"""A gain that the limiter ate more of than this was not carried out."""


def cut(text: str, pauses: Sequence[Pause]) -> tuple[list[str], list[float]]:
    """Pieces of the text, and the silence in seconds before each of them and after the last: one more than pieces."""
    at: dict[int, float] = {}
    for pause in pauses:
        place = min(max(pause.char_pos, 0), len(text))
        at[place] = at.get(place, 0.0) + pause.seconds
    borders = [0, *sorted(p for p in at if 0 < p < len(text)), len(text)]
    pieces = [text[a:b] for a, b in pairwise(borders)]
    return pieces, [at.get(border, 0.0) for border in borders]


def with_pauses(
    text: str, pauses: Sequence[Pause], rate: int, speakable: Callable[[str], bool], speak: Callable[[str], Samples]
) -> Samples:
    """The pieces of the text, spoken by `speak`, with silences between. A piece that holds no word gives none."""
    pieces, silences = cut(text, pauses)
    return joined([speak(p) if speakable(p) else np.zeros(0, np.float32) for p in pieces], silences, rate)


def joined(spoken: Sequence[Samples], silences: Sequence[float], rate: int) -> Samples:
    """Pieces, with so many seconds of silence before each and after the last."""
    if len(spoken) == 1 and not any(silences):
        return spoken[0]
    parts: list[Samples] = [np.zeros(round(silences[0] * rate), np.float32)]
    for i, samples in enumerate(spoken):
        parts.append(trimmed(samples, rate, start=i > 0, end=i < len(spoken) - 1))
        parts.append(np.zeros(round(silences[i + 1] * rate), np.float32))
    return np.concatenate(parts)


def trimmed(samples: Samples, rate: int, *, start: bool = True, end: bool = True) -> Samples:
    """Without the quiet before the first and after the last sound, but for 10 ms."""
    if not samples.size:
        return samples
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * 10 ** (EDGE_DB / 20))
    margin = rate // 100
    first = max(int(loud[0]) - margin, 0) if start and loud.size else 0
    last = int(loud[-1]) + margin if end and loud.size else samples.size
    return samples[first:last]


def amplified(samples: Samples, gain_db: float) -> tuple[Samples, bool]:
    """Louder or softer; True if the limiter left the gain as it was asked for."""
    wanted = samples * np.float32(10 ** (gain_db / 20))
    size = np.abs(wanted)
    room = CEILING - KNEE
    held = np.where(size > KNEE, np.sign(wanted) * (KNEE + room * np.tanh((size - KNEE) / room)), wanted)
    lost_db = 10 * np.log10((np.square(wanted).sum() + 1e-12) / (np.square(held).sum() + 1e-12))
    return held.astype(np.float32), bool(lost_db <= LIMITED_DB)


def resampled(samples: Samples, rate: int, target: int) -> Samples:
    """At another rate, by a polyphase filter."""
    if rate == target:
        return samples
    from scipy.signal import resample_poly  # type: ignore[import-untyped]

    common = gcd(rate, target)
    return np.asarray(resample_poly(samples, target // common, rate // common), dtype=np.float32)


def checked(samples: Samples, engine: str) -> Samples:
    """The samples, if somebody can hear them; else Permanent."""
    if not np.isfinite(samples).all():
        raise Permanent(f"{engine} returned samples that are no numbers")
    if not samples.size or np.abs(samples).max() < SILENT:
        raise Permanent(f"{engine} returned silence")
    return samples


def usable(spoken: Spoken, engine: str) -> Spoken:
    """What was spoken, if a clip can be made of it; else Permanent, whoever made it."""
    samples = checked(spoken.samples, engine)
    if spoken.rate != RATE:
        raise Permanent(f"{engine} gave {spoken.rate} samples a second", allowed=str(RATE))
    if float(np.mean(np.abs(samples) >= CLIPPED)) > CLIPPED_SHARE:
        raise Permanent(f"{engine} returned samples that are cut off at full scale")
    return spoken
