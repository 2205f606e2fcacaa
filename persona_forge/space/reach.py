"""What no weights can change: how far a target's shares can go, given which blocks each row may fall into.

A row may fall into some blocks of a target's values; seeds' pins and the relations decide which. Whatever the weights,
a block has at least the rows that have no other, and at most the rows that may have it. Those bounds hold one by one;
all shares together can be had where the rows can be dealt out to them, which is a flow through a network (Hall 1935).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

Blocks = tuple[int, ...]
"""The places of the blocks that a row may fall into."""


@dataclass(frozen=True, slots=True)
class Reach:
    rows: int
    least: tuple[int, ...]
    most: tuple[int, ...]
    """Rows by block."""

    def below(self, wanted: Sequence[Fraction]) -> Fraction:
        """A total variation that is certainly left: what the bounds alone forbid."""
        none, rows = Fraction(0), self.rows
        short = sum((max(w * rows - most, none) for w, most in zip(wanted, self.most, strict=True)), none)
        over = sum((max(least - w * rows, none) for w, least in zip(wanted, self.least, strict=True)), none)
        return max(short, over) / rows if rows else none


def reach(supports: Mapping[Blocks, int], number: int) -> Reach:
    least, most = [0] * number, [0] * number
    for blocks, rows in supports.items():
        for block in blocks:
            most[block] += rows
        if len(blocks) == 1:
            least[blocks[0]] += rows
    return Reach(sum(supports.values()), tuple(least), tuple(most))


def nearest(supports: Mapping[Blocks, int], wanted: Sequence[Fraction]) -> Fraction:
    """The least total variation from the shares wanted that any weights come near: exact."""
    import networkx as nx  # only a target that was missed asks

    rows = sum(supports.values())
    if not rows:
        return Fraction(0)
    unit = lcm(*(w.denominator for w in wanted))
    network = nx.DiGraph()
    for blocks, mass in supports.items():
        network.add_edge("rows", blocks, capacity=mass * unit)
        for block in blocks:
            network.add_edge(blocks, block, capacity=mass * unit)
    for block, share in enumerate(wanted):
        network.add_edge(block, "wanted", capacity=int(share * rows * unit))
    return 1 - Fraction(int(nx.maximum_flow_value(network, "rows", "wanted")), rows * unit)
