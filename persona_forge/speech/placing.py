"""Turns placed in time: gaps, overlaps, interruptions, and the listener's back-channels.

Every figure is drawn by the script's id and the turn, so it is the same in every run. Lengths are log-normal. Gaps have
a median of 0.3 s, and seven of ten are longer than 0.2 s, as in the corpora of Heldner and Edlund (2010, J. Phonetics
38). Overlaps have the median of 0.205 s and the mean of 0.275 s of Switchboard (Levinson and Torreira 2015, Frontiers
in Psychology 6:731), where three floor transfers of ten overlap. With that share the mean over both is 0.2 s, and so it
is between questions and answers in ten languages (0.208 s, Stivers et al. 2009, PNAS 106). Overlaps that compete for
the floor are longer (Kurtić, Brown and Wells 2013, Speech Communication 55), and are over after a few beats (Schegloff
2000, Language in Society 29): an interruption begins some 0.6 s before the end, and only where the words allow it.

Silence and overlap count between sounds: what an engine leaves silent at the edges of a clip is no gap. Nobody speaks
twice at once, because no overlap takes more than a third of either turn and a back-channel stands in the middle third.
A back-channel is a continuer that agrees to nothing (Schegloff 1982), at the end of a clause of a longer turn. It
leaves out: laughter in chorus, restarts, and that somebody who is interrupted breaks off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import Any

from persona_forge.core.ids import key64, unit

GAP, OVERLAP, INTERRUPTION = (0.3, 0.8), (0.205, 0.766), (0.6, 0.4)
"""Median in seconds and sigma of the logarithm."""
SHORTEST_S, LONGEST_S = 0.03, 1.5
INTERRUPTING = 0.5
"""Share of the early turns that interrupt, where the words allow it."""
BROKEN_OFF = re.compile(r"(?:[-–—―…⋯]|\.{3})[\"'”’」]?\s*$")
LONG = {"en": 60, "zh": 20}
"""Characters from which a turn is a longer one: about four seconds."""
CLAUSE_END = re.compile(r"[,;:.!?…](?=\s)|[，；：。！？、]|[—–]+")
CONTINUERS = {"en": ("Uh-huh.", "Um-hum.", "I see."), "zh": ("嗯。", "嗯嗯。", "哦。")}
"""Spelt so that they are read as they sound: espeak, and Kokoro with it, says the letters of mm-hm."""
THIRD = 1 / 3
SNAP_S = 0.6
"""A back-channel follows the silence in the sound that is this near to where the clause should end."""


@dataclass(frozen=True, slots=True)
class Taking:
    """How a turn is taken: `gap_s` is negative where it begins before the other has ended."""

    gap_s: float
    floor: str


@dataclass(frozen=True, slots=True)
class BackChannel:
    turn: int
    char_pos: int
    """Of the turn's words: after so many of them."""
    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Where in a clip somebody is heard, in seconds."""

    start_s: float
    end_s: float
    silences: tuple[tuple[float, float], ...] = ()
    """Start and end of those inside."""

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Place:
    offset_s: float
    """Of the clip; its sound may begin later."""
    ends_s: float
    """Of the sound."""
    taking: Taking


def takings(script: Mapping[str, Any], scene: Mapping[str, Any], overlap_share: float) -> list[Taking]:
    """One a turn. The answer in a contrast waits until the words are out in whose delivery the reason for it lies."""
    made = [Taking(0.0, "start")]
    waits = None if scene["contrast_id"] is None else script["probe_turn"] + 1
    for before, turn in zip(script["turns"], script["turns"][1:], strict=False):
        who = (script["script_id"], str(turn["turn"]))
        if turn["turn"] == waits or unit("floor", *who) >= overlap_share:
            made.append(waiting(*who))
        elif _interruptible(before, turn, scene) and unit("interruption", *who) < INTERRUPTING:
            cut_in = OVERLAP if BROKEN_OFF.search(before["text"]) else INTERRUPTION
            made.append(Taking(-_drawn(cut_in, "early", *who), "interruption"))
        else:
            made.append(Taking(-_drawn(OVERLAP, "early", *who), "overlap"))
    return made


def waiting(script_id: str, turn: str) -> Taking:
    return Taking(_drawn(GAP, "gap", script_id, turn), "gap")


def _interruptible(before: Mapping[str, Any], turn: Mapping[str, Any], scene: Mapping[str, Any]) -> bool:
    """Whether the next speaker is pressed or angry, or the one before breaks off."""
    angry = turn["delivery"]["emotion"] == "angry"
    return angry or scene["attack"] is not None or bool(BROKEN_OFF.search(before["text"]))


def _drawn(law: tuple[float, float], *key: str) -> float:
    median, sigma = law
    seconds = exp(NormalDist(log(median), sigma).inv_cdf(max(unit(*key), 1e-9)))
    return round(min(max(seconds, SHORTEST_S), LONGEST_S), 4)


def back_channels(script: Mapping[str, Any], share: float) -> list[BackChannel]:
    """Into `share` of the turns that are long and have a clause that ends in their middle third.

    The probe is left whole: it is a prompt, too, and in a contrast its delivery is all that may differ. Nobody is
    hummed at in anger.
    """
    return [
        BackChannel(turn["turn"], *_between(script, turn))
        for turn in script["turns"]
        if may_hold_one(script, turn) and unit("back-channel", script["script_id"], str(turn["turn"])) < share
    ]


def may_hold_one(script: Mapping[str, Any], turn: Mapping[str, Any]) -> bool:
    long = len(turn["text"]) >= LONG[script["language"]] and bool(_clause_ends(turn["text"]))
    return long and turn["turn"] != script["probe_turn"] and turn["delivery"]["emotion"] != "angry"


def _clause_ends(text: str) -> list[int]:
    return [m.end() for m in CLAUSE_END.finditer(text) if THIRD <= m.end() / len(text) <= 2 * THIRD]


def _between(script: Mapping[str, Any], turn: Mapping[str, Any]) -> tuple[int, str]:
    ends, words = _clause_ends(turn["text"]), CONTINUERS[script["language"]]
    key = key64("continuer", script["script_id"], str(turn["turn"]))
    return ends[key % len(ends)], words[key // len(ends) % len(words)]


def timeline(script_id: str, wanted: Sequence[Taking], sounds: Mapping[int, Sound]) -> dict[int, Place]:
    """Where each turn that was spoken stands. One whose predecessor failed follows with a gap where that would have."""
    places: dict[int, Place] = {}
    last: int | None = None
    for number, sound in sorted(sounds.items()):
        taking = wanted[number]
        if last is None:
            places[number] = Place(0.0, sound.end_s, Taking(0.0, "start"))
        else:
            if last != number - 1:
                taking = waiting(script_id, str(number))
            room = THIRD * min(sound.seconds, sounds[last].seconds)
            places[number] = after(places[last].ends_s, Taking(max(taking.gap_s, -room), taking.floor), sound)
        last = number
    return places


def after(ends_s: float, taking: Taking, sound: Sound) -> Place:
    """Beside what ends then; no clip begins before the dialogue does."""
    offset = max(round(ends_s + taking.gap_s - sound.start_s, 4), 0.0)
    gap = round(offset + sound.start_s - ends_s, 4)
    return Place(offset, round(offset + sound.end_s, 4), Taking(gap, taking.floor))


def inside(share: float, place: Place, sound: Sound, said: Sound) -> Place:
    """A back-channel `said` after `share` of the words of a turn that is `sound` and stands at `place`."""
    about = sound.start_s + share * sound.seconds
    ends = [start for start, _ in sound.silences if abs(start - about) <= SNAP_S]
    moment = min(ends, key=lambda end: abs(end - about), default=about)
    earliest = sound.start_s + THIRD * sound.seconds
    latest = sound.start_s + 2 * THIRD * sound.seconds - said.seconds
    moment = max(min(moment, latest), earliest)
    return after(place.ends_s, Taking(moment - sound.end_s, "back_channel"), said)
