"""A judge without a language model, to say which replies people should look at first.

Character n-grams of a reply, by themselves and joined to the assertion that is at stake, weighted by TF-IDF, into a
logistic regression whose scores are calibrated (Platt 1999), trained on the pairs so far: chosen held, rejected broken.
What it is worth is measured on seeds, or families of seeds, that it was not trained on: Brier score, expected
calibration error over ten bins (Naeini et al. 2015), a confusion table. It decides no pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import canonical, digest
from persona_forge.core.tables import JUDGEMENTS
from persona_forge.core.tables.act2 import OF_SCRIPT
from persona_forge.dialogues.assertions import IN_CHARACTER

FEWEST_PAIRS, FEWEST_GROUPS = 20, 4
"""Below so many pairs, or seeds behind them, there is nothing to learn or to measure by."""
FOLDS = 5
BINS = 10
SURE = 0.7
"""From this probability on it says held, and broken from its counterpart down."""
NGRAMS = (1, 4)

Doc = tuple[str, str]
"""An assertion, and a reply."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    low: float
    high: float
    replies: int
    said: float | None
    """Mean probability of held."""
    true: float | None
    """Share that is held."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the baseline is worth on seeds it was not trained on."""

    pairs: int
    groups: int
    accuracy: float
    auc: float
    brier: float
    """0 is perfect, 0.25 is a coin."""
    ece: float
    confusion: Mapping[tuple[str, str], int]
    """(what it is, what it was taken for) → replies, both held or broken, at 0.5."""
    bins: tuple[Bin, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Figures by name, for a card."""
        names = ("pairs", "groups", "accuracy", "auc", "brier", "ece")
        figures = [{"figure": name, "value": float(getattr(self, name))} for name in names]
        return figures + [{"figure": f"{a} taken for {b}", "value": float(n)} for (a, b), n in self.confusion.items()]


@dataclass(frozen=True, slots=True)
class Baseline:
    name: str
    """With a digest of what it was trained on."""
    report: Report
    _model: Any

    def held(self, docs: Iterable[Doc]) -> Floats:
        """Of each reply, the probability that the assertion is held."""
        return np.asarray(self._model.predict_proba(list(docs))[:, 1], dtype=np.float64)


def train(pairs: pl.DataFrame, families: pl.DataFrame | None = None) -> Baseline:
    """Of rows of the pairs table; `families`, of seeds, where there are some. Raises Misuse where there are too few."""
    rows = list(pairs.sort("pair_id").iter_rows(named=True))
    family = {} if families is None else dict(families.select("seed_id", "family").iter_rows())
    of_pair = [family.get(row["seed_id"], row["seed_id"]) for row in rows]
    if len(rows) < FEWEST_PAIRS or len(set(of_pair)) < FEWEST_GROUPS:
        raise Misuse(
            f"{len(rows)} pairs of {len(set(of_pair))} seeds or families are too few to train a baseline on",
            allowed=f"{FEWEST_PAIRS} pairs of {FEWEST_GROUPS} seeds or families, and more",
            todo="make more pairs first; until then, look at what code and model leave unclear",
        )
    docs = [(row["assertion"], row[side]["text"]) for row in rows for side in ("chosen", "rejected")]
    held = np.tile([1, 0], len(rows))
    groups = np.repeat(of_pair, 2)
    model = _fitted(docs, held, groups)
    name = f"char-ngrams@{digest(canonical(docs), canonical(of_pair))[:8]}"
    return Baseline(name, _report(docs, held, groups), model)


def triage(candidates: pl.DataFrame, baseline: Baseline) -> pl.DataFrame:
    """A judgement of each candidate, those that it knows least about first."""
    rows = sorted(candidates.iter_rows(named=True), key=lambda row: row["candidate_id"])
    docs = [(row["assertion"] or IN_CHARACTER, row["text"]) for row in rows]
    probabilities = baseline.held(docs).tolist() if docs else []
    judged = [_judged(row, p, baseline.name) for row, p in zip(rows, probabilities, strict=True)]
    nearest = sorted(judged, key=lambda j: (abs(j["score"] - 50), j["candidate_id"]))
    return JUDGEMENTS.frame(nearest)


def _judged(candidate: Mapping[str, Any], p: float, name: str) -> dict[str, Any]:
    return {
        "judgement_id": digest("judgement", candidate["candidate_id"], "classifier", name, "0"),
        "candidate_id": candidate["candidate_id"],
        **{c.name: candidate[c.name] for c in OF_SCRIPT},
        "judged_by": "classifier",
        "judge": name,
        "sample": 0,
        "assertion": candidate["assertion"] or IN_CHARACTER,
        "verdict": "held" if p >= SURE else "broken" if p <= 1 - SURE else "unclear",
        "score": round(100 * p, 2),
        "evidence": None,
        "why": f"held with a probability of {p:.2f}",
    }


def _features(doc: Doc) -> list[str]:
    """Character n-grams of the reply, each alone and with the assertion."""
    assertion, text = doc
    line = f" {text.lower()} "
    grams = [line[i : i + n] for n in range(NGRAMS[0], NGRAMS[1] + 1) for i in range(len(line) - n + 1)]
    return [*grams, *(f"{assertion}|{gram}" for gram in grams)]


def _fitted(docs: list[Doc], held: npt.NDArray[np.int_], groups: npt.NDArray[np.str_]) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(analyzer=_features, sublinear_tf=True, min_df=2)
    judge = LogisticRegression(C=10.0, solver="liblinear", random_state=0)
    return make_pipeline(words, CalibratedClassifierCV(judge, method="sigmoid", cv=_folds(groups))).fit(docs, held)


def _folds(groups: npt.NDArray[np.str_]) -> list[tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]]:
    from sklearn.model_selection import GroupKFold

    return list(GroupKFold(min(FOLDS, len(set(groups)))).split(groups, groups=groups))


def _report(docs: list[Doc], held: npt.NDArray[np.int_], groups: npt.NDArray[np.str_]) -> Report:
    from sklearn.metrics import brier_score_loss, roc_auc_score

    said = np.zeros(len(docs))
    for seen, unseen in _folds(groups):
        model = _fitted([docs[i] for i in seen], held[seen], groups[seen])
        said[unseen] = model.predict_proba([docs[i] for i in unseen])[:, 1]
    taken = (said >= 0.5).astype(int)
    names = ("broken", "held")
    confusion = {
        (names[a], names[b]): int(np.sum((held == a) & (taken == b))) for a in (1, 0) for b in (1, 0)
    }  # fmt: skip
    bins = tuple(_bins(said, held))
    ece = math.fsum(b.replies * abs(b.said - b.true) for b in bins if b.said is not None and b.true is not None)
    return Report(
        len(docs) // 2, len(set(groups)), float(np.mean(taken == held)), float(roc_auc_score(held, said)),
        float(brier_score_loss(held, said)), ece / len(docs), confusion, bins,
    )  # fmt: skip


def _bins(said: Floats, held: npt.NDArray[np.int_]) -> Iterable[Bin]:
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.digitize(said, edges[1:-1]), 0, BINS - 1)
    for n, (low, high) in enumerate(pairwise(edges.tolist())):
        here = place == n
        some = bool(here.any())
        yield Bin(low, high, int(here.sum()), float(said[here].mean()) if some else None,
                  float(held[here].mean()) if some else None)  # fmt: skip
