"""Two replies to the same scene, side by side: which one is in character? What the compare app asks while people work.

A question shows the scene, the dialogue up to the reply, and the two replies, and nothing that tells which of them is
thought right: their sides are drawn for each annotator and pair, and a sound is offered only where both have one.
What others said of a pair is handed out only to those who have said their own; a verdict given after that is marked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from persona_forge.core.errors import Misuse
from persona_forge.dialogues.questions import Question, Reply, Row
from persona_forge.text.agreement import agreement, progress

Sounds = Callable[[str], Mapping[tuple[int, str], bytes]]
"""From a script's id to the sounds there are: by turn and words."""

CHOSEN, SKIP, COMMENT = "chosen", "skip", "comment"
TIE, BOTH_BAD = "tie", "both_bad"
SIDES = ("left", "right")


class Log(Protocol):
    def append(
        self, *, who: str, on: str, seed_id: str, verdict: str, detail: Mapping[str, Any], comment: str = ""
    ) -> None: ...

    def undo(self, who: str, among: Container[str]) -> Mapping[str, str] | None: ...

    def refresh(self) -> set[str]: ...

    def on(self, row: str) -> Sequence[Mapping[str, str]]: ...


@dataclass(frozen=True, slots=True)
class View:
    """What one annotator thinks of one pair."""

    pick: str = ""
    """A candidate's id, tie, both_bad; nothing yet."""
    skipped: bool = False
    blind: bool = True
    """Whether it was picked before others' views could be seen: only such count as agreement."""
    comments: tuple[str, ...] = ()


def views(question: Question, events: Iterable[Mapping[str, str]]) -> dict[str, View]:
    """Annotator → view, from what stands of their events; a reply that is not in the pair is no pick."""
    picks = {TIE, BOTH_BAD, *(reply.candidate_id for reply in question.replies)}
    found: dict[str, View] = {}
    for event in events:
        before, detail = found.get(event["who"], View()), json.loads(event["detail"])
        if event["verdict"] == CHOSEN and detail.get("pick") in picks:
            after = replace(before, pick=detail["pick"], blind=detail.get("blind", True))
        elif event["verdict"] == SKIP:
            after = replace(before, skipped=True)
        elif event["verdict"] == COMMENT:
            after = replace(before, comments=(*before.comments, event["comment"]))
        else:
            continue
        found[event["who"]] = after
    return found


