"""Whether a persona is a minor, by trait or by prose: what keeps invariant 8.

Recall counts here before precision: a grown-up taken for a minor loses a romantic scene and nothing else. What commonly
stands in a grown-up's prose (a son's age, a teacher's school) is taken out first, and the rest is searched.
"""

from __future__ import annotations

import re

MINOR_AGES = frozenset({"child", "teen"})
INTIMATE = frozenset({"romantic_partner", "spouse", "ex_partner"})
"""Relationships in which no minor may stand, on either side."""
ABUSIVE = frozenset({"insult_escalation"})
"""Attacks that no minor may meet."""

_UNDER_18 = r"(?:1[0-7]|[0-9])"
_UNDER_18_EN = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)"
)
_SCHOOL = r"(?:(?:grade|middle|elementary|primary|junior|junior high|high|secondary)[- ]school|preschool|kindergarten)"
_HARMLESS_EN = re.compile(
    rf"\b(?:teach\w*|taught|graduated|not (?:graduate|finish)|dropped out|finished|since|after) "
    rf"(?:(?:at|in|from|of|the|a|an|my) )*(?:\w+ )?(?:{_SCHOOL}|(?:\w+ )?grade\w*|kids|children|teens)"
    rf"|\b{_SCHOOL}[- ](?:\w+ )?(?:teacher|principal|coach|janitor|diploma|education|graduate|reunion|sweetheart)s?\b"
    rf"|\b(?:{_UNDER_18}|{_UNDER_18_EN})[- ]years?[- ]old (?:\w+ )?(?:son|daughter|niece|nephew|twins|brother|sister"
    rf"|grand\w+|dog|cat|horse|car|truck|house|company|business)s?\b"
    rf"|\b(?:as|was) (?:an? )?(?:\w+ )?(?:child|kid|boy|girl|teen\w*|{_UNDER_18}|{_UNDER_18_EN})"
    r"(?: years? old)?\b(?! (?:and|who))"
    rf"|\b(?:son|daughter|kid|child|children|brother|sister|niece|nephew|grand\w+)s? (?:\w+ ){{0,3}}in {_SCHOOL}"
    r"|\b(?:first|only|eldest|youngest|oldest|middle|unborn|second) child\b"
    rf"|\b(?:for|in|over|about|past|last|of) {_UNDER_18}[- ]years?\b",
    re.IGNORECASE,
)
_MINOR_EN = re.compile(
    rf"(?<!ty)(?<!ty[- ])\b(?:{_UNDER_18}|{_UNDER_18_EN})[- ]?(?:years?[- ]old|yrs?[- ]old|y/?o\b)"
    rf"|\bI(?:'m|’m| am|m) (?:only |just |now |almost |nearly )*(?:{_UNDER_18}|{_UNDER_18_EN})\b"
    r"(?!['’.,]?\d|[- ]?(?:feet|foot|ft|inches|pounds|lbs|percent|%|minutes|hours|miles|months|weeks|days|of|on|year))"
    rf"|\b(?:aged?|turning|turned|turn|turns) (?:{_UNDER_18}|{_UNDER_18_EN})\b"
    r"|\b(?:under|below|not|not yet) (?:18|eighteen)\b|\bborn in 20(?:09|1\d|2\d)\b"
    r"|\b(?:child|kid|kiddo|boy|girl|school(?:girl|boy|child|kid)|teen\w*|pre-?teen|tween|toddler|infant|underage"
    r"|minor|juvenile|adolescent|(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|\dth|1[0-2]th)[- ]grader"
    r"|kindergart(?:e)?ner|preschooler|(?:middle|high)[- ]schooler|pupil)\b"
    rf"|\b{_SCHOOL}\b|\bjunior high\b"
    r"|\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
    r"|1st|2nd|3rd|[4-9]th|1[0-2]th)[- ]grade|\bgrade (?:[1-9]|1[0-2])\b",
    re.IGNORECASE,
)
_HARMLESS_ZH = re.compile(
    r"(?:教|任教于?|毕业于)[^，。！？；\n]{0,4}(?:小学|初中|高中|中学)"
    r"|(?:小学|初中|高中|中学)(?:里)?(?:[语数英物化生政历地体美音][文学语理治史育术乐]?)?"
    r"(?:老师|教师|班主任|校长|教员|门卫|保安|毕业|文化|学历|同学|没[念读上]完|辍学)"
    r"|(?:儿子|女儿|儿女|闺女|孙子|孙女|外孙女?|孩子|娃|侄子|侄女|外甥女?|弟弟|妹妹|猫|狗)[^，。！？；\n]{0,6}岁"
    r"|岁的(?:儿子|女儿|闺女|孙子|孙女|外孙女?|侄子|侄女|外甥女?|老猫|猫|狗)"
    r"|(?:从小|打小|小时候|当年|那年|自)[^，。！？；\n]{0,4}岁|岁(?:那年|那会|起|开始|的时候)|从小学"
)
_MINOR_ZH = re.compile(
    r"(?<![\d.])(?:1[0-7]|[0-9])\s*(?:周|虚)?岁|(?<![\d.])(?:今年|刚满|我才?|刚|才)\s*(?:1[0-7]|[1-9])(?![\d.万千百个年月天点块])"
    r"|(?<![十百零二三四五六七八九])(?:[一二两三四五六七八九]|十[一二三四五六七]{0,2}|十来|十几|几)(?:周|虚)?岁"
    r"|(?:今年|刚满)十[一二三四五六七]?(?![一二三四五六七八九十年月万个])"
    r"|未满(?:18|十八)|不到(?:18|十八)|未成年|10后|一零后|20(?:09|1\d|2\d)年(?:出生|生)|生于20(?:09|1\d|2\d)"
    r"|小学|初中|高中|中学|中考|高考生|初[一二三]|高[一二三](?![层楼点度])|[一二三四五六七八九]年级|幼儿园|托儿所"
    r"|小朋友|小孩|女童|男童|儿童|少女|少年|青少年|小姑娘|小男孩|小女孩|男孩|女孩|熊孩子|娃娃"
)


def mentions_minor(text: str) -> bool:
    """Whether the text could be about somebody under 18."""
    return bool(minor_words(text))


def minor_words(text: str) -> str:
    """The words by which it could be; empty if there are none."""
    for minor, harmless, gap in ((_MINOR_EN, _HARMLESS_EN, " "), (_MINOR_ZH, _HARMLESS_ZH, "，")):
        if minor.search(text) and (match := minor.search(harmless.sub(gap, text))):  # the first search is the quick one
            return match.group()
    return ""
