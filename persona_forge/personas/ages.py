"""Ages that prose states, in figures or in words, as age bands.

"I am 34", "a 71-year-old nurse", "she is sixty-eight now", "我五十八岁"; in Chinese also about what age ("五十出头",
"快六十了") and the year of birth, where all the ages that are meant are of one band. What is no age of a person (feet,
months, a house), the age of somebody that one has (a son, a dog) and the age at which something happened are passed
over.
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
_NOW = "(?:[我你他她俺]?(?:今年|如今|现在|而今|现年|年方|虚岁|周岁|刚满|刚过|已经|已|才|刚|年龄|年){0,2}是?)"
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
_ABOUT_ZH = re.compile(
    rf"^{_NAME}??(?P<said>){_NOW}(?P<near>快要?|将?近|接近|奔着?|马上)?(?P<tens>[二三四五六七八九])(?:十|张)"
    r"(?:(?P<about>出头|来|多|好几|几|左右|上下)|(?P<ones>[一二三四五六七八])[二三四五六七八九])?岁?(?:的人|了)*$"
)
"""A clause that is nothing but an age told roughly."""
_ABOUT = {"出头": (1, 3), "左右": (-2, 2), "上下": (-2, 2), "来": (0, 5)}
"""Years beside the tens, at the least and at the most; else one to nine."""
_BORN_ZH = re.compile(
    rf"^{_NAME}??(?P<said>)(?:[我他她]是?)?(?:(?P<born>(?:出?生|诞生)于?)?(?P<year>19\d\d|20[01]\d|(?<!\d)[4-9]\d)年"
    r"(?:\d{1,2}月(?:\d{1,2}[日号])?)?(?(born)的?|(?:出?生(?:人|的)?|的)))$"
)
_READ = (2024, 2028)
"""The years in which prose of today may be read: a birth pins what is true in all of them."""
_YEAR = re.compile(r"(?<!\d)(?:19\d\d|20[01]\d)(?!\d)")


def tells_of_a_year(text: str) -> bool:
    """Whether a text names a year that a person may have lived through."""
    return bool(_YEAR.search(text))


def stated_ages(clause: str, language: str) -> Iterator[tuple[str | None, int, int]]:
    """Band (none where no band has this age), and place in the clause."""
    for match in _chinese(clause) if language == "zh" else _english(clause):
        first, last = map(_band, _span(match))
        yield first if first == last else None, match.start(match.re.groupindex.get("said", 0)), match.end()


def _english(clause: str) -> Iterator[re.Match[str]]:
    if not _ANY_NUMBER.search(clause):  # most clauses, and much faster to see
        return
    for match in _AGE_EN.finditer(clause):
        bare = match["b"]
        if not (bare and (_HAD.search(clause[: match.start()]) or _NO_PERSON.match(clause[match.end() :]))):
            yield match


def _chinese(clause: str) -> Iterator[re.Match[str]]:
    if match := next(filter(None, (form.match(clause) for form in (_AGE_ZH, _BARE_ZH, _ABOUT_ZH, _BORN_ZH))), None):
        yield match


def _band(years: int) -> str | None:
    return next((name for bound, name in AGE_BANDS if YOUNGEST <= years < bound), None)


def _span(match: re.Match[str]) -> tuple[int, int]:
    """The youngest and the oldest age that is meant."""
    told = match.groupdict()
    if year := told.get("year"):
        born = int(year) if len(year) == 4 else 1900 + int(year)
        return _READ[0] - born - 1, _READ[1] - born
    if not (tens := told.get("tens")):
        return (_years(match[match.lastgroup or 0]),) * 2
    years = _years(tens) * 10
    if told["near"]:
        return years - 3, years - 1
    if told["ones"]:
        return years + _years(told["ones"]), years + _years(told["ones"]) + 1
    low, high = _ABOUT.get(told["about"], (1, 9)) if told["about"] else (0, 0)
    return years + low, years + high


def _years(words: str) -> int:
    """The number that these words are; one past all bands if they are none."""
    plain = words.lower().replace("-", " ").replace("两", "二").replace("有", "")
    return int(plain) if plain.isdigit() else _YEARS.get(plain, AGE_BANDS[-1][0])
