"""What the review app asks while an annotator works: find, show, decide, take back, count.

Blind: what others said of a seed is handed out only to those who have given their own verdict on it. A verdict that
somebody gives after they could see the others' is marked so, and is no agreement. Nothing is recomputed that has not
changed: an event makes one seed's review anew.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, Protocol

from persona_forge.personas.review import (
    DISTRESSING,
    REASONS,
    VERDICTS,
    Event,
    Judgement,
    Review,
    Row,
    Unfit,
    edit_of,
    edited,
    marked,
    review,
    text_id,
)
from persona_forge.text.agreement import agreement, progress

EXCERPT = 60
NOBODY = Judgement()


class Log(Protocol):
    def append(
        self, *, who: str, on: str, seed_id: str, verdict: str, detail: Mapping[str, Any], comment: str = ""
    ) -> None: ...

    def undo(self, who: str, among: Container[str]) -> Event | None: ...

    def refresh(self) -> set[str]: ...

    def on(self, row: str) -> Sequence[Event]: ...


class Shelf:
    """Seeds in their order, ready to be searched; shared by all who review them."""

    def __init__(self, seeds: Sequence[Row]) -> None:
        self.seeds = seeds
        self.place = {seed["seed_id"]: n for n, seed in enumerate(seeds)}
        self.seen = [text_id(seed) for seed in seeds]
        self._text = ["\n".join(_words(seed)).casefold() for seed in seeds]

    @cached_property
    def rows(self) -> list[list[Any]]:
        """What a list shows of each: id, name, language, first words (none where they may distress), kinds of flags."""
        kinds = [sorted({flag["kind"] for flag in seed["flags"]}) for seed in self.seeds]
        return [
            [s["seed_id"], s["name"], s["language"], "" if DISTRESSING & {*k} else s["prose"][:EXCERPT], k]
            for s, k in zip(self.seeds, kinds, strict=True)
        ]

    def holding(self, search: str) -> list[int]:
        words = search.casefold().split()
        return [n for n, text in enumerate(self._text) if all(word in text for word in words)]


def _words(seed: Row) -> list[str]:
    opinions = [part for o in seed["opinions"] for part in (o["topic"], o["stance"])]
    return [seed["seed_id"], seed["name"], seed["prose"], seed["style"], seed["voice"], *opinions,
            *(c["text"] for c in seed["catchphrases"]), *(f["detail"] for f in seed["flags"])]  # fmt: skip


class ReviewDesk:
    """One annotator at work on a shelf of seeds."""

    def __init__(self, shelf: Shelf, log: Log, who: str) -> None:
        self.shelf, self.log, self.who = shelf, log, who
        self._reviews: dict[int, Review] = {}
        self._seen_others: set[int] = set()
        self._follow()

    def _follow(self) -> None:
        for row in self.log.refresh():
            if (n := self.shelf.place.get(row)) is not None:
                self._reviews[n] = review(self.log.on(row), self.shelf.seen[n])

    def start(self) -> dict[str, Any]:
        """All that a page needs once: the list, this annotator's marks on it, and what can be chosen."""
        return {
            "rows": self.shelf.rows,
            "marks": [(n, mark) for n in self._reviews if (mark := self.mark(n))],
            "kinds": sorted({kind for *_, kinds in self.shelf.rows for kind in kinds}),
            "reasons": REASONS,
            "progress": self.progress(),
        }

    def _mine(self, n: int) -> Judgement:
        return self._reviews[n].by.get(self.who, NOBODY) if n in self._reviews else NOBODY

    def mark(self, n: int) -> str:
        """What this annotator made of a seed, in words for the list: a verdict, `edit`, and `settled`."""
        mine = self._mine(n)
        words = [mine.verdict] * bool(mine.verdict) + ["edit"] * (mine.edit is not None)
        return " ".join(words + ["settled"] * (mine.verdict in VERDICTS and self._reviews[n].settled is not None))

    def find(self, *, search: str = "", status: str = "all", flag: str = "", language: str = "", order: str = "flagged"
             ) -> list[int]:  # fmt: skip
        """Places on the shelf: those that fit, in the order asked for (flagged, disputed, given)."""
        self._follow()
        found = [n for n in self.shelf.holding(search) if self._fits(n, status, flag, language)]
        if order == "flagged":
            found.sort(key=lambda n: -len(self.shelf.seeds[n]["flags"]))
        elif order == "disputed":
            found.sort(key=lambda n: not self._disputed(n))
        return found

    def _disputed(self, n: int) -> bool:
        return n in self._reviews and self._reviews[n].disputed

    def _fits(self, n: int, status: str, flag: str, language: str) -> bool:
        seed = self.shelf.seeds[n]
        if (language and seed["language"] != language) or (flag and all(f["kind"] != flag for f in seed["flags"])):
            return False
        mine = self._mine(n)
        match status:
            case "todo":
                return mine.verdict not in VERDICTS
            case "edit":
                return mine.edit is not None
            case "disputed":
                return self._disputed(n)
            case "all":
                return True
        return mine.verdict == status

    def show(self, n: int, version: str | None = None) -> dict[str, Any]:
        """A seed with its evidence marked, this annotator's view, and after their verdict the others'.

        `version` names whose edit of it to show, "" the text as written; else it is this annotator's own.
        """
        self._follow()
        seed, mine = self.shelf.seeds[n], self._mine(n)
        version = version if version is not None else self.who if mine.edit else ""
        row = edited(seed, self._edit(n, version))
        shown: dict[str, Any] = {
            "n": n,
            "seed": row,
            "version": version,
            "pieces": marked(row["prose"], row["pins"], row["flags"]),
            "distressing": any(f["kind"] in DISTRESSING for f in row["flags"]),
            "twins": {f["evidence"]: self._twin(f["evidence"]) for f in row["flags"] if f["kind"] == "near_duplicate"},
            "mine": asdict(mine),
            "progress": self.progress(),
        }
        if mine.verdict in VERDICTS and (there := self._reviews[n]):
            others = {who: asdict(j) for who, j in there.by.items() if who != self.who}
            if others:
                self._seen_others.add(n)
            settled = asdict(there.settled) if there.settled else None
            shown |= {"others": others, "settled": settled, "disputed": there.disputed}
        return shown

    def _edit(self, n: int, version: str) -> Row:
        """Somebody's edit of a seed: one's own, or after one's verdict anybody's."""
        open_to_me = version == self.who or self._mine(n).verdict in VERDICTS
        return (self._reviews[n].by.get(version, NOBODY).edit or {}) if open_to_me and n in self._reviews else {}

    def _twin(self, seed_id: str) -> dict[str, Any] | None:
        n = self.shelf.place.get(seed_id)
        return None if n is None else {field: self.shelf.seeds[n][field] for field in ("name", "language", "prose")}

    def decide(self, n: int, verdict: str, *, reason: str = "", comment: str = "", edit: Row | None = None,
               settled: str = "", version: str = "") -> dict[str, Any]:  # fmt: skip
        """Puts a verdict, an edit, a comment or a settlement (on a version) into the log; what the list then shows.

        An edit that could be no seed is not taken: the answer says why.
        """
        seed = self.shelf.seeds[n]
        detail: dict[str, Any] = {"seen": self.shelf.seen[n]}
        if verdict == "edit":
            changed = edit_of(seed, edit or {})
            if isinstance(changed, Unfit):
                return {"unfit": asdict(changed)}
            detail |= {"edit": changed}
        elif verdict == "settle":
            detail |= {"verdict": settled, "reason": reason, "edit": self._edit(n, version)}
        elif verdict != "comment":
            detail |= {"reason": reason, "blind": n not in self._seen_others}
        on = seed["seed_id"]
        self.log.append(who=self.who, on=on, seed_id=on, verdict=verdict, detail=detail, comment=comment)
        self._follow()
        return self._after(n)

    def undo(self) -> dict[str, Any]:
        """Takes back this annotator's last act that still stands on a seed of this shelf."""
        self._follow()
        if not (last := self.log.undo(self.who, self.shelf.place)):
            return {}
        self._follow()
        return {"verdict": last["verdict"], **self._after(self.shelf.place[last["on"]])}

    def _after(self, n: int) -> dict[str, Any]:
        return {"n": n, "mark": self.mark(n), "progress": self.progress()}

    def progress(self) -> dict[str, Any]:
        """Seeds with a verdict: by annotator, by anybody, by two or more; and how many are in dispute."""
        reviews = self._reviews.values()
        done = progress(len(self.shelf.seeds), [r.verdicts for r in reviews], self.who)
        return {**done, "disputed": sum(r.disputed for r in reviews)}

    def agreement(self) -> dict[str, Any]:
        """Of verdicts given blind."""
        self._follow()
        blind = ({w: v for w, v in r.verdicts.items() if r.by[w].blind} for r in self._reviews.values())
        return asdict(agreement(blind))