class CompareDesk:
    """One annotator at work on a list of questions."""

    def __init__(self, questions: Sequence[Question], log: Log, who: str, sounds: Sounds | None = None) -> None:
        self.questions, self.log, self.who = questions, log, who
        self._sounds = sounds or (lambda script_id: {})
        self._place = {question.pair_id: n for n, question in enumerate(questions)}
        self._views: dict[int, dict[str, View]] = {}
        self._seen_others: set[int] = set()
        self._follow()

    def _follow(self) -> None:
        for row in self.log.refresh():
            if (n := self._place.get(row)) is not None:
                self._views[n] = views(self.questions[n], self.log.on(row))

    def start(self) -> dict[str, Any]:
        languages = sorted({question.language for question in self.questions})
        return {"languages": languages, "progress": self.progress()}

    def _mine(self, n: int) -> View:
        return self._views.get(n, {}).get(self.who, View())

    def find(self, *, status: str = "todo", language: str = "") -> list[int]:
        """Places of the questions that fit: todo (skipped ones last), picked, skipped or all."""
        self._follow()
        mine = {n: self._mine(n) for n, q in enumerate(self.questions) if language in ("", q.language)}
        match status:
            case "todo":
                return sorted((n for n, view in mine.items() if not view.pick), key=lambda n: mine[n].skipped)
            case "picked":
                return [n for n, view in mine.items() if view.pick]
            case "skipped":
                return [n for n, view in mine.items() if view.skipped and not view.pick]
        return list(mine)

    def show(self, n: int) -> dict[str, Any]:
        """A question as this annotator is to see it; the others' views only beside one's own."""
        self._follow()
        question, mine = self.questions[n], self._mine(n)
        sides, heard = question.sides(self.who), self._sounds(question.script_id)
        before = [(turn.get("turn", -1), turn.get("words", "")) in heard for turn in question.turns]
        shown = {
            "n": n,
            "pair_id": question.pair_id,
            "language": question.language,
            "card": question.card,
            "scene": question.scene,
            "turns": [{**_shown(turn), "sound": there} for turn, there in zip(question.turns, before, strict=True)],
            "replies": [{"text": reply.text, "delivery": reply.delivery} for reply in sides],
            "sound": all(self._of_reply(question, reply) for reply in sides),
            "mine": self._told(n, mine),
            "progress": self.progress(),
        }
        if mine.pick:
            others = {who: view for who, view in self._views[n].items() if who != self.who and view.pick}
            if others:
                self._seen_others.add(n)
            shown["others"] = {who: self._told(n, view) for who, view in others.items()}
        return shown

    def _told(self, n: int, view: View) -> dict[str, Any]:
        """A view, with its pick as the side on which it stands for this annotator."""
        sides = {r.candidate_id: side for r, side in zip(self.questions[n].sides(self.who), SIDES, strict=True)}
        return asdict(view) | {"pick": sides.get(view.pick, view.pick)}

    def _of_reply(self, question: Question, reply: Reply) -> bytes | None:
        turn = question.turns[-1].get("turn") if question.turns else None
        return None if turn is None else self._sounds(question.script_id).get((turn + 1, reply.words))

    def hear(self, n: int, what: int | str) -> str:
        """The sound of a turn, by its place, or of a reply, by its side; as base64."""
        question = self.questions[n]
        if isinstance(what, str):
            found = self._of_reply(question, question.sides(self.who)[SIDES.index(what)])
        else:
            turn = question.turns[what]
            found = self._sounds(question.script_id).get((turn["turn"], turn["words"]))
        return base64.b64encode(found or b"").decode()

    def decide(self, n: int, verdict: str, *, pick: str = "", comment: str = "") -> dict[str, Any]:
        """Puts a pick (left, right, tie or both_bad), a skip or a comment into the log."""
        question = self.questions[n]
        detail: dict[str, Any] = {"pair_id": question.pair_id}
        if verdict == CHOSEN:
            left, right = (reply.candidate_id for reply in question.sides(self.who))
            picked = {"left": left, "right": right, TIE: TIE, BOTH_BAD: BOTH_BAD}[pick]
            detail |= {"left": left, "right": right, "pick": picked, "blind": n not in self._seen_others}
        elif verdict not in (SKIP, COMMENT):
            raise Misuse(f"unknown verdict {verdict!r}", allowed=f"{CHOSEN}, {SKIP}, {COMMENT}")
        self.log.append(who=self.who, on=question.pair_id, seed_id=question.seed_id, verdict=verdict, detail=detail,
                        comment=comment)  # fmt: skip
        self._follow()
        return {"n": n, "progress": self.progress()}

    def undo(self) -> dict[str, Any]:
        """Takes back this annotator's last act that still stands on one of these pairs."""
        self._follow()
        if not (last := self.log.undo(self.who, self._place)):
            return {}
        self._follow()
        return {"n": self._place[last["on"]], "verdict": last["verdict"], "progress": self.progress()}

    def progress(self) -> dict[str, Any]:
        picks = [[who for who, view in by.items() if view.pick] for by in self._views.values()]
        return progress(len(self.questions), picks, self.who)

    def agreement(self) -> dict[str, Any]:
        """Of picks given blind, on pairs that this annotator has picked from.

        The labels are the two replies in the order of the question, which has nothing to do with which is right: so
        chance is an even one, also where nearly everybody picks what the model thought right.
        """
        self._follow()
        return asdict(agreement(self._labels(n) for n, by in self._views.items() if self._mine(n).pick and by))

    def _labels(self, n: int) -> dict[str, str]:
        first, second = (reply.candidate_id for reply in self.questions[n].replies)
        label = {first: "first", second: "second"}
        return {who: label.get(v.pick, v.pick) for who, v in self._views[n].items() if v.pick and v.blind}


def _shown(turn: Row) -> dict[str, Any]:
    return {key: turn[key] for key in ("role", "text", "delivery") if turn.get(key)}
