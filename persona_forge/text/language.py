"""Which of our two languages a short text is in, by its script alone."""

from __future__ import annotations

import re

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")
_LETTER = re.compile(r"[^\W\d_]")
_KANA_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")


def language_of(text: str) -> str:
    """zh, en or other. A Han character counts as much as three Latin letters, since it says about as much."""
    han, latin = 3 * len(_HAN.findall(text)), len(_LATIN.findall(text))
    strange = len(_LETTER.findall(text)) - han // 3 - latin
    if not han + latin or strange > 0.3 * (han + latin) or _KANA_HANGUL.search(text):
        return "other"
    return "zh" if han > latin else "en"


def is_han(character: str) -> bool:
    return bool(_HAN.match(character))
