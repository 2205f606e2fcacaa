"""Where the words of Chinese prose begin and end and which name places: jieba's dictionary, which knows no others."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, NamedTuple

_PLACES = ("ns", "nsf")


class Edge(NamedTuple):
    """A character's own place, those of the first and the last one of its word, and whether that is a place's name."""

    at: int
    first: int
    last: int
    place: bool


@cache
def _jieba() -> Any:
    import jieba.posseg

    jieba.setLogLevel(logging.WARNING)  # it talks on stderr while it loads
    jieba.initialize()
    return jieba


def segmented(text: str) -> list[Edge]:
    jieba = _jieba()
    kinds: dict[str, str] = jieba.posseg.dt.word_tag_tab
    edges: list[Edge] = []
    for word in jieba.cut(text, HMM=False):
        if word[-1] == "岁":  # 六十七岁 is a number and a unit
            edges += [Edge(at, at, at, False) for at in range(len(edges), len(edges) + len(word))]
            continue
        first, last = len(edges), len(edges) + len(word) - 1
        place = last > first and kinds.get(word) in _PLACES
        edges += [Edge(at, first, last, place) for at in range(first, last + 1)]
    return edges
