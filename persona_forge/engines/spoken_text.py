"""What of a text a voice engine reads, and by which language's rules.

Emoji, controls, stray marks and tags of ours are not read aloud. Han runs and Latin runs of a mixed text go each to its
own side. It leaves out numbers and abbreviations: each engine reads those by itself.
"""

from __future__ import annotations

import re
import unicodedata

_TAG = re.compile(r"\{[a-z_]+(:[0-9.e-]+)?\}")


def readable(text: str) -> tuple[str, set[str]]:
    """The text without emoji, controls and tags, in Latin and Han letters alone; and the letters of other scripts."""
    out: list[str] = []
    other: set[str] = set()
    for c in unicodedata.normalize("NFC", _TAG.sub(" ", text)):
        if "！" <= c <= "～" and c.isalnum():
            c = chr(ord(c) - 0xFEE0)  # full-width letters and digits
        kind = unicodedata.category(c)
        name = unicodedata.name(c, "") if kind[0] == "L" else ""
        if kind[0] == "L" and not name.startswith(("LATIN", "CJK UNIFIED", "CJK COMPATIBILITY")):
            other.add(c)
            out.append(" ")
        elif kind[0] == "C" or kind[0] == "M" or (kind == "So" and c not in "°℃℉"):
            out.append(" ")
        else:
            out.append(c)
    return re.sub(r"\s+", " ", "".join(out)).strip(), other


def speakable(text: str) -> bool:
    return any(c.isalnum() for c in readable(text)[0])


def runs(text: str, language: str) -> list[tuple[str, str]]:
    """The text cut where the script changes: pairs of "en" or "zh" and a run. The rest (digits, punctuation) stays
    with the language of the whole."""
    foreign = r"([A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f'’-]*(?: [A-Za-z\u00c0-\u024f'’-]+)*)"
    if language == "en":
        foreign = r"([\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇、，。！？；：]*[\u3400-\U0003ffff〇]+)"
    sides = (language, "en" if language == "zh" else "zh")
    pieces = re.split(foreign, text)
    return [(sides[i % 2], piece.strip()) for i, piece in enumerate(pieces) if piece.strip()]


def split(phonemes: str, limit: int) -> list[str]:
    """Parts of at most `limit` phonemes, cut after a sentence, else a clause, else a word."""
    parts: list[str] = []
    rest = phonemes
    while len(rest) > limit:
        ends = (re.match(pattern, rest[:limit]) for pattern in (r".*[.!?…]", r".*[,;:]", r".* "))
        cut = next((end.end() for end in ends if end), limit)
        parts.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [part for part in (*parts, rest) if any(c.isalpha() for c in part)]
