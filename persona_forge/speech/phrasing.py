"""A turn's words cut into phrases, each of one manner, and what stands between them: pauses and sounds.

A phrase ends where mood, rate or volume change, at a pause, at a sound that the engine cannot make, and in a long turn
after a sentence, so that no engine is given more than it can hold. A stress ends none: a word alone has another melody
than in its sentence. Pauses within a phrase are the engine's, by its punctuation. What looks like a tag, an aside or
markup is blanked here, so that whatever comes from outside is never read aloud; a phrase without a letter is a pause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from persona_forge.core.ports import Delivery, Event
from persona_forge.speech.direct import direct, manners
from persona_forge.text.tags import EMPHASIS, EVENTS, PAUSE, Cue, emphasised

LONGEST = {"en": 240, "zh": 80}
"""Characters of a phrase."""
WHOLE = 900
"""Characters that an engine which is directed in words is given at once."""
SENTENCE_S, CLAUSE_S = 0.45, 0.2
"""Silence between phrases by the punctuation there, at a rate of 1; in read speech medians lie about there (Campione
and Véronis 2002, Speech Prosody)."""
_SENTENCE, _CLAUSE = re.compile(r"[.!?…。！？\n]"), re.compile(r"[,:;，、：；—–]")
_CUTS = [re.compile(p, re.S) for p in (r".*(?:[.!?…]+[\"”’)]*\s|[。！？…]+[”’）]*)", r".*[,:;，、：；—]", r".*\s")]
_MARKUP = re.compile(
    r"\*\*|__|\{[^{}]*\}|\[[^\[\]]*\]|【[^【】]*】|\([^()]*\)|（[^（）]*）|\*[^*]+\*|</?[A-Za-z|][^<>]*>"
    r"|[{}\[\]【】()（）<>*_#~`|\\^\u20e3\u2190-\u2bff\ufe00-\ufe0f\U0001f000-\U0001ffff]"
)
_OUTER = " \t\n,.:;!?，。：；！？、…—–"


@dataclass(frozen=True, slots=True)
class Phrase:
    start: int
    """First character of the turn's words that is in it."""
    text: str
    delivery: Delivery
    cues: tuple[Cue, ...]
    """Pauses and sounds before it, in order."""
    silence_s: float
    """Silence before it that the punctuation asks for; 0 for the first."""
    stresses: tuple[tuple[int, int], ...] = ()
    """Stretches of its text."""
    events: tuple[Cue, ...] = ()
    """Sounds that the engine makes, by the turn's characters."""

    def engine_events(self) -> tuple[Event, ...]:
        """By its own characters."""
        return tuple(Event(c.name, min(max(c.char_pos - self.start, 0), len(self.text))) for c in self.events)


def readable(words: str) -> str:
    """The words with markup blanked, each character in its place."""
    return _MARKUP.sub(lambda m: " " * len(m[0]), words)


def spoken(text: str) -> bool:
    return any(c.isalnum() for c in text)


def phrases(
    words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], own: Mapping[str, Any], language: str,
    *, sounds_by_engine: bool,
) -> tuple[list[Phrase], tuple[Cue, ...]]:  # fmt: skip
    """In order, and the pauses and sounds after the last one."""
    between = (PAUSE,) if sounds_by_engine else (PAUSE, *EVENTS)
    held = manners(delivery, cues)
    stresses = [emphasised(words, cue) for cue in cues if cue.name == EMPHASIS]
    borders = {0, len(words), *(at for at, _ in held), *(c.char_pos for c in cues if c.name in between)}
    waiting = [c for c in cues if c.name in between]
    made: list[Phrase] = []
    last = 0
    for start, end in pieces(words, sorted(borders), LONGEST[language]):
        manner = next(m for at, m in reversed(held) if at <= start)
        numbers = direct(manner, own)
        before = tuple(c for c in waiting if c.char_pos <= start)
        waiting = waiting[len(before) :]
        silence = _silence(words[last:start]) / numbers.rate if made else 0.0
        inside = tuple((max(a, start) - start, min(b, end) - start) for a, b in stresses if a < end and b > start)
        made.append(Phrase(start, words[start:end], numbers, before, round(silence, 3), inside))
        last = start + len(words[start:end].rstrip(_OUTER))
    if sounds_by_engine:
        made = list(_given(made, [c for c in cues if c.name in EVENTS]))
    return made, tuple(waiting)


def pieces(words: str, borders: Sequence[int], longest: int) -> Iterator[tuple[int, int]]:
    """Start and end of what is spoken in one go; what has no letter is left out."""
    for start, end in pairwise(borders):
        while end - start > longest:
            head = words[start : start + longest]
            cut = next((m.end() for p in _CUTS if (m := p.match(head)) and spoken(m[0])), longest)
            yield from _trimmed(words, start, start + cut)
            start += cut
        yield from _trimmed(words, start, end)


def _trimmed(words: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    text = words[start:end]
    if spoken(text):
        yield start + len(text) - len(text.lstrip(_OUTER)), start + len(text.rstrip())


def _silence(between: str) -> float:
    return SENTENCE_S if _SENTENCE.search(between) else CLAUSE_S if _CLAUSE.search(between) else 0.0


def _given(made: Sequence[Phrase], events: Sequence[Cue]) -> Iterator[Phrase]:
    """The phrases with the sounds that stand in each; those before the first or between two go to the next."""
    for n, phrase in enumerate(made):
        until = phrase.start + len(phrase.text) if n < len(made) - 1 else float("inf")
        own = tuple(c for c in events if c.char_pos < until)
        events = events[len(own) :]
        yield Phrase(phrase.start, phrase.text, phrase.delivery, phrase.cues, phrase.silence_s, phrase.stresses, own)
