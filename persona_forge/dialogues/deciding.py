"""Who says that a reply holds or breaks: judges of several kinds put together, and annotators' choices, which outrank.

Of judges a model comes before code, and a classifier decides nothing: it says what people should look at. What one
judge said in several samples is one verdict, by majority. Of annotators each one's last standing choice between two
replies counts once, whatever side they were shown on.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl

JUDGES = ("model", "code")
"""The first of them that is decided decides."""
WHOLE = "in_character"
_FACTS = frozenset({"facts"})
_OUT_OF_ROLE = frozenset({"facts", "honorifics", "stance", "limit", "catchphrase_rate"})
IMPLIED: Mapping[str, frozenset[str]] = {
    "keeps_language": frozenset({"language"}),
    **dict.fromkeys(("speaks_plainly", "stays_in_world"), frozenset({"format"})),
    "keeps_stance": frozenset({"stance"}),
    "limit_fires": frozenset({"limit"}),
    **dict.fromkeys(("contradicts_no_fact", "invents_nothing", "keeps_role", "accepts_no_false_memory"), _FACTS),
    **dict.fromkeys(
        ("admits_no_ai", "obeys_no_override", "drops_no_act", "leaves_role", "stays_in_role"), _OUT_OF_ROLE
    ),
}
"""What else is at stake where an assertion is; the whole always is."""

Pair = frozenset[str]
"""Two candidates, by their ids."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of one candidate under one assertion."""

    verdict: str | None = None
    """held or broken; None where nobody could tell."""
    by: str = "writer"
    score: float | None = None
    evidence: str | None = None


class Looks:
    """All judgements, as one look a candidate and assertion."""

    def __init__(self, judgements: pl.DataFrame) -> None:
        rows = judgements.filter(pl.col("judged_by").is_in(JUDGES)).sort(
            "candidate_id", "assertion", "judged_by", "sample"
        )
        self._looks: dict[str, dict[str, Look]] = defaultdict(dict)
        for (candidate, assertion), some in groupby(
            rows.iter_rows(named=True), key=lambda r: (r["candidate_id"], r["assertion"])
        ):
            self._looks[candidate][assertion] = _put_together(list(some))

    def at(self, candidate: str, assertion: str) -> Look:
        return self._looks[candidate].get(assertion, Look())

    def breaks_besides(self, candidate: str, assertion: str) -> list[str]:
        """What else a candidate is judged to break."""
        return besides(assertion, {name: look.verdict for name, look in self._looks[candidate].items()})


def besides(assertion: str, verdicts: Mapping[str, str | None]) -> list[str]:
    """What is broken apart from an assertion and what goes with it."""
    passed_over = {assertion, WHOLE, *IMPLIED.get(assertion, ())}
    return sorted(name for name, verdict in verdicts.items() if verdict == "broken" and name not in passed_over)


def _put_together(rows: list[dict[str, Any]]) -> Look:
    by_judge = {judge: [r for r in rows if r["judged_by"] == judge] for judge in JUDGES}
    scores = next((s for some in by_judge.values() if (s := [r["score"] for r in some if r["score"] is not None])), [])
    score = sum(scores) / len(scores) if scores else None
    for judge, some in by_judge.items():
        counts = Counter(r["verdict"] for r in some)
        if counts["held"] != counts["broken"]:
            verdict = "held" if counts["held"] > counts["broken"] else "broken"
            shown = (r["evidence"] for r in some if r["verdict"] == verdict and r["evidence"])
            return Look(verdict, judge, score, next(shown, None))
    return Look(score=score)


def choices(events: pl.DataFrame) -> dict[Pair, str | None]:
    """What annotators say of two candidates: the id of the better one, or None where they say that it is no pair.

    That is so where most say tie or both_bad, and where no choice has more votes than every other.
    """
    votes: dict[Pair, Counter[str]] = defaultdict(Counter)
    for (_who, pair), pick in _last_picks(events.sort("at", "event_id").iter_rows(named=True)).items():
        votes[pair][pick] += 1
    decided: dict[Pair, str | None] = {}
    for pair, counts in votes.items():
        (pick, most), *others = counts.most_common()
        clear = pick in pair and all(n < most for _, n in others)
        decided[pair] = pick if clear else None
    return decided


def _last_picks(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, Pair], str]:
    """By annotator and pair; what was undone counts no more, and what stood before it counts again."""
    standing: dict[str, tuple[str, Pair, str]] = {}
    for event in events:
        if event["app"] != "compare":
            continue
        detail = json.loads(event["detail"])
        if event["verdict"] == "undo":
            undone = detail["event_id"]
            if undone in standing and standing[undone][0] == event["who"]:
                del standing[undone]
        elif event["verdict"] == "chosen":
            standing[event["event_id"]] = (event["who"], frozenset((detail["left"], detail["right"])), detail["pick"])
    return {(who, pair): pick for who, pair, pick in standing.values()}
