"""The fake voice: a harmonic tone that obeys all of its Delivery, so that whatever is measured has a known truth.

Every letter and digit takes the same time; the pitch swings in a slow sine around the voice's own; breath and events
are noise. Two formants, F1 and F2, lift the harmonics near them, and move with `formant_scale`. A tremor of 1 shakes
the pitch by TREMOR_F0 and the level by TREMOR_LEVEL, TREMOR_HZ times a second. It ships for dry runs and tests, and
says no words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import Misuse, Permanent
from persona_forge.core.ports import CONTROLS, Delivery, Samples, Spoken, VoiceCard
from persona_forge.engines.spoken_text import speakable
from persona_forge.engines.waveform import amplified

RATE = 24_000
CENTRES_HZ = {"female": (190.0, 210.0, 235.0), "male": (100.0, 118.0, 135.0)}
SECONDS = {"en": 0.065, "zh": 0.22}
"""A character's time at rate 1."""
SWING, SWINGS_HZ = 0.12, 1.5
FORMANTS_HZ, WIDTH_HZ, LIFT = (600.0, 1500.0), 150.0, 4.0
"""Centres and half-width; a harmonic that meets a centre is 1 + LIFT times as strong, 14 dB."""
TREMOR_HZ, TREMOR_F0, TREMOR_LEVEL = 5.0, 0.05, 0.4
EVENT_S, LEVEL = 0.4, 0.2


class Tone:
    engine, model, licence = "tone", "tone", "Apache-2.0"
    controls, blends = frozenset(CONTROLS), False

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        names = [(f"{sex}{i}", sex) for sex, row in CENTRES_HZ.items() for i in range(len(row))]
        card = [
            VoiceCard(n, language, sex, "young_adult", self.licence, lacks="words: it is a tone") for n, sex in names
        ]
        return tuple(card) if language in SECONDS else ()

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        names = [card.name for card in self.voices(language)]
        if voice not in names:
            raise Misuse(f"tone has no voice {voice!r} for {language!r}", allowed=", ".join(names) or "en, zh")
        if not speakable(text):
            raise Permanent(f"there is nothing to say in {text!r}")
        centre = CENTRES_HZ[voice[:-1]][int(voice[-1])] * delivery.f0_scale
        marks = [(p.char_pos, "", p.seconds) for p in delivery.pauses]
        marks += [(e.char_pos, e.type, EVENT_S) for e in delivery.events]
        parts: list[Samples] = []
        events: list[tuple[str, float, float]] = []
        last = 0
        for place, kind, seconds in [*sorted(marks), (len(text), "", 0.0)]:
            letters = sum(c.isalnum() for c in text[last:place])
            parts.append(_hum(letters * SECONDS[language] / delivery.rate, centre, delivery))
            start = sum(p.size for p in parts) / RATE
            parts.append(_noise(seconds) * np.float32(LEVEL if kind else 0.0))
            events += [(kind, start, start + seconds)] if kind else []
            last = max(last, place)
        samples, obeyed = amplified(np.concatenate(parts), delivery.gain_db)
        lost = frozenset() if obeyed else frozenset({"gain_db"})
        return Spoken(samples, RATE, lost, tuple(events), {"centre_hz": centre})


def _noise(seconds: float) -> Samples:
    raw = np.random.Philox(key=1).random_raw(round(seconds * RATE))  # unlike Generator methods, stable across versions
    return (np.asarray(raw, np.float64) / 2**63 - 1).astype(np.float32)


def _hum(seconds: float, centre: float, delivery: Delivery) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    shake = delivery.tremor * np.sin(2 * np.pi * TREMOR_HZ * time)
    f0 = centre * (1 + SWING * delivery.f0_range * np.sin(2 * np.pi * SWINGS_HZ * time)) * (1 + TREMOR_F0 * shake)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    tone = sum(_strength(k * f0 / delivery.formant_scale) * np.sin(k * phase) / k for k in range(1, 13)) / 3
    edge = np.clip(np.minimum(time, seconds - time) / 0.005, 0, 1)
    mixed = (1 - delivery.breathiness) * tone + delivery.breathiness * _noise(seconds)
    return (LEVEL * edge * (1 + TREMOR_LEVEL * shake) * mixed).astype(np.float32)


def _strength(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much a throat of the usual size lifts what it passes at these frequencies."""
    return 1 + LIFT * sum((np.exp(-0.5 * ((hz - f) / WIDTH_HZ) ** 2) for f in FORMANTS_HZ), np.zeros_like(hz))
