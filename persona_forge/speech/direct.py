"""From words of direction to numbers: what a label means on this voice.

The figures for mood were measured on Kokoro-82M: each moves pitch and tempo the way listeners' studies report (Juslin &
Laukka 2003, Psychological Bulletin 129) and leaves the words at an error rate of 0. Intensity scales the distance from
neutral; 0.55 gives the figures as they stand here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from persona_forge.core.ports import Delivery, Event

SPEED = {"slow": 0.78, "medium_slow": 0.89, "medium": 1.0, "medium_fast": 1.12, "fast": 1.26}
PITCH = {"low": 0.86, "medium_low": 0.93, "medium": 1.0, "medium_high": 1.08, "high": 1.16}
GAIN_DB = {"whisper": -14.0, "soft": -6.0, "normal": 0.0, "loud": 4.0, "shout": 7.0}
BREATH = {"whisper": 1.0, "soft": 0.15}
MOOD = {  # mood: pitch scale, pitch range
    "neutral": (1.0, 1.0),
    "happy": (1.06, 1.6),
    "sad": (0.95, 0.5),
    "angry": (1.0, 1.4),
    "fearful": (1.05, 0.8),
    "disgusted": (0.96, 0.8),
    "surprised": (1.08, 1.5),
    "other": (1.0, 1.0),
}
USUAL_INTENSITY = 0.55
STRONGEST = 1.5
"""How far past the figures of MOOD an intensity may carry; Kokoro's MOS falls beyond."""


def direct(delivery: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Delivery:
    """A turn's delivery and events, as the scripts table has them, in numbers."""
    scale, spread = MOOD[delivery["emotion"]]
    strength = min(delivery["intensity"] / USUAL_INTENSITY, STRONGEST)
    return Delivery(
        rate=SPEED[delivery["speed"]],
        f0_scale=round(PITCH[delivery["pitch"]] * (1 + (scale - 1) * strength), 4),
        f0_range=round(1 + (spread - 1) * strength, 4),
        gain_db=GAIN_DB[delivery["volume"]],
        breathiness=BREATH.get(delivery["volume"], 0.0),
        events=tuple(Event(e["type"], e["char_pos"]) for e in events),
    )
