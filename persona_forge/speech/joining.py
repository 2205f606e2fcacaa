"""Phrases that were spoken become one clip: trimmed, faded, with pauses and sounds between them.

Every take is cut to what is heard in it and a margin, so that a pause is as long as it was asked for whatever an engine
pads, and faded at both ends, so that joins do not click. A sound is made in the voice of the take that follows it, at
the end of the last one, with some silence to either side; all silence is filled with the room of the takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from persona_forge.core.errors import Permanent
from persona_forge.core.ports import Delivery, Samples, Spoken
from persona_forge.speech.effects import RATE, rms
from persona_forge.speech.sounds import room, sound, speaker
from persona_forge.text.tags import EVENTS, PAUSE, Cue

SILENT = 1e-3
"""A take whose highest sample is under this holds nothing to hear."""
EDGE_DB, MARGIN_S, FADE_S = 45.0, 0.01, 0.005
"""Quieter than this under the peak, and outside of the speech: an engine's padding, but for a margin."""
AIR_S = 0.08
"""The least silence between speech and a sound."""
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Take:
    """A phrase as it was spoken and finished."""

    raw: Samples
    """As the engine gave it."""
    samples: Samples
    effects: Delivery
    """What a sound beside it shares."""
    before: tuple[Cue, ...] = ()
    silence_s: float = 0.0
    events: tuple[tuple[str, float, float], ...] = ()
    done: dict[str, Any] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()


class _Clip:
    """Samples in the making, and the sounds in them with their times."""

    def __init__(self, takes: Sequence[Take], key: str) -> None:
        self.key, self.at = key, 0
        self.parts: list[Samples] = []
        self.events: list[tuple[str, float, float]] = []
        self.hush = room(np.concatenate([take.raw for take in takes]))

    def add(self, samples: Samples) -> tuple[float, float]:
        self.parts.append(samples)
        start, self.at = self.at, self.at + samples.size
        return start / RATE, self.at / RATE

    def silence(self, seconds: float) -> None:
        if seconds > 0:
            self.add(self.hush(round(seconds * RATE), f"{self.key} {self.at}"))

    def between(self, cues: Sequence[Cue], take: Take, *, silence_s: float, more: bool) -> None:
        """Pauses and sounds in the voice of this take; `more` if speech follows."""
        timed = any(c.name == PAUSE for c in cues)
        air = AIR_S if timed else max(silence_s / 2, AIR_S)
        if not cues:
            self.silence(silence_s)
        who = speaker(take.raw, rms(take.samples)) if any(c.name in EVENTS for c in cues) else None
        for n, cue in enumerate(cues):
            if who is None or cue.name == PAUSE:
                beside = (n == 0 and self.at > 0) + (n == len(cues) - 1 and more)
                self.silence(min(cue.value or 0.0, LONGEST_PAUSE_S) - beside * MARGIN_S)
                continue
            if self.at and (n == 0 or cues[n - 1].name != PAUSE):
                self.silence(air)
            made = sound(cue.name, who, take.effects, key=f"{self.key} {cue.char_pos} {n}")
            self.events.append((cue.name, *self.add(made + self.hush(made.size, f"{self.key} {self.at}"))))
        if cues and cues[-1].name != PAUSE and more:
            self.silence(air)


def assembled(
    takes: Sequence[Take], after: Sequence[Cue], key: str
) -> tuple[Samples, list[tuple[str, float, float]], list[tuple[float, float]]]:
    """The clip, its sounds, and from and to which second each take lasts."""
    clip, places = _Clip(takes, key), []
    for take in takes:
        clip.between(take.before, take, silence_s=take.silence_s, more=True)
        start, end = clip.add(take.samples)
        clip.events += [(kind, max(start + a, 0.0), min(start + b, end)) for kind, a, b in take.events]
        places.append((round(start, 4), round(end, 4)))
    clip.between(after, takes[-1], silence_s=0.0, more=False)
    return np.concatenate(clip.parts), clip.events, places


def checked(heard: Spoken) -> Samples:
    """Raises Permanent for silence, for numbers that are none, and for another rate: no effect could bear them."""
    if heard.rate != RATE:
        raise Permanent(f"the voice engine gave {heard.rate} samples a second", allowed=str(RATE))
    if not heard.samples.size or not np.isfinite(heard.samples).all():
        raise Permanent("the voice engine returned no sound, or numbers that are not finite")
    if (peak := float(np.abs(heard.samples).max())) < SILENT:
        raise Permanent(f"the voice engine returned silence (peak {peak:.1e})")
    return heard.samples


def trimmed(samples: Samples) -> tuple[Samples, float]:
    """What is heard, with a margin of quiet, and by how many seconds that begins later than the whole."""
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * 10 ** (-EDGE_DB / 20))
    margin = round(MARGIN_S * RATE)
    padded = np.pad(samples, margin)
    return padded[loud[0] : loud[-1] + 2 * margin], (int(loud[0]) - margin) / RATE


def faded(samples: Samples) -> Samples:
    width = min(round(FADE_S * RATE), samples.size // 2)
    ramp = np.linspace(0, 1, width, dtype=np.float32)
    return np.concatenate([samples[:width] * ramp, samples[width : samples.size - width],
                           samples[samples.size - width :] * ramp[::-1]])  # fmt: skip
