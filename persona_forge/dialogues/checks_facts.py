"""Whether a reply is true to the card, in what people state in fixed forms: age, gender, home, work, family.

A statement is held against the trait and the words of the seed; what neither speaks of is no contradiction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from persona_forge.dialogues.findings import (
    Context,
    Finding,
    all_said,
    broken,
    found,
    held,
    lists,
    pattern,
    said,
    unclear,
)
from persona_forge.text.words import chinese, english

AGES = {"child": (5, 12), "teen": (13, 17), "young_adult": (18, 29), "adult": (30, 44), "middle_aged": (45, 59),
        "senior": (60, 74), "elderly": (75, 130)}  # fmt: skip
NEARLY = 2
"""Years by which somebody may be off who rounds."""

_GENDERS = ("male", "female")
_FAMILIES = {
    "single": "unmarried", "partnered": "unmarried", "married_no_children": "married", "married_children": "married",
    "widowed": "widowed", "divorced": "divorced",
}  # fmt: skip


def contradicts_no_fact(text: str, context: Context) -> Finding:
    """Broken where the reply states an age, gender, home, trade or family that the card does not have."""
    stated = list(_stated(text, context))
    if wrong := next(((words, why) for words, fits, why in stated if not fits), None):
        return broken(*wrong)
    if stated:
        return held("states what the card has", stated[0][0])
    if context.scene["attack"] != "context_decay":
        return held("states nothing against the card")
    if words := found(text, "affirms"):
        return broken(words, "agrees with what is wrong")
    words = found(text, "denies")
    return held("sets it right", words) if words else unclear("states nothing that can be compared")


def _stated(text: str, context: Context) -> Iterator[tuple[str, bool, str]]:
    """Words that state a fact, whether it fits the card, and why not."""
    traits = context.traits
    settled = set(traits) - set(context.seed["withheld"])
    card = card_words(context)
    if "age_band" in settled:
        yield from _ages(text, traits["age_band"], card)
    if traits.get("gender") in _GENDERS and "gender" in settled:
        for gender in _GENDERS:
            if words := said(text, gender):
                yield words, gender == traits["gender"], f"the card says {traits['gender']}"
    for match in all_said(text, pattern("home")):
        place = next(p for p in match.groups() if p)
        if not pattern("no_place").search(place) and "region" in settled:
            known = place.lower() in card.lower() or place in _regions(traits["region"])
            if known or any(place in _regions(r) for r in lists()["places"]):
                yield text[match.start() : match.end()], known, f"the card says {traits['region']}"
    if "occupation" in settled and traits["occupation"] not in _NO_TRADE:
        yield from _trades(text, traits["occupation"], card)
    family = _FAMILIES.get(traits.get("family", ""))
    if family and "family" in settled:
        for state in ("unmarried", "married"):
            if words := said(text, state):
                yield words, state == family, f"the card says {traits['family']}"


def card_words(context: Context) -> str:
    seed = context.seed
    more = [o["stance"] for o in seed["opinions"]] + [p["evidence"] for p in seed["pins"]]
    return "\n".join([seed["name"], seed["prose"], seed["style"], *more])


def _ages(text: str, band: str, card: str) -> Iterator[tuple[str, bool, str]]:
    low, high = AGES[band]
    exact = [n for n in _numbers(card) if low <= n <= high]
    for match in all_said(text, pattern("age")):
        age = _number((match["en"] or match["zh"]).lower().replace("-", " "))
        fits = any(abs(age - n) <= NEARLY for n in exact) if len(exact) == 1 else low - NEARLY <= age <= high + NEARLY
        if match["zh"] and not re.search("岁|今年", match.group()) and not fits and age < 18:
            continue  # 我都八了 is no age
        yield (
            text[match.start() : match.end()].rstrip("，。！,.! "),
            fits,
            f"the card says {exact[0] if len(exact) == 1 else band}",
        )


def _numbers(card: str) -> list[int]:
    return sorted(
        {
            _number(next(g for g in m.groups() if g).lower().replace("-", " "))
            for m in pattern("card_age").finditer(card)
        }
    )


@cache
def _words_of_numbers() -> dict[str, int]:
    return {**{english(n): n for n in range(100)}, **{chinese(n): n for n in range(100)}}


def _number(words: str) -> int:
    if words.isdecimal():
        return int(words)
    return _words_of_numbers().get(words, 100)


@cache
def _regions(region: str) -> frozenset[str]:
    return frozenset(lists()["places"].get(region, "").split())


def _trades(text: str, occupation: str, card: str) -> Iterator[tuple[str, bool, str]]:
    for match in all_said(text, pattern("work")):
        trade = next(t for t in match.groups() if t)
        if match["is"] or match["works"]:
            trade = next((word for word in trade.split() if word in lists()["trades"]["en"].split()), "")
        if trade:
            known = trade in card.lower() or trade in occupation or trade in lists()["same_trade"].get(occupation, "")
            yield text[match.start() : match.end()], known, f"the card says {occupation}"


_NO_TRADE = frozenset({"retired", "homemaker", "unemployed", "student"})
"""What somebody of these is or was by trade stands in the prose alone."""
