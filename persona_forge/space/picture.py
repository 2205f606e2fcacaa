"""The trait space as one SVG: the graph of its dimensions, and the exact marginals of each, by language.

Dimensions stand on a ring in the order of their file; a chord means that a relation or a weight binds two of them.
"""

from __future__ import annotations

from html import escape
from math import cos, pi, sin

from persona_forge.space.compile import Space
from persona_forge.space.model import LANGUAGES, graph

WIDTH, GRAPH_HEIGHT = 1200, 820
COLUMNS, BAR, ROW, GAP = 3, 130, 15, 34
STYLE = "text{font:12px sans-serif;fill:#222}.n{font-weight:bold}.v{font-size:10px}.e{fill:none;stroke:#999}"
INK = {"en": "#2f6f9f", "zh": "#c2573a"}
"""One colour a language."""


def picture(space: Space) -> str:
    """A self-contained SVG document."""
    bars, height = _bars(space)
    body = [*_graph(space), *bars]
    size = f'width="{WIDTH}" height="{GRAPH_HEIGHT + height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>\n' + "\n".join(body) + "\n</svg>\n"


def _graph(space: Space) -> list[str]:
    bound = graph(space.ontology)
    names = [d.name for d in space.ontology.dimensions]
    turn = [2 * pi * i / len(names) - pi / 2 for i in range(len(names))]
    x0, y0, rx, ry = WIDTH / 2, GRAPH_HEIGHT / 2, WIDTH / 2 - 240, GRAPH_HEIGHT / 2 - 40
    at = {name: (x0 + rx * cos(t), y0 + ry * sin(t)) for name, t in zip(names, turn, strict=True)}
    lines = [
        f'<path d="M{at[a][0]:.0f} {at[a][1]:.0f}Q{x0:.0f} {y0:.0f} {at[b][0]:.0f} {at[b][1]:.0f}" class="e"/>'
        for a, b in sorted(bound.edges)
    ]
    for name, (x, y) in at.items():
        side, anchor = (9, "start") if x >= x0 else (-9, "end")
        lines.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{3 + bound.degree(name) ** 0.5:.1f}" fill="{INK["en"]}"/>')
        lines.append(f'<text class="n" x="{x + side:.0f}" y="{y + 4:.0f}" text-anchor="{anchor}">{escape(name)}</text>')
    return lines


def _bars(space: Space) -> tuple[list[str], int]:
    """Every dimension's values with a bar a language, in columns that are filled as they have room; their height."""
    lines: list[str] = []
    heights = [GAP] * COLUMNS
    for dimension in space.ontology.dimensions:
        column = heights.index(min(heights))
        x, y = 20 + column * (WIDTH // COLUMNS), GRAPH_HEIGHT + heights[column]
        laws = {language: space.marginal((dimension.name,), {}, language) for language in LANGUAGES}
        lines.append(f'<text class="n" x="{x}" y="{y}">{escape(dimension.label.get("en", dimension.name))}</text>')
        for row, value in enumerate(dimension.names, 1):
            top = y + row * ROW
            lines.append(f'<text class="v" x="{x}" y="{top}">{escape(value)}</text>')
            for n, language in enumerate(LANGUAGES):
                share = float(laws[language].get((value,), 0))
                bar = f'x="{x + 170}" y="{top - 9 + 5 * n}" width="{share * BAR:.1f}" height="4"'
                lines.append(f'<rect {bar} fill="{INK[language]}"><title>{language} {share:.3%}</title></rect>')
        heights[column] += len(dimension.names) * ROW + GAP
    return lines, max(heights)
