"""How far people agree beyond chance: Krippendorff's alpha over all of them, Cohen's kappa for each two.

Both are 1 where everybody agrees and 0 where they agree as chance would. Nominal labels, gaps allowed. A figure is None
where it is not defined: nothing was judged twice, or one label is all there is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any


@dataclass(frozen=True, slots=True)
class Pair:
    a: str
    b: str
    units: int
    """What both have judged."""
    same: int
    """How much of it alike."""
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    units: int
    """What two or more have judged."""
    alpha: float | None
    pairs: tuple[Pair, ...]


def agreement(judged: Iterable[Mapping[str, str]]) -> Agreement:
    """Of units, each a mapping from judge to label; those with less than two labels are passed over."""
    units = [unit for unit in judged if len(unit) > 1]
    judges = sorted({judge for unit in units for judge in unit})
    pairs = tuple(pair for a, b in combinations(judges, 2) if (pair := _pair(a, b, units)).units)
    return Agreement(len(units), _alpha(units), pairs)


def progress(total: int, judged: Sequence[Collection[str]], who: str) -> dict[str, Any]:
    """How far the work is: units in all, judged by each (and by `who`), by anybody, by two or more.

    `judged` has the judges of each unit that somebody looked at.
    """
    return {
        "total": total,
        "by": {who: 0, **Counter(judge for judges in judged for judge in judges)},
        "once": sum(len(judges) > 0 for judges in judged),
        "twice": sum(len(judges) > 1 for judges in judged),
    }


def _pair(a: str, b: str, units: list[Mapping[str, str]]) -> Pair:
    both = [(unit[a], unit[b]) for unit in units if a in unit and b in unit]
    return Pair(a, b, len(both), sum(x == y for x, y in both), _kappa(both))


def _kappa(both: list[tuple[str, str]]) -> float | None:
    if len({label for pair in both for label in pair}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score

    kappa = float(cohen_kappa_score(*zip(*both, strict=True)))
    return None if math.isnan(kappa) else kappa


def _alpha(units: list[Mapping[str, str]]) -> float | None:
    """1 − observed / expected disagreement of the values that can be paired (Krippendorff 2011, Computing alpha)."""
    counts = [Counter(unit.values()) for unit in units]
    every = sum(counts, Counter[str]())
    if len(every) < 2:
        return None
    values = every.total()
    observed = sum(_unlike(c) / (c.total() - 1) for c in counts) / values
    return 1 - observed / (_unlike(every) / (values * (values - 1)))


def _unlike(counts: Counter[str]) -> int:
    """Ordered pairs of values that differ."""
    return counts.total() ** 2 - sum(n * n for n in counts.values())
