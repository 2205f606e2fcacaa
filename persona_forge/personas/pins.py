"""Pins need precision, mentions need recall: what the prose states is pinned, what it merely touches is withheld.

Each value of the ontology has cues in both languages. A cue pins its value where it stands in a clause about the
persona, now, and not denied. Anywhere else (a husband's job, a former one, a wish) it only touches its dimension, as do
a dimension's mentions ("wife", "my boss"), which pin nothing; a dimension that is touched and not pinned is withheld,
and so is one with cues for two values, or one of which a person may have several (a pet, a pastime) where another one
is mentioned. Pins that the ontology forbids together, or beside those of the author, are withheld too. A stated age
pins the age band; he or she, where they are the persona, the gender. Evidence is the words found.

What a clause is about is told from its words left of the cue, in reach of the last "and I": whose it is, whether it
is denied, past, wished for or said by others. There is no parser: irony, quotations and long sentences fool it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from persona_forge.personas.ages import AGE, stated_ages, tells_of_a_year
from persona_forge.personas.cues import GENDER, Cue, Lexicon, Mention, lexicon
from persona_forge.personas.grammar import Grammar, Person, Word
from persona_forge.personas.phrases import Found
from persona_forge.personas.segment import Edge, segmented

__all__ = ["Lexicon", "find_pins", "lexicon", "touched"]

_SENTENCE = re.compile(r"[^.!?;\n。！？；]+")
_CLAUSE = re.compile(r"(?:[“「][^”」]{1,6}[”」]|[^,:，：—()（）\"“”「」])+")
"""Two or three words in quotation marks are a name or a nickname, and no clause of their own."""

_JOINTS = ("，", ",", "：", ":")
"""Before a clause that goes on with what was said: "forty, Liuzhou", "sex: male"."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """A cue, an age or a pronoun, with its place in the prose; or a mention, which has no value."""

    dimension: str
    value: str | None
    start: int
    end: int
    stated: bool = False
    cue: Cue | None = None

    @property
    def faint(self) -> bool:
        return self.value is None and self.cue is None and self.end - self.start == 1


@dataclass(frozen=True, slots=True)
class _Told:
    """Prose as if the persona spoke; every letter has its own place in it (see grammar)."""

    prose: str
    person: Person
    text: str
    edges: list[Edge]
    """Of each character its word (zh)."""
    gender: str | None
    """As the persona's pronoun tells it; then no other word does."""


@dataclass(frozen=True, slots=True)
class _Clause:
    told: _Told
    text: str
    at: int
    words: list[Word]
    of_others: bool
    """Whether the clauses of the sentence before it are about somebody else."""
    of_once: bool
    """Whether they are about another time, and it is not said to be about this one."""

    def span(self, found: Found) -> tuple[int, int]:
        return self.words[found.first][1], self.words[found.last - 1][2]

    def hit(
        self, dimension: str, value: str | None, start: int, end: int, stated: bool = False, cue: Cue | None = None
    ) -> _Hit:
        """At its place in the prose: where "  I" is read, "you" begins two letters before."""
        start, end = self.at + start, self.at + end
        while start and self.told.prose[start - 1] != self.told.text[start - 1] == " ":
            start -= 1
        return _Hit(dimension, value, start, end, stated, cue)

    def cut(self, start: int, end: int) -> bool:
        """Whether these characters begin or end within a word (zh)."""
        if not self.told.edges:
            return False
        first, last = self.told.edges[self.at + start], self.told.edges[self.at + end - 1]
        return first.first < first.at or last.last > last.at

    def is_all(self, start: int, end: int) -> bool:
        """Whether they are all of a clause that follows another one: "forty, Liuzhou,"."""
        return self.text.strip() == self.text[start:end] and self.told.text[: self.at].rstrip()[-1:] in _JOINTS

    def crosses(self, start: int, end: int) -> bool:
        """Whether they are of several words and begin or end within one (zh)."""
        edges = self.told.edges
        return bool(edges) and edges[self.at + start].first != edges[self.at + end - 1].first and self.cut(start, end)


