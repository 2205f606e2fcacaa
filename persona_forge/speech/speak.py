"""Performs the scripts of a shard: every turn a clip, with what was wanted and how it was made.

What is not said yet is said by the engine, several lines at once where it is a pool of several (`at_once`); then each
dialogue is laid out in time. Rows and bits are the same for any number at once. A line that cannot be spoken costs
that line and not the run: it goes to the rejects, and the next one follows in time where it would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from persona_forge.core.errors import Misuse, Permanent, Stopped, StorageError, WeightsError
from persona_forge.core.ids import canonical
from persona_forge.core.ports import Spoken, Voice
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import CLIPS
from persona_forge.speech.audio import HOP_S, activity, encode, pauses
from persona_forge.speech.direct import SPEED
from persona_forge.speech.lines import Line, Row, lines
from persona_forge.speech.perform import perform, together
from persona_forge.speech.placing import Place, Sound, after, back_channels, inside, takings, timeline, waiting
from persona_forge.speech.wishes import wish

RATE = 24_000
BREAK_S = 0.08
"""A silence inside a turn that may be the end of a clause."""


@dataclass(frozen=True, slots=True)
class Clip:
    audio: bytes
    sound: Sound
    made: Row
    """Columns that say how."""


@dataclass(frozen=True, slots=True)
class Failure:
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Talk:
    script: Row
    scene: Row
    lines: Sequence[Line]


def speak(
    casting: pl.DataFrame,
    scripts: pl.DataFrame,
    scenes: pl.DataFrame,
    pairs: pl.DataFrame,
    *,
    voice: Voice,
    speak_pairs: bool,
    overlap_share: float,
    back_channel_share: float,
) -> Made:
    """Units are lines: turns, back-channels and replies."""
    talks = list(_talks(casting, scripts, scenes, pairs if speak_pairs else pairs.clear(), back_channel_share))
    said = _said([line for talk in talks for line in talk.lines], voice)
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for talk in talks:
        clips = [said[line.asked] for line in talk.lines]
        for line, clip, place in zip(talk.lines, clips, _places(talk, clips, overlap_share), strict=True):
            if isinstance(clip, Failure):
                rejects.append(_reject(talk, line, clip))
            elif place is None:
                rejects.append(_reject(talk, line, Failure("no_turn", "the turn that it falls into was not spoken")))
            else:
                rows.append(_row(talk, line, clip, place, voice))
    return Made(CLIPS.frame(rows), taken=sum(len(talk.lines) for talk in talks), rejects=tuple(rejects))


def _talks(
    casting: pl.DataFrame, scripts: pl.DataFrame, scenes: pl.DataFrame, pairs: pl.DataFrame, share: float
) -> Iterator[Talk]:
    cast: dict[str, dict[str, Row]] = {}
    for row in casting.iter_rows(named=True):
        cast.setdefault(row["scene_id"], {})[row["role"]] = row
    paired: dict[str, list[Row]] = {}
    for row in pairs.iter_rows(named=True):
        paired.setdefault(row["script_id"], []).append(row)
    by_scene = {row["scene_id"]: row for row in scenes.iter_rows(named=True)}
    for script in scripts.iter_rows(named=True):
        scene_id, hums = script["scene_id"], back_channels(script, share)
        talk = lines(script, cast[scene_id], paired.get(script["script_id"], ()), hums)
        yield Talk(script, by_scene[scene_id], list(talk))


# What the engine does -------------------------------------------------------------------------------------------------


def _said(wanted: Sequence[Line], voice: Voice) -> dict[str, Clip | Failure]:
    """By what was asked for."""
    todo = {line.asked: line for line in wanted}
    return dict(zip(todo, together(voice, lambda line: _clip(line, voice), todo.values()), strict=True))


def _clip(line: Line, voice: Voice) -> Clip | Failure:
    """What an engine does to one line costs that line; a run that cannot go on, or was set up wrongly, ends."""
    try:
        spoken = perform(line.text_tagged, line.delivery, instruction=line.instruction, voice=voice, cast=line.who,
                         language=line.who["language"])  # fmt: skip
        audio, sound = encode(spoken.samples, RATE), _sound(spoken)
    except (Stopped, Misuse, WeightsError, StorageError):
        raise
    except Permanent as error:
        return Failure("unspeakable", error.what)
    except Exception as error:
        return Failure("engine_failed", f"{type(error).__name__}: {error}")
    columns = {
        "made_parameters": canonical(spoken.parameters),
        "made_not_obeyed": sorted(spoken.not_obeyed),
        "made_events": [{"type": t, "start_s": a, "end_s": b} for t, a, b in spoken.events],
    }
    return Clip(audio, sound, columns)


def _sound(spoken: Spoken) -> Sound:
    """From the first sound to the last, be it speech or a sigh that is softer than speech."""
    active, seconds = activity(spoken.samples, RATE), spoken.samples.size / RATE
    heard = [float(at) for at in np.flatnonzero(active) * HOP_S] or [0.0, seconds]
    start = min([heard[0], *(start for _, start, _ in spoken.events)])
    end = max([heard[-1], *(end for _, _, end in spoken.events)])
    return Sound(start, min(end, seconds), tuple(pauses(active, BREAK_S)))


# What becomes of it ---------------------------------------------------------------------------------------------------


def _places(talk: Talk, clips: Sequence[Clip | Failure], overlap_share: float) -> Iterator[Place | None]:
    """Of each line of a dialogue; none where there is nothing to place, or nowhere to place it."""
    script_id = talk.script["script_id"]
    pairs = [(line, clip) for line, clip in zip(talk.lines, clips, strict=True) if isinstance(clip, Clip)]
    sounds = {line.turn: clip.sound for line, clip in pairs if line.part == "turn"}
    places = timeline(script_id, takings(talk.script, talk.scene, overlap_share), sounds)
    for line, clip in zip(talk.lines, clips, strict=True):
        if isinstance(clip, Failure) or (line.part == "back_channel" and line.turn not in places):
            yield None
        elif line.part == "turn":
            yield places[line.turn]
        elif line.part == "back_channel":
            yield inside(line.after, places[line.turn], sounds[line.turn], clip.sound)
        else:
            before = [number for number in places if number < line.turn]
            ends = places[max(before)].ends_s if before else 0.0
            own = places.get(line.turn) if line.turn - 1 in before else None
            yield after(ends, own.taking if own else waiting(script_id, str(line.turn)), clip.sound)


def _reject(talk: Talk, line: Line, why: Failure) -> Reject:
    script = talk.script
    utterance_id = line.utterance_id(script["script_id"])
    return Reject(utterance_id, script["seed_id"], why.reason, why.detail, line.text)


def _row(talk: Talk, line: Line, clip: Clip, place: Place, voice: Voice) -> dict[str, Any]:
    utterance_id = line.utterance_id(talk.script["script_id"])
    wanted, delivery = wish(talk.scene, line.role), line.delivery
    return {
        "utterance_id": utterance_id,
        **{k: talk.script[k] for k in ("script_id", "scene_id", "persona_id", "seed_id", "language", "split")},
        **{k: getattr(line, k) for k in ("turn", "part", "pair_id", "role", "text", "text_tagged")},
        "audio": {"bytes": clip.audio, "path": f"{utterance_id}.flac"},
        "offset_s": place.offset_s,
        "gap_s": place.taking.gap_s,
        "floor": place.taking.floor,
        "want_gender": wanted.gender,
        "want_age_group": wanted.age_group,
        "want_timbre": wanted.timbre,
        **{f"want_{k}": delivery[k] for k in ("emotion", "intensity", "speed", "pitch", "volume")},
        "want_style": talk.scene["tone"],
        "want_speed_ratio": SPEED[delivery["speed"]],
        "want_events": line.events,
        "want_instruction": line.instruction,
        "made_engine": voice.engine,
        "made_model": voice.model,
        "made_voice": line.who["voice"],
        "made_licence": line.who["licence"],
        **clip.made,
    }
