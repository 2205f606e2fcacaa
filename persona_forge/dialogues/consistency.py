"""How far a judge agrees with itself over its looks at the same reply, and how far kinds of judges agree.

Figures of what stands: void looks are counted and left out. Agreement beyond chance is Krippendorff's alpha over looks
and Cohen's kappa between two kinds of judges; each is null where it is not defined.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

import polars as pl

from persona_forge.text.agreement import agreement

CONSISTENCY = {
    "judge": pl.String, "assertion": pl.String, "replies": pl.Int64, "looks": pl.Int64, "void": pl.Int64,
    "mean": pl.Float64, "sd": pl.Float64, "equal": pl.Float64, "alpha": pl.Float64,
}  # fmt: skip
ACCORD = {"a": pl.String, "b": pl.String, "assertion": pl.String, "replies": pl.Int64, "same": pl.Int64,
          "kappa": pl.Float64}  # fmt: skip
ALL = "all"
"""Stands for every assertion together."""


def consistency(judgements: pl.DataFrame) -> pl.DataFrame:
    """A row for each judge that is a model, and each assertion it looked at, and all of them together.

    `mean` is of the scores; `sd` the mean over replies of the spread of the looks at one; `equal` the share of pairs of
    looks at one reply that have the same verdict.
    """
    looks = judgements.filter(pl.col("judged_by") == "model").sort("judge", "assertion", "candidate_id", "sample")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for look in looks.iter_rows(named=True):
        groups[look["judge"], look["assertion"]].append(look)
        groups[look["judge"], ALL].append(look)
    rows = [{"judge": judge, "assertion": name, **_figures(some)} for (judge, name), some in groups.items()]
    return pl.DataFrame(rows, schema=CONSISTENCY).sort("judge", "assertion")


def _figures(looks: list[dict[str, Any]]) -> dict[str, Any]:
    standing: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for look in looks:
        if look["score"] is not None:
            standing[look["candidate_id"], look["assertion"]].append(look)
    scores = [look["score"] for some in standing.values() for look in some]
    spreads = [stdev(look["score"] for look in some) for some in standing.values() if len(some) > 1]
    twos = [a["verdict"] == b["verdict"] for some in standing.values() for a, b in combinations(some, 2)]
    labelled = [{str(look["sample"]): look["verdict"] for look in some} for some in standing.values()]
    return {
        "replies": len(standing),
        "looks": len(scores),
        "void": len(looks) - len(scores),
        "mean": fmean(scores) if scores else None,
        "sd": fmean(spreads) if spreads else None,
        "equal": fmean(twos) if twos else None,
        "alpha": agreement(labelled).alpha,
    }


def accord(judgements: pl.DataFrame) -> pl.DataFrame:
    """A row for each two kinds of judges (code, model, classifier), each assertion that both decided on, and all.

    Several looks of one kind at a reply are one verdict, by majority; where there is none, it did not decide.
    """
    votes: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for look in judgements.filter(pl.col("verdict") != "unclear").iter_rows(named=True):
        votes[look["candidate_id"], look["assertion"]][look["judged_by"]][look["verdict"]] += 1
    decided: dict[str, list[dict[str, str]]] = defaultdict(list)
    for (_candidate, assertion), kinds in sorted(votes.items()):
        unit = {kind: v for kind, counts in kinds.items() if (v := _majority(counts))}
        decided[assertion].append(unit)
        decided[ALL].append(unit)
    rows = [
        {"a": p.a, "b": p.b, "assertion": assertion, "replies": p.units, "same": p.same, "kappa": p.kappa}
        for assertion, units in decided.items()
        for p in agreement(units).pairs
    ]
    return pl.DataFrame(rows, schema=ACCORD).sort("a", "b", "assertion")


def _majority(counts: Counter[str]) -> str:
    (first, most), *others = counts.most_common()
    return "" if others and others[0][1] == most else first
