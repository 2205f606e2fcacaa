"""What do people hear in a clip: which mood, what pace, how natural? What the listen app asks while they work.

A clip is given to hear, with its words, its waveform and its pitch, and nothing that tells what was wanted of it, what
was measured, or what others heard. All of that comes once a listener has said what they hear. Only what is said blind
counts: a verdict taken back and given anew, or given in a queue that was narrowed by the mood wanted, is marked.

The queue is the same for everybody: clips that fail a gate, those whose mood nothing could judge, then the rest, each
in an order that has nothing to do with what they are. Back-channels are left out: there is too little to hear in one.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import key64
from persona_forge.core.ports import Samples
from persona_forge.speech.audio import activity, decode
from persona_forge.speech.measure import WIDE_HZ, pitch, track
from persona_forge.text.agreement import agreement, progress
from persona_forge.text.tags import EMOTIONS, SPEEDS

Row = Mapping[str, Any]
Answer = str | int
Heard = Mapping[str, Answer]
"""By question."""

HEARD, SKIP, COMMENT = "heard", "skip", "comment"
UNCLEAR = "unclear"
QUESTIONS: Mapping[str, tuple[Answer, ...]] = {
    "emotion": (*EMOTIONS, UNCLEAR),
    "speed": (*SPEEDS, UNCLEAR),
    "naturalness": (1, 2, 3, 4, 5),
}
MACHINE = {"emotion": "emotion_prosody", "speed": "speed"}
"""The machine's verdict that answers a question, or, of a mood, comes nearest to it."""
COLUMNS = 480
"""Of the waveform that is drawn."""


class Log(Protocol):
    def append(
        self, *, who: str, on: str, seed_id: str, verdict: str, detail: Mapping[str, Any], comment: str = ""
    ) -> None: ...

    def undo(self, who: str, among: Container[str]) -> Mapping[str, str] | None: ...

    def news(self) -> Sequence[Mapping[str, str]]: ...

    def on(self, row: str) -> Sequence[Mapping[str, str]]: ...


@dataclass(frozen=True, slots=True)
class View:
    """What one listener says of one clip."""

    heard: Heard = field(default_factory=dict)
    """Empty so far."""
    skipped: bool = False
    blind: bool = True
    """Whether it was said before they could know what was wanted: only such counts."""
    comments: tuple[str, ...] = ()


def queue(clips: pl.DataFrame, measures: pl.DataFrame, checks: pl.DataFrame) -> pl.DataFrame:
    """The clips to hear, in order, each with what was measured and checked so far."""
    both = [table.drop("seed_id") for table in (measures, checks)]
    spoken = clips.filter(pl.col("part") != "back_channel")
    spoken = spoken.join(both[0], on="utterance_id", how="left").join(both[1], on="utterance_id", how="left")
    mood = pl.element().filter((_of("tag") == "emotion") & _of("obeyed").is_not_null())
    judged = pl.col("qc_obeyed").list.eval(mood).list.len().fill_null(0) > 0
    mixed = pl.Series([key64("listen", name) for name in spoken["utterance_id"]], dtype=pl.UInt64)
    return spoken.sort(~pl.col("qc_pass").eq_missing(False), judged, mixed)


def _of(name: str) -> pl.Expr:
    return pl.element().struct.field(name)


def views(events: Iterable[Mapping[str, str]]) -> dict[str, View]:
    """Listener → view, from what stands of their events."""
    found: dict[str, View] = {}
    for event in events:
        before, detail = found.get(event["who"], View()), json.loads(event["detail"])
        if event["verdict"] == HEARD:
            after = replace(before, heard=detail["heard"], blind=detail.get("blind", True))
        elif event["verdict"] == SKIP:
            after = replace(before, skipped=True)
        elif event["verdict"] == COMMENT:
            after = replace(before, comments=(*before.comments, event["comment"]))
        else:
            continue
        found[event["who"]] = after
    return found


def obeyed(question: str, wanted: str, heard: Answer | None) -> bool | None:
    """Whether that is what was wanted; of a pace, whether it lies on the side of medium that was wanted.

    None where nobody can say. The view `heard` in SQL has the same rule.
    """
    if heard in (None, UNCLEAR):
        return None
    if question == "speed":
        middle = SPEEDS.index("medium")
        sides = [np.sign(SPEEDS.index(str(speed)) - middle) for speed in (wanted, heard)]
        return bool(sides[0] == sides[1])
    return heard == wanted


