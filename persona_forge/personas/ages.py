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
YOUNGEST = 6
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
_ANY_NUMBER = re.compile(r"\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|teen|ty)\b", re.I)
_NOW = "(?:[我你他她俺]?(?:今年|如今|现在|而今|现年|年方|虚岁|刚满|刚过|已经|已|才|刚|年)?)"
_NUMBER_ZH = r"(?:\d{1,3}|[一二三四五六七八九十两]{1,4})"
_NAME = r"(?:[^\d一二三四五六七八九十两]{0,4}(?:·[^\d一二三四五六七八九十两]{1,3})?)"
_RELATIVE = "女儿|儿子|闺女|孩子|娃|弟|妹|哥|孙|妈|爸|娘|爹|母|父|老伴|老婆|老公|丈夫|妻子|徒弟|狗|猫"
_AGE_ZH = re.compile(
    rf"^{_NAME}??(?P<said>){_NOW}(?P<a>{_NUMBER_ZH})(?:周|虚)?岁(?=的(?!时候|那|{_RELATIVE})|了|半|女|男|\s|$)"
)
_BARE_ZH = re.compile(
    rf"^(?:{_NAME}(?=今年|如今|现年|年方))?(?P<said>){_NOW}"
    r"(?P<a>\d\d|[二三四五六七八九]十[一二三四五六七八九]?|[二三四五六七八九]十有[一二三四五六七八九]|十[一二三四五六七八九])了?$"
)
"""A clause that is nothing but a number, as after a name: "马桂芬，五十八，"."""
_YEAR = re.compile(r"(?<!\d)(?:19\d\d|20[01]\d)(?!\d)")


def tells_of_a_year(text: str) -> bool:
    """Whether a text names a year that a person may have lived through."""
    return bool(_YEAR.search(text))


def stated_ages(clause: str, language: str) -> Iterator[tuple[str | None, int, int]]:
    """Band (none where no band has this age), and place in the clause."""
    for match in _chinese(clause) if language == "zh" else _english(clause):
        years = _years(match[match.lastgroup or 0])
        band = next((name for bound, name in AGE_BANDS if years < bound), None)
        yield band if years >= YOUNGEST else None, match.start(match.re.groupindex.get("said", 0)), match.end()


def _english(clause: str) -> Iterator[re.Match[str]]:
    if not _ANY_NUMBER.search(clause):  # most clauses, and much faster to see
        return
    for match in _AGE_EN.finditer(clause):
        bare = match["b"]
        if not (bare and (_HAD.search(clause[: match.start()]) or _NO_PERSON.match(clause[match.end() :]))):
            yield match


def _chinese(clause: str) -> Iterator[re.Match[str]]:
    if match := _AGE_ZH.match(clause) or _BARE_ZH.match(clause):
        yield match


def _years(words: str) -> int:
    """The number that these words are; one past all bands if they are none."""
    plain = words.lower().replace("-", " ").replace("两", "二").replace("有", "")
    return int(plain) if plain.isdigit() else _YEARS.get(plain, AGE_BANDS[-1][0])
