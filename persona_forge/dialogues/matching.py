"""Pairs that are alike in length, so that length does not tell which reply is the right one.

Of the combinations that a script offers, those beyond a caliper on the ratio of lengths do not count (Rosenbaum & Rubin
1985, The American Statistician 39); of the others `matched` takes one that brings the sum of the log ratios over all
scripts back to zero. Scripts that have the least choice come first, the others make up for them. So neither who is
longer nor by how much is a signal, if there was something to choose from: `length_auc` says how it came out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import polars as pl

from persona_forge.core.ids import key64
from persona_forge.text.language import is_han

CALIPER = log(1.25)
"""The longer of two replies is at most a quarter longer."""
NEARNESS = 0.25
"""What closeness within a pair weighs beside the balance over all."""
HAN = 3
"""A Han character is about as long as three Latin letters: spoken, and in tokens."""
RESAMPLES = 1000

Ratios = np.ndarray[tuple[int], np.dtype[np.float64]]


def length(text: str) -> int:
    return len(text) + (HAN - 1) * sum(map(is_han, text))


def log_ratio(chosen: str, rejected: str) -> float:
    """Above 0 where the rejected reply is the longer one."""
    return log(max(1, length(rejected)) / max(1, length(chosen)))


def matched(options: Mapping[str, Sequence[float]], key: str) -> dict[str, int]:
    """For each script, which of its options to take: given is the log ratio of each, and at least one a script."""
    taken: dict[str, int] = {}
    total = 0.0
    for script in sorted(options, key=lambda s: (len(options[s]), key64(key, "matching", s))):
        ratios = options[script]
        best = min(range(len(ratios)), key=lambda n: abs(total + ratios[n]) + NEARNESS * abs(ratios[n]))
        taken[script] = best
        total += ratios[best]
    return taken


def length_auc(pairs: pl.DataFrame) -> tuple[float, float, float]:
    """How well length alone tells chosen from rejected: AUC and its 95 % interval, bootstrapped over pairs.

    The classifier sees a reply's length beside its rival's, which is stricter than lengths alone: a reply that is
    always a word longer gives it 1. It may hold either for better; 0.5 is no signal. (nan, nan, nan) without pairs.
    """
    ratios = np.array([log_ratio(c["text"], r["text"]) for c, r in pairs.select("chosen", "rejected").iter_rows()])
    if not ratios.size:
        return (float("nan"),) * 3
    auc = _auc(ratios)
    if auc < 0.5:
        ratios, auc = -ratios, 1 - auc
    draws = np.random.default_rng(0)
    again = [_auc(draws.choice(ratios, ratios.size)) for _ in range(RESAMPLES)]
    low, high = np.quantile(again, (0.025, 0.975))
    return auc, float(low), float(high)


def _auc(ratios: Ratios) -> float:
    """The Mann–Whitney statistic of the ratios against their negatives: each reply stands beside its rival."""
    rising, size = np.sort(ratios), ratios.size
    below, within = (np.searchsorted(rising, -ratios, side) for side in ("left", "right"))
    return float((size - (below + within) / 2).mean() / size)
