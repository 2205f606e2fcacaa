"""Small plots as inline SVG: bars with targets, shares with their intervals, a heat map.

Colours are CSS variables of the page around them (ink, soft, line, deep, amber), so that a dark page has dark plots; a
plot names itself to screen readers. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

LABEL, WIDE, TAIL = 190, 340, 96
"""Pixels for labels, for the plot itself, for the figures behind it."""
ROW, BAR = 20, 11
CELL = 46


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    shares: tuple[tuple[str, float], ...]
    """Name of a series and a share from 0 to 1, in the order of `series`."""
    targets: tuple[tuple[str, float], ...] = ()
    """Series and the share that it is to have."""


@dataclass(frozen=True, slots=True)
class Interval:
    label: str
    share: float
    interval: tuple[float, float]
    of: int


def bars(title: str, rows: Sequence[Bar], series: Sequence[str]) -> str:
    """A bar a series in every row; ticks where targets stand. The longest fills the width."""
    top = max([0.01, *(x for row in rows for _, x in (*row.shares, *row.targets))])
    high = BAR * len(series) + 8
    parts = []
    for n, row in enumerate(rows):
        y = n * high
        parts.append(_text(LABEL - 8, y + high / 2, row.label, "end"))
        for name, share in row.shares:
            at = y + 4 + BAR * series.index(name)
            parts.append(f'<rect class="s{series.index(name)}" x="{LABEL}" y="{at}" width="{share / top * WIDE:.1f}" '
                         f'height="{BAR - 1}" rx="1.5"/>')  # fmt: skip
            parts.append(f'<text class="fig" x="{LABEL + WIDE + 12}" y="{at + BAR - 2}">{share:.1%}</text>')
        for name, share in row.targets:
            at = y + 3 + BAR * series.index(name)
            x = f"{LABEL + share / top * WIDE:.1f}"
            parts.append(f'<path class="target" d="M{x} {at}v{BAR + 1}"/>')
    return _svg(title, parts, len(rows) * high + 4)


def intervals(title: str, rows: Sequence[Interval]) -> str:
    """A dot at each share on an axis from 0 to 100 %, and the interval as a line through it."""
    deep = len(rows) * ROW
    parts = [f'<path class="grid" d="M{LABEL + WIDE * q / 4:.0f} 0v{deep}"/>' for q in range(5)]
    parts += [_text(LABEL + WIDE * q / 4, deep + 12, f"{25 * q} %", "middle") for q in range(5)]
    for n, row in enumerate(rows):
        y = n * ROW + ROW / 2
        low, dot, high = (f"{LABEL + WIDE * x:.1f}" for x in (row.interval[0], row.share, row.interval[1]))
        parts.append(_text(LABEL - 8, y, row.label, "end"))
        parts.append(f'<path class="line" d="M{low} {y}H{high}"/><circle class="s0" cx="{dot}" cy="{y}" r="4"/>')
        parts.append(_text(LABEL + WIDE + 12, y, f"{row.share:.0%} of {row.of:,}", "start"))
    return _svg(title, parts, deep + 22)


def heat(title: str, rows: Sequence[str], columns: Sequence[str], cells: Mapping[tuple[str, str], float]) -> str:
    """Figures from 0 to 100 in a table, the deeper the colour the higher; what nobody measured stays empty."""
    parts = [_text(LABEL + CELL * (n + 0.5), 8, name, "middle") for n, name in enumerate(columns)]
    for n, row in enumerate(rows):
        y = 18 + n * (ROW + 2)
        parts.append(_text(LABEL - 8, y + ROW / 2, row, "end"))
        for place, column in enumerate(columns):
            value = cells.get((row, column))
            x = LABEL + CELL * place
            how = 'class="none"' if value is None else f'class="s0" fill-opacity="{0.12 + 0.88 * value / 100:.2f}"'
            parts.append(f'<rect {how} x="{x + 1}" y="{y}" width="{CELL - 2}" height="{ROW}" rx="2"/>')
            if value is not None:
                shade = "on" if value > 55 else "off"
                parts.append(_text(x + CELL / 2, y + ROW / 2, f"{value:.0f}", "middle", shade))
    return _svg(title, parts, 22 + len(rows) * (ROW + 2), LABEL + CELL * len(columns) + 8)


def _text(x: float, y: float, said: str, anchor: str, kind: str = "") -> str:
    return (f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}" dominant-baseline="central">'
            f"{escape(said)}</text>")  # fmt: skip


def _svg(title: str, parts: Sequence[str], high: float, wide: float = LABEL + WIDE + TAIL) -> str:
    named = escape(title, quote=True)
    return (f'<svg role="img" aria-label="{named}" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}">'
            f"{''.join(parts)}</svg>")  # fmt: skip
