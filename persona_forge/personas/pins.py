"""Pins need precision, mentions need recall: what the prose states is pinned, what it merely touches is withheld.

Each value of the ontology has cues in both languages. A cue pins its value where it stands in a clause about the
persona, now, and not denied. Anywhere else (a husband's job, a former one, a wish) it only touches its dimension, as do
a dimension's mentions ("wife", "my boss"), which pin nothing; a dimension that is touched and not pinned is withheld,
and so is one with cues for two values. A stated age pins the age band. Evidence is the words that were found.

What a clause is about is told from its words left of the cue, in reach of the last "and I": whose it is, whether it
is denied, past, wished for or said by others. There is no parser: irony, quotations and long sentences fool it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from persona_forge.personas.ages import AGE, stated_ages, tells_of_a_year
from persona_forge.space.ontology import Ontology

_SENTENCE = re.compile(r"[^.!?;\n。！？；]+")
_CLAUSE = re.compile(r"[^,:，：—()（）\"“”]+")


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The words by which a clause is understood, as patterns."""

    own: re.Pattern[str]
    """The persona as the one who is spoken of."""
    others: re.Pattern[str]
    """Other people."""
    third: re.Pattern[str]
    """Pronouns for others, where the persona speaks or is spoken to."""
    doubt: re.Pattern[str]
    """Denied, past, wished for, supposed: before a cue."""
    undone: re.Pattern[str]
    """The same, and compounds, right after a cue."""
    fresh: re.Pattern[str]
    """Where a new subject begins within a clause."""


