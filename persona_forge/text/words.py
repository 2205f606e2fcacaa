"""Words as a recogniser is judged by them: WER for English, CER for Chinese.

Both sides are brought to one spelling first (case, punctuation, whole numbers up to 99 in words), then compared by edit
distance (Levenshtein 1966) over words or characters. Characters that sound alike, tone and all, count as the same: who
writes 电 for 垫 has heard right. A neutral tone is none and sounds like any: so is 把 for 吧. Longer numbers, dates and
sums are left as they are written.
"""

from __future__ import annotations

import re
from itertools import chain, groupby

from persona_forge.text.normalise import normalise

_EN_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")
_ZH_UNIT = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[a-z]+|[0-9]")
_NUMBER = re.compile(r"(?<![\d.,:])\d{1,2}(?![\d]|[.,:]\d)")
_DIGITS = "零一二三四五六七八九"
_ONE_SOUND = str.maketrans("两〇", "二零")
_TONES = "1234"
_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def units(text: str, language: str) -> list[str]:
    """Words (en) or characters (zh; a Latin word counts as one)."""
    text = normalise(text).lower().replace("’", "'")
    if language == "en":
        return _EN_WORD.findall(_NUMBER.sub(lambda m: english(int(m.group(0))), text))
    return _ZH_UNIT.findall(_NUMBER.sub(lambda m: chinese(int(m.group(0))), text).translate(_ONE_SOUND))


def english(n: int) -> str:
    """A number from 0 to 99 in words."""
    if n < 20:
        return _ONES[n]
    return _TENS[n // 10 - 2] + (f" {_ONES[n % 10]}" if n % 10 else "")


def chinese(n: int) -> str:
    """A number from 0 to 99 in characters."""
    if n < 10:
        return _DIGITS[n]
    tens, ones = divmod(n, 10)
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")


def error_rate(wanted: str, heard: str, language: str) -> float:
    """Edits to turn what was heard into what was wanted, a unit wanted; may pass 1. Nothing wanted: 0 if none heard."""
    want, have = units(wanted, language), units(heard, language)
    if language == "zh":
        want, have = _sounds(want), _sounds(have)
    if not want:
        return float(bool(have))
    row = list(range(len(have) + 1))
    for i, w in enumerate(want, 1):
        before, row[0] = row[0], i
        for j, h in enumerate(have, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (not _alike(w, h)))
    return row[-1] / len(want)


def _alike(one: str, other: str) -> bool:
    return one == other or one.rstrip(_TONES) == other.rstrip(_TONES) in (one, other)


def _sounds(characters: list[str]) -> list[str]:
    """Each character as its syllable and tone, read as its neighbours have it read."""
    from pypinyin import Style, lazy_pinyin

    runs = groupby(characters, lambda c: c > "\u33ff")
    return list(chain(*(lazy_pinyin("".join(run), Style.TONE3) if han else run for han, run in runs)))
