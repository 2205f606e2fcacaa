"""Performs one turn: tagged words, a delivery and a cast voice in; one clip out, with what was done to it.

The turn is cut into phrases of one manner (see phrasing), the engine is asked for each with the controls that it has,
effects do the rest, and pauses and sounds go between. An engine that is directed in words gets the whole turn at once
and does all of it; only what casting did to the voice is added here, and what the engine says it did not do: numbers
where one manner holds throughout, sounds and pauses in the quiet place nearest to where they belong.

Where a stressed word is heard is found in the phrase as it was spoken (see spotting), for the sentence keeps its melody
like that. The same input gives the same samples as far as the engine does. It leaves out: whether it worked, which
`verify` measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from persona_forge.core.errors import ForgeError, Permanent
from persona_forge.core.ports import Delivery, Direction, Samples, Spoken, Voice
from persona_forge.speech.audio import HOP_S, levels
from persona_forge.speech.direct import direct, manners
from persona_forge.speech.effects import RATE, WHISPER, applied, effort, limited
from persona_forge.speech.joining import LONGEST_PAUSE_S, Take, assembled, checked, faded, trimmed
from persona_forge.speech.phrasing import SENTENCE_S, WHOLE, Phrase, phrases, pieces, readable, spoken
from persona_forge.speech.spotting import HAN, guessed, spotted
from persona_forge.text.tags import EMPHASIS, EVENTS, PAUSE, Cue, parse

T = TypeVar("T")
R = TypeVar("R")

QUIET_WITHIN_S = 0.3
BENT = frozenset({"f0_scale", "f0_range", "formant_scale", "breathiness", "tremor"})
"""What an engine that does not carry it out has not done by half, so that an effect can do it whole."""
PLAIN = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}


def perform(
    tagged: str, delivery: Mapping[str, Any], *, instruction: str, voice: Voice, cast: Mapping[str, Any], language: str
) -> Spoken:
    """`delivery` has the fields of a turn's, `cast` those of a row of casting; `instruction` may be empty.

    Raises Permanent for what cannot be spoken: tags that are none, nothing but punctuation, a take that is silent.
    """
    try:
        words, cues = parse(tagged)
    except ForgeError as error:
        raise Permanent(error.what, allowed=error.allowed, todo=error.todo) from error
    words = readable(words)
    if not spoken(words):
        raise Permanent(f"there is nothing to say in {tagged!r}")
    key = f"{cast['voice']} {tagged}"
    if "direction" in voice.controls:
        takes, after = _directed(words, cues, delivery, instruction, voice, cast, language, key)
    else:
        takes, after = _phrased(words, cues, delivery, voice, cast, language, key)
    samples, events, places = assembled(takes, after, key)
    samples, held = limited(samples)
    lost = frozenset().union(*(take.lost for take in takes))
    lost |= set() if held else {"gain_db"}
    lost |= {"pauses"} if any(c.name == PAUSE and (c.value or 0) > LONGEST_PAUSE_S for c in cues) else set()
    done = [{"start_s": a, "end_s": b, **take.done} for take, (a, b) in zip(takes, places, strict=True)]
    return Spoken(samples, RATE, lost, tuple(events), {"phrases": done})


# ---- an engine that goes by numbers


def together(voice: Voice, work: Callable[[T], R], todo: Iterable[T]) -> list[R]:
    """What `work` makes of each, in order; as many at once as the voice can speak."""
    at_once = getattr(voice, "at_once", 1)
    if at_once == 1:
        return list(map(work, todo))
    pool = ThreadPoolExecutor(at_once)
    try:
        return list(pool.map(work, todo))
    finally:
        pool.shutdown(cancel_futures=True)


def _phrased(
    words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], voice: Voice, cast: Mapping[str, Any], language: str,
    key: str,
) -> tuple[list[Take], tuple[Cue, ...]]:  # fmt: skip
    moved = any(c.name in (EMPHASIS, PAUSE) for c in cues) or "rate" not in voice.controls
    by_engine = "events" in voice.controls and not moved  # their times would change afterwards
    cut, after = phrases(words, cues, delivery, cast, language, sounds_by_engine=by_engine)
    return [_take(phrase, voice, cast, language, key) for phrase in cut], after


def _take(phrase: Phrase, voice: Voice, cast: Mapping[str, Any], language: str, key: str) -> Take:
    wanted = phrase.delivery
    asked = replace(_only(wanted, wanted.asks() & voice.controls), events=phrase.engine_events())
    speak = partial(voice.speak, voice=cast["voice"], language=language)
    heard = speak(phrase.text, delivery=asked)
    left = (wanted.asks() - voice.controls) | (heard.not_obeyed & wanted.asks() & BENT)
    lost = heard.not_obeyed - left
    lost |= wanted.asks() - _pitchless(wanted, wanted.asks())
    todo = _only(wanted, left - lost)
    raw = checked(heard)
    inner, shift = trimmed(raw)
    stresses = [_stress(phrase.text, a, b, inner, partial(speak, delivery=replace(asked, events=())))
                for a, b in phrase.stresses]  # fmt: skip
    samples = applied(inner, todo, key=f"{key} {phrase.start}", stresses=stresses)
    shared = replace(todo, breathiness=wanted.breathiness, tremor=wanted.tremor, gain_db=0.0)
    return Take(
        raw, _levelled(samples, wanted, todo.gain_db), shared,
        phrase.cues, phrase.silence_s, tuple((kind, a - shift, b - shift) for kind, a, b in heard.events),
        {"from": phrase.start, "to": phrase.start + len(phrase.text), "wanted": _numbers(wanted),
         "engine": heard.parameters, "effects": _numbers(todo),
         "stresses": [[round(a, 3), round(b, 3)] for a, b in stresses]}, lost,
    )  # fmt: skip


def _levelled(samples: Samples, wanted: Delivery, gain_db: float) -> Samples:
    """With the effort that the gain which was wanted stands for, and so much of the gain as is left to do."""
    if wanted.gain_db and wanted.breathiness < WHISPER:
        samples = effort(samples, wanted.gain_db)
    return faded(samples * np.float32(10 ** (gain_db / 20)))


def _stress(text: str, start: int, end: int, samples: Samples, speak: partial[Spoken]) -> tuple[float, float]:
    """From and to which second of the samples these characters are heard."""
    if not spoken(text[:start] + text[end:]):
        return 0.0, samples.size / RATE
    guess = guessed(samples, RATE, text, start, end)
    if HAN.search(text[start:end]):
        return guess
    try:
        alone = checked(speak(text[start:end]))
    except Permanent:
        return guess
    return spotted(samples, alone, RATE, guess)


# ---- an engine that goes by words


def _directed(
    words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], instruction: str, voice: Voice,
    cast: Mapping[str, Any], language: str, key: str,
) -> tuple[list[Take], tuple[Cue, ...]]:  # fmt: skip
    takes: list[Take] = []
    after: tuple[Cue, ...] = ()
    held = manners(delivery, cues)
    firsts = [0, *(start for start, _ in list(pieces(words, [0, len(words)], WHOLE))[1:])]
    for first, last in zip(firsts, [*firsts[1:], len(words)], strict=True):
        inner = [Cue(c.char_pos - first, c.name, c.value) for c in cues
                 if first <= c.char_pos < last or c.char_pos == last == len(words)]  # fmt: skip
        manner = next(m for at, m in reversed(held) if at <= first)
        direction = Direction(**{k: manner[k] for k in PLAIN}, instruction=instruction,
                              cues=tuple((c.char_pos, c.name, c.value) for c in inner))  # fmt: skip
        text = words[first:last]
        heard = voice.speak(text, voice=cast["voice"], language=language, delivery=Delivery(direction=direction))
        steady = not any(first < at < last for at, _ in held)
        take = _finished(heard, direct(PLAIN, cast), direct(manner, cast), steady, f"{key} {first}")
        lacking = [c for c in inner if (c.name in EVENTS and "events" in heard.not_obeyed)
                   or (c.name == PAUSE and "pauses" in heard.not_obeyed)]  # fmt: skip
        silence = SENTENCE_S if takes else 0.0
        for samples, before in _opened(take.samples, text, lacking):
            if samples.size:
                takes.append(replace(take, samples=faded(samples), before=(*after, *before), silence_s=silence))
                after, silence = (), 0.0
            else:
                after = before
    return takes, after


def _finished(heard: Spoken, own: Delivery, wanted: Delivery, steady: bool, key: str) -> Take:
    """What an engine made of words, with what is the voice's own; and if one manner holds throughout, with what the
    engine says it did not do."""
    raw = checked(heard)
    mended = _pitchless(wanted, heard.not_obeyed & wanted.asks()) if steady else frozenset()
    todo = Delivery(**{k: getattr(wanted if k in mended else own, k) for k in mended | own.asks()})
    samples = applied(trimmed(raw)[0], todo, key=key)
    return Take(
        raw, _levelled(samples, _only(wanted, mended), todo.gain_db), replace(todo, gain_db=0.0),
        done={"engine": heard.parameters, "effects": _numbers(todo)},
        lost=heard.not_obeyed - mended - {"events", "pauses"},
    )  # fmt: skip


def _opened(samples: Samples, text: str, cues: Sequence[Cue]) -> Iterator[tuple[Samples, tuple[Cue, ...]]]:
    """The samples cut where these cues belong, each piece with those before it; at the end an empty one, if need be."""
    level = levels(samples, RATE)
    last, waiting = 0, [c for c in cues if not spoken(text[: c.char_pos])]
    for place in sorted({c.char_pos for c in cues if spoken(text[: c.char_pos]) and spoken(text[c.char_pos :])}):
        guess = round(guessed(samples, RATE, text, 0, place)[1] / HOP_S)
        near = slice(max(0, guess - round(QUIET_WITHIN_S / HOP_S)), guess + round(QUIET_WITHIN_S / HOP_S))
        cut = max(last, round((near.start + int(level[near].argmin())) * HOP_S * RATE))
        if cut > last:
            yield samples[last:cut], tuple(waiting)
            last, waiting = cut, []
        waiting += [c for c in cues if c.char_pos == place]
    yield samples[last:], tuple(waiting)
    if after := [c for c in cues if spoken(text[: c.char_pos]) and not spoken(text[c.char_pos :])]:
        yield samples[:0], tuple(after)


def _pitchless(wanted: Delivery, names: frozenset[str]) -> frozenset[str]:
    """Those that a whisper can have: nothing vibrates in it, so there is no pitch to move."""
    return names - {"f0_scale", "f0_range"} if wanted.breathiness >= WHISPER else names


def _only(delivery: Delivery, names: frozenset[str]) -> Delivery:
    return Delivery(**{name: getattr(delivery, name) for name in names})


def _numbers(delivery: Delivery) -> dict[str, float]:
    return {name: getattr(delivery, name) for name in sorted(delivery.asks())}
