"""Reads an ontology from the text of a TOML file; seeds/traits.toml shows the form.

Whatever can't be understood is refused with file and key: unknown keys and names (with the nearest known one),
duplicates, weights that are not above zero, reserved names, weights in a circle, a relation that forbids everything.
Whether the relations together leave anything possible is for `reason` to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from typing import Any

from persona_forge.core.errors import OntologyError
from persona_forge.core.tables import RESERVED
from persona_forge.space.model import (
    LANGUAGE,
    LANGUAGES,
    MOST_VALUES,
    Choice,
    Dimension,
    Ontology,
    Relation,
    Value,
    Weights,
    forbidding,
    graph,
    show,
    unknown,
)

__all__ = [
    "LANGUAGE",
    "LANGUAGES",
    "Choice",
    "Dimension",
    "Ontology",
    "Relation",
    "Value",
    "Weights",
    "graph",
    "read_ontology",
]

Domains = Mapping[str, tuple[str, ...]]

FRAMES = {
    "en": ("I am {}", "I'm {}", "I work as {}", "you are {}", "year-old {bare}", "year old {bare}"),
    "zh": ("我是{}", "我是一名{}", "我是一位{}", "我是个{}", "你是一名{}", "你是一位{}"),
}
"""What a noun stands for as a cue."""
_ARTICLE = re.compile(r"^an? ")
AUTHORED = ("name", "opinions", "catchphrases", "emotional_limits", "style", "voice")
"""Fields of a seed that may say what a dimension would."""


def read_ontology(text: str, where: str) -> Ontology:
    """The ontology in a TOML text; `where` names the file in errors. Raises OntologyError."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(text, where, str(error)) from error
    _keys(raw, where, {"dimensions"}, {"relations"})
    sections = _table(raw["dimensions"], f"{where}: dimensions")
    dimensions = tuple(_dimension(name, body, f"{where}: dimensions.{name}") for name, body in sections.items())
    if not dimensions:
        raise OntologyError(f"{where}: dimensions: there is none", todo="add a [dimensions.NAME] section")
    domains = Ontology(where, dimensions).domains()
    for d in dimensions:
        if d.withheld_with is not None and d.withheld_with not in set(domains) - {LANGUAGE, d.name}:
            others = set(domains) - {LANGUAGE, d.name}
            raise unknown(f"{where}: dimensions.{d.name}.withheld_with", "dimension", str(d.withheld_with), others)
    relations = _table(raw.get("relations", {}), f"{where}: relations")
    _keys(relations, f"{where}: relations", set(), {"excludes", "implies", "weights"})
    excludes = [_excludes(body, at, domains) for at, body in _entries(relations, "excludes", where)]
    implies = [_implies(body, at, domains) for at, body in _entries(relations, "implies", where)]
    weights = [_weights(body, at, domains) for at, body in _entries(relations, "weights", where)]
    ontology = Ontology(where, dimensions, (*excludes, *implies), tuple(weights))
    _no_overlap(ontology)
    _no_circle(ontology)
    return ontology


def _not_toml(text: str, where: str, said: str) -> OntologyError:
    line = re.search(r"at line (\d+)", said)
    quoted = "".join(text.split("\n")[int(line.group(1)) - 1 :][:1]).strip()[:80] if line else ""
    twice = "overwrite" in said or "twice" in said
    todo = "a name stands twice; remove one" if twice else "see toml.io for the format"
    return OntologyError(f"{where}: {said}" + (f": {quoted}" if quoted else ""), todo=todo)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OntologyError(f"{where}: {value!r} is no table", allowed="{ name = … }")
    return value


def _keys(table: Any, where: str, needed: set[str], optional: set[str]) -> None:
    for key in _table(table, where):
        if key not in needed | optional:
            raise unknown(where, "key", key, needed | optional)
    if missing := sorted(needed - set(table)):
        raise OntologyError(f"{where}: {', '.join(missing)} is missing", allowed=", ".join(sorted(needed | optional)))


