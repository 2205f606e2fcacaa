"""The internal tag set: inline direction inside the words of a turn, from which every engine's dialect is compiled.

    {sigh} {laugh} {breath} {gasp} {cough} {throat_clear}     a sound, here
    {pause:0.4}                                               silence, in seconds
    {happy:0.6} {sad:0.3} … {neutral}                         the mood from here on, with its intensity
    {slow} {medium} {fast} …   {soft} {normal} {loud} …       rate and volume from here on
    {emphasis} {emphasis:3}                                   stress on the next word or two Han characters; with a
                                                              number on so many words or characters
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
PAUSE, EMPHASIS = "pause", "emphasis"
NAMES = frozenset({*EVENTS, *EMOTIONS, *SPEEDS, *VOLUMES, PAUSE, EMPHASIS})
STRESSED_HAN = 2
"""Most Mandarin words have two characters."""
MOST_STRESSED = 9

_HAN = r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇]"
_WORD = rf"(?:(?!{_HAN})[^\W_])+(?:['’-](?:(?!{_HAN})[^\W_])+)*"
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z_]+)(?::(?P<value>\d+(?:\.\d+)?(?:e-?\d+)?))?\}|[^{}]+|[{}]")


@dataclass(frozen=True, slots=True)
class Cue:
    char_pos: int
    """The character of the bare words that it stands before."""
    name: str
    value: float | None = None
    """Seconds of a pause, which needs one; intensity of a mood or extent of an emphasis, which may have one."""


def parse(tagged: str) -> tuple[str, tuple[Cue, ...]]:
    """Bare words and cues; raises ForgeError for an unknown tag, a value that does not belong, or a lone brace."""
    words: list[str] = []
    cues: list[Cue] = []
    at = 0
    for match in _TOKEN.finditer(tagged):
        token, value = match.group(0), match["value"]
        if match["name"]:
            cues.append(_checked(Cue(at, match["name"], None if value is None else float(value)), tagged))
            continue
        if token in "{}":
            raise ForgeError(f"a lone {token!r} in {tagged!r}", todo="double a brace that is meant as one")
        piece = token[0] if token in ("{{", "}}") else token
        words.append(piece)
        at += len(piece)
    return "".join(words), tuple(cues)


def render(words: str, cues: Iterable[Cue]) -> str:
    """Tagged text; cues at one place keep their order. Raises ForgeError for a cue that `parse` would not give."""
    parts: list[str] = []
    at = 0
    for cue in sorted(cues, key=lambda c: c.char_pos):
        if not 0 <= cue.char_pos <= len(words):
            raise ForgeError(f"a cue before character {cue.char_pos} of {words!r}", allowed=f"0 to {len(words)}")
        parts.append(_escape(words[at : cue.char_pos]))
        parts.append(_tag(_checked(cue, words)))
        at = cue.char_pos
    return "".join([*parts, _escape(words[at:])])


def emphasised(words: str, cue: Cue) -> tuple[int, int]:
    """Start and end of what a cue of emphasis stresses; the same number twice where no word follows."""
    first = re.compile(r"[^\W_]").search(words, cue.char_pos)
    if not first:
        return len(words), len(words)
    han = re.match(_HAN, first[0])
    units = int(cue.value or (STRESSED_HAN if han else 1))
    reach = re.compile(rf"{_HAN}{{1,{units}}}" if han else rf"{_WORD}(?:\s+{_WORD}){{0,{units - 1}}}")
    found = reach.match(words, first.start())
    return first.start(), found.end() if found else first.end()


def _checked(cue: Cue, text: str) -> Cue:
    if cue.name not in NAMES:
        raise ForgeError(f"unknown tag {_tag(cue)} in {text!r}", allowed=", ".join(sorted(NAMES)))
    if cue.value is None and cue.name == PAUSE:
        raise ForgeError(f"a pause without its length in {text!r}", allowed="{pause:0.4}, in seconds")
    if cue.name == EMPHASIS and cue.value is not None:
        if not 1 <= cue.value <= MOST_STRESSED or cue.value % 1:
            raise ForgeError(f"{_tag(cue)} in {text!r}", allowed=f"a whole number of words from 1 to {MOST_STRESSED}")
        return cue
    if cue.value is not None and (cue.name not in (PAUSE, *EMOTIONS) or not 0 <= cue.value < float("inf")):
        raise ForgeError(f"{_tag(cue)} in {text!r}", allowed="a number from 0 on, for a pause or a mood alone")
    return cue


def _tag(cue: Cue) -> str:
    if cue.value is None:
        return f"{{{cue.name}}}"
    short = f"{cue.value:g}"
    return f"{{{cue.name}:{short.replace('+', '') if float(short) == cue.value else repr(cue.value).replace('+', '')}}}"


def _escape(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")
