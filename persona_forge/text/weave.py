"""Clauses about one person, each a whole sentence in the second person, woven into fewer that read as prose.

What two clauses have in common at their beginning is said once: "You are female and come from Beijing.", "Your voice
is warm and low.", 你二十多岁，单身。 English clauses that say two things already are set beside each other with a
semicolon, and one about something else leads over with "and": "Kindness comes first for you, and you count every
penny." What can't be joined that way stays a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

SHARED = {
    "en": ("Your voice is ", "You speak ", "You talk ", "You are ", "You "),
    "zh": ("你的嗓音", "你的声音", "你说话", "你是", "你"),
}
"""How clauses begin that can share their beginning; the longer ones first."""
FULL = (" and ", " nor ", ",", ";")
"""What an English clause has in it that says two things already."""
MOST = 3
"""Clauses in a sentence."""


def weave(clauses: Sequence[str], language: str) -> str:
    """The clauses in their order, each ending in a full stop, as sentences."""
    joined = _chinese if language == "zh" else _english
    sentences: list[list[str]] = []
    for clause in clauses:
        if sentences and len(sentences[-1]) < MOST and joined([*sentences[-1], clause]):
            sentences[-1].append(clause)
        else:
            sentences.append([clause])
    return joint(language).join(joined(some) for some in sentences)


def joint(language: str) -> str:
    """What stands between two sentences."""
    return "" if language == "zh" else " "


def _chinese(clauses: Sequence[str]) -> str:
    parts = [clauses[0][:-1]]
    for before, clause in pairwise(clauses):
        shared = _shared(before, clause, "zh")
        if not shared or (shared == "你" and "你的" in (before[:2], clause[:2])):
            return ""
        parts.append(clause[len(shared) : -1])
    return "，".join(parts) + "。"


def _english(clauses: Sequence[str]) -> str:
    """One sentence of them, or nothing if they do not make one."""
    first, *rest = clauses
    if not rest:
        return first
    shared = [_shared(before, clause, "en") for before, clause in pairwise(clauses)]
    full = any(mark in clause for clause in clauses for mark in FULL)
    if all(shared) and not full:
        parts = [first[:-1], *(clause[len(start) : -1] for start, clause in zip(shared, rest, strict=True))]
        return f"{', '.join(parts[:-1])} and {parts[-1]}."
    if len(clauses) > 2 or not rest[0].startswith(("You ", "Your ")):
        return ""
    return f"{first[:-1]}{';' if full or all(shared) else ', and'} you{rest[0][3:]}"


def _shared(one: str, other: str, language: str) -> str:
    """The longest beginning of the list that both have."""
    return next((s for s in SHARED[language] if one.startswith(s) and other.startswith(s)), "")
