"""What a row may be: domains as bit sets, forbidden boxes, and filling a row by propagation and search.

A *box* forbids what takes, for each of some dimensions, one of a set of values. Where all dimensions of a box but one
lie within it, that one loses the box's values; what is left after such steps is searched depth first, the dimension
with the smallest domain for its past failures first (dom/wdeg: Boussemart et al. 2004). The search is complete, so a
combination that it can't extend to a whole row can't stand in any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Whole = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
Box = Mapping[int, Collection[int]]
"""Dimension → codes; what takes one of them in every dimension named is forbidden."""

ONE = np.uint64(1)


class Rules(NamedTuple):
    """Boxes as flat arrays: box b has its dimensions in param[begin[b] : begin[b + 1]], and their codes as bits."""

    cards: Whole
    begin: Whole
    param: Whole
    codes: Bits
    """[entry, word]"""
    of_begin: Whole
    of: Whole
    """The boxes that name dimension d: of[of_begin[d] : of_begin[d + 1]]."""


def rules_of(cards: Sequence[int], boxes: Sequence[Box]) -> Rules:
    """Boxes that leave some dimension no code to forbid with are passed over."""
    words = (max(cards, default=1) + 63) // 64
    begin, param, codes = [0], [], []
    of: list[list[int]] = [[] for _ in cards]
    for box in boxes:
        if not all(box.values()):
            continue
        for d in sorted(box):
            of[d].append(len(begin) - 1)
            param.append(d)
            codes.append(bits_of(box[d], words))
        begin.append(len(param))
    return Rules(
        np.array(cards, np.int64),
        np.array(begin, np.int64),
        np.array(param, np.int64),
        np.array(codes, np.uint64).reshape(len(param), words),
        np.cumsum([0, *map(len, of)]),
        np.array([b for group in of for b in group], np.int64),
    )


def bits_of(codes: Collection[int], words: int) -> list[int]:
    whole = sum(1 << c for c in set(codes))
    return [whole >> (64 * w) & 0xFFFFFFFFFFFFFFFF for w in range(words)]


def domains_of(rules: Rules, allowed: Mapping[int, Collection[int]]) -> Bits:
    """[dimension, word]: every code, or the allowed ones."""
    words = rules.codes.shape[1]
    return np.array([bits_of(allowed.get(d, range(n)), words) for d, n in enumerate(rules.cards.tolist())], np.uint64)


@njit(cache=True)
def ones(word: Any) -> int:
    """The number of bits set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int(np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56)))


@njit(cache=True)
def nth_one(word: Any, n: int) -> int:
    """The place of the n-th bit that is set."""
    for _ in range(n):
        word &= word - ONE
    return int(np.int64(ones((word & (~word + ONE)) - ONE)))


@njit(cache=True)
def random_below(state: Bits, n: int) -> int:
    """The next number below n of a splitmix64 stream (Steele, Lea, Flood 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return int(np.int64(((z >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)))


@njit(cache=True)
def size(domain: Bits) -> int:
    n = 0
    for w in range(domain.size):
        n += ones(domain[w])
    return n


@njit(cache=True)
def keep_only(domain: Bits, code: int) -> None:
    for w in range(domain.size):
        domain[w] = 0
    domain[code >> 6] = ONE << np.uint64(code & 63)


@njit(cache=True)
def propagate(rules: Any, domains: Bits, waiting: Whole, n: int) -> bool:
    """Strikes out what boxes leave no choice about, from the n waiting dimensions on; False where nothing is left.

    `waiting` is a ring of at least one place more than there are dimensions.
    """
    words, ring, first = domains.shape[1], waiting.size, 0
    while n:
        d = waiting[first]
        first = (first + 1) % ring
        n -= 1
        for at in range(rules.of_begin[d], rules.of_begin[d + 1]):
            box = rules.of[at]
            loose = -1
            for e in range(rules.begin[box], rules.begin[box + 1]):
                within = meets = False
                outside = False
                for w in range(words):
                    own, bits = domains[rules.param[e], w], rules.codes[e, w]
                    outside |= (own & ~bits) != 0
                    meets |= (own & bits) != 0
                within = not outside
                if not meets:  # the box can't be entered any more
                    loose = -2
                    break
                if not within:
                    if loose >= 0:
                        loose = -2
                        break
                    loose = e
            if loose == -2:
                continue
            if loose == -1:
                return False
            other, left = rules.param[loose], False
            for w in range(words):
                domains[other, w] &= ~rules.codes[loose, w]
                left |= domains[other, w] != 0
            if not left:
                return False
            known = False
            for i in range(n):
                known |= waiting[(first + i) % ring] == other
            if not known:
                waiting[(first + n) % ring] = other
                n += 1
    return True


@njit(cache=True)
def settle(rules: Any, domains: Bits, waiting: Whole) -> bool:
    """Propagates from every dimension."""
    for d in range(domains.shape[0]):
        waiting[d] = d
        if size(domains[d]) == 0:
            return False
    return bool(propagate(rules, domains, waiting, domains.shape[0]))


@njit(cache=True)
def fix(rules: Any, domains: Bits, d: int, code: int, waiting: Whole) -> bool:
    """Gives a dimension one code and propagates."""
    if not (domains[d, code >> 6] >> np.uint64(code & 63)) & ONE:
        return False
    keep_only(domains[d], code)
    waiting[0] = d
    return bool(propagate(rules, domains, waiting, 1))


@njit(cache=True)
def search(rules: Any, levels: Any, row: Whole, weights: Any, waiting: Whole, state: Bits) -> bool:
    """Fills a row from the domains levels[0], settled before: with its own codes where it can, else at random.

    False where the domains hold no row at all. `levels` has room for the domains at each depth; `weights` remembers
    which dimensions failed, from call to call.
    """
    k = levels.shape[1]
    chosen = np.empty(k, np.int64)
    depth = 0
    while True:
        domains, best, d = levels[depth], np.inf, -1
        for i in range(k):
            n = size(domains[i])
            if n == 0:
                d, best = i, 0.0
                break
            if n > 1 and rules.of_begin[i + 1] > rules.of_begin[i] and n / weights[i] < best:
                d, best = i, n / weights[i]
        if d < 0:
            break
        if best > 0:
            code = own_or_some_code(domains[d], row[d], state)
            levels[depth + 1] = domains
            chosen[depth] = d
            row[d] = code
            depth += 1
            if fix(rules, levels[depth], d, code, waiting):
                continue
        weights[d] += 1.0
        while True:  # the last choice was wrong: strike it out, one level up
            if depth == 0:
                return False
            depth -= 1
            d = chosen[depth]
            levels[depth, d, row[d] >> 6] &= ~(ONE << np.uint64(row[d] & 63))
            waiting[0] = d
            if size(levels[depth, d]) and propagate(rules, levels[depth], waiting, 1):
                break
    for i in range(k):
        row[i] = own_or_some_code(levels[depth, i], row[i], state)
    return True


@njit(cache=True)
def own_or_some_code(domain: Bits, own: int, state: Bits) -> int:
    """A code of a domain that isn't empty: its own if it's there, else one at random."""
    if (domain[own >> 6] >> np.uint64(own & 63)) & ONE:
        return own
    n = random_below(state, size(domain))
    for w in range(domain.size):
        here = ones(domain[w])
        if n < here:
            return 64 * w + nth_one(domain[w], n)
        n -= here
    return -1