def _entries(relations: dict[str, Any], kind: str, where: str) -> list[tuple[str, Any]]:
    entries = relations.get(kind, [])
    if not isinstance(entries, list):
        raise OntologyError(f"{where}: relations.{kind}: not a list", allowed="[ { … }, { … } ]")
    return [(f"{where}: relations.{kind}, entry {i}", entry) for i, entry in enumerate(entries, 1)]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise OntologyError(f"{where}: {value!r} is no text", allowed="a text that is not empty")
    return value


def _words(value: Any, where: str) -> dict[str, str]:
    """Language → text, in every language."""
    _keys(value, where, set(LANGUAGES), set())
    return {language: _text(value[language], f"{where}.{language}") for language in LANGUAGES}


def _number(value: Any, where: str) -> Fraction:
    number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else Decimal("nan")
    if not number.is_finite() or not Decimal("1e-9") <= number <= Decimal("1e9"):
        raise OntologyError(
            f"{where}: {value} is no weight",
            allowed="a number from a billionth to a billion",
            todo="to rule a value out, exclude it in relations",
        )
    return Fraction(number)


def _dimension(name: str, body: Any, where: str) -> Dimension:
    if name in RESERVED | {LANGUAGE}:
        raise OntologyError(f"{where}: the name {name!r} is reserved", todo="rename the dimension")
    if not name.isidentifier():
        raise OntologyError(f"{where}: {name!r} can't be the name of a column", allowed="letters, digits, _")
    _keys(body, where, {"label", "values"}, {"mentions", "authored_by", "withheld_with"})
    values = _table(body["values"], f"{where}.values")
    if not 1 <= len(values) <= MOST_VALUES:
        raise OntologyError(f"{where}.values: {len(values)} values", allowed=f"1 to {MOST_VALUES}")
    author = body.get("authored_by")
    if author not in (None, *AUTHORED):
        raise unknown(f"{where}.authored_by", "field of a seed", str(author), AUTHORED)
    return Dimension(
        name,
        tuple(_value(value, line, f"{where}.values.{value}") for value, line in values.items()),
        _words(body["label"], f"{where}.label"),
        _mentions(body.get("mentions", {}), values, where),
        author,
        body.get("withheld_with"),
    )


