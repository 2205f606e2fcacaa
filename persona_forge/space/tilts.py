"""Fitted weights as rows that can be sealed and read again, by names: a reordered trait file changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from itertools import product as combinations_of
from typing import Any

import numpy as np

from persona_forge.core.errors import OntologyError
from persona_forge.space.compile import Space
from persona_forge.space.tabulate import Tilt


def tilt_rows(space: Space, tilts: Sequence[Tilt]) -> Iterator[dict[str, Any]]:
    """{tilt, dimensions, values, weight}: a row for each combination of values, in the order of the tables."""
    for place, (names, table) in enumerate(tilts):
        every = combinations_of(*(space.values[name] for name in names))
        for values, weight in zip(every, table.ravel(), strict=True):
            yield {"tilt": place, "dimensions": list(names), "values": list(values), "weight": int(weight)}


def tilts_of(space: Space, rows: Iterable[Mapping[str, Any]]) -> tuple[Tilt, ...]:
    """The tilts that such rows were made from; raises OntologyError if they are not of this ontology."""
    result = []
    for _, some in groupby(rows, key=lambda row: row["tilt"]):
        cells = list(some)
        names = tuple(cells[0]["dimensions"])
        table = np.zeros([len(space.values.get(name, ())) for name in names], np.int64)
        for cell in cells:
            space.ontology.check_choice(dict(zip(names, cell["values"], strict=True)))
            table[tuple(space.values[n].index(v) for n, v in zip(names, cell["values"], strict=True))] = cell["weight"]
        if not table.all():
            raise OntologyError(
                f"{space.ontology.where}: the fitted weights of {', '.join(names)} do not name every value",
                todo="fit them again under this ontology",
            )
        result.append((names, table))
    return tuple(result)
