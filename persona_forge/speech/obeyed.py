"""Whether a clip is as it was wanted, tag by tag: obeyed, not obeyed, or not to be told here, and by what.

Every measure is held against the same voice's neutral sentences, whose spread is the noise of one clip. A tag is
obeyed if the clip lies nearer to what was wanted than to neutral, and chance would bring a neutral clip there once in
twenty times at most; it is not obeyed if it lies nearer to neutral, and chance would bring an obedient clip there no
oftener. What lies between, and every step smaller than the noise, is null. More than was wanted is obeyed, too. A wish
to leave pace, pitch or level alone (medium, normal) is a label like another: it is held against the next steps up and
down.

A mood moves pitch and its range; `emotion_prosody` says whether it moved them as told (the least-squares share of the
wanted move that is found), and is no word on the emotion heard; medium pitch is no tag where a mood moves it. A cue
inside the words that changes pace, volume or mood takes the verdict on the whole away. Emotion, age, timbre and
emphasis stay null until a listener says; gender is the voice's card. A control that nobody carried out is not obeyed,
by the engine's word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, log2, sqrt
from statistics import fmean
from typing import Any

from persona_forge.speech.baseline import SENTENCES, pace
from persona_forge.speech.direct import GAIN_DB, PITCH, SPEED, direct, manners
from persona_forge.speech.measure import count
from persona_forge.text.tags import EMPHASIS, PAUSE, parse

Row = Mapping[str, Any]
Verdict = dict[str, Any]

Z = 1.645
"""One in twenty, on one side."""
USUAL = {"speed": {"en": 0.1, "zh": 0.07}, "pitch": {"en": 0.8, "zh": 0.65}, "volume": {"en": 0.5, "zh": 0.5},
         "range": {"en": 0.1, "zh": 0.1}}  # fmt: skip
"""How far one neutral sentence lies from its voice's middle, measured on 32 sentences a language and Kokoro's voices
(baseline.py). Pace and range as natural logarithms, pitch in semitones, level in dB."""
SHORT = 8
"""Units of a text under which all of this is twice as much: a short cry is higher, louder, and all of it is its end."""
TRUST = 10
"""How many sentences of the voice itself that weighs as much as."""
WHISPERED = 0.5
"""Of the voiced share that the voice has when it speaks aloud."""
PAUSE_S, ENOUGH = 0.2, 0.75
"""The shortest pause that is measured, and the share of its length that must be heard."""
NOBODY = "listener"
"""Who alone could say."""
SCALES: Mapping[str, tuple[str, Mapping[str, float], Callable[[float], float]]] = {
    "speed": ("rate", SPEED, log),
    "pitch": ("f0_scale", PITCH, lambda ratio: 12 * log2(ratio)),
    "volume": ("gain_db", {k: v for k, v in GAIN_DB.items() if k != "whisper"}, float),
}
"""Of a tag: the control that carries it out, what its labels mean, and in which unit they lie side by side."""


@dataclass(frozen=True, slots=True)
class Move:
    """How far a clip is from its voice's neutral, and how far chance takes one."""

    by: str
    size: float
    noise: float
    value: float
    neutral: float


def verdicts(clip: Row, measured: Row, neutral: Sequence[Row], cast: Row) -> list[Verdict]:
    """`neutral` are the baselines of the clip's voice as it is cast; `cast` is its row of casting."""
    moves = dict(_moves(clip, measured, neutral))
    manner = {k: clip[f"want_{k}"] for k in ("emotion", "intensity", "speed", "pitch", "volume")}
    _, cues = parse(clip["text_tagged"])
    (_, first), *later = manners(manner, cues)
    changed = {k for _, manner in later for k in manner if manner[k] != first[k]}
    lost = set(clip["made_not_obeyed"])
    return [
        *_scales(manner, moves, lost, changed),
        *_mood(manner, moves, lost, changed),
        *_whose(clip, cast),
        *_events(clip, measured, lost),
        *_pauses([c.value or 0.0 for c in cues if c.name == PAUSE], measured, lost),
        *[_verdict(EMPHASIS, EMPHASIS, None, NOBODY) for c in cues if c.name == EMPHASIS],
    ]


def told(size: float, step: float, noise: float) -> bool | None:
    """Whether a move of this size is the step that was wanted rather than none at all; None where noise hides it."""
    size, step, far = (size, step, Z * noise) if step > 0 else (-size, -step, Z * noise)
    if step < far:
        return None
    if size >= max(step / 2, far):
        return True
    return False if size <= min(step / 2, step - far) else None


def stayed(size: float, steps: Sequence[float], noise: float) -> bool | None:
    """Whether nothing was done rather than one of these steps."""
    against = [told(size, step, noise) for step in steps]
    if True in against:
        return False
    return None if None in against else True


def _verdict(tag: str, wanted: str, obeyed: bool | None, by: str, move: Move | None = None) -> Verdict:
    seen = {"value": move and move.value, "neutral": move and move.neutral}
    return {"tag": tag, "wanted": wanted, "obeyed": obeyed, "by": by, **seen}


