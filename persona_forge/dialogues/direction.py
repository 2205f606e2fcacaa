"""Two levels of direction: the scene's tone in words, and inside the sentence mood, rate, pitch, volume and sounds.

A persona's delivery is its voice traits, moved by the mood of the turn; a partner's is the scene's. Which mood moves
rate and volume which way follows Scherer (2003, Speech Communication 40): anger, joy and fear are faster and louder or
higher than neutral speech, sadness slower, lower and softer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from persona_forge.dialogues.factors import factors, words
from persona_forge.text.tags import PITCHES, SPEEDS, VOLUMES, Cue, render

MOVES = {  # mood: steps of speed, pitch and volume
    "neutral": (0, 0, 0),
    "happy": (1, 1, 0),
    "sad": (-1, -1, -1),
    "angry": (1, 0, 1),
    "fearful": (1, 1, -1),
    "surprised": (0, 1, 0),
}
INTENSITY = {"flat": 0.25, "restrained": 0.4, "open": 0.55, "dramatic": 0.8}
"""By expressiveness, a trait."""
USUAL_INTENSITY = 0.55
LONGEST_INSTRUCTION = 200


def persona_delivery(traits: Mapping[str, str], mood: str) -> dict[str, Any]:
    speed, pitch, volume = MOVES[mood]
    intensity = INTENSITY.get(traits.get("expressiveness", ""), USUAL_INTENSITY)
    return {
        "emotion": mood,
        "intensity": 0.0 if mood == "neutral" else intensity,
        "speed": _step(SPEEDS, traits.get("voice_rate"), speed),
        "pitch": _step(PITCHES, traits.get("voice_pitch"), pitch),
        "volume": _step(VOLUMES[1:4], traits.get("voice_loudness"), volume),
    }


def partner_delivery(name: str) -> dict[str, Any]:
    d = factors()["delivery"][name]
    return {
        "emotion": d["emotion"],
        "intensity": 0.0 if d["emotion"] == "neutral" else USUAL_INTENSITY,
        **{k: d[k] for k in ("speed", "pitch", "volume")},
    }


def partner_event(name: str) -> str | None:
    event = factors()["delivery"][name].get("event")
    return None if event is None else str(event)


def _step(scale: Sequence[str], own: str | None, steps: int) -> str:
    middle = scale.index(own) if own in scale else len(scale) // 2
    return scale[min(max(middle + steps, 0), len(scale) - 1)]


def instruction(tone: str, delivery: Mapping[str, Any], language: str) -> str:
    """The scene-level direction in words, at most 200 characters."""
    scene = words("tone", tone, language)
    mood = words("mood", delivery["emotion"], language)
    line = f"整体{scene}；这一句{mood}。" if language == "zh" else f"The scene is {scene}; this line is {mood}."
    return line[:LONGEST_INSTRUCTION]


def tagged(text: str, delivery: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """The words with their inline cues; what is as usual is left unsaid."""
    cues = [Cue(0, delivery["emotion"], delivery["intensity"])] if delivery["emotion"] != "neutral" else []
    cues += [Cue(0, delivery["speed"])] if delivery["speed"] != "medium" else []
    cues += [Cue(0, delivery["volume"])] if delivery["volume"] != "normal" else []
    return render(text, [*cues, *(Cue(e["char_pos"], e["type"]) for e in events)])
