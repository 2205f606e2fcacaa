"""The internal tag set: inline direction inside the words of a turn, from which every engine's dialect is compiled.

    {sigh} {laugh} {breath} {gasp} {cough} {throat_clear}     a sound, here
    {pause:0.4}                                               silence, in seconds
    {happy:0.6} {sad:0.3} … {neutral}                         the mood from here on, with its intensity
    {slow} {medium} {fast} …   {soft} {normal} {loud} …       rate and volume from here on
A brace that is meant as a brace is doubled. Words and cues are kept apart everywhere else, so that no tag is ever read
aloud: `parse` gives the bare words and each cue with the character that it stands before; `render` is its inverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from persona_forge.core.errors import ForgeError

EVENTS = ("sigh", "laugh", "breath", "gasp", "cough", "throat_clear")
EMOTIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised", "other")
SPEEDS = ("slow", "medium_slow", "medium", "medium_fast", "fast")
VOLUMES = ("whisper", "soft", "normal", "loud", "shout")
PITCHES = ("low", "medium_low", "medium", "medium_high", "high")
"""A turn's pitch is direction for the whole of it, and no inline tag."""
NAMES = frozenset({*EVENTS, *EMOTIONS, *SPEEDS, *VOLUMES, "pause"})

_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z_]+)(?::([0-9.]+))?\}|[^{}]+|[{}]")


@dataclass(frozen=True, slots=True)
class Cue:
    char_pos: int
    """The character of the bare words that it stands before."""
    name: str
    value: float | None = None


def parse(tagged: str) -> tuple[str, tuple[Cue, ...]]:
    """Bare words and cues; raises ForgeError for an unknown tag or a lone brace."""
    words: list[str] = []
    cues: list[Cue] = []
    at = 0
    for match in _TOKEN.finditer(tagged):
        token, name, value = match.group(0), match.group(1), match.group(2)
        if name:
            if name not in NAMES:
                raise ForgeError(f"unknown tag {token} in {tagged!r}", allowed=", ".join(sorted(NAMES)))
            cues.append(Cue(at, name, float(value) if value else None))
            continue
        if token in "{}":
            raise ForgeError(f"a lone {token!r} in {tagged!r}", todo="double a brace that is meant as one")
        piece = token[0] if token in ("{{", "}}") else token
        words.append(piece)
        at += len(piece)
    return "".join(words), tuple(cues)


def render(words: str, cues: Iterable[Cue]) -> str:
    """Tagged text; cues at one place keep their order."""
    parts: list[str] = []
    at = 0
    for cue in sorted(cues, key=lambda c: c.char_pos):
        parts.append(_escape(words[at : cue.char_pos]))
        parts.append(f"{{{cue.name}}}" if cue.value is None else f"{{{cue.name}:{cue.value:g}}}")
        at = cue.char_pos
    return "".join([*parts, _escape(words[at:])])


def _escape(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")