def majority(answers: Sequence[Answer]) -> Answer | None:
    """What more than half of them say."""
    most = Counter(answers).most_common(1)
    return most[0][0] if most and 2 * most[0][1] > len(answers) else None


def drawn(samples: Samples, rate: int) -> dict[str, Any]:
    """What a clip looks like: peaks of as many columns, 0 to 1, and its pitch as seconds and Hz, each 10 ms."""
    wave = samples.astype(np.float64)
    wide, _ = track(wave, rate, *WIDE_HZ)
    f0, times = pitch(wave, rate, activity(samples, rate), wide)
    columns = np.array_split(np.abs(samples), min(COLUMNS, samples.size))
    return {
        "seconds": samples.size / rate,
        "peaks": [round(float(column.max()), 3) for column in columns],
        "pitch": [[round(float(t), 3), round(float(hz), 1)] for t, hz in zip(times, f0, strict=True)],
    }


class ListenDesk:
    """One listener at work on a queue of clips."""

    def __init__(self, clips: pl.DataFrame, log: Log, who: str, audio: Callable[[Row], bytes]) -> None:
        self.clips, self.log, self.who = clips, log, who
        self._audio = audio
        self._place = {name: n for n, name in enumerate(clips["utterance_id"])}
        self._views: dict[int, dict[str, View]] = {}
        self._aware: set[int] = set()
        """Clips of which this listener knows what was wanted."""
        self._filtered_by_mood = False
        self._follow()

    def _follow(self) -> None:
        added = [event for event in self.log.news() if event["on"] in self._place]
        for name in {event["on"] for event in added}:
            self._views[self._place[name]] = views(self.log.on(name))
        mine = [event for event in added if event["who"] == self.who and event["verdict"] == HEARD]
        self._aware |= {self._place[event["on"]] for event in mine}  # also where it was taken back

    def start(self) -> dict[str, Any]:
        choices = {name: sorted(self.clips[column].unique()) for name, column in FILTERS.items()}
        return {"choices": choices, "questions": QUESTIONS, "progress": self.progress()}

    def _mine(self, n: int) -> View:
        return self._views.get(n, {}).get(self.who, View())

    def find(self, *, status: str = "todo", failing: bool = False, search: str = "", **filters: str) -> list[int]:
        """Places of the clips that fit: todo (skipped ones last), heard, skipped or all; `filters` as in FILTERS."""
        self._follow()
        self._filtered_by_mood = bool(filters.get("emotion"))
        fits = [pl.col(FILTERS[name]) == value for name, value in filters.items() if value]
        fits += [pl.col("text").str.to_lowercase().str.contains(w, literal=True) for w in search.lower().split()]
        fits += [pl.col("qc_pass").eq_missing(False)] if failing else []
        places = self.clips.with_row_index("n").filter(pl.lit(True), *fits)["n"].to_list()
        mine = {n: self._mine(n) for n in places}
        match status:
            case "todo":
                return sorted((n for n, view in mine.items() if not view.heard), key=lambda n: mine[n].skipped)
            case "heard":
                return [n for n, view in mine.items() if view.heard]
            case "skipped":
                return [n for n, view in mine.items() if view.skipped and not view.heard]
        return places

    def show(self, n: int) -> dict[str, Any]:
        """A clip as this listener is to see it; what was wanted, and what others heard, only beside their own."""
        self._follow()
        clip, mine = self.clips.row(n, named=True), self._mine(n)
        if self._filtered_by_mood:
            self._aware.add(n)
        shown = {
            "n": n,
            **{name: clip[name] for name in ("utterance_id", "language", "text")},
            "mine": asdict(mine),
            "aware": n in self._aware,
            "progress": self.progress(),
        }
        if mine.heard:
            others = {who: view for who, view in self._views[n].items() if who != self.who and view.heard}
            shown["others"] = {who: asdict(view) for who, view in others.items()}
            shown["told"] = {**{name: clip[name] for name in TOLD}, "tags": _tags(clip, mine.heard)}
        return shown

    def hear(self, n: int) -> dict[str, Any]:
        """The clip as base64, and as a picture."""
        flac = self._audio(self.clips.row(n, named=True))
        return {"sound": base64.b64encode(flac).decode(), **drawn(*decode(flac))}

    def decide(self, n: int, verdict: str, *, heard: Heard | None = None, comment: str = "") -> dict[str, Any]:
        """Puts what was heard, a skip or a comment into the log."""
        clip = self.clips.row(n, named=True)
        detail: dict[str, Any] = {}
        if verdict == HEARD:
            detail = {"heard": _answered(heard or {}), "blind": n not in self._aware}
        elif verdict not in (SKIP, COMMENT):
            raise Misuse(f"unknown verdict {verdict!r}", allowed=f"{HEARD}, {SKIP}, {COMMENT}")
        self.log.append(who=self.who, on=clip["utterance_id"], seed_id=clip["seed_id"], verdict=verdict, detail=detail,
                        comment=comment)  # fmt: skip
        self._follow()
        return {"n": n, "progress": self.progress()}

    def undo(self) -> dict[str, Any]:
        """Takes back this listener's last act that still stands on one of these clips."""
        self._follow()
        if not (last := self.log.undo(self.who, self._place)):
            return {}
        self._follow()
        return {"n": self._place[last["on"]], "verdict": last["verdict"], "progress": self.progress()}

    def progress(self) -> dict[str, Any]:
        heard = [[who for who, view in by.items() if view.heard] for by in self._views.values()]
        return progress(self.clips.height, heard, self.who)

    def agreement(self) -> dict[str, Any]:
        """By question: of listeners with each other, and of most of them with the machine on whether a tag is obeyed.

        Of what was said blind, on clips that this listener has judged.
        """
        self._follow()
        blind = {
            n: [(who, view.heard) for who, view in by.items() if view.heard and view.blind]
            for n, by in self._views.items() if self._mine(n).heard
        }  # fmt: skip
        people = {q: [{who: str(heard[q]) for who, heard in those} for those in blind.values()] for q in QUESTIONS}
        machine = {q: [self._beside_machine(n, q, those) for n, those in blind.items()] for q in MACHINE}
        return {
            "people": {q: asdict(agreement(units)) for q, units in people.items()},
            "machine": {q: asdict(agreement(units)) for q, units in machine.items()},
        }

    def _beside_machine(self, n: int, question: str, heard: Sequence[tuple[str, Heard]]) -> dict[str, str]:
        clip, answers = self.clips.row(n, named=True), [answered[question] for _, answered in heard]
        measured = next((v["obeyed"] for v in clip["qc_obeyed"] or () if v["tag"] == MACHINE[question]), None)
        judged = obeyed(question, clip[f"want_{question}"], majority(answers))
        return {who: str(says) for who, says in (("machine", measured), ("listeners", judged)) if says is not None}


