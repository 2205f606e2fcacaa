"""The sound of whole dialogues from their clips: both speakers on one track, or each on a track of its own.

Each clip stands at its offset, so overlaps overlap. One gain for the whole dialogue keeps the mix under full scale: it
is stated, and no clip is louder beside another than it was made. Replies of pairs are no part of the dialogue.

The figures count transitions between turns; speech is what is louder than the pauses of its own clip (see `audio`). It
leaves out rooms and lines: both speak as near to the microphone as the engine has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import Corrupt
from persona_forge.core.ports import Samples
from persona_forge.speech.audio import HOP_S, activity, decode

RATE = 24_000
ROLES = ("persona", "partner")
"""Left and right."""
PARTS = ("turn", "back_channel")
CEILING = 0.99


@dataclass(frozen=True, slots=True)
class TurnTaking:
    turns: int
    back_channels: int
    gap_median_s: float | None
    """Of the transitions with a silence; None where there is none."""
    overlap_share: float
    """Share of the transitions in which the next one begins before the other has ended."""
    interruption_share: float
    back_channels_per_minute: float
    persona_share: float
    """Share of the time in which the persona is heard."""
    partner_share: float
    both_share: float
    """Share of the time in which both are."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    script_id: str
    language: str
    split: str
    tracks: npt.NDArray[np.float32]
    """Shape (n, 2), 24 kHz: persona, partner."""
    gain_db: float
    """What the clips were lowered by; 0 where nothing would clip."""
    turn_taking: TurnTaking
    turns: tuple[dict[str, Any], ...]
    """Who says what when; in the order of their beginnings."""

    @property
    def duration_s(self) -> float:
        return round(len(self.tracks) / RATE, 4)

    def samples(self, tracks: Literal["mono", "two"]) -> npt.NDArray[np.float32]:
        return np.asarray(self.tracks.sum(axis=1), np.float32) if tracks == "mono" else self.tracks

    def row(self) -> dict[str, Any]:
        """All but the samples."""
        names = ("script_id", "language", "split", "duration_s", "gain_db", "turns")
        return {**{name: getattr(self, name) for name in names}, "turn_taking": asdict(self.turn_taking)}


def dialogues(clips: Iterable[Mapping[str, Any]]) -> Iterator[Dialogue]:
    """One for each run of rows of `clips` with the same script: shards hold them so. Raises Corrupt."""
    spoken = (clip for clip in clips if clip["part"] in PARTS)
    for _, some in groupby(spoken, key=lambda clip: clip["script_id"]):
        yield dialogue(list(some))


def dialogue(clips: Sequence[Mapping[str, Any]]) -> Dialogue:
    sounds = [_samples(clip) for clip in clips]
    starts = [round(clip["offset_s"] * RATE) for clip in clips]
    length = max(start + sound.size for start, sound in zip(starts, sounds, strict=True))
    tracks = np.zeros((length, len(ROLES)), np.float32)
    heard = np.zeros((int(length / RATE / HOP_S) + 2, len(ROLES)), np.bool_)
    for clip, start, sound in zip(clips, starts, sounds, strict=True):
        side, active = ROLES.index(clip["role"]), activity(sound, RATE)
        tracks[start : start + sound.size, side] += sound
        at = round(start / RATE / HOP_S)
        heard[at : at + active.size, side] |= active[: len(heard) - at]
    peak = max(float(np.abs(tracks.sum(axis=1)).max()), float(np.abs(tracks).max()))
    gain = min(1.0, CEILING / peak) if peak else 1.0
    turns = [_said(clip, start, sound) for clip, start, sound in zip(clips, starts, sounds, strict=True)]
    return Dialogue(
        **{k: clips[0][k] for k in ("script_id", "language", "split")},
        tracks=tracks * np.float32(gain),
        gain_db=round(20 * float(np.log10(gain)), 2),
        turn_taking=_figures(clips, heard, length / RATE),
        turns=tuple(sorted(turns, key=lambda turn: turn["start_s"])),
    )


def _samples(clip: Mapping[str, Any]) -> Samples:
    samples, rate = decode(clip["audio"]["bytes"])
    if rate != RATE:
        raise Corrupt(f"the clip {clip['utterance_id']} has {rate} samples a second, and not {RATE}")
    return samples


def _said(clip: Mapping[str, Any], start: int, sound: Samples) -> dict[str, Any]:
    return {
        **{k: clip[k] for k in ("utterance_id", "turn", "part", "role", "floor", "text", "text_tagged")},
        "start_s": round(start / RATE, 4),
        "end_s": round((start + sound.size) / RATE, 4),
    }


def _figures(clips: Sequence[Mapping[str, Any]], heard: npt.NDArray[np.bool_], seconds: float) -> TurnTaking:
    turns = [clip for clip in clips if clip["part"] == "turn"]
    after = [clip for clip in turns if clip["floor"] != "start"]
    gaps = [clip["gap_s"] for clip in after if clip["gap_s"] >= 0]
    frames, hums = seconds / HOP_S, len(clips) - len(turns)
    persona, partner = (heard[:, side] for side in range(len(ROLES)))
    return TurnTaking(
        turns=len(turns),
        back_channels=hums,
        gap_median_s=round(median(gaps), 3) if gaps else None,
        overlap_share=round((len(after) - len(gaps)) / max(len(after), 1), 3),
        interruption_share=round(sum(c["floor"] == "interruption" for c in after) / max(len(after), 1), 3),
        back_channels_per_minute=round(60 * hums / seconds, 2),
        persona_share=round(float(persona.sum()) / frames, 3),
        partner_share=round(float(partner.sum()) / frames, 3),
        both_share=round(float((persona & partner).sum()) / frames, 3),
    )
