"""Fewer rows: takes one away, then mends what that uncovered by changing cells; over and over, while it works out.

Tabu search on one cell at a time (Galinier, Kpodjedo, Antoniol, A penalty-based tabu search for constrained covering
arrays, 2017, without the penalty): of a random uncovered tuple, every row that lacks it by one code is a
candidate; the one that leaves the least uncovered is changed, and the cell may not be changed back for a while. Rows
stay within the rules at every step. Effort is counted in tuples looked at, never in time.
"""

from __future__ import annotations

from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.cover_rules import ONE, Bits, Whole, random_below
from persona_forge.space.cover_table import allowed_codes

CLOSED = 1 << 30
"""The count of a tuple that needs no row."""


class Counts(NamedTuple):
    """How many rows hold each t-tuple, flat, group of dimensions by group."""

    members: Whole
    base: Whole
    stride: Whole
    with_begin: Whole
    with_group: Whole
    with_stride: Whole
    count: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]
    """Where an uncovered tuple stands among the missing, or -1."""
    missing: Whole
    """Uncovered tuples, the first missing[-1] of them valid."""
