"""What of a written line can be spoken: stage directions, markup and pictures are no words."""

from __future__ import annotations

import re

from persona_forge.text.normalise import normalise

_ASIDE = re.compile(r"\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]|【[^【】]*】|\*[^*]+\*|<[^<>]*>|\{[^{}]*\}")
_MARKUP = re.compile(r"[*_#`~|<>{}\[\]]+")
_PICTURES = re.compile(r"[\u2190-\u2bff\ufe00-\ufe0f\U0001f000-\U0001ffff]")
_LETTER = re.compile(r"[^\W_]")


def spoken(line: str) -> str:
    """The words alone; empty if there are none."""
    line = _PICTURES.sub("", _MARKUP.sub(" ", _ASIDE.sub(" ", line)))
    line = normalise(line.replace("\n", " ")).strip(" \"“”「」'‘’")
    return line if _LETTER.search(line) else ""