def find_pins(
    prose: str, words: Lexicon, authored: Mapping[str, str] | None = None
) -> tuple[list[dict[str, str]], set[str]]:
    """Pins (dimension, value, evidence, by) and the dimensions that are touched without being settled.

    `authored` are the values that an author has pinned: what can't stand beside them is no pin.
    """
    plain = words.grammar.plain(prose)
    hits = _telling(_hits(plain, words), words.grammar)
    sure: dict[str, dict[str, str]] = {}
    for hit in _settling(hits):
        sure.setdefault(hit.dimension, {}).setdefault(hit.value or "", prose[hit.start : hit.end])
    for world in words.grammar.worlds:
        if not world.unsettles.isdisjoint(sure) and world.told.search(plain):
            sure = {dimension: values for dimension, values in sure.items() if dimension not in world.unsettles}
    for dimension in words.grammar.several & sure.keys():
        if _another([h for h in hits if h.dimension == dimension], plain, words.grammar):
            del sure[dimension]
    single = {dimension: next(iter(values)) for dimension, values in sorted(sure.items()) if len(values) == 1}
    clashing = _clashing({**single, **(authored or {})}, words)
    pins = [
        {"dimension": dimension, "value": value, "evidence": sure[dimension][value], "by": "cue"}
        for dimension, value in single.items()
        if dimension not in clashing
    ]
    pinned = {p["dimension"] for p in pins}
    unsure = ({h.dimension for h in hits} | (words.grammar.always & words.names)) - pinned
    while more := {dimension for dimension, other in words.together if other in unsure} - unsure - pinned:
        unsure |= more
    return pins, unsure


def touched(text: str, words: Lexicon) -> set[str]:
    """The dimensions that a text touches; who "he" is, where the persona speaks, is no matter."""
    return {hit.dimension for hit in _telling(_hits(words.grammar.plain(text), words), words.grammar)}


def _telling(hits: Iterable[_Hit], grammar: Grammar) -> list[_Hit]:
    """Without mentions of a single character where there are but few of them: these are often parts of other words."""
    hits = list(hits)
    faint = Counter(hit.dimension for hit in hits if hit.faint)
    return [hit for hit in hits if not hit.faint or faint[hit.dimension] >= grammar.faint]


def _settling(hits: Iterable[_Hit]) -> Iterator[_Hit]:
    """What is stated; of a cue in parts, where all of them are."""
    stated = [hit for hit in hits if hit.stated]
    parts = {hit.cue.part for hit in stated if hit.cue}
    return (hit for hit in stated if hit.cue is None or parts.issuperset(hit.cue.parts))


def _clashing(pins: Mapping[str, str], words: Lexicon) -> set[str]:
    """The dimensions whose values can't stand together."""
    return {
        dimension
        for choice in words.forbidden
        if all(pins.get(dimension) in values for dimension, values in choice.items())
        for dimension in choice
    }


def _another(hits: list[_Hit], prose: str, grammar: Grammar) -> bool:
    """Whether something is mentioned that no stated cue speaks of."""
    stated = [hit for hit in hits if hit.stated]
    known = {word for hit in stated for word, *_ in grammar.words(prose[hit.start : hit.end])}
    apart = (h for h in hits if h.value is None and all(h.end <= s.start or s.end <= h.start for s in stated))
    said = {prose[hit.start : hit.end].lower() for hit in apart} - grammar.neutral
    return any(word not in known for words in said for word, *_ in grammar.words(words))


def _hits(prose: str, words: Lexicon) -> Iterator[_Hit]:
    grammar = words.grammar
    person = grammar.person(prose)
    gender, said = (grammar.gender(prose) if person == "third" else None) or (None, None)
    edges = segmented(prose) if words.language == "zh" else []
    told = _Told(prose, person, grammar.as_first(prose, person), edges, gender)
    if said and gender in words.genders:
        yield _Hit(GENDER, gender, *said.span(), stated=True)
    yield from _of_all(told, words)
    for sentence in _SENTENCE.finditer(told.text):
        of_others = of_once = False
        for clause in _CLAUSE.finditer(told.text, *sentence.span()):
            text = clause.group(0)
            of_once = of_once and not grammar.now.search(text)
            spoken = grammar.words(text)
            for one in filter(None, (spoken, _without_inner_places(spoken, told.edges[clause.start() : clause.end()]))):
                yield from _of_clause(_Clause(told, text, clause.start(), one, of_others, of_once), words)
            of_once = of_once or bool(grammar.once.search(text))
            opens = person == "third" and clause.start() == 0  # whoever it names there, it is the persona
            persona = opens or grammar.own.search(text)
            of_others = not persona and (of_others or bool(grammar.others_first.match(text)))


