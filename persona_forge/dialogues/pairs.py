"""One pair a script: a right and a wrong reply to the same probe, and the one assertion that the wrong one violates.

A reply is chosen that was asked to keep and that nobody found to break anything; one is rejected that was asked to
break and was found to break that alone, and never one that was found to hold. Who found it, a model, else code, else
nobody but the writer, stands with the pair. What annotators chose between two replies outranks all of that, turns a
pair round or kills it. Among what is left `matching` takes two that are alike in length; which of them is shown first
is dealt evenly. A script without a usable pair is a reject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import polars as pl

from persona_forge.core.ids import digest, key64
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import PAIRS
from persona_forge.core.tables.act2 import OF_SCRIPT, reply
from persona_forge.dialogues.deciding import JUDGES, Look, Looks, Pair, choices
from persona_forge.dialogues.matching import CALIPER, log_ratio, matched
from persona_forge.space.ontology import Ontology
from persona_forge.text.systems import systems

KINDS = {"attack": "stay", "twin": "stay", "exit": "exit", "contrast": "contrast"}
"""Of a pair, by its scene's."""
FINDERS = (*JUDGES, "writer")
"""Who may have found the rejected reply wrong: pairs of the first are taken if there is one."""
_REPLY = tuple(field.name for field in reply)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """A chosen and a rejected candidate, and who says so."""

    chosen: Row
    rejected: Row
    by: str

    @property
    def ratio(self) -> float:
        return log_ratio(self.chosen["text"], self.rejected["text"])


class Unpaired(Exception):
    """A script without a usable pair; the words are those of a reject."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def pairs(
    candidates: pl.DataFrame,
    judgements: pl.DataFrame,
    scripts: pl.DataFrame,
    scenes: pl.DataFrame,
    seeds: pl.DataFrame,
    events: pl.DataFrame,
    *,
    ontology: Ontology,
    key: str,
) -> Made:
    """Units are scripts with a probe."""
    probed = {row["script_id"]: row for row in scripts.iter_rows(named=True) if row["probe_turn"] is not None}
    looks, chosen_by_people = Looks(judgements), choices(events)
    options: dict[str, Sequence[Option]] = {}
    rejects = []
    replies: dict[str, list[Row]] = {script_id: [] for script_id in probed}
    for row in candidates.sort("wanted", "sample", descending=(True, False)).iter_rows(named=True):
        if row["script_id"] in replies:
            replies[row["script_id"]].append(row)
    for script_id, some in replies.items():
        try:
            options[script_id] = _options(some, looks, chosen_by_people)
        except Unpaired as why:
            rejects.append(Reject(script_id, probed[script_id]["seed_id"], why.reason, why.detail))
    taken = matched({s: [o.ratio for o in some] for s, some in options.items()}, key)
    by_scene = {row["scene_id"]: row for row in scenes.iter_rows(named=True)}
    said = systems(scenes, seeds, ontology)
    rows = [
        _row(probed[s], by_scene[probed[s]["scene_id"]], said[probed[s]["scene_id"]], options[s][n], looks)
        for s, n in taken.items()
    ]
    return Made(PAIRS.frame(_deal_places(rows, key)), taken=len(probed), rejects=tuple(rejects))


def _options(replies: Sequence[Row], looks: Looks, people: Mapping[Pair, str | None]) -> Sequence[Option]:
    """The combinations that a script's pair may be taken from; raises Unpaired where there is none."""
    keeps, breaks = ([r for r in replies if r["wanted"] == wanted] for wanted in ("keep", "break"))
    if decided := _decided(replies, people):
        return decided
    chosen = [r for r in keeps if _faults(r, looks, "broken") == ""]
    if not chosen:
        raise Unpaired("no_right_reply", _why("right", keeps, looks, "broken"))
    rejected = [r for r in breaks if _faults(r, looks, "held") == ""]
    if not rejected:
        raise Unpaired("no_wrong_reply", _why("wrong", breaks, looks, "held"))
    free = [
        Option(c, r, _finder(r, looks))
        for c in chosen for r in rejected
        if _pair(c, r) not in people and c["text"] != r["text"]
    ]  # fmt: skip
    if not free:
        raise Unpaired("refused", "annotators took none of its pairs, or its replies are the same")
    near = [o for o in free if abs(o.ratio) <= CALIPER]
    if not near:
        least = min(abs(o.ratio) for o in free)
        raise Unpaired("length", f"of the nearest two replies one is {exp(least):.2f} times as long as the other")
    first = min(FINDERS.index(o.by) for o in near)
    return [o for o in near if o.by == FINDERS[first]]


def _decided(replies: Sequence[Row], people: Mapping[Pair, str | None]) -> Sequence[Option]:
    """What annotators chose, whoever was asked to break what."""
    return [
        Option(better, worse, "annotator")
        for better in replies for worse in replies
        if better is not worse and people.get(_pair(better, worse)) == better["candidate_id"]
    ]  # fmt: skip


def _pair(a: Row, b: Row) -> Pair:
    return frozenset((a["candidate_id"], b["candidate_id"]))


def _faults(candidate: Row, looks: Looks, verdict: str) -> str:
    """Why a candidate cannot be what it was asked to be; empty if it can. `verdict` is the one that it may not have."""
    if looks.at(candidate["candidate_id"], candidate["assertion"]).verdict == verdict:
        return f"{candidate['assertion']} is {verdict}"
    besides = looks.breaks_besides(candidate["candidate_id"], candidate["assertion"])
    return f"{', '.join(besides)} is broken besides" if besides else ""


def _why(what: str, candidates: Sequence[Row], looks: Looks, verdict: str) -> str:
    said = [f"{r['wanted']} {r['sample']}: {_faults(r, looks, verdict)}" for r in candidates]
    return f"no {what} reply can be used; " + ("; ".join(said) or "there is none")


def _finder(rejected: Row, looks: Looks) -> str:
    look = looks.at(rejected["candidate_id"], rejected["assertion"])
    return look.by if look.verdict == "broken" else "writer"


def _row(script: Row, scene: Row, system: str, option: Option, looks: Looks) -> dict[str, Any]:
    assertion = option.rejected["assertion"]
    chosen, rejected = (looks.at(c["candidate_id"], assertion) for c in (option.chosen, option.rejected))
    return {
        "pair_id": digest("pair", *sorted(_pair(option.chosen, option.rejected))),
        **{c.name: script[c.name] for c in OF_SCRIPT},
        "kind": KINDS[scene["kind"]],
        "attack": scene["attack"],
        "exit": scene["exit"],
        "depth": scene["depth"],
        "assertion": assertion,
        "evidence": rejected.evidence if rejected.verdict == "broken" else None,
        "system": system,
        "prompt": script["turns"][: script["probe_turn"] + 1],
        "chosen": {name: option.chosen[name] for name in _REPLY},
        "rejected": {name: option.rejected[name] for name in _REPLY},
        "margin": _margin(chosen, rejected),
        "decided_by": option.by,
    }


def _margin(chosen: Look, rejected: Look) -> float | None:
    if chosen.score is None or rejected.score is None:
        return None
    return max(0.0, chosen.score - rejected.score) / 100


def _deal_places(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """By turns, in an order and from a beginning of their own; the rows keep theirs."""
    order = sorted(rows, key=lambda row: key64(key, "shown first", row["pair_id"]))
    start = key64(key, "shown first", *(row["pair_id"] for row in order[:1]))
    for number, row in enumerate(order, start % 2):
        row["shown_first"] = ("chosen", "rejected")[number % 2]
    return sorted(rows, key=lambda row: str(row["script_id"]))
