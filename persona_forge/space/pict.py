"""Models in the language of PICT, Microsoft's generator of covering arrays: parameters and constraints.

    FSYSTEM: FAT, FAT32, NTFS (10)          values, one of them with a weight (read, and not used)
    STATUS:  ~broken, on, off | running     a negative value; two names of one value
    BACKUP:  <FSYSTEM>, none                the values of another parameter, and one more
    IF [FSYSTEM] = "FAT" AND NOT [SIZE] > 4096 THEN [STATUS] <> "on" ELSE [A] IN {"x", "y"};
    [A] <> [B];                             a predicate that always holds
    # a comment

Comparisons are = <> > >= < <= IN LIKE (* and ? stand for any text and any one character), between a parameter and a
value or another parameter. Names and text are compared without regard to case, and only by a value's first name; a
parameter all of whose values are numbers is numeric. A constraint becomes what it forbids: it is tried on every
combination of the few parameters that it names.

A row holds at most one negative value: what is positive must stand in rows without any, and a negative value must stand
with all that is positive (`cover_file` sees to it).

Not read, and said so with the line: sub-models ({ A, B } @ 2) and functions (IsNegative(…) and its like).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from math import prod

from persona_forge.core.errors import Misuse
from persona_forge.space.cover_rules import Box

MOST_COMBINATIONS = 1_000_000

Holds = Callable[[dict[int, int]], bool]
"""Whether a predicate is true of the codes of its parameters."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    values: tuple[tuple[str, ...], ...]
    """Each value's names; constraints know the first."""
    negative: tuple[bool, ...]
    numbers: tuple[float, ...]
    """The values as numbers; empty where one of them is none."""

    def firsts(self) -> tuple[str, ...]:
        return tuple(names[0] for names in self.values)


@dataclass(frozen=True, slots=True)
class Model:
    where: str
    parameters: tuple[Parameter, ...]
    boxes: tuple[Box, ...]
    """What is forbidden, by the numbers of parameters and values."""

    def shown(self, codes: Sequence[int], row: int) -> list[str]:
        """A row in words: names of one value take turns, and negative values keep their sign."""
        result = []
        for parameter, code in zip(self.parameters, codes, strict=True):
            names = parameter.values[code]
            result.append(("~" if parameter.negative[code] else "") + names[row % len(names)])
        return result


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    line: int


NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
TOKENS = re.compile(
    rf"""(?P<space>\s+) | (?P<parameter>\[[^\]]*\]) | (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<number>{NUMBER}) | (?P<sign><>|>=|<=|[=<>(){{}},;]) | (?P<word>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
COMPARISONS = ("=", "<>", ">=", "<=", ">", "<", "in", "like")


def read_pict(text: str, where: str) -> Model:
    """Raises Misuse, with the line, for what can't be read."""
    parameters: list[Parameter] = []
    lines = [line if not line.lstrip().startswith("#") else "" for line in text.lstrip("\ufeff").splitlines()]
    first = next((i for i, line in enumerate(lines) if _is_constraint(line)), len(lines))
    for i, line in enumerate(lines[:first]):
        if line.lstrip().startswith("{"):
            raise _refuse(where, i + 1, f"the sub-model {line.strip()} can't be read", "leave sub-models out")
        if line.strip():
            parameter = _parameter(line, f"{where}: line {i + 1}", parameters)
            if parameter.name.casefold() in {p.name.casefold() for p in parameters}:
                raise _refuse(where, i + 1, f"{parameter.name!r} stands twice", "give each parameter its own name")
            parameters.append(parameter)
    if not parameters:
        raise Misuse(f"{where}: no parameters", todo="write them as NAME: value, value")
    reader = _Reader(where, parameters, _tokens(lines, first, where))
    return Model(where, tuple(parameters), tuple(reader.constraints()))


def _is_constraint(line: str) -> bool:
    return bool(re.match(r"\s*(\[|\(|(if|not)\b(?!\s*[:,]))", line, re.IGNORECASE))


def _refuse(where: str, line: int, what: str, todo: str) -> Misuse:
    return Misuse(f"{where}: line {line}: {what}", todo=todo)


def _parameter(line: str, where: str, before: Sequence[Parameter]) -> Parameter:
    head = re.match(r"\s*([^:,]+?)\s*[:,]\s*(.*)$", line)
    if not head:
        raise Misuse(f"{where}: not a parameter: {line.strip()}", allowed="NAME: value, value, …")
    values: list[tuple[str, ...]] = []
    negative: list[bool] = []
    for part in head[2].split(","):
        if reused := re.fullmatch(r"\s*<\s*(.+?)\s*>\s*", part):
            known = {p.name.casefold(): p for p in before}
            if reused[1].casefold() not in known:
                raise Misuse(f"{where}: unknown parameter <{reused[1]}>", allowed=", ".join(p.name for p in before))
            values += known[reused[1].casefold()].values
            negative += known[reused[1].casefold()].negative
            continue
        names = [name.strip() for name in re.sub(r"\(\s*\d+\s*\)\s*$", "", part).split("|")]
        negative.append(names[0].startswith("~"))
        values.append((names[0].removeprefix("~").strip(), *names[1:]))
        if not all(values[-1]):
            raise Misuse(f"{where}: {head[1]} has an empty value", todo="give it a name, or drop the separator")
    return Parameter(head[1], tuple(values), tuple(negative), _numbers([names[0] for names in values]))


def _numbers(values: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(v) for v in values) if all(re.fullmatch(NUMBER, v) for v in values) else ()


def _tokens(lines: Sequence[str], first: int, where: str) -> list[Token]:
    found = []
    for number, line in enumerate(lines[first:], first + 1):
        at = 0
        while at < len(line):
            match = TOKENS.match(line, at)
            if not match or not match.lastgroup:
                raise _refuse(where, number, f"can't read {line[at:].strip()[:40]!r}", "see the constraints above it")
            if match.lastgroup != "space":
                found.append(Token(match.lastgroup, match[0], number))
            at = match.end()
    return found


class _Reader:
    """Recursive descent over the tokens of the constraints."""

    def __init__(self, where: str, parameters: Sequence[Parameter], tokens: Sequence[Token]) -> None:
        self.where, self.parameters, self.tokens, self.at = where, parameters, tokens, 0
        self.known = {p.name.casefold(): i for i, p in enumerate(parameters)}
        self.named: set[int] = set()

    def constraints(self) -> Iterator[Box]:
        while self.at < len(self.tokens):
            self.named, line = set(), self.tokens[self.at].line
            holds = self._constraint()
            self._take(";")
            yield from self._forbidden(holds, line)

    def _forbidden(self, holds: Holds, line: int) -> Iterator[Box]:
        """The combinations that break it, those that differ in their last parameter alone as one."""
        named = sorted(self.named, key=lambda d: (len(self.parameters[d].values), d))
        cards = [len(self.parameters[d].values) for d in named]
        if prod(cards) > MOST_COMBINATIONS:
            raise _refuse(self.where, line, f"a constraint over {prod(cards):,} combinations", "name fewer parameters")
        if not named:
            raise _refuse(self.where, line, "a constraint that names no parameter", "drop it")
        *given, last = named
        for codes in product(*(range(n) for n in cards[:-1])):
            choice = dict(zip(given, codes, strict=True))
            broken = [code for code in range(cards[-1]) if not holds({**choice, last: code})]
            if broken:
                yield {**{d: [code] for d, code in choice.items()}, last: broken}

    def _constraint(self) -> Holds:
        if not self._next("if"):
            return self._either()
        given = self._either()
        self._take("then")
        then = self._either()
        otherwise = self._either() if self._next("else") else lambda codes: True
        return lambda codes: then(codes) if given(codes) else otherwise(codes)

    def _either(self) -> Holds:
        terms = [self._both()]
        while self._next("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else lambda codes: any(term(codes) for term in terms)

    def _both(self) -> Holds:
        terms = [self._term()]
        while self._next("and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda codes: all(term(codes) for term in terms)

    def _term(self) -> Holds:
        if self._next("not"):
            term = self._term()
            return lambda codes: not term(codes)
        if self._next("("):
            inside = self._either()
            self._take(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Holds:
        token = self._pop("parameter", "a parameter in brackets, NOT or (")
        own = self._number_of(token)
        sign = self._pop("", "a comparison").text.lower()
        if sign not in COMPARISONS:
            raise _refuse(self.where, token.line, f"{sign!r} after {token.text}", f"use {' '.join(COMPARISONS)}")
        if sign == "in":
            self._take("{")
            wanted = [self._value(own, "=")]
            while self._next(","):
                wanted.append(self._value(own, "="))
            self._take("}")
        elif self.at < len(self.tokens) and self.tokens[self.at].kind == "parameter":
            return self._between(own, sign, token.line)
        else:
            wanted = [self._value(own, sign)]
        parameter = self.parameters[own]
        true = [any(_holds(parameter, code, sign, value) for value in wanted) for code in range(len(parameter.values))]
        return lambda codes: true[codes[own]]

    def _between(self, own: int, sign: str, line: int) -> Holds:
        other = self._number_of(self._pop("parameter", "a parameter"))
        left, right = self.parameters[own], self.parameters[other]
        if sign == "like" or bool(left.numbers) != bool(right.numbers):
            raise _refuse(self.where, line, f"[{left.name}] {sign} [{right.name}]", "compare numbers, or text")
        one, two = (left.numbers, right.numbers) if left.numbers else (left.firsts(), right.firsts())
        return lambda codes: _compare(one[codes[own]], sign, two[codes[other]])

    def _number_of(self, token: Token) -> int:
        name = token.text[1:-1].strip()
        if name.casefold() not in self.known:
            allowed = ", ".join(p.name for p in self.parameters)
            raise Misuse(f"{self.where}: line {token.line}: unknown parameter {name!r}", allowed=allowed)
        self.named.add(self.known[name.casefold()])
        return self.known[name.casefold()]

    def _value(self, own: int, sign: str) -> float | str:
        token, parameter = self._pop("", "a value"), self.parameters[own]
        text = re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else token.text
        if token.kind not in ("text", "number"):
            raise _refuse(self.where, token.line, f"{token.text!r} where a value should be", 'write "text" or 12.5')
        if sign == "like":
            return text
        if bool(parameter.numbers) != (token.kind == "number"):
            kinds = ("a number", "text") if parameter.numbers else ("text", "a number")
            what = f"[{parameter.name}] is {kinds[0]}, and {token.text} is {kinds[1]}"
            raise _refuse(self.where, token.line, what, 'text stands in "quotes", a number doesn\'t')
        return float(text) if parameter.numbers else text

    def _next(self, text: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at].text.lower() == text
        self.at += found
        return found

    def _take(self, text: str) -> None:
        if not self._next(text):
            raise self._unexpected(f"{text!r}")

    def _pop(self, kind: str, wanted: str) -> Token:
        if self.at >= len(self.tokens) or (kind and self.tokens[self.at].kind != kind):
            raise self._unexpected(wanted)
        self.at += 1
        return self.tokens[self.at - 1]

    def _unexpected(self, wanted: str) -> Misuse:
        if self.at >= len(self.tokens):
            return Misuse(f"{self.where}: the constraints end where {wanted} should be")
        token, after = self.tokens[self.at], self.tokens[self.at + 1 : self.at + 2]
        if token.kind == "word" and after and after[0].text == "(":
            return _refuse(self.where, token.line, f"the function {token.text}()", "functions can't be read")
        return _refuse(self.where, token.line, f"{token.text!r} where {wanted} should be", "see PICT's manual")


def _holds(parameter: Parameter, code: int, sign: str, value: float | str) -> bool:
    text = parameter.values[code][0]
    if sign == "like":
        return fnmatchcase(text.casefold(), str(value).casefold().replace("[", "[[]"))
    return _compare(parameter.numbers[code] if parameter.numbers else text, "=" if sign == "in" else sign, value)


def _compare(a: float | str, sign: str, b: float | str) -> bool:
    """Of two numbers, or of two texts."""
    one, two = (str(a).casefold(), str(b).casefold()) if isinstance(a, str) else (a, b)
    above = int(one > two) - int(one < two)  # type: ignore[operator]
    return {"=": above == 0, "<>": above != 0, ">": above > 0, ">=": above >= 0, "<": above < 0, "<=": above <= 0}[sign]
