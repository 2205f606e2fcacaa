"""A covering array from the text of a trait file, or of a model in PICT's language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from persona_forge.core.errors import Misuse
from persona_forge.space.cover import covering_array
from persona_forge.space.cover_rules import Box
from persona_forge.space.cover_seeds import boxes_of
from persona_forge.space.model import LANGUAGE, LANGUAGES
from persona_forge.space.ontology import read_ontology
from persona_forge.space.pict import Model, read_pict


@dataclass(frozen=True, slots=True)
class Report:
    t: int
    rows: int
    covered: int
    """How many t-tuples can stand; each stands in a row."""
    parts: tuple[tuple[str, int, int], ...]
    """What the rows are made of, with rows and tuples: languages; or the positive values, and each negative one."""


Table = tuple[tuple[str, ...], list[tuple[str, ...]], Report]
"""Names of columns, rows, and what they cover."""


def cover_file(text: str, where: str, t: int, key: int, effort: float = 1.0) -> Table:
    """From a trait file every t-tuple of each language, which is the first column; from a model as PICT has it.

    A file is a trait file if it has a section of dimensions. Raises Misuse, with the place, for what can't be.
    """
    if re.search(r"^\s*\[\s*dimensions\b", text, re.MULTILINE):
        return _cover_ontology(text, where, t, key, effort)
    return _cover_model(read_pict(text, where), t, key, effort)


def _cover_ontology(text: str, where: str, t: int, key: int, effort: float) -> Table:
    ontology = read_ontology(text, where)
    values = {name: tuple(sorted(vs)) for name, vs in sorted(ontology.domains().items()) if name != LANGUAGE}
    rows: list[tuple[str, ...]] = []
    parts = []
    for language in LANGUAGES:
        boxes = boxes_of(ontology, values, language)
        array = covering_array([len(v) for v in values.values()], boxes, t, key, effort=effort)
        parts.append((language, len(array.rows), array.feasible))
        named = ([vs[code] for vs, code in zip(values.values(), row, strict=True)] for row in array.rows.tolist())
        rows += [(language, *row) for row in named]
    return (LANGUAGE, *values), rows, _report(t, parts, where)


def _cover_model(model: Model, t: int, key: int, effort: float) -> Table:
    """First the positive values; then, with each negative value held, the (t - 1)-tuples of the other parameters."""
    positive = [[c for c, bad in enumerate(p.negative) if not bad] for p in model.parameters]
    cards = [len(p.values) for p in model.parameters]
    negative = [(d, c) for d, p in enumerate(model.parameters) for c, bad in enumerate(p.negative) if bad]
    first = covering_array(cards, model.boxes, t, key, allowed=dict(enumerate(positive)), effort=effort)
    rows, parts = first.rows.tolist(), [("positive", len(first.rows), first.feasible)]
    for own, code in negative:
        others = [d for d in range(len(cards)) if d != own]
        boxes = _held(model.boxes, own, code)
        array = covering_array(
            [cards[d] for d in others],
            boxes,
            t - 1,
            key,
            allowed={i: positive[d] for i, d in enumerate(others)} if all(boxes) else {0: ()},
            effort=effort / len(negative),
        )
        rows += [[*row[:own], code, *row[own:]] for row in array.rows.tolist()]
        name = f"{model.parameters[own].name}: ~{model.parameters[own].values[code][0]}"
        parts.append((name, len(array.rows), array.feasible))
    shown = [tuple(model.shown(row, i)) for i, row in enumerate(rows)]
    return tuple(p.name for p in model.parameters), shown, _report(t, parts, model.where)


def _held(boxes: Sequence[Box], own: int, code: int) -> list[Box]:
    """What is forbidden to the others once one dimension is given; an empty box forbids everything."""
    return [
        {d - (d > own): codes for d, codes in box.items() if d != own}
        for box in boxes
        if own not in box or code in box[own]
    ]


def _report(t: int, parts: Sequence[tuple[str, int, int]], where: str) -> Report:
    if not sum(rows for _, rows, _ in parts):
        raise Misuse(f"{where}: the constraints leave nothing possible", todo="drop or loosen one of them")
    return Report(t, sum(rows for _, rows, _ in parts), sum(covered for *_, covered in parts), tuple(parts))