def _moves(clip: Row, measured: Row, neutral: Sequence[Row]) -> Iterator[tuple[str, Move]]:
    """What of the clip can be held against its voice, by name."""
    language = clip["language"]
    said = [SENTENCES[language][row["sentence"]] for row in neutral]
    more = 2 if count(clip["text"], language) < SHORT else 1
    for name, column, scale in (
        ("speed", "meas_rate", log),
        ("pitch", "meas_f0_median_hz", lambda hz: 12 * log2(hz)),
        ("volume", "meas_lufs", float),
        ("range", "meas_f0_sd_st", log),
        ("voiced", "meas_voiced_ratio", float),
    ):
        values, value = [row[column] for row in neutral], measured[column]
        if not values or None in values or value is None or (scale is log and 0 in (*values, value)):
            continue
        if name == "speed":
            values = [pace(v, text, language) for v, text in zip(values, said, strict=True)]
            value = pace(value, clip["text"], language)
        sizes = [scale(v) for v in values]
        centre = fmean(sizes)
        usual = USUAL.get(name, {}).get(language, 0.0)
        spread = sum((s - centre) ** 2 for s in sizes) + TRUST * usual**2
        noise = more * sqrt(spread / (TRUST + len(sizes) - 1) * (1 + 1 / len(sizes)))
        yield name, Move(column, scale(value) - centre, noise, value, fmean(values))


def _scales(manner: Row, moves: Mapping[str, Move], lost: set[str], changed: set[str]) -> Iterator[Verdict]:
    for tag, (control, labels, unit) in SCALES.items():
        wanted, move = manner[tag], moves.get(tag)
        if wanted == "whisper":
            yield _whisper(moves.get("voiced"), lost, changed)
            continue
        steps = [unit(v) for v in labels.values()]
        at = list(labels).index(wanted)
        if steps[at] and control in lost:
            yield _verdict(tag, wanted, False, "engine", move)
        elif move is None or tag in changed:
            yield _verdict(tag, wanted, None, NOBODY, None)
        elif steps[at]:
            yield _verdict(tag, wanted, told(move.size, steps[at], move.noise), move.by, move)
        elif tag != "pitch" or direct(manner).f0_scale == 1:
            yield _verdict(tag, wanted, stayed(move.size, (steps[at - 1], steps[at + 1]), move.noise), move.by, move)


def _whisper(move: Move | None, lost: set[str], changed: set[str]) -> Verdict:
    if "breathiness" in lost:
        return _verdict("volume", "whisper", False, "engine", move)
    if move is None or "volume" in changed or move.neutral < WHISPERED / 2:
        return _verdict("volume", "whisper", None, NOBODY, move)
    return _verdict("volume", "whisper", move.value < WHISPERED * move.neutral, move.by, move)


def _mood(manner: Row, moves: Mapping[str, Move], lost: set[str], changed: set[str]) -> Iterator[Verdict]:
    emotion = manner["emotion"]
    yield _verdict("emotion", emotion, None, NOBODY)
    wish = direct(manner)
    pitch = SCALES["pitch"][2]
    own = pitch(PITCH[manner["pitch"]])
    wanted = {"pitch": pitch(wish.f0_scale) - own, "range": log(wish.f0_range)}
    if not any(wanted.values()):
        return
    if wanted["range"] and "f0_range" in lost:
        yield _verdict("emotion_prosody", emotion, False, "engine")
        return
    if not wanted.keys() <= moves.keys() or changed:
        yield _verdict("emotion_prosody", emotion, None, NOBODY)
        return
    found = {"pitch": moves["pitch"].size - own, "range": moves["range"].size}
    weight = sum((step / moves[k].noise) ** 2 for k, step in wanted.items())
    share = sum(found[k] * step / moves[k].noise ** 2 for k, step in wanted.items()) / weight
    move = Move("meas_f0_median_hz, meas_f0_sd_st", share, 1 / sqrt(weight), share, 0.0)
    yield _verdict("emotion_prosody", emotion, told(share, 1.0, move.noise), move.by, move)


def _whose(clip: Row, cast: Row) -> Iterator[Verdict]:
    if clip["want_gender"]:
        yield _verdict("gender", clip["want_gender"], clip["want_gender"] == cast["gender"], "voice card")
    for tag in ("age_group", "timbre"):
        if clip[f"want_{tag}"]:
            yield _verdict(tag, clip[f"want_{tag}"], None, NOBODY)


def _events(clip: Row, measured: Row, lost: set[str]) -> Iterator[Verdict]:
    """Obeyed if a sound is found where one was put; where only the engine knows its place, if its like is found."""
    made, found = list(clip["made_events"]), measured["meas_events"]
    for event in sorted(clip["want_events"], key=lambda e: e["char_pos"]):
        kind = event["type"]
        placed = next((m for m in made if m["type"] == kind), None)
        if placed:
            made.remove(placed)
            share = max((_overlap(placed, f) for f in found), default=0.0)
            yield _verdict(kind, kind, share > 0, "meas_events", Move("", share, 0, share, 0.0))
        elif "events" in lost:
            yield _verdict(kind, kind, False, "engine")
        else:
            alike = kind in {f["type"] for f in found}
            yield _verdict(kind, kind, True if alike else None if found else False, "meas_events")


def _overlap(a: Row, b: Row) -> float:
    """Of two stretches, what they share of what they cover."""
    both: float = min(a["end_s"], b["end_s"]) - max(a["start_s"], b["start_s"])
    whole: float = max(a["end_s"], b["end_s"]) - min(a["start_s"], b["start_s"])
    return max(0.0, both / whole)


def _pauses(wanted: Sequence[float], measured: Row, lost: set[str]) -> Iterator[Verdict]:
    """The longest pause that was wanted is held against the longest there is, and so on; where it fell is not asked."""
    there = sorted((p["end_s"] - p["start_s"] for p in measured["meas_pauses"]), reverse=True)
    for rank, seconds in enumerate(sorted(wanted, reverse=True)):
        heard = there[rank] if rank < len(there) else 0.0
        obeyed = None if seconds < PAUSE_S else heard >= ENOUGH * seconds
        lacking = "pauses" in lost
        yield _verdict(PAUSE, f"{seconds:g}", False if lacking else obeyed, "engine" if lacking else "meas_pauses",
                       Move("", heard, 0, heard, 0.0))  # fmt: skip
