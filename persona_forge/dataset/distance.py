"""How far the rows are from target shares, in total variation, beside what chance alone would make of it.

A target names combinations of values of one or a few dimensions and the share that each is to have; all that it does
not name is one more block, with the rest. Rows that withhold one of its dimensions say nothing of it and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np

from persona_forge.core.errors import Misuse
from persona_forge.dataset.witness import Numbering, Seen
from persona_forge.space.ontology import Ontology

Choice = tuple[str, ...]


class Share(Protocol):
    """A number between 0 and 1: a float or a Fraction."""

    def __float__(self) -> float: ...


class Target(Protocol):
    @property
    def names(self) -> tuple[str, ...]:
        """Dimensions."""

    @property
    def shares(self) -> Mapping[Choice, Share]:
        """Their values, in the same order → the share wanted."""

    @property
    def language(self) -> str | None:
        """Whose rows; None for those of all languages together."""


@dataclass(frozen=True, slots=True)
class Distance:
    of: tuple[str, ...]
    language: str | None
    rows: int
    """Those that count: none of the target's dimensions is withheld in them."""
    total_variation: float
    """Half the sum of the differences between the rows' shares and the target's."""
    standard_error: float
    """The same, were each share off by its standard error sqrt(p (1 - p) / rows), as if rows were drawn freely."""


def check_target(target: Target, ontology: Ontology) -> None:
    """Raises OntologyError for a name that is not known, Misuse for shares that are none."""
    name = " × ".join(target.names)
    if not target.names or len(set(target.names)) < len(target.names):
        raise Misuse(f"a target for {name or 'nothing'}", allowed="one or more different dimensions")
    for dimension in target.names:
        ontology.dimension(dimension)
    for choice in target.shares:
        ontology.check_choice(dict(zip(target.names, choice, strict=True)))
    shares = [float(share) for share in target.shares.values()]
    if min(shares, default=0) < 0 or sum(shares) > 1.001:
        raise Misuse(f"the target shares of {name} make {sum(shares):g}", allowed="shares that make 1 at most")


def distances(targets: Iterable[Target], seen: Mapping[str, Seen], numbering: Numbering) -> Iterator[Distance]:
    for target in targets:
        choices = [tuple(numbering.names[v][1] for v in p) for p in numbering.product(target.names).tolist()]
        languages = list(seen) if target.language is None else [target.language]
        counts = np.sum([seen[language].counts[target.names] for language in languages], axis=0)
        yield _distance(target, dict(zip(choices, counts.tolist(), strict=True)))


def _distance(target: Target, rows: Mapping[Choice, int]) -> Distance:
    n = sum(rows.values())
    if not n:
        return Distance(target.names, target.language, 0, 1.0, 1.0)
    wanted = [float(share) for share in target.shares.values()]
    got = [rows[choice] / n for choice in target.shares]
    if len(target.shares) < len(rows):
        wanted.append(max(0.0, 1 - sum(wanted)))
        got.append(1 - sum(got))
    wanted = [share / sum(wanted) for share in wanted]
    off = sum(abs(a - b) for a, b in zip(wanted, got, strict=True)) / 2
    return Distance(target.names, target.language, n, off, sum(sqrt(p * (1 - p) / n) for p in wanted) / 2)
