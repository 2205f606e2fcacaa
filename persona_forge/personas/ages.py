"""Ages that prose states, in figures or in words, as age bands.

"I am 34", "a 71-year-old nurse", "she is sixty-eight now", "我五十八岁". What is no age of a person (feet, months, a
house), the age of somebody that one has (a son, a dog) and the age at which something happened are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from persona_forge.text.words import chinese, english

AGE = "age_band"
AGE_BANDS = ((13, "child"), (18, "teen"), (30, "young_adult"), (45, "adult"), (60, "middle_aged"), (75, "senior"),
             (131, "elderly"))  # fmt: skip
"""Upper bound in years (not included) and the band below it."""
_YEARS = {in_words(n): n for n in range(1, 100) for in_words in (english, chinese)}

_WORDS = "|".join(sorted((w.replace(" ", "[- ]") for w in _YEARS if w.isascii()), key=len, reverse=True))
_NUMBER = rf"(?:\d{{1,3}}|{_WORDS})"
_NO_AGE = (
    r"(?!['’.,]?\d|['’%\"]|(?:st|nd|rd|th)\b|[- ]?(?:feet|foot|ft|inch|in|cm|kg|pound|lb|percent|of|on|children"
    r"|something|years? (?:in|into|sober|clean|younger|older|ago|from|away))\b| (?!years?\b)\w+s\b)"
)
_HAD = re.compile(
    r"\b(?:hav\w+|has|had|with|my|our|his|her|their|for|every|in|of|after)\s+(?:an?\s+|the\s+)?(?:\w+\s+)?$",
    re.IGNORECASE,
)
_NO_PERSON = re.compile(
    r"[- ](?:\w+ )?(?:sons?|daughters?|niece|nephew|twins?|brothers?|sisters?|grand\w+|dogs?|cats?|horses?|puppy|cars?"
    r"|trucks?|house|home|company|business|mortgage|building|marriage|relationship|whisk\w+)\b",
    re.IGNORECASE,
)
_AGE_EN = re.compile(
    r"\b(?:I(?:['’]?m| am)|you are|you['’]re|s?he is|s?he['’]s|aged|turned|turning)"
    r" (?:an? |only |now |about |just |almost |nearly )*"
    rf"(?P<a>{_NUMBER})(?:\b|(?=years)){_NO_AGE}(?:[- ]?years?[- ]old)?"
    rf"|\b(?P<b>{_NUMBER})[- ]?years?[- ]old\b",
    re.IGNORECASE,
)
_AGE_ZH = re.compile(r"(?P<a>\d{1,3}|[一二三四五六七八九十两]{1,4})(?:周|虚)?岁(?=的(?!时候|那)|了|半|女|男|\s|$)")
_YEAR = re.compile(r"(?<!\d)(?:19\d\d|20[01]\d)(?!\d)")
_MINE = re.compile(r"(?:I|you)\b|我|你", re.IGNORECASE)


def tells_of_a_year(text: str) -> bool:
    """Whether a text names a year that a person may have lived through."""
    return bool(_YEAR.search(text))


def stated_ages(clause: str, language: str) -> Iterator[tuple[str, str, int, int, bool]]:
    """Dimension, band, place in the clause, and whether the words themselves say whose age it is."""
    for match in (_AGE_ZH if language == "zh" else _AGE_EN).finditer(clause):
        bare = language == "en" and match["b"]
        if bare and (_HAD.search(clause[: match.start()]) or _NO_PERSON.match(clause[match.end() :])):
            continue
        years = _years(bare or match["a"])
        if band := next((name for bound, name in AGE_BANDS if years < bound), None):
            yield AGE, band, match.start(), match.end(), bool(_MINE.match(match.group(0)))


def _years(words: str) -> int:
    """The number that these words are; one past all bands if they are none."""
    plain = words.lower().replace("-", " ").replace("两", "二")
    return int(plain) if plain.isdigit() else _YEARS.get(plain, AGE_BANDS[-1][0])
