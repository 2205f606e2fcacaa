"""What of a written line can be spoken: stage directions, markup and pictures are no words."""

from __future__ import annotations

import re

from persona_forge.text.normalise import normalise

_BOLD = re.compile(r"(\*\*|__)(?=\S)([^*_]+)\1")
_ASIDE = re.compile(
    r"\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]|【[^【】]*】|\{[^{}]*\}|\*[^*]+\*|</?[A-Za-z][^<>]*>"
)  # innermost first: see below
_MARKUP = re.compile(r"[*_#`~|<>{}\[\]()（）【】]+")
_PICTURES = re.compile(r"[\u20e3\u2190-\u2bff\ufe00-\ufe0f\U0001f000-\U0001ffff]")
_QUOTED = re.compile(r"[\"“「‘']([^\"“”「」]*)[\"”」’']")
_LETTER = re.compile(r"[^\W_]")


def spoken(line: str) -> str:
    """The words alone, on one line; empty if there are none. Idempotent."""
    line = _BOLD.sub(r"\2", _PICTURES.sub("", line))
    found = 1
    while found:  # an aside may hold another
        line, found = _ASIDE.subn(" ", line)
    line = normalise(_MARKUP.sub(" ", line).replace("\n", " "))
    if whole := _QUOTED.fullmatch(line):
        line = whole.group(1).strip()
    return line if _LETTER.search(line) else ""


_END = re.compile(r"[.!?。！？…]")
_BREAK = re.compile(r"[,，、;；]")
_LOOSE = " ,，、;；"
_QUOTES = re.compile(r"[\"“”「」]")


def finished(line: str, longest: int) -> str:
    """A line that was cut off at `longest` characters, up to its last whole sentence, or else its last whole clause."""
    line = line.strip(_LOOSE)
    if len(line) < longest - 1 or _END.match(line[-1:]):
        return line
    for stop in (_END, _BREAK):
        if found := list(stop.finditer(line[:-1])):
            return _quotes_in_pairs(line[: found[-1].end()].strip(_LOOSE))
    return _quotes_in_pairs(line)


def _quotes_in_pairs(line: str) -> str:
    """Without any quote if one of them was cut off."""
    paired = line.count('"') % 2 == 0 and line.count("“") == line.count("”") and line.count("「") == line.count("」")
    return line if paired else _QUOTES.sub("", line)
