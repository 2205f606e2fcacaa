"""Phrases found among the words of a clause, all in one walk through a tree of words.

A word is a word (en) or a character (zh). In a phrase

    …       stands for up to a few words, of which none turns the sense ("of", "not", "former")
    ……      stands for up to a few words of any kind
    …ing    is any word that ends so
    a, an   is any determiner, and what may stand before the noun: "I have a dog" finds "I have three big dogs"
    {name}  is any of the stems of that name, which say what the whole means: "是{noun}"

and in a clause words such as "also" and "really" are leapt over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from persona_forge.personas.grammar import Grammar, Word

_GAP, _FAR, _DETERMINER, _GERUND, _HERE = "…", "……", "a", "…ing", ""
_NO_GERUND = {"thing", "something", "anything", "everything", "nothing", "morning", "evening", "spring", "sibling"}
_NO_S = ("s", "x", "ch", "sh")


@dataclass(frozen=True, slots=True)
class Found:
    """What ends with these words, and how many of them are the phrase's own."""

    what: Any
    first: int
    last: int
    literal: int


@dataclass(frozen=True, slots=True)
class Phrases:
    """The tree: a word leads to the words that may follow it, and where a phrase ends, to what it means."""

    grammar: Grammar
    root: dict[str, Any] = field(default_factory=dict)
    stems: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By their names, a tree of each."""

    def add(self, words: Sequence[str], what: Any, stem: str | None = None) -> None:
        """A phrase; or a stem, with that name."""
        node = self.stems.setdefault(stem, {}) if stem else self.root
        for word in words:
            node = node.setdefault(_DETERMINER if word == "an" else word, {})
        here: list[Any] = node.setdefault(_HERE, [])
        if what not in here:
            here.append(what)

    def find(self, words: Sequence[Word]) -> Iterator[Found]:
        for first, (word, *_) in enumerate(words):
            if node := self.root.get(word):
                yield from self._from(node, words, first, first + 1, 1)
            yield from self._filled(self.root, words, first, first, 0)

    def _from(self, node: dict[str, Any], words: Sequence[Word], first: int, at: int, literal: int) -> Iterator[Found]:
        for what in node.get(_HERE, ()):
            yield Found(what, first, at, literal)
        yield from self._further(node, words, first, at, literal)

    def _further(
        self, node: dict[str, Any], words: Sequence[Word], first: int, at: int, literal: int
    ) -> Iterator[Found]:
        if at == len(words):
            return
        word = words[at][0]
        if further := node.get(word):
            yield from self._from(further, words, first, at + 1, literal + 1)
        elif word in self.grammar.fillers:
            yield from self._from(node, words, first, at + 1, literal)
        if _GERUND in node and word.endswith("ing") and word not in _NO_GERUND:
            yield from self._from(node[_GERUND], words, first, at + 1, literal)
        if _DETERMINER in node and word in self.grammar.determiners:
            yield from self._leap(node[_DETERMINER], words, first, at + 1, literal)
        yield from self._filled(node, words, first, at, literal)
        if _GAP in node:
            yield from self._leap(node[_GAP], words, first, at, literal)
        if _FAR in node:
            yield from self._leap(node[_FAR], words, first, at, literal, frozenset())

    def _filled(
        self, node: dict[str, Any], words: Sequence[Word], first: int, at: int, literal: int
    ) -> Iterator[Found]:
        for name, stems in self.stems.items():
            if name in node and (begun := stems.get(words[at][0])):
                for stem in self._from(begun, words, first, at + 1, literal + 1):
                    for found in self._from(node[name], words, first, stem.last, stem.literal):
                        yield replace(found, what=found.what.of(stem.what))

    def _leap(
        self,
        node: dict[str, Any],
        words: Sequence[Word],
        first: int,
        at: int,
        literal: int,
        stop: frozenset[str] | None = None,
    ) -> Iterator[Found]:
        stop = self.grammar.stop if stop is None else stop
        yield from self._from(node, words, first, at, literal)
        for further in range(at, min(at + self.grammar.leap * (1 if stop else 2), len(words))):
            if words[further][0] in stop:
                return
            yield from self._further(node, words, first, further + 1, literal)


def plurals(noun: str) -> tuple[str, ...]:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun, f"{noun[:-1]}ies"
    return noun, f"{noun}es" if noun.endswith(_NO_S) else f"{noun}s"


def inflected(word: str) -> tuple[str, ...]:
    """A noun's plural, and the endings -ed and -ing of a verb."""
    if word.endswith("e"):
        return (*plurals(word), f"{word}d", f"{word[:-1]}ing")
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return (*plurals(word), f"{word[:-1]}ied", f"{word}ing")
    double = word + word[-1] if word[-2:-1] in "aeiou" and word[-1] in "bdgmnprt" else word
    return (*plurals(word), f"{word}ed", f"{word}ing", f"{double}ed", f"{double}ing")
