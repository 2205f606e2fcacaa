"""What a law is to be raked to, how near it came, and in words why not nearer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as combinations_of

import numpy as np

from persona_forge.core.errors import ConfigError
from persona_forge.space.compile import Space
from persona_forge.space.mixture import Blocks, Group
from persona_forge.space.model import LANGUAGE, LANGUAGES, Ontology
from persona_forge.space.reason import explain

Values = tuple[str, ...]
SUMS_TO_ONE = Fraction(1, 1000)
"""How far shares of all values may be from 1 in all, as percentages are that were rounded; they are then scaled."""
ASKED = 50
"""Groups, the largest first, that are looked at for a reason in words."""


@dataclass(frozen=True, slots=True)
class Target:
    """Wanted shares of values of one dimension, or of combinations of values of a few; in one language, or over all."""

    names: tuple[str, ...]
    shares: Mapping[Values, Fraction]
    language: str | None = None

    @classmethod
    def of(
        cls, names: str | Sequence[str], shares: Mapping[str | Values, float], language: str | None = None
    ) -> Target:
        """From plain numbers: of one dimension, {"cat": 0.3}; of two, {("cat", "young"): 0.1}."""
        plain = {(k,) if isinstance(k, str) else tuple(k): Fraction(str(v)) for k, v in shares.items()}
        return cls((names,) if isinstance(names, str) else tuple(names), plain, language)

    @property
    def says(self) -> str:
        return " × ".join(self.names) + (f" in {self.language}" if self.language else "")

    def named(self, number: int) -> list[Values]:
        """The blocks: what it names, and () for the rest where there is one."""
        return [*sorted(self.shares), ()][:number]


@dataclass(frozen=True, slots=True)
class Share:
    """A block of a target: one combination of values, or (no values) all that it does not name."""

    values: Values
    wanted: Fraction
    got: Fraction
    least: Fraction
    """The rows that can have no other, whatever the weights."""
    most: Fraction
    """The rows that can have it at all."""
    why: str = ""
    """If it is out of reach: what forbids it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    target: Target
    rows: int
    """That count."""
    withheld: int
    """Rows that do not count: a dimension of the target is withheld in them."""
    shares: tuple[Share, ...]
    nearest: Fraction
    """If it was missed: the least total variation to which any weights could bring this target by itself."""
    met: bool

    @property
    def distance(self) -> Fraction:
        """The total variation between what was wanted and what the law gives: exact."""
        return sum((abs(s.got - s.wanted) for s in self.shares), Fraction(0)) / 2


def blocks_of(space: Space, target: Target) -> tuple[Blocks, list[Fraction]]:
    """A target as tables see it, and the share that each block is to have. Raises ConfigError, or OntologyError."""
    _check(space, target)
    variables = tuple(sorted(space.number[name] for name in target.names))
    names = [space.variables[v] for v in variables]
    named = sorted(target.shares)
    shape = [space.cards[v] for v in variables]
    label = np.full(shape, len(named))
    for block, values in enumerate(named):
        chosen = dict(zip(target.names, values, strict=True))
        label[tuple(space.values[name].index(chosen[name]) for name in names)] = block
    wanted = [target.shares[values] for values in named]
    total = sum(wanted, Fraction(0))
    whole = len(named) == label.size
    if total > 1 + SUMS_TO_ONE or (whole and total < 1 - SUMS_TO_ONE):
        raise ConfigError(
            f"target {target.says}: shares of {float(total):g} in all",
            allowed="1, as all values are named" if whole else "1 at most",
        )
    if whole or total > 1:
        wanted, total = [w / total for w in wanted], Fraction(1)
    if not whole:
        wanted.append(1 - total)
    language = None if target.language is None else LANGUAGES.index(target.language)
    return Blocks(variables, label, len(wanted), language), wanted


def _check(space: Space, target: Target) -> None:
    if not target.names or len(set(target.names)) < len(target.names) or LANGUAGE in target.names:
        raise ConfigError(f"target {target.says!r}: names no dimension, or one twice, or the language itself",
                          todo="give the language as the target's own")  # fmt: skip
    if target.language not in (None, *LANGUAGES):
        raise ConfigError(f"target {target.says}: unknown language", allowed=", ".join(LANGUAGES))
    if not target.shares:
        raise ConfigError(f"target {target.says}: wants no share of anything", todo="name a value and its share")
    for values, share in target.shares.items():
        if len(values) != len(target.names):
            raise ConfigError(f"target {target.says}: {values} is no value for each of {', '.join(target.names)}")
        space.ontology.check_choice(dict(zip(target.names, values, strict=True)))
        if not 0 <= share <= 1:
            raise ConfigError(f"target {target.says}: {' × '.join(values)} is to have {float(share):g}",
                              allowed="0 to 1")  # fmt: skip


def why_not(
    ontology: Ontology, shown: Sequence[Group], target: Target, values: Values, wanted: Fraction, least: Fraction,
    most: Fraction,
) -> str:  # fmt: skip
    """In words, what forbids a share: nothing if it lies between the bounds."""
    rows = sum(g.rows for g in shown)
    if least <= wanted <= most or not rows:
        return "" if rows else "no row counts for it"
    what = " × ".join(values) or "the rest"
    if wanted > most:
        pinned = Fraction(sum(g.rows for g in shown if not _may(g, target, values)), rows)
        said, by_pins, by_relations = f"{what} can have {_percent(most)} at most", "pins forbid it", "rule it out"
        ruled = 1 - most - pinned
    else:
        pinned = Fraction(sum(g.rows for g in shown if _must(g, target, values)), rows)
        said, by_pins, by_relations = f"{what} has {_percent(least)} at least", "pins say it", "leave nothing else"
        ruled = least - pinned
    causes = [f"{by_pins} in {_percent(pinned)} of the rows"] if pinned else []
    if ruled > 0:
        example = _example(ontology, shown, target, values, wanted > most)
        causes.append(f"relations {by_relations} in {_percent(ruled)} of the rows{example}")
    return f"{said}: {', '.join(causes)}"


def _example(ontology: Ontology, shown: Sequence[Group], target: Target, values: Values, ruled_out: bool) -> str:
    """The relations that bind the largest group that they bind: all it might have instead is ruled out, or this is."""
    every = combinations_of(*(ontology.domains()[name] for name in target.names))
    tried = [v for v in every if (v == values) == ruled_out] if values else []
    for group in sorted(shown, key=lambda g: (-g.rows, sorted(g.pins.items())))[:ASKED]:
        told: tuple[str, ...] = ()
        for other in tried if _may(group, target, values) else []:
            if not _may(group, target, other):
                continue
            chosen = dict(zip(target.names, other, strict=True))
            reasons = explain(ontology, {**group.pins, LANGUAGE: group.language, **chosen})
            told = told or reasons
            if not reasons:
                break
        else:
            if told:
                return f" (such as: {'; '.join(told)})"
    return ""


def _may(group: Group, target: Target, values: Values) -> bool:
    """Whether its pins leave room for these values (for the rest, if there are none)."""
    if not values:
        return tuple(group.pins.get(n, "") for n in target.names) not in target.shares
    return all(group.pins.get(n, v) == v for n, v in zip(target.names, values, strict=True))


def _must(group: Group, target: Target, values: Values) -> bool:
    pinned = tuple(group.pins.get(n, "") for n in target.names)
    return pinned == values if values else "" not in pinned and pinned not in target.shares


def _percent(share: Fraction) -> str:
    return f"{float(share):.2%}"
