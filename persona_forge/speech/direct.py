"""From words of direction to numbers: what a label means on this voice, and where a turn changes its manner.

Speed, pitch and volume are what their labels say, so that the label can be measured. A mood moves what has no label:
the range of the pitch, a little of its height, and the steadiness of the voice. The ways go by listeners' studies:
range wide in joy and anger, narrow in sadness and fear; pitch up in joy, fear and surprise, down in sadness and disgust
(Juslin and Laukka 2003, Psychological Bulletin 129; Banse and Scherer 1996, JPSP 70); an unsteady voice in fear (Murray
and Arnott 1993, JASA 93). How far was measured on Kokoro-82M, where the figures for joy, sadness and anger leave the
words at an error rate of 0; the others were set in proportion. Intensity scales the distance from neutral; 0.55 gives
the figures as they stand here.

A mood that begins within a turn also brings the steps of speed, pitch and volume that it usually has (Scherer 2003,
Speech Communication 40); at the head of a turn the turn's own labels say them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from persona_forge.core.ports import Delivery
from persona_forge.text.tags import EMOTIONS, PITCHES, SPEEDS, VOLUMES, Cue

SPEED = {"slow": 0.78, "medium_slow": 0.89, "medium": 1.0, "medium_fast": 1.12, "fast": 1.26}
PITCH = {"low": 0.86, "medium_low": 0.93, "medium": 1.0, "medium_high": 1.08, "high": 1.16}
GAIN_DB = {"whisper": -14.0, "soft": -6.0, "normal": 0.0, "loud": 4.0, "shout": 7.0}
BREATH = {"whisper": 1.0}


@dataclass(frozen=True, slots=True)
class Mood:
    f0_scale: float = 1.0
    f0_range: float = 1.0
    tremor: float = 0.0
    steps: tuple[int, int, int] = (0, 0, 0)
    """Of speed, pitch and volume, where the mood begins within a turn."""


MOOD = {
    "neutral": Mood(),
    "happy": Mood(1.06, 1.6, steps=(1, 1, 0)),
    "sad": Mood(0.95, 0.5, steps=(-1, -1, -1)),
    "angry": Mood(1.0, 1.4, steps=(1, 0, 1)),
    "fearful": Mood(1.05, 0.8, tremor=0.35, steps=(1, 1, -1)),
    "disgusted": Mood(0.96, 0.8, steps=(-1, -1, 0)),
    "surprised": Mood(1.08, 1.5, steps=(0, 1, 0)),
    "other": Mood(),
}
USUAL_INTENSITY = 0.55
STRONGEST = 1.5
"""How far past the figures of MOOD an intensity may carry; Kokoro's MOS falls beyond."""
OWN = ("f0_scale", "formant_scale", "breathiness", "tremor")
"""What casting may do to a voice."""
STEPPED = (("speed", SPEEDS), ("pitch", PITCHES), ("volume", VOLUMES))


def direct(manner: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> Delivery:
    """A manner (the fields of a turn's delivery) and what is the voice's own (a row of casting), in numbers."""
    own = {} if own is None else own
    mood = MOOD[manner["emotion"]]
    strength = min(manner["intensity"] / USUAL_INTENSITY, STRONGEST)
    return Delivery(
        rate=SPEED[manner["speed"]],
        f0_scale=round(PITCH[manner["pitch"]] * (1 + (mood.f0_scale - 1) * strength) * own.get("f0_scale", 1.0), 4),
        f0_range=round(1 + (mood.f0_range - 1) * strength, 4),
        formant_scale=own.get("formant_scale", 1.0),
        gain_db=GAIN_DB[manner["volume"]],
        breathiness=_both(BREATH.get(manner["volume"], 0.0), own.get("breathiness", 0.0)),
        tremor=_both(mood.tremor * strength, own.get("tremor", 0.0)),
    )


def manners(delivery: Mapping[str, Any], cues: Sequence[Cue]) -> list[tuple[int, dict[str, Any]]]:
    """From which character on which manner holds; the first from 0. Cues at the head stand in for the delivery."""
    now, out = dict(delivery), []
    for cue in cues:
        if cue.name in EMOTIONS:
            new = {**now, "emotion": cue.name, "intensity": _intensity(cue, now)}
            now = new if cue.char_pos == 0 else _stepped(new, now["emotion"])
        elif cue.name in SPEEDS:
            now = {**now, "speed": cue.name}
        elif cue.name in VOLUMES:
            now = {**now, "volume": cue.name}
        else:
            continue
        if cue.char_pos:
            out.append((cue.char_pos, now))
        else:
            delivery = now
    return [(0, dict(delivery)), *out]


def _stepped(manner: dict[str, Any], before: str) -> dict[str, Any]:
    """With the steps of the mood that begins, and without those of the one that ends."""
    moved = zip(STEPPED, MOOD[manner["emotion"]].steps, MOOD[before].steps, strict=True)
    for (name, scale), new, old in moved:
        at = scale.index(manner[name])
        if manner[name] != "whisper":  # nobody stops whispering because the mood turns
            lowest = 1 if name == "volume" else 0
            manner[name] = scale[min(max(at + new - old, lowest), len(scale) - 1)]
    return manner


def _intensity(cue: Cue, now: Mapping[str, Any]) -> float:
    if cue.name == "neutral":
        return 0.0
    return float(cue.value if cue.value is not None else now["intensity"] or USUAL_INTENSITY)


def _both(one: float, other: float) -> float:
    return round(1 - (1 - one) * (1 - other), 4)
