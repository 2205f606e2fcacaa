"""Alias tables (Walker 1977; Vose 1991) in integers: a value is drawn from one 32-bit word in constant time.

The word times the number of values has a column in its upper half and a remainder in its lower half; the column's own
value is kept where the remainder is below its threshold, and its other value is taken where it is not. A value's chance
is right to about 2^-32 times the number of values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.compile import Bucket

Cells = npt.NDArray[np.uint64]

WHOLE = 1 << 40
"""Tables are made in these units of a line's sum; thresholds keep the upper 32 bits."""


def packed(bucket: Bucket) -> Cells:
    """A bucket's alias tables, flat: the other value in the upper half of a cell, the threshold in the lower."""
    if bucket.packed is None:
        assert bucket.table is not None
        table = bucket.table.table
        lines = np.ascontiguousarray(table).reshape(-1, table.shape[-1])
        if lines.dtype == object:  # keep 54 bits of each line, and no positive entry below 1
            over = [max(int(line.max()).bit_length() - 54, 0) for line in lines]
            small = lines >> np.array(over, object)[:, None]
            lines = np.where((small == 0) & (lines > 0), 1, small).astype(np.int64)
        bucket.packed = _alias(lines).ravel()
    return bucket.packed


@njit(cache=True)
def _alias(lines: npt.NDArray[np.int64]) -> Cells:
    """Exact in units of 2^-40 of a line's sum; an entry above 0 keeps a chance, an entry of 0 has none."""
    rows, k = lines.shape
    cells = np.zeros((rows, k), np.uint64)
    share = np.empty(k, np.int64)
    small, large = np.empty(k, np.int64), np.empty(k, np.int64)
    for r in range(rows):
        total = lines[r].sum()
        if total == 0:
            continue
        left = WHOLE
        for i in range(k):  # long division: floor(weight · 2^40 / total) without a wider type
            rest, quotient = lines[r, i], 0
            for _ in range(40):
                rest <<= 1
                quotient <<= 1
                if rest >= total:
                    rest -= total
                    quotient |= 1
            if lines[r, i] == total:
                quotient = WHOLE
            share[i] = quotient
            left -= quotient
        share[np.argmax(lines[r])] += left
        lows = highs = 0
        for i in range(k):
            share[i] *= k
            cells[r, i] = (np.uint64(i) << np.uint64(32)) | np.uint64(0xFFFFFFFF)
            if share[i] < WHOLE:
                small[lows] = i
                lows += 1
            else:
                large[highs] = i
                highs += 1
        while lows and highs:
            i, j = small[lows - 1], large[highs - 1]
            lows -= 1
            threshold = share[i] >> 8
            if threshold == 0 and lines[r, i] > 0:
                threshold = 1
            cells[r, i] = (np.uint64(j) << np.uint64(32)) | np.uint64(threshold)
            share[j] -= WHOLE - share[i]
            if share[j] < WHOLE:
                highs -= 1
                small[lows] = j
                lows += 1
    return cells
