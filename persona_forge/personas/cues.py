"""What words may mean: the cues and mentions of an ontology in one language, as one tree of phrases.

The nouns of values ("a nurse") are cues by frames ("I am a nurse"), see space/ontology; in Chinese, where the persona
need not be named and a measure word may stand in between, they have frames of their own ("是…护士", "当…护士"). A cue
with " & " has parts that may stand anywhere: "my wife & I have a kid". A cue, or a part, that begins or ends with words
of grammar.alike stands for others like it ("爱…看书" for "喜欢…看书"), "广东人" for all ways to come from there; one
that begins with "=" states something only where it is a whole clause. Frames and ways are phrases in which the nouns
and the places are stems: their products would be hundreds of thousands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from persona_forge.personas.ages import AGE
from persona_forge.personas.grammar import Grammar, grammar
from persona_forge.personas.phrases import Phrases, inflected, plurals
from persona_forge.space.ontology import FRAMES, LANGUAGE, Choice, Ontology

GENDER = "gender"
PLACE = "<place>"
"""As a mention: any name of a place (zh)."""
AND = " & "
ALONE = "="
NOUN, PLACE_OF_ORIGIN = "{noun}", "{origin}"
"""Stems (zh)."""
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
class Stem:
    dimension: str
    value: str


OF_ITS_STEM = Stem("", "")
"""What a frame says that says nothing by itself."""


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

    def of(self, stem: Stem) -> Cue:
        """With that stem: it says what the stem does, if it says nothing by itself."""
        return self if self.dimension else replace(self, dimension=stem.dimension, value=stem.value)


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
    if language == "zh":
        _add_frames(phrases)
    for dimension in ontology.dimensions:
        for value in dimension.values:
            stem = Stem(dimension.name, value.name)
            nouns, others = _told_apart(value.cues.get(language, ()), language)
            for noun in nouns:
                _add_noun(phrases, stem, noun)
            for cue in others:
                _add_cue(phrases, stem, cue)
                if cue.endswith("人"):
                    phrases.add(words.phrase(cue[:-1]), stem, PLACE_OF_ORIGIN)
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


def _told_apart(cues: tuple[str, ...], language: str) -> tuple[list[str], list[str]]:
    """The nouns, and the cues that no noun makes by itself (zh)."""
    before, _ = _NOUNS[language].split("{}")
    nouns = [cue.removeprefix(before) for cue in cues if cue.startswith(before)]
    held = {frame.format(noun) for noun in nouns for frame in FRAMES["zh"]} if language == "zh" else set()
    return nouns, [cue for cue in cues if cue not in held]


def _add_frames(phrases: Phrases) -> None:
    """What a noun stands in, and how somebody who comes from a place is told (zh)."""
    for frame in _FRAMES["zh"]:
        _add_frame(phrases, frame, NOUN)
    for frame, gender in phrases.grammar.folk.items():
        _add_frame(phrases, frame, PLACE_OF_ORIGIN)
        if gender != "any":
            _add_frame(phrases, frame, PLACE_OF_ORIGIN, Stem(GENDER, gender))


def _add_frame(phrases: Phrases, frame: str, stem: str, says: Stem = OF_ITS_STEM) -> None:
    before, after = frame.removeprefix(ALONE).split("{}")
    noun = stem == NOUN
    what = Cue(says.dimension, says.value, frame, (frame,), noun, noun and frame == "{}", frame.startswith(ALONE))
    phrases.add([*phrases.grammar.phrase(before), stem, *phrases.grammar.phrase(after)], what)


def _add_noun(phrases: Phrases, stem: Stem, noun: str) -> None:
    if phrases.grammar.language == "zh":
        for said in _alike(noun, phrases.grammar):
            phrases.add(phrases.grammar.phrase(said), stem, NOUN)
    else:
        for frame in _FRAMES["en"]:
            _add_cue(phrases, stem, frame.format(noun))


def _alike(part: str, grammar: Grammar) -> list[str]:
    """A part of a cue, and those like it."""
    before = [other + part[len(key) :] for key in grammar.alike if part.startswith(key) for other in grammar.alike[key]]
    ends = [(part[: -len(key)], other) for key in grammar.alike if part.endswith(key) for other in grammar.alike[key]]
    after = [other.format(stem) if "{}" in other else stem + other for stem, other in ends]
    return [part, *before, *after]


def _add_cue(phrases: Phrases, stem: Stem, cue: str) -> None:
    parts = tuple(cue.split(AND))
    for part, said in [(one, said) for one in parts for said in _alike(one, phrases.grammar)]:
        words = phrases.grammar.phrase(said.removeprefix(ALONE))
        noun = phrases.grammar.language == "en" and words[-2:-1] in (["a"], ["an"])
        what = Cue(stem.dimension, stem.value, part, parts, noun, False, said.startswith(ALONE))
        for last in plurals(words[-1]) if noun or words[-2:-1] == ["my"] else (words[-1],):
            phrases.add((*words[:-1], phrases.grammar.same.get(last, last)), what)
