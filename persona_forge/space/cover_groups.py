"""Groups of m dimensions in colexicographic order, and a place for each choice of codes in each group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from persona_forge.space.cover_rules import Whole


class Groups(NamedTuple):
    members: Whole
    """[group, m]"""
    base: Whole
    """The first place of a group; the codes of its members count on from there."""
    stride: Whole
    """[group, m]: how far one code of a member moves the place."""
    of_begin: Whole
    of: Whole
    of_stride: Whole
    """The groups that dimension d is in, of[of_begin[d] : of_begin[d + 1]], and its stride there."""
    places: int


def places_of(cards: Sequence[int], m: int) -> int:
    """The number of choices of m codes: an elementary symmetric polynomial."""
    sums = [1] + [0] * m
    for card in cards:
        for i in range(m, 0, -1):
            sums[i] += card * sums[i - 1]
    return sums[m]


def groups_of(cards: Sequence[int], m: int) -> Groups:
    members = sorted(combinations(range(len(cards)), m), key=lambda group: group[::-1])
    stride = [[prod(cards[d] for d in group[i + 1 :]) for i in range(m)] for group in members]
    sizes = [prod(cards[d] for d in group) for group in members]
    of: list[list[tuple[int, int]]] = [[] for _ in cards]
    for g, group in enumerate(members):
        for d, step in zip(group, stride[g], strict=True):
            of[d].append((g, step))
    flat = [pair for pairs in of for pair in pairs]
    return Groups(
        np.array(members, np.int64).reshape(len(members), m),
        np.cumsum([0, *sizes])[:-1].astype(np.int64),
        np.array(stride, np.int64).reshape(len(members), m),
        np.cumsum([0, *map(len, of)]),
        np.array([g for g, _ in flat], np.int64),
        np.array([step for _, step in flat], np.int64),
        sum(sizes),
    )


@njit(cache=True)
def place(groups: Any, g: int, row: Whole) -> int:
    """Where the row's codes in a group stand."""
    at = groups.base[g]
    for i in range(groups.members.shape[1]):
        at += row[groups.members[g, i]] * groups.stride[g, i]
    return int(at)


@njit(cache=True)
def codes_at(groups: Any, at: int, dims: Whole, codes: Whole) -> int:
    """The choice at a place, in dims[:m] and codes[:m]; and its group."""
    g = np.searchsorted(groups.base, at, side="right") - 1
    rest = at - groups.base[g]
    for i in range(groups.members.shape[1]):
        dims[i], codes[i] = groups.members[g, i], rest // groups.stride[g, i]
        rest %= groups.stride[g, i]
    return int(g)