def _mentions(table: Any, values: Mapping[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    """What a dimension says touches it, and the nouns of its values without their article."""
    mentions = _cues(table, f"{where}.mentions")
    for body in values.values():
        for language, nouns in body.get("nouns", {}).items():
            bare = tuple(_ARTICLE.sub("", noun) for noun in nouns)
            mentions[language] = tuple(dict.fromkeys(mentions.get(language, ()) + bare))
    return mentions


def _value(name: str, body: Any, where: str) -> Value:
    _text(name, where)
    _keys(body, where, {"weight", "label", "phrase"}, {"cues", "nouns"})
    cues = _cues(body.get("cues", {}), f"{where}.cues")
    nouns = _cues(body.get("nouns", {}), f"{where}.nouns")
    return Value(
        name,
        _number(body["weight"], f"{where}.weight"),
        _words(body["label"], f"{where}.label"),
        _words(body["phrase"], f"{where}.phrase"),
        {lang: _framed(nouns.get(lang, ()), lang) + cues.get(lang, ()) for lang in LANGUAGES if lang in cues | nouns},
    )


def _cues(table: Any, where: str) -> dict[str, tuple[str, ...]]:
    _keys(table, where, set(), set(LANGUAGES))
    result = {}
    for language, cues in table.items():
        if not isinstance(cues, list):
            raise OntologyError(f"{where}.{language}: {cues!r} is no list", allowed="a list of texts")
        result[language] = tuple(_text(cue, f"{where}.{language}") for cue in cues)
        if len(set(cues)) < len(cues):
            raise OntologyError(f"{where}.{language}: a cue stands twice", todo="remove one")
    return result


def _framed(nouns: tuple[str, ...], language: str) -> tuple[str, ...]:
    return tuple(frame.format(noun, bare=_ARTICLE.sub("", noun)) for noun in nouns for frame in FRAMES[language])


def _choice(table: Any, where: str, domains: Domains) -> Choice:
    result = {}
    for name, given in _table(table, where).items():
        if name not in domains:
            raise unknown(where, "dimension", name, domains)
        values = given if isinstance(given, list) else [given]
        for value in values:
            if value not in domains[name]:
                raise unknown(f"{where}.{name}", "value", str(value), domains[name])
        if not values or len(set(values)) < len(values):
            raise OntologyError(f"{where}.{name}: no value, or one twice", allowed="different values")
        result[name] = frozenset(values)
    return result


def _excludes(body: Any, where: str, domains: Domains) -> Relation:
    _keys(body, where, {"these", "why"}, set())
    these = _choice(body["these"], f"{where}.these", domains)
    if len(these) < 2:
        raise OntologyError(f"{where}.these: names {len(these)} dimension", allowed="two or more dimensions")
    if all(len(values) == len(domains[name]) for name, values in these.items()):
        raise OntologyError(f"{where}.these: forbids everything", todo="leave out a value somewhere")
    says = f"{show(these)} can't stand together"
    return Relation(where, says, _text(body["why"], f"{where}.why"), forbidding(domains, these))


def _implies(body: Any, where: str, domains: Domains) -> Relation:
    _keys(body, where, {"if", "then", "why"}, set())
    given = _choice(body["if"], f"{where}.if", domains)
    then = _choice(body["then"], f"{where}.then", domains)
    if not given or not then or set(given) & set(then):
        raise OntologyError(f"{where}: needs different dimensions in if and then")
    forbids = forbidding(domains, given, then)
    if not forbids:
        raise OntologyError(f"{where}.then: allows every value, so it says nothing", todo="leave out a value")
    return Relation(where, f"{show(given)} implies {show(then)}", _text(body["why"], f"{where}.why"), forbids)


def _weights(body: Any, where: str, domains: Domains) -> Weights:
    _keys(body, where, {"of", "given", "percent"}, set())
    of = _text(body["of"], f"{where}.of")
    if of not in domains or of == LANGUAGE:
        raise unknown(f"{where}.of", "dimension", of, set(domains) - {LANGUAGE})
    given = _choice(body["given"], f"{where}.given", domains)
    if not given or of in given:
        raise OntologyError(f"{where}.given: needs one or more dimensions other than {of}")
    percent = _table(body["percent"], f"{where}.percent")
    _choice({of: list(percent)}, f"{where}.percent", domains)
    shares = {value: _number(n, f"{where}.percent.{value}") / 100 for value, n in percent.items()}
    if sum(shares.values()) > 1:
        raise OntologyError(f"{where}.percent: {float(sum(shares.values()) * 100):g} in all", allowed="100 at most")
    return Weights(where, of, given, shares)


def _no_overlap(ontology: Ontology) -> None:
    """Two weights of one dimension never speak of the same values of its parents."""
    for a, b in combinations(ontology.weights, 2):
        if a.of == b.of and all(a.given[name] & b.given[name] for name in a.given.keys() & b.given.keys()):
            raise OntologyError(
                f"{b.where}: weighs {b.of} where {a.where.split(': ')[-1]} already does",
                todo="make their given parts exclude each other",
            )


def _no_circle(ontology: Ontology) -> None:
    parents: dict[str, set[str]] = {}
    for w in ontology.weights:
        parents.setdefault(w.of, set()).update(w.given)
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        raise OntologyError(
            f"{ontology.where}: relations.weights: {' → '.join(error.args[1])} is a circle",
            todo="weigh one of these dimensions without the next",
        ) from error
