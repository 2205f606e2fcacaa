"""In which order rows are read, and who reads which: arithmetic alone, the same on every machine.

Rows lie in pieces (row groups of shards). A pass puts the pieces in an order and cuts the rows that lie so into windows
of equal size; shuffled, both the pieces and the rows of each window are permuted by random numbers keyed by content.
That is the global order: it depends on the data, the key and the window, and on nobody who reads.

`readers` share it in rounds of one window each; what is left at the end is too little for a round and is cut evenly, so
that no two readers differ by more than one row, however few pieces there are. A pass that was interrupted and goes on
with another number of readers is a further leg: its rows are those that nobody took, in the global order, shared by the
same rule. So every row is read exactly once in a pass, and its state is a few numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from persona_forge.core.ids import key64

Numbers = npt.NDArray[np.int64]
Spans = tuple[tuple[int, int], ...]
"""Places in the global order, as starts and stops: ascending, apart from each other."""


@dataclass(frozen=True)
class Order:
    """The global order of a pass over pieces of `counts` rows; no key: as they lie."""

    counts: tuple[int, ...]
    window: int
    key: str | None = None

    @property
    def total(self) -> int:
        return sum(self.counts)

    @cached_property
    def pieces(self) -> Numbers:
        """The pieces in the order in which they are read."""
        return np.arange(len(self.counts)) if self.key is None else _permuted(len(self.counts), "pieces", self.key)

    @cached_property
    def _ends(self) -> Numbers:
        return np.cumsum(np.asarray(self.counts, np.int64)[self.pieces], dtype=np.int64)

    def rows(self, start: int, stop: int) -> tuple[Numbers, Numbers]:
        """Of each place in a span inside one window: which of `pieces` its row is in, and where in that piece."""
        first = start // self.window * self.window
        places = np.arange(start, stop)
        if self.key is not None:
            size = min(self.window, self.total - first)
            places = first + _permuted(size, "window", self.key, str(first))[start - first : stop - first]
        nth = np.searchsorted(self._ends, places, side="right")
        begins = self._ends[nth] - np.asarray(self.counts, np.int64)[self.pieces[nth]]
        return nth, places - begins

    def near(self, start: int, stop: int) -> range:
        """Which of `pieces` are wanted while these places are read: all of the window's where it is shuffled."""
        if self.key is not None:
            start = start // self.window * self.window
            stop = min(start + self.window, self.total)
        nth = np.searchsorted(self._ends, [start, stop - 1], side="right")
        return range(int(nth[0]), int(nth[1]) + 1)


@lru_cache(maxsize=2)
def _permuted(n: int, *key: str) -> Numbers:
    raw = np.random.Philox(key=key64("order", *key)).random_raw(n)  # unlike Generator methods, stable across versions
    return np.argsort(raw, kind="stable")


def length(left: Spans, window: int, reader: int, readers: int) -> int:
    """How many rows of a leg this reader gets."""
    rounds, rest = divmod(sum(b - a for a, b in left), window * readers)
    return rounds * window + rest * (reader + 1) // readers - rest * reader // readers


def share(left: Spans, window: int, reader: int, readers: int, taken: int = 0) -> Iterator[tuple[int, int]]:
    """The spans of a leg that this reader reads after `taken` of its rows, none across the border of a window."""
    total = sum(b - a for a, b in left)
    rounds, rest = divmod(total, window * readers)
    skipped, within = divmod(taken, window)
    for n in range(skipped, rounds):
        start = (n * readers + reader) * window
        yield from _real(left, start + within, start + window, window)
        within = 0
    begun = max(0, taken - rounds * window)
    start, stop = (rounds * window * readers + rest * r // readers for r in (reader, reader + 1))
    yield from _real(left, start + begun, stop, window)


def _real(left: Spans, start: int, stop: int, window: int) -> Iterator[tuple[int, int]]:
    """A span of places among those left, as spans of the global order cut at windows."""
    for a, b in left:
        low, high = a + max(0, start), min(b, a + stop)
        while low < high:
            cut = min(high, (low // window + 1) * window)
            yield low, cut
            low = cut
        start, stop = start - (b - a), stop - (b - a)


def remaining(left: Spans, window: int, taken: Mapping[int, int], readers: int) -> Spans:
    """What nobody took in a leg of which reader r read `taken[r]` rows."""
    found = sorted(span for r in range(readers) for span in share(left, window, r, readers, taken[r]))
    joined: list[tuple[int, int]] = []
    for a, b in found:
        if joined and joined[-1][1] == a:
            joined[-1] = joined[-1][0], b
        else:
            joined.append((a, b))
    return tuple(joined)