FILTERS = {"language": "language", "engine": "made_engine", "emotion": "want_emotion"}
"""What the queue can be narrowed by, and the column that holds it."""
TOLD = ("text_tagged", "want_instruction", "want_intensity", "made_engine", "made_voice", "made_events", "meas_pauses",
        "meas_rate_unit", "qc_asr_text", "qc_error_rate", "qc_mos", "qc_pass", "qc_reasons")  # fmt: skip
WANTED = ("emotion", "speed", "pitch", "volume")


def _tags(clip: Row, heard: Heard) -> list[dict[str, Any]]:
    """What was wanted beside what was measured; where nothing could tell, by what this listener heard."""
    unchecked = {"obeyed": None, "by": "", "value": None, "neutral": None}
    tags = clip["qc_obeyed"] or [{"tag": tag, "wanted": clip[f"want_{tag}"], **unchecked} for tag in WANTED]
    found = []
    for verdict in sorted(tags, key=lambda verdict: not verdict["tag"].startswith("emotion")):
        tag, ears = verdict["tag"], heard.get(verdict["tag"])
        mine = obeyed(tag, verdict["wanted"], ears) if verdict["obeyed"] is None else verdict["obeyed"]
        found.append({**verdict, "obeyed": mine, "heard": ears})
    return found


def _answered(heard: Heard) -> dict[str, Answer]:
    if set(heard) != set(QUESTIONS):
        raise Misuse(f"answered is {', '.join(heard) or 'nothing'}", allowed=", ".join(QUESTIONS))
    for question, answer in heard.items():
        if answer not in QUESTIONS[question]:
            raise Misuse(f"{question} is {answer!r}", allowed=", ".join(map(str, QUESTIONS[question])))
    return dict(heard)
