"""Whole random small ontologies, as text and as plain data, and brute force over the plain data as the judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from persona_forge.space.compile import Space, compile_space
from persona_forge.space.ontology import LANGUAGES, read_ontology
from persona_forge.space.tabulate import UNITS, quantise

Vector = tuple[tuple[str, str], ...]


@dataclass
class Plain:
    """What a file says, untouched by our reader."""

    values: dict[str, dict[str, int]]
    excludes: list[dict[str, list[str]]] = field(default_factory=list)
    implies: list[tuple[dict[str, list[str]], dict[str, list[str]]]] = field(default_factory=list)
    weights: list[tuple[str, dict[str, list[str]], dict[str, int]]] = field(default_factory=list)

    def text(self, backwards: bool = False) -> str:
        turn = (lambda items: list(reversed(list(items)))) if backwards else list
        lines = ["# a comment" if backwards else ""]
        for name, values in turn(self.values.items()):
            lines += [f"[dimensions.{name}]", f"label = {_both(name)}", f"[dimensions.{name}.values]"]
            lines += [
                f"{v} = {{ weight = {w}, label = {_both(v)}, phrase = {_both(v)} }}" for v, w in turn(values.items())
            ]
        excludes = [f'{{ these = {_inline(these)}, why = "so" }}' for these in turn(self.excludes)]
        implies = [f'{{ if = {_inline(a)}, then = {_inline(b)}, why = "so" }}' for a, b in turn(self.implies)]
        weights = [
            f'{{ of = "{of}", given = {_inline(given)}, percent = {_inline(percent)} }}'
            for of, given, percent in turn(self.weights)
        ]
        lines += ["[relations]"]
        lines += [f"excludes = [{', '.join(excludes)}]", f"implies = [{', '.join(implies)}]"]
        return "\n".join([*lines, f"weights = [{', '.join(weights)}]"])

    def space(self) -> Space:
        return compile_space(read_ontology(self.text(), "random.toml"))

    def allows(self, vector: dict[str, str]) -> bool:
        if any(all(vector[n] in vs for n, vs in these.items()) for these in self.excludes):
            return False
        return all(
            any(vector[n] not in vs for n, vs in given.items()) or all(vector[n] in vs for n, vs in then.items())
            for given, then in self.implies
        )

    def vectors(self, language: str, pins: dict[str, str]) -> list[dict[str, str]]:
        """Every valid vector of the language that agrees with the pins."""
        domains = [[pins[n]] if n in pins else list(vs) for n, vs in self.values.items()]
        whole = [dict(zip(self.values, v, strict=True)) | {"language": language} for v in product(*domains)]
        return [v for v in whole if self.allows(v)]

    def weight(self, vector: dict[str, str]) -> int:
        result = 1
        for name, base in self.values.items():
            shares = {v: Fraction(w) for v, w in base.items()}
            for of, given, percent in self.weights:
                if of == name and all(vector[n] in vs for n, vs in given.items()):
                    rest = sum(w for v, w in base.items() if v not in percent)
                    left = 100 - sum(percent.values())
                    shares = {v: Fraction(percent.get(v) or Fraction(left * w, rest)) for v, w in base.items()}
            ordered = sorted(shares)
            result *= int(quantise([shares[v] for v in ordered], UNITS)[ordered.index(vector[name])])
        return result

    def law(self, language: str, pins: dict[str, str], withheld: set[str]) -> dict[Vector, Fraction]:
        """Visible vector → its probability."""
        mass: dict[Vector, int] = {}
        for vector in self.vectors(language, pins):
            seen = show(vector, withheld)
            mass[seen] = mass.get(seen, 0) + self.weight(vector)
        whole = sum(mass.values())
        return {seen: Fraction(m, whole) for seen, m in mass.items()}


def show(vector: dict[str, str], withheld: set[str]) -> Vector:
    return tuple(sorted((n, v) for n, v in vector.items() if n not in withheld and n != "language"))


def _both(text: str) -> str:
    return f'{{ en = "{text}", zh = "{text}" }}'


def _inline(table: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{k} = {str(v).replace(chr(39), chr(34))}" for k, v in table.items()) + " }"


@st.composite
def plains(draw: st.DrawFn) -> Plain:
    names = [f"d{i}" for i in range(draw(st.integers(2, 5)))]
    values = {n: {f"v{i}": draw(st.integers(1, 9)) for i in range(draw(st.integers(1, 4)))} for n in names}
    domains = {n: list(vs) for n, vs in values.items()} | {"language": list(LANGUAGES)}

    def some(name: str) -> list[str]:
        return draw(st.lists(st.sampled_from(domains[name]), min_size=1, unique=True))

    def several(least: int) -> list[str]:
        return draw(st.lists(st.sampled_from([*names, "language"]), min_size=least, max_size=3, unique=True))

    plain = Plain(values)
    for _ in range(draw(st.integers(0, 4))):
        these = {n: some(n) for n in several(2)}
        if any(len(vs) < len(domains[n]) for n, vs in these.items()):
            plain.excludes.append(these)
    for _ in range(draw(st.integers(0, 3))):
        first, *rest = several(2)
        given, then = {n: some(n) for n in rest}, {first: some(first)}
        if len(then[first]) < len(domains[first]):
            plain.implies.append((given, then))
    for i, name in enumerate(names):
        if draw(st.booleans()):
            parents = draw(st.lists(st.sampled_from([*names[:i], "language"]), min_size=1, max_size=2, unique=True))
            named = some(name)
            plain.weights.append((name, {p: some(p) for p in parents}, {v: draw(st.integers(1, 25)) for v in named}))
    return plain


@st.composite
def seeded(draw: st.DrawFn) -> tuple[Plain, str, dict[str, str], set[str]]:
    """An ontology in which something is possible, and what a seed says: language, pins, withheld."""
    plain = draw(plains())
    language = draw(st.sampled_from(LANGUAGES))
    assume(plain.vectors("en", {}) or plain.vectors("zh", {}))
    pinned = draw(st.lists(st.sampled_from(list(plain.values)), max_size=2, unique=True))
    pins = {n: draw(st.sampled_from(list(plain.values[n]))) for n in pinned}
    withheld = set(draw(st.lists(st.sampled_from(list(plain.values)), max_size=3, unique=True)))
    return plain, language, pins, withheld
