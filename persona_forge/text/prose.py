"""The system prompt and the card of every persona, in its seed's language, at bulk rates.

A seed's own part goes through the templates once, with marks where its rows differ; a row's traits are woven sentence
by sentence, and every sentence that two or three dimensions can make is made once and then looked up. Dimensions that
the seed pins or withholds are left out: its prose says them, or must not be contradicted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from itertools import product as combinations_of
from math import prod
from typing import Any, Literal

import polars as pl

from persona_forge.space.ontology import Dimension, Ontology
from persona_forge.text.cards import SECTIONS, card, source
from persona_forge.text.template import fill
from persona_forge.text.weave import joint, weave

Kind = Literal["system", "card"]
Sentence = tuple[str, ...]

SENTENCES: Mapping[str, tuple[Sentence, ...]] = {
    "who": (
        ("gender", "age_band"), ("region", "living_place"), ("education", "occupation"), ("family",), ("pet", "hobby"),
        ("pace_of_life", "daily_rhythm"), ("core_value", "money_attitude"), ("openness", "tech_savviness"),
        ("conscientiousness", "agreeableness"), ("extraversion", "patience_with_strangers"),
    ),
    "talk": (
        ("dialect",), ("formality", "verbosity"), ("directness", "honorifics"), ("humour", "swearing"),
        ("catchphrase_habit",), ("taboo",), ("attitude_to_being_an_ai",),
    ),
    "feel": (("baseline_mood", "temper"), ("neuroticism", "expressiveness"), ("emotional_limit", "soothed_by")),
    "sound": (
        ("voice_age",), ("voice_timbre", "voice_pitch"), ("voice_rate", "voice_loudness"), ("nonverbal_habit",),
    ),
}  # fmt: skip
"""Which dimensions are said together, and where; those that stand nowhere here are said of who the persona is."""
MOST_SENTENCES = 10_000
"""Dimensions that could make more sentences together are said apart."""


def prompts(personas: pl.DataFrame, seeds: pl.DataFrame, ontology: Ontology) -> pl.Series:
    """The system prompt of each persona: who it is, and that it stays so."""
    return _Loom(personas, seeds, ontology, "system").texts()


def cards(personas: pl.DataFrame, seeds: pl.DataFrame, ontology: Ontology) -> pl.Series:
    """The card of each persona: its seed's words, and its traits in running text."""
    return _Loom(personas, seeds, ontology, "card").texts()


class _Loom:
    def __init__(self, personas: pl.DataFrame, seeds: pl.DataFrame, ontology: Ontology, kind: Kind) -> None:
        self.kind: Kind = kind
        self.dimensions = {d.name: d for d in ontology.dimensions}
        self.values = {name: sorted(d.names) for name, d in self.dimensions.items()}
        self.seeds = {seed["seed_id"]: seed for seed in seeds.iter_rows(named=True)}
        self.runs = personas["seed_id"].rle().struct.unnest()
        self.codes = personas.select(
            pl.col(name).cast(pl.Enum(values)).to_physical().cast(pl.UInt32) for name, values in self.values.items()
        )
        self._made: dict[tuple[str, Sentence], pl.Series] = {}
        self._plans: dict[str, tuple[str, list[list[Sentence]], list[str]]] = {}

    def texts(self) -> pl.Series:
        first, parts = 0, [pl.Series("text", [], pl.String)]
        for length, seed_id in self.runs.iter_rows():
            parts.append(self._rows(seed_id, self.codes.slice(first, length)))
            first += length
        return pl.concat(parts)

    def _rows(self, seed_id: str, codes: pl.DataFrame) -> pl.Series:
        """The texts of rows of one seed."""
        if seed_id not in self._plans:
            self._plans[seed_id] = self._plan(self.seeds[seed_id])
        language, sections, between = self._plans[seed_id]
        pieces: list[pl.Expr] = []
        for sentences, before in zip(sections, between[:-1], strict=True):
            said = [self._said(sentence, language, codes) for sentence in sentences]
            pieces += [pl.lit(before), pl.concat_str(said, separator=joint(language), ignore_nulls=True)]
        if not pieces:
            return pl.repeat(between[0], codes.height, dtype=pl.String, eager=True).alias("text")
        return pl.select(text=pl.concat_str([*pieces, pl.lit(between[-1])]))["text"]

    def _said(self, sentence: Sentence, language: str, codes: pl.DataFrame) -> pl.Series:
        place = codes[sentence[0]]
        for name in sentence[1:]:
            place = place * len(self.values[name]) + codes[name]
        return self._sentences(sentence, language).gather(place)

    def _sentences(self, sentence: Sentence, language: str) -> pl.Series:
        """Every sentence that these dimensions make, in the order of their values."""
        if (language, sentence) not in self._made:
            phrases = [_phrases(self.dimensions[name], language) for name in sentence]
            made = [weave(some, language) for some in combinations_of(*phrases)]
            self._made[language, sentence] = pl.Series(made, dtype=pl.String)
        return self._made[language, sentence]

    def _plan(self, seed: Mapping[str, Any]) -> tuple[str, list[list[Sentence]], list[str]]:
        """A seed's language, the sentences of each section that it leaves open, and the text around the sections."""
        language = seed["language"]
        settled = {pin["dimension"] for pin in seed["pins"]} | set(seed["withheld"])
        open_names = [name for name in self.dimensions if name not in settled]
        sections = {section: self._sentences_of(section, open_names) for section in SECTIONS}
        begin = next(f"[[{n}:" for n in count() if f"[[{n}:" not in str(seed))
        marks = {section: f"{begin}{section}]]" for section, sentences in sections.items() if sentences}
        text = _text(seed, marks, self.kind)
        between = re.split("|".join(map(re.escape, marks.values())) or r"(?!)", text)
        return language, [sections[section] for section in marks], between

    def _sentences_of(self, section: str, names: Sequence[str]) -> list[Sentence]:
        planned = [tuple(n for n in some if n in names) for some in SENTENCES[section]]
        if section == "who":
            known = {n for some in SENTENCES.values() for sentence in some for n in sentence}
            planned += [(n,) for n in names if n not in known]
        return [part for some in planned if some for part in self._apart(some)]

    def _apart(self, sentence: Sentence) -> list[Sentence]:
        fits = prod(len(self.values[n]) for n in sentence) <= MOST_SENTENCES
        return [sentence] if fits else [(n,) for n in sentence]


def _phrases(dimension: Dimension, language: str) -> list[str]:
    return [v.phrase[language] for v in sorted(dimension.values, key=lambda v: v.name)]


def _text(seed: Mapping[str, Any], marks: Mapping[str, str], kind: Kind) -> str:
    language = seed["language"]
    limits = [
        {**limit, "reaction": _closed(limit["reaction"], language), "recovery": _closed(limit["recovery"], language)}
        for limit in seed["emotional_limits"]
    ]
    closed = {**seed, "style": _closed(seed["style"], language), "emotional_limits": limits}
    sound = [part for part in (_closed(seed["voice"], language), marks.get("sound", "")) if part]
    made = card(closed, (), language, {**marks, "sound": joint(language).join(sound)})
    return made if kind == "card" else fill(source(f"system.{language}"), {"name": seed["name"], "card": made})


def _closed(text: str, language: str) -> str:
    """Ends with a full stop, perhaps within quotation marks, so that a sentence may follow."""
    text = text.strip()
    ended = not text or text.rstrip("”’」』）)\"'")[-1:] in tuple(".!?。！？…")
    return text if ended else text + ("。" if language == "zh" else ".")
