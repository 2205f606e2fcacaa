"""What an ontology is: dimensions with their values, what can't go together, and how common values are.

`language` is a dimension that every seed brings along; relations and weights may name it, and no row holds it.
A relation's meaning is its `forbids`: each a choice of values in two or more dimensions that can't stand together.
Nothing here is read or checked (`ontology` does), nothing is computed with (`compile` does).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from persona_forge.core.errors import OntologyError
from persona_forge.core.ids import canonical, digest

if TYPE_CHECKING:
    import networkx as nx

LANGUAGE = "language"
LANGUAGES = ("en", "zh")
MOST_VALUES = 255
"""Of a dimension: a code is a byte, and 255 stands for withheld."""

Choice = Mapping[str, frozenset[str]]
"""For each of some dimensions, a set of its values."""


@dataclass(frozen=True, slots=True)
class Value:
    name: str
    weight: Fraction = Fraction(1)
    label: Mapping[str, str] = field(default_factory=dict)
    """Language → a name to show."""
    phrase: Mapping[str, str] = field(default_factory=dict)
    """Language → a clause in the second person, for a persona card."""
    cues: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Language → words in prose that state this value."""


@dataclass(frozen=True, slots=True)
class Dimension:
    name: str
    values: tuple[Value, ...]
    label: Mapping[str, str] = field(default_factory=dict)
    mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Language → words in prose that touch this dimension and settle no value; nouns of its values are among them."""
    authored_by: str | None = None
    """The field of a seed that says this instead, where an author has filled it in."""
    withheld_with: str | None = None
    """Another dimension: where prose touches that one and settles no value, neither is this one settled."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(v.name for v in self.values)


@dataclass(frozen=True, slots=True)
class Relation:
    where: str
    """Where in the file it stands."""
    says: str
    """The relation in the words of the file, such as `age_band=child excludes occupation=surgeon`."""
    why: str
    forbids: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of the values of one dimension, given values of others; the rest of 1 goes to the values not named."""

    where: str
    of: str
    given: Choice
    shares: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Ontology:
    where: str
    dimensions: tuple[Dimension, ...]
    """In the order of the file, for showing; what is compiled sorts by name."""
    relations: tuple[Relation, ...] = ()
    weights: tuple[Weights, ...] = ()

    def domains(self) -> dict[str, tuple[str, ...]]:
        """Dimension → its values, `language` among them."""
        return {LANGUAGE: LANGUAGES} | {d.name: d.names for d in self.dimensions}

    def dimension(self, name: str) -> Dimension:
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise unknown(self.where, "dimension", name, [d.name for d in self.dimensions])

    def check_choice(self, chosen: Mapping[str, str]) -> None:
        """Raises OntologyError for a dimension or value that is not here."""
        domains = self.domains()
        for name, value in chosen.items():
            if name not in domains:
                raise unknown(self.where, "dimension", name, domains)
            if value not in domains[name]:
                raise unknown(self.where, f"value of {name}", value, domains[name])

    @property
    def digest(self) -> str:
        """A hash of what rows depend on: values, weights and relations, in any order; words and reasons don't count."""
        values = {d.name: {v.name: str(v.weight) for v in d.values} for d in self.dimensions}
        forbids = {canonical(_sorted(choice)) for relation in self.relations for choice in relation.forbids}
        weights = [canonical([w.of, _sorted(w.given), {k: str(v) for k, v in w.shares.items()}]) for w in self.weights]
        return digest(canonical(values), canonical(sorted(forbids)), canonical(sorted(weights)))

    @property
    def words(self) -> str:
        """A hash of what texts and pins depend on: labels, phrases, cues and mentions, in any order."""
        words = {
            d.name: [
                dict(d.label),
                {v.name: [dict(v.label), dict(v.phrase), _sorted(v.cues)] for v in d.values},
                _sorted(d.mentions),
                [d.authored_by, d.withheld_with],
            ]
            for d in self.dimensions
        }
        return digest(canonical(words))


def _sorted(words: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    return {language: sorted(some) for language, some in words.items()}


def graph(ontology: Ontology) -> nx.Graph:
    """Dimensions as nodes; an edge where a relation or a weight binds two, with the places that bind them."""
    import networkx as nx  # only who draws the graph needs it; reading an ontology does not

    result = nx.Graph()
    result.add_nodes_from(sorted(d.name for d in ontology.dimensions))
    scopes = [(r.where, set(c)) for r in ontology.relations for c in r.forbids]
    scopes += [(w.where, {w.of, *w.given}) for w in ontology.weights]
    for where, scope in scopes:
        names = sorted(scope - {LANGUAGE})
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                if not result.has_edge(a, b):
                    result.add_edge(a, b, where=[])
                if where not in result.edges[a, b]["where"]:
                    result.edges[a, b]["where"].append(where)
    return result


def unknown(where: str, kind: str, name: str, known: Iterable[str]) -> OntologyError:
    """The error for a name that is not known, with the nearest that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    shown = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
    todo = f"did you mean {near[0]!r}?" if near else ""
    return OntologyError(f"{where}: unknown {kind} {name!r}", allowed=shown, todo=todo)


def forbidding(domains: Mapping[str, Collection[str]], given: Choice, then: Choice | None = None) -> tuple[Choice, ...]:
    """What `excludes` (no `then`) or `implies` forbids: one choice, or one for each implied dimension."""
    if then is None:
        return (dict(given),)
    rest = {name: frozenset(domains[name]) - values for name, values in then.items()}
    return tuple({**given, name: values} for name, values in rest.items() if values)


def show(choice: Choice) -> str:
    return " and ".join(f"{name}={'|'.join(sorted(values))}" for name, values in choice.items())