def _without_inner_places(words: list[Word], edges: list[Edge]) -> list[Word]:
    """福建安溪人 as 福建人: of places named one after the other the first, and largest, is one that the cues know."""
    inner = {e.first for before, e in pairwise(edges) if before.place and e.place and before.first != e.first}
    return [word for word in words if edges[word[1]].first not in inner] if inner else []


def _of_all(told: _Told, words: Lexicon) -> Iterator[_Hit]:
    """What is no matter of a clause: whether there is a he or a she, a year, another world, names of places."""
    if told.person == "third" and words.genders and words.grammar.third.search(told.prose):
        yield _Hit(GENDER, None, 0, 0)
    if words.bands and tells_of_a_year(told.prose):
        yield _Hit(AGE, None, 0, 0)
    for world in words.grammar.worlds:
        if world.told.search(told.prose):
            yield from (_Hit(dimension, None, 0, 0) for dimension in sorted(world.touches & words.names))
    if any(edge.place for edge in told.edges):
        yield from (_Hit(dimension, None, 0, 0) for dimension in words.places)


def _of_clause(clause: _Clause, words: Lexicon) -> Iterator[_Hit]:
    found = list(words.phrases.find(clause.words))
    idle = [f for f in found if f.what is None]
    cues = [f for f in found if isinstance(f.what, Cue) and not clause.cut(*clause.span(f))]
    for f in found:
        if isinstance(f.what, Mention) and not any(i.first <= f.first and f.last <= i.last for i in idle):
            start, end = clause.span(f)
            if not clause.crosses(start, end) and not _of_another(clause, start, end, words.grammar):
                yield clause.hit(f.what.dimension, None, start, end)
    for f in cues:
        if not _outdone(f, cues) and not (clause.told.gender and f.what.dimension == GENDER):
            start, end = clause.span(f)
            yield clause.hit(
                f.what.dimension, f.what.value, start, end, _stated(clause, start, end, words.grammar, f.what), f.what
            )
    for band, start, end in stated_ages(clause.text, words.language) if words.bands else ():
        known = band if band in words.bands else None
        yield clause.hit(AGE, known, start, end, bool(known) and _stated(clause, start, end, words.grammar))


def _of_another(clause: _Clause, start: int, end: int, grammar: Grammar) -> bool:
    """Whether it is a "he" that is not the persona."""
    return clause.told.person == "first" and bool(grammar.third.fullmatch(clause.text, start, end))


def _outdone(found: Found, cues: Iterable[Found]) -> bool:
    """Whether a more literal cue of its dimension holds it: "a software engineer" is no engineer."""
    return any(
        f.what.dimension == found.what.dimension
        and f.literal > found.literal
        and f.first <= found.first
        and found.last <= f.last
        for f in cues
    )


def _stated(clause: _Clause, start: int, end: int, grammar: Grammar, cue: Cue | None = None) -> bool:
    """Whether the clause states it of the persona, now."""
    begins = max((m.end() for m in grammar.fresh.finditer(clause.text) if m.end() <= start), default=0)
    left, right = clause.text[begins:start], clause.text[end:]
    if grammar.doubt.search(left) or (cue and (clause.of_once or not grammar.is_whole(right, cue.noun))):
        return False
    if cue and ((cue.bare and not grammar.before.match(left)) or (cue.alone and not clause.is_all(start, end))):
        return False
    if grammar.own.match(clause.text, start, end):
        return True
    if clause.told.person == "first" and grammar.third.search(left):
        return False
    if grammar.others.match(clause.text, start) and not (cue and cue.noun):
        return not grammar.theirs.search(left)
    return not grammar.others.search(left) and (not clause.of_others or bool(grammar.own.search(left)))
