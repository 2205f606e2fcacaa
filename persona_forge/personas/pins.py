"""Pins need precision, mentions need recall: what the prose states is pinned, what it merely touches is withheld.

Each value of the ontology has cues in both languages. A cue pins its value where it stands in a clause about the
persona, now, and not denied; anywhere else (a husband's job, a former one, a wish) it withholds the dimension, as do two
cues for two values. A stated age pins the age band. Evidence is the words that were found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from persona_forge.space.ontology import Ontology

AGE_BANDS = ((13, "child"), (18, "teen"), (30, "young_adult"), (45, "adult"), (60, "middle_aged"), (75, "senior"),
             (131, "elderly"))  # fmt: skip
"""Upper bound in years (not included) and the band below it."""

_CLAUSE = re.compile(r"[^.!?;,\n。！？；，]+")
_DOUBT = {
    "en": re.compile(
        r"\b(?:not|never|no longer|n't|used to|once was|was an?|were|had been|former|formerly|ex|want(?:s|ed)? to|wish(?:es|ed)?"
        r"|hope[sd]?|dream(?:s|ed)?|would|going to|will|if|almost|could have|plan(?:s|ned)?|aspiring|when i was|grow up"
        r"|(?:my|his|her|their|our|a) (?:mom|mother|dad|father|parents?|husband|wife|spouse|partner|brother|sister|son|daughter"
        r"|kids?|children|friends?|boss|uncle|aunt|cousin|grand\w+|boyfriend|girlfriend|fianc\w+|family|ex|neighbou?rs?))\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"不是|没有|从不|不再|曾经|以前|当年|原来是|想当|想做|希望|梦想|如果|差点|本来|将来|长大"
        r"|(?:我|他|她)?(?:的)?(?:爸|妈|父亲|母亲|父母|老公|丈夫|老婆|妻子|爱人|哥|姐|弟|妹|儿子|女儿|孩子|朋友|老板|叔|姑|舅|姨|爷|奶|外公|外婆|男友|女友|家人|前)"
    ),
}
_AGE = {
    "en": re.compile(r"\bI(?:'m| am) (?:a |an )?(?P<a>\d{1,3})(?![\d%]| ?(?:feet|foot|ft|inches|pounds|lbs|kids|children|minutes|miles))"
                     r"(?:[- ]years?[- ]old)?|\b(?P<b>\d{1,3})[- ]years?[- ]old\b"),
    "zh": re.compile(r"(?P<a>\d{1,3})岁"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The cues of one language: one pattern over all of them, longest first, and whose each cue is."""

    language: str
    pattern: re.Pattern[str]
    owners: dict[str, list[tuple[str, str]]]


def lexicon(ontology: Ontology, language: str) -> Lexicon:
    owners: dict[str, list[tuple[str, str]]] = {}
    for dimension in ontology.dimensions:
        for value in dimension.values:
            for cue in value.cues.get(language, ()):
                owners.setdefault(cue.lower(), []).append((dimension.name, value.name))
    alternatives = "|".join(re.escape(c) for c in sorted(owners, key=len, reverse=True)) or r"(?!)"
    edge = r"\b" if language == "en" else ""
    return Lexicon(language, re.compile(f"{edge}(?:{alternatives}){edge}", re.IGNORECASE), owners)


def find_pins(prose: str, words: Lexicon) -> tuple[list[dict[str, str]], set[str]]:
    """Pins (dimension, value, evidence, by) and the dimensions that are touched without being settled."""
    found: dict[str, dict[str, str]] = {}
    touched: set[str] = set()
    for clause in _CLAUSE.findall(prose):
        doubtful = bool(_DOUBT[words.language].search(clause))
        for dimension, value, evidence in (*_age(clause, words.language), *_cues(clause, words)):
            found.setdefault(dimension, {}).setdefault(value, evidence)
            if doubtful or len(found[dimension]) > 1:
                touched.add(dimension)
    pins = [
        {"dimension": dimension, "value": value, "evidence": evidence, "by": "cue"}
        for dimension, values in sorted(found.items())
        for value, evidence in values.items()
        if dimension not in touched
    ]
    return pins, touched


def _age(clause: str, language: str) -> Iterator[tuple[str, str, str]]:
    for match in _AGE[language].finditer(clause):
        years = int(match["a"] or match["b"] if language == "en" else match["a"])
        band = next((name for bound, name in AGE_BANDS if years < bound), None)
        if band:
            yield "age_band", band, match.group(0)


def _cues(clause: str, words: Lexicon) -> Iterator[tuple[str, str, str]]:
    for match in words.pattern.finditer(clause):
        for dimension, value in words.owners[match.group(0).lower()]:
            yield dimension, value, match.group(0)