_PEOPLE_EN = (
    r"mom|mommy|mum|mother|dad|daddy|father|parents?|folks|husband|wife|spouse|partner|brothers?|sisters?|siblings?"
    r"|sons?|daughters?|kids?|child|children|twins?|baby|friends?|boss|uncles?|aunts?|cousins?|niece|nephew|grand\w+"
    r"|boyfriend|girlfriend|fianc\w+|family|ex|roommates?|neighbou?rs?|teachers?|people|everyone|students?|clients?"
)
_GRAMMAR = {
    "en": _Grammar(
        own=re.compile(r"\b(?:I|you)\b", re.IGNORECASE),
        others=re.compile(rf"\b(?:{_PEOPLE_EN})\b", re.IGNORECASE),
        third=re.compile(r"\b(?:he|she|they|him|her|them|his|hers|their|himself|herself)\b", re.IGNORECASE),
        doubt=re.compile(
            r"\b(?:not|never|no|nor|neither|hardly|without|less|than|used to|was|were|had been|had|former\w*|once"
            r"|previous\w*|want\w*|wanna|wish\w*|hop(?:e|es|ed|ing)|dream\w*|would|could|might|may|should|going to"
            r"|will|if|almost|plan\w*|aspir\w*|studying to|train\w* to|trying to|try to|like to|learn\w*|pretend\w*"
            r"|imagine|think\w*|thought|say|says|said|tell|tells|told|call|calls|called|consider\w*|when|until"
            r"|before|after|as a|growing up|grew up|miss|missed|lost|late|dead|fear\w*|afraid|hate\w*)\b"
            r"|n['’]t\b|['’]d\b|\bex[- ]",
            re.IGNORECASE,
        ),
        undone=re.compile(
            r"['’]s\b|-|\s+(?:no more|any ?more|in training|by training|at heart|wannabe|once|before|years ago|ago"
            r"|when I was|as a (?:child|kid|teen\w*)|growing up|died|passed|left me|assistant|aide|student|teacher|fan"
            r"|lover|enthusiast|owner|dealer|groom\w*|walk\w*|allerg\w*|person|people|trainer|food|shop|store|house"
            r"|son|daughter|in law|until|but not)\b",
            re.IGNORECASE,
        ),
        fresh=re.compile(r"\b(?:and|but|while|because|so|though|although)\s+(?=(?:I|my|you|your|we)\b)", re.IGNORECASE),
    ),
    "zh": _Grammar(
        own=re.compile(r"[我你](?!的?(?:爸|妈|父|母|老公|丈夫|老婆|妻|爱人|哥|姐|弟|妹|儿|女|孩|朋友|老板|同事|家))"),
        others=re.compile(
            r"爸|妈|父亲|母亲|父母|老公|丈夫|老婆|妻子|爱人|老伴|对象|哥|姐|弟|妹|儿子|女儿|闺女|孩子|娃|孙|侄|外甥|朋友|同学"
            r"|同事|老板|叔|伯|姑|舅|姨|婶|爷|奶|外公|外婆|男友|女友|男朋友|女朋友|家人|前任|前夫|前妻|徒弟|师父|师傅|邻居|别人|人家"
        ),
        third=re.compile(r"[他她]"),
        doubt=re.compile(
            r"不|没|非|无|曾|以前|过去|当年|原来|原本|本来|想|希望|梦想|如果|要是|假如|差点|将来|长大|以后|准备|打算|学着"
            r"|别人|都说|说我|叫我|觉得|以为|当作|好像|像|辞|退下|告别|小时候|那年|怕|讨厌"
        ),
        undone=re.compile(r"过|的(?:儿子|女儿|孩子|朋友|老公|老婆|爸|妈|梦)|家属|出身|世家|梦|之家|证|学校|专业"),
        fresh=re.compile(r"(?<=.)(?=但我|可我|而我)"),
    ),
}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language: one pattern over all cues, longest first, whose each cue is, and mentions."""

    language: str
    cues: re.Pattern[str]
    owners: dict[str, list[tuple[str, str]]]
    mentions: tuple[tuple[str, re.Pattern[str]], ...]
    """Dimension, and a pattern over its mentions."""
    bands: frozenset[str]
    """The age bands that there are."""
    together: tuple[tuple[str, str], ...]
    """Dimension, and the one without which it is not settled either."""


def lexicon(ontology: Ontology, language: str) -> Lexicon:
    owners: dict[str, list[tuple[str, str]]] = {}
    for dimension in ontology.dimensions:
        for value in dimension.values:
            for cue in value.cues.get(language, ()):
                owners.setdefault(_plain(cue), []).append((dimension.name, value.name))
    mentions = tuple(
        (d.name, _any_of(d.mentions[language], language, r"(?:e?s|e?d|ing)?"))
        for d in ontology.dimensions
        if d.mentions.get(language)
    )
    together = tuple((d.name, d.withheld_with) for d in ontology.dimensions if d.withheld_with)
    bands = frozenset(v for d in ontology.dimensions if d.name == AGE for v in d.names)
    return Lexicon(language, _any_of(owners, language), owners, mentions, bands, together)


def _any_of(words: Iterable[str], language: str, ending: str = "") -> re.Pattern[str]:
    """A pattern over words, the longest first; English ones stand alone."""
    either = "|".join(re.escape(w).replace("'", "['’]") for w in sorted(words, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"\b(?:{either}){ending}\b" if language == "en" else either, re.IGNORECASE)


def _plain(words: str) -> str:
    return words.lower().replace("’", "'")


def find_pins(prose: str, words: Lexicon) -> tuple[list[dict[str, str]], set[str]]:
    """Pins (dimension, value, evidence, by) and the dimensions that are touched without being settled."""
    sure: dict[str, dict[str, str]] = {}
    unsure = touched(prose, words)
    for dimension, value, evidence, stated in _found(prose, words):
        unsure.add(dimension)
        if stated:
            sure.setdefault(dimension, {}).setdefault(value, evidence)
    pins = [
        {"dimension": dimension, "value": value, "evidence": evidence, "by": "cue"}
        for dimension, values in sorted(sure.items())
        for value, evidence in values.items()
        if len(values) == 1
    ]
    unsure -= {p["dimension"] for p in pins}
    unsure |= {dimension for dimension, other in words.together if other in unsure}
    return pins, unsure - {p["dimension"] for p in pins}


def touched(text: str, words: Lexicon) -> set[str]:
    """The dimensions that a text mentions; who "he" is, where the persona speaks, is no matter."""
    grammar = _GRAMMAR[words.language]
    if grammar.own.search(text):
        text = grammar.third.sub(" ", text)
    found = {dimension for dimension, pattern in words.mentions if pattern.search(text)}
    return found | {AGE} if words.bands and tells_of_a_year(text) else found


def _found(prose: str, words: Lexicon) -> Iterator[tuple[str, str, str, bool]]:
    """Dimension, value, evidence, and whether the clause states it of the persona."""
    grammar = _GRAMMAR[words.language]
    spoken_to = bool(grammar.own.search(prose))
    for sentence in _SENTENCE.findall(prose):
        of_others = False
        for clause in _CLAUSE.findall(sentence):
            for dimension, value, start, end, mine in (*_cues(clause, words), *_ages(clause, words)):
                begins = max((m.end() for m in grammar.fresh.finditer(clause) if m.end() <= start), default=0)
                left = clause[begins:start]
                about_others = not mine and (
                    grammar.others.search(left)
                    or (spoken_to and grammar.third.search(left))
                    or (of_others and not grammar.own.search(left))
                )
                compound = dimension != AGE and grammar.undone.match(clause[end:])
                doubtful = about_others or compound or grammar.doubt.search(left)
                yield dimension, value, clause[start:end], not doubtful
            of_others = not grammar.own.search(clause) and (of_others or bool(grammar.others.search(clause)))


def _ages(clause: str, words: Lexicon) -> Iterator[tuple[str, str, int, int, bool]]:
    return (found for found in stated_ages(clause, words.language) if found[1] in words.bands)


def _cues(clause: str, words: Lexicon) -> Iterator[tuple[str, str, int, int, bool]]:
    """Dimension, value, place, and whether the cue itself says whose it is."""
    grammar = _GRAMMAR[words.language]
    for match in words.cues.finditer(clause):
        mine = bool(grammar.own.match(match.group(0)))
        for dimension, value in words.owners[_plain(match.group(0))]:
            yield dimension, value, match.start(), match.end(), mine
