"""A list of phrases as one pattern: a phrase a line, each a regular expression; those in English are whole words."""

from __future__ import annotations

import re

_CHINESE = re.compile(r"[\u3000-\u9fff]")


def one_of(lines: str) -> re.Pattern[str]:
    """Any of these phrases, in upper or lower case; `^` is the start of a line of the text."""
    phrases = [line.strip() for line in lines.strip().splitlines()]
    english = [p for p in phrases if not _CHINESE.search(p) and (p[0].isalpha() or p[0] in "(^")]
    others = [p for p in phrases if p not in english]
    whole = [rf"\b(?:{'|'.join(english)})\b"] if english else []  # asked for at the edges of words alone: half the time
    return re.compile("|".join([*whole, *others]), re.IGNORECASE | re.MULTILINE)
