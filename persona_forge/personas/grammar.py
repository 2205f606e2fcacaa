"""How prose is read: the words of grammar.toml, whom it is told of, and a clause as words that can be compared.

Who is the persona? Where prose has an "I" outside of quotations, the persona speaks, and "he" is somebody else; where
it has only a "you", the persona is spoken to; else, or where "he" and "she" are said far more often, it is told of, and
they are the persona. The last two are read as if the persona spoke ("she works" as "I work"), letter for letter, so
that every place stays the same.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from persona_forge.text.simplified import simplified

Person = Literal["first", "second", "third"]
Word = tuple[str, int, int]
"""A word as it is compared, and its place."""

_ENGLISH = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?|…+(?:ing)?", re.IGNORECASE)
_QUOTED = re.compile(r"[“「『\"][^”」』\"]*[”」』\"]")
_MARKS = "“”「」"
_SHORT = {"im": "i am", "ive": "i have", "cannot": "can not", "can't": "can not", "won't": "will not"}
_ENDINGS = {"'m": " am", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would", "n't": " not", "'s": ""}
_AS_I = {
    "you": "I", "your": "my", "yours": "mine", "are": "am", "you're": "I'm", "你": "我",
    "he": "I", "she": "I", "his": "my", "her": "my", "him": "me", "is": "am", "he's": "I'm",
    "she's": "I'm", "他": "我", "她": "我",
}  # fmt: skip
_AS_FIRST = {
    "second": re.compile(r"\b(?:you['’]re|you|your|yours|are)\b|你", re.IGNORECASE),
    "third": re.compile(r"\b(?:s?he['’]s|he|she|his|her|him|is)\b|[他她](?!们)", re.IGNORECASE),
}
_SHE_WORKS = re.compile(r"(\bI (?:also |still |now )?)(?!was|has|is\b)(\w+?)(ies|(?<=ch|sh|ss)es|(?<!s)s)\b")


@dataclass(frozen=True, slots=True)
class World:
    """What is told by the prose as a whole (no human being, another century, a portrait at length)."""

    told: re.Pattern[str]
    touches: frozenset[str]
    """The dimensions that this touches."""
    unsettles: frozenset[str]
    """Those that have no value of ours there, whatever a cue says."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language's section of grammar.toml; its lists of patterns are one pattern each."""

    language: str
    first: re.Pattern[str]
    second: re.Pattern[str]
    own: re.Pattern[str]
    third: re.Pattern[str]
    genders: dict[str, str]
    pronouns: int
    """How many it takes to tell the gender of whom the prose tells."""
    spelt: dict[int, str]
    """Characters, and those that mean the same in the standard language (zh)."""
    folk: dict[str, str]
    """How somebody who comes from a place is told, and the gender that it tells (zh)."""
    alike: dict[str, list[str]]
    """Beginnings and endings of cues, and what else they stand for."""
    worlds: tuple[World, ...]
    others: re.Pattern[str]
    others_first: re.Pattern[str]
    """Others as the subject."""
    theirs: re.Pattern[str]
    """Before a relative who is somebody else's: "my sister's", 同事家的."""
    doubt: re.Pattern[str]
    undone: re.Pattern[str]
    once: re.Pattern[str]
    """In clauses of another time, as those behind them in the sentence are up to one of this time."""
    now: re.Pattern[str]
    aside: re.Pattern[str]
    """Behind a trade: not what one lives by."""
    fresh: re.Pattern[str]
    before: re.Pattern[str]
    """What may stand before a noun in a clause."""
    after: frozenset[str]
    stop: frozenset[str]
    determiners: frozenset[str]
    fillers: frozenset[str]
    faint: int
    """How many mentions of a single character it takes to touch a dimension (zh)."""
    leap: int
    """How many words a gap may be."""
    idle: tuple[str, ...]
    same: dict[str, str]
    several: frozenset[str]
    """Dimensions of which a persona may have more than one value."""
    always: frozenset[str]
    """What a portrait always tells something of: withheld where it is not pinned (zh)."""
    neutral: frozenset[str]
    """Mentions that tell of no second pet or pastime."""

    def person(self, prose: str) -> Person:
        told = _QUOTED.sub(" ", prose)
        first, second = len(self.first.findall(told)), len(self.second.findall(told))
        third = sum(m.group(0).lower() in self.genders for m in self.third.finditer(told))
        if third > max(1.5 * first, second, 2):
            return "third"
        return "first" if first else "second" if second else "third"

    def gender(self, prose: str) -> tuple[str, re.Match[str]] | None:
        """The gender of whom the prose tells, and where it first says so: of two out of three pronouns at the least."""
        quoted = [m.span() for m in _QUOTED.finditer(prose)]
        said = [m for m in self.third.finditer(prose) if m.group(0).lower() in self.genders]
        said = [m for m in said if not any(start < m.start() < end for start, end in quoted)]
        for gender in set(self.genders.values()):
            its = [m for m in said if self.genders[m.group(0).lower()] == gender]
            if len(its) >= self.pronouns and len(its) * 3 >= len(said) * 2:
                return gender, its[0]
        return None

    def plain(self, prose: str) -> str:
        """Prose as it is compared, letter for letter: simplified, and Cantonese as it is said in Mandarin (zh)."""
        return simplified(prose.translate(self.spelt)) if self.language == "zh" else prose

    def as_first(self, prose: str, person: Person) -> str:
        """The prose as if the persona spoke; each word ends where it did."""
        if person == "first":
            return prose
        told = _AS_FIRST[person].sub(_as_i, prose)
        return _SHE_WORKS.sub(_i_work, told) if person == "third" else told

    def words(self, clause: str) -> list[Word]:
        if self.language == "zh":
            return [(self.same.get(c, c), i, i + 1) for i, c in enumerate(clause.lower()) if c not in _MARKS]
        found: list[Word] = []
        for match in _ENGLISH.finditer(clause):
            raw = match.group(0).lower().replace("’", "'")
            meant = (_SHORT.get(raw) or _spelt_out(raw)).split(" ")
            found += [(self.same.get(word, word), *match.span()) for word in meant]
        return found

    def is_whole(self, right: str, noun: bool) -> bool:
        """Whether a cue is all that is said there, by what follows: "a nurse who", "a nurse working"; not "a nurse's
        aide", "a nurse once", and of a noun not "a nurse assistant", "a nurse as a second job"."""
        if self.undone.match(right) or (noun and self.aside.search(right)):
            return False
        following = self.words(right)[:1] if noun else []
        return all(w in self.after or (w.endswith("ing") and w not in self.stop) for w, *_ in following)

    def phrase(self, cue: str) -> list[str]:
        """The words of a cue or a mention, which is written to or of the persona."""
        return [
            word
            for word, *_ in self.words(self.as_first(cue, "second" if cue.startswith(("you are", "你")) else "first"))
        ]


