"""Philox4x32-10: random numbers without a state (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011).

Four 32-bit words are a function of a counter of four words and a key of two. A row's numbers depend on its counter
alone, so rows can be drawn in any order, on any worker, or once more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Words = npt.NDArray[np.uint32]

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLY_0, MULTIPLY_2 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@njit(cache=True, inline="always")
def _four(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """The block of a counter and a key; all are 64-bit integers that hold 32 bits."""
    for _ in range(10):
        a, b = c0 * MULTIPLY_0, c2 * MULTIPLY_2
        c0, c1, c2, c3 = (b >> HALF) ^ c1 ^ k0, b & LOW, (a >> HALF) ^ c3 ^ k1, a & LOW
        k0, k1 = (k0 + WEYL_0) & LOW, (k1 + WEYL_1) & LOW
    return c0, c1, c2, c3


@njit(cache=True)
def block(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> tuple[int, int, int, int]:
    """One block, for tests and for plain use."""
    return _four(  # type: ignore[no-any-return]
        np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3), np.uint64(k0), np.uint64(k1)
    )


@njit(cache=True)
def fill(words: Words, first: int, count: int, number: int, attempt: int, key: Any) -> None:
    """words[j, i] = word j of the counter (row first + i in two words, number, attempt), for i below count."""
    k0, k1 = np.uint64(key) & LOW, np.uint64(key) >> HALF
    c2, c3 = np.uint64(number), np.uint64(attempt)
    for i in range(count):
        row = np.uint64(first) + np.uint64(i)
        w0, w1, w2, w3 = _four(row & LOW, row >> HALF, c2, c3, k0, k1)
        words[0, i] = np.uint32(w0)
        words[1, i] = np.uint32(w1)
        words[2, i] = np.uint32(w2)
        words[3, i] = np.uint32(w3)
