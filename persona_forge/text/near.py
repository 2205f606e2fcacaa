"""Near-duplicates: which text of many nearly repeats one before it.

A text is the set of its shingles: pairs of neighbouring words in English, of neighbouring characters in Chinese, and
none across the end of a sentence, so that the order of the sentences is no matter. Candidates come from MinHash and
banded LSH (Broder 1997; Indyk and Motwani 1998; by rensa), and each is verified by the exact Jaccard similarity of the
two sets: what is reported is alike, and what LSH overlooks is one pair in 250 at the threshold.

A meaning that is told in quite other words is not found: that takes a model of language.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

ALIKE, ALIKE_IF_SHORT, SHORT = 0.5, 0.6, 15
"""Jaccard similarity from which two texts are near-duplicates: at 0.5 two thirds of the shingles of each stand in the
other, as after a few edits of one text. Of texts with fewer than 15 shingles more must agree: two people who were made
from one template ("a chef from Paris who …") reach 0.53."""
_BANDS, _ROWS = 42, 3
"""A pair at similarity s becomes a candidate with probability 1 - (1 - s^3)^42: 0.996 at 0.5, 0.29 at 0.2."""

_STOP = re.compile(r"[.!?;\n。！？；…]+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SIGN = re.compile(r"[^\W_]")


def units(text: str, language: str) -> list[str]:
    """Words (en) or characters (zh), as they stand."""
    return (_SIGN if language == "zh" else _WORD).findall(text)


def shingles(text: str, language: str) -> frozenset[str]:
    """Pairs of neighbouring units within a sentence; of a sentence of one unit, that unit."""
    found: set[str] = set()
    for sentence in _STOP.split(text.lower()):
        row = units(sentence, language)
        found.update(row if len(row) == 1 else map(" ".join, pairwise(row)))
    return frozenset(found)


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def bar(a: frozenset[str], b: frozenset[str]) -> float:
    """How alike these two have to be."""
    return ALIKE if min(len(a), len(b)) >= SHORT else ALIKE_IF_SHORT


class Texts:
    """Texts by name, as sets of shingles, and which of them one is like."""

    def __init__(self) -> None:
        from rensa import RMinHashLSH

        self._index = RMinHashLSH(ALIKE, _BANDS * _ROWS, _BANDS)
        self._texts: list[tuple[str, frozenset[str]]] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, name: str, mine: frozenset[str]) -> None:
        self._index.insert(len(self._texts), _sketch(mine))
        self._texts.append((name, mine))

    def like(self, mine: frozenset[str]) -> list[tuple[float, str]]:
        """Similarity and name of its near-duplicates, the most alike first; of equals the first that was added."""
        if not mine:
            return []
        pairs = ((jaccard(mine, self._texts[n][1]), -n) for n in self._index.query(_sketch(mine)))
        alike = sorted(((s, n) for s, n in pairs if s >= bar(mine, self._texts[-n][1])), reverse=True)
        return [(s, self._texts[-n][0]) for s, n in alike]


def _sketch(mine: frozenset[str]) -> Any:
    from rensa import RMinHash

    sketch = RMinHash(_BANDS * _ROWS, 0)
    sketch.update(list(mine))
    return sketch


class Originals(Texts):
    """Texts of which none nearly repeats another, in the order in which they came."""

    def twin(self, name: str, text: str, language: str) -> tuple[str, float] | None:
        """The original that this text is most like, and how much; if there is none, it becomes one itself."""
        mine = shingles(text, language)
        if alike := self.like(mine):
            similarity, original = alike[0]
            return original, similarity
        if mine:
            self.add(name, mine)
        return None