def _as_i(match: re.Match[str]) -> str:
    word = match.group(0)
    return _AS_I[word.lower().replace("’", "'")].rjust(len(word))


def _spelt_out(word: str) -> str:
    if "'" not in word:
        return word
    for ending, meant in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return word.removesuffix(ending) + meant
    return word


def _i_work(match: re.Match[str]) -> str:
    verb = match.group(2) + ("y" if match.group(3) == "ies" else "")
    return match.group(1) + verb.rjust(len(match.group(2) + match.group(3)))


@cache
def grammar(language: str) -> Grammar:
    data = _data()[language]
    edge = r"\b" if language == "en" else ""

    def one_of(words: Iterable[str], further: str = "(?!)") -> re.Pattern[str]:
        return re.compile(f"(?:{edge}(?:{'|'.join(words)}){edge}|{further})", re.IGNORECASE)

    same = {other: word for word, others in data["same"].items() for other in others}
    return Grammar(
        language=language,
        first=one_of(data["first"]),
        second=one_of(data["second"]),
        own=one_of(data["own"]),
        third=one_of(data["third"]),
        genders={said: gender for gender, words in data["genders"].items() for said in words},
        pronouns=data["pronouns"],
        spelt=str.maketrans(data["spelt"]),
        folk={said: gender for gender, words in data["folk"].items() for said in words},
        alike=data["alike"],
        worlds=tuple(
            World(one_of(world["told"]), frozenset(world["touches"]), frozenset(world.get("unsettles", ())))
            for world in data["worlds"]
        ),
        others=one_of(data["others"]),
        others_first=re.compile(data["subject"] + one_of(data["others"]).pattern, re.IGNORECASE),
        theirs=re.compile(one_of(data["others"]).pattern + data["theirs"], re.IGNORECASE),
        doubt=one_of(data["doubt"], data["doubtful"]),
        undone=re.compile(rf"{data['compound']}|\s*{edge}(?:{'|'.join(data['undone'])}){edge}", re.IGNORECASE),
        once=re.compile(data["once"], re.IGNORECASE),
        now=re.compile(data["now"], re.IGNORECASE),
        aside=re.compile(data["aside"], re.IGNORECASE),
        fresh=re.compile(data["fresh"], re.IGNORECASE),
        before=re.compile(data["before"], re.DOTALL),
        after=frozenset(same.get(w, w) for w in data["after"]),
        stop=frozenset(same.get(w, w) for w in data["stop"]),
        determiners=frozenset(data["determiners"]),
        fillers=frozenset(data["fillers"]),
        faint=data["faint"],
        leap=data["leap"],
        idle=tuple(data["idle"]),
        same=same,
        several=frozenset(data["several"]),
        always=frozenset(data["always"]),
        neutral=frozenset(data["neutral"]),
    )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("grammar.toml").read_text(encoding="utf-8"))
