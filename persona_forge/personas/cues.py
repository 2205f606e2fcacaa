"""What words may mean: the cues and mentions of an ontology in one language, as one tree of phrases.

The nouns of values ("a nurse") are cues by frames ("I am a nurse"), see space/ontology; in Chinese, where the persona
need not be named and a measure word may stand in between, two frames stand for all of them ("是…护士", "当…护士").
A cue with " & " has parts that may stand anywhere: "my wife & I have a kid". A cue, or a part, that begins or ends with
words of grammar.alike stands for others like it ("爱…看书" for "喜欢…看书"), "广东人" for all ways to come from there;
one that begins with "=" states something only where it is a whole clause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from persona_forge.personas.ages import AGE
from persona_forge.personas.grammar import Grammar, grammar
from persona_forge.personas.phrases import Phrases, inflected, plurals
from persona_forge.space.ontology import FRAMES, LANGUAGE, Choice, Ontology

GENDER = "gender"
PLACE = "<place>"
"""As a mention: any name of a place (zh)."""
AND = " & "
ALONE = "="
CITY = "市"
_FRAMES = {
    "en": ("work as {}", "job as {}", "employed as {}"),
    "zh": (
        "是{}",
        "是个{}",
        "是名{}",
        "是一名{}",
        "是一位{}",
        "当{}",
        "当个{}",
        "当一名{}",
        "当了{}",
        "做{}",
        "做…{}",
        "当…{}",
        "做了{}",
        "{}",
    ),
}
"""Further ones, in which the persona is not named."""
_NOUNS = {"en": FRAMES["en"][2], "zh": FRAMES["zh"][1]}
"""The frame by which a noun is known."""


@dataclass(frozen=True, slots=True)
class Cue:
    dimension: str
    value: str
    part: str
    parts: tuple[str, ...]
    """All of these have to be stated; most cues are one."""
    noun: bool
    """Whether it ends in a noun that a further noun would make a part of another one."""
    bare: bool
    """Whether it is nothing but that noun (zh)."""
    alone: bool
    """Whether it states something only where it is a whole clause (zh)."""


@dataclass(frozen=True, slots=True)
class Mention:
    dimension: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    language: str
    grammar: Grammar
    names: frozenset[str]
    """The dimensions."""
    phrases: Phrases
    """Of cues, of mentions, and of what is idle (None)."""
    bands: frozenset[str]
    """The age bands and the genders that there are: these are told without cues."""
    genders: frozenset[str]
    places: frozenset[str]
    """The dimensions that any name of a place touches."""
    together: tuple[tuple[str, str], ...]
    """Dimension, and the one without which it is not settled either."""
    forbidden: tuple[Choice, ...]
    """Of each, the values that can't stand together."""


def lexicon(ontology: Ontology, language: str) -> Lexicon:
    words = grammar(language)
    phrases = Phrases(words)
    for idle in words.idle:
        phrases.add(words.phrase(idle), None)
    places = set()
    cities = {
        cue for d in ontology.dimensions for v in d.values for cue in v.cues.get(language, ()) if cue[-1:] == CITY
    }
    for dimension in ontology.dimensions:
        for value in dimension.values:
            for cue, noun, bare in _framed(value.cues.get(language, ()), language):
                _add_cue(phrases, dimension.name, value.name, cue, noun, bare)
                for folk, gender in words.folk.items() if cue.endswith("人") else ():
                    if folk == ALONE + "{}" and cue[:-1] + CITY in cities:  # rather where one lives
                        continue
                    said = folk.format(cue[:-1])
                    _add_cue(phrases, dimension.name, value.name, said)
                    if gender != "any":
                        _add_cue(phrases, GENDER, gender, said)
        for mention in dimension.mentions.get(language, ()):
            if mention == PLACE:
                places.add(dimension.name)
            else:
                *first, last = words.phrase(mention)
                what = Mention(dimension.name, (*first, last))
                for ending in inflected(last) if language == "en" else (last,):
                    phrases.add((*first, words.same.get(ending, ending)), what)
    return Lexicon(
        language,
        words,
        frozenset(d.name for d in ontology.dimensions),
        phrases,
        frozenset(v for d in ontology.dimensions if d.name == AGE for v in d.names),
        frozenset(v for d in ontology.dimensions if d.name == GENDER for v in d.names),
        frozenset(places),
        tuple((d.name, d.withheld_with) for d in ontology.dimensions if d.withheld_with),
        tuple(_spoken(choice) for r in ontology.relations for choice in r.forbids if _holds(choice, language)),
    )


def _holds(choice: Choice, language: str) -> bool:
    return language in choice.get(LANGUAGE, {language})


def _spoken(choice: Choice) -> Choice:
    return {dimension: values for dimension, values in choice.items() if dimension != LANGUAGE}


def _framed(cues: tuple[str, ...], language: str) -> Iterator[tuple[str, bool, bool]]:
    """The cues, and nouns in further frames, which in Chinese hold all the others."""
    before, _ = _NOUNS[language].split("{}")
    nouns = [cue.removeprefix(before) for cue in cues if cue.startswith(before)]
    held = {frame.format(noun) for noun in nouns for frame in FRAMES["zh"]} if language == "zh" else set()
    yield from ((frame.format(noun), language == "zh", frame == "{}") for noun in nouns for frame in _FRAMES[language])
    yield from ((cue, False, False) for cue in cues if cue not in held)


def _alike(part: str, grammar: Grammar) -> list[str]:
    """A part of a cue, and those like it."""
    before = [other + part[len(key) :] for key in grammar.alike if part.startswith(key) for other in grammar.alike[key]]
    ends = [(part[: -len(key)], other) for key in grammar.alike if part.endswith(key) for other in grammar.alike[key]]
    after = [other.format(stem) if "{}" in other else stem + other for stem, other in ends]
    return [part, *before, *after]


def _add_cue(phrases: Phrases, dimension: str, value: str, cue: str, noun: bool = False, bare: bool = False) -> None:
    parts = tuple(cue.split(AND))
    for part, said in [(one, said) for one in parts for said in _alike(one, phrases.grammar)]:
        words = phrases.grammar.phrase(said.removeprefix(ALONE))
        noun = noun or (phrases.grammar.language == "en" and words[-2:-1] in (["a"], ["an"]))
        what = Cue(dimension, value, part, parts, noun, bare, said.startswith(ALONE))
        for last in plurals(words[-1]) if noun or words[-2:-1] == ["my"] else (words[-1],):
            phrases.add((*words[:-1], phrases.grammar.same.get(last, last)), what)
