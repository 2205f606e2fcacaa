"""Whether a persona is a minor, by trait or by prose: what keeps invariant 8.

Recall counts here, not precision: a grown-up taken for a minor loses a romantic scene and nothing else.
"""

from __future__ import annotations

import re

MINOR_AGES = frozenset({"child", "teen"})
INTIMATE = frozenset({"romantic_partner", "spouse", "ex_partner"})
"""Relationships in which no minor may stand, on either side."""
ABUSIVE = frozenset({"insult_escalation"})
"""Attacks that no minor may meet."""

_EN = re.compile(
    r"\b(?:[0-9]|1[0-7])[- ]?(?:years?[- ]old|yo\b|y/o)|\bI(?:'m| am) (?:only )?(?:[0-9]|1[0-7])\b(?! ?(?:feet|foot|ft|inches|%))"
    r"|\b(?:aged?|turning|turned) (?:[0-9]|1[0-7])\b"
    r"|\b(?:five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)[- ]years?[- ]old"
    r"|\b(?:child|kid|schoolgirl|schoolboy|teenager|teen|toddler|minor|juvenile|middle[- ]schooler|high[- ]schooler)\b"
    r"|\b(?:grade|middle|elementary|primary|high) school\b|\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh) grade",
    re.IGNORECASE,
)
_ZH = re.compile(
    r"(?<!\d)(?:[0-9]|1[0-7])\s*岁|(?<![十百二三四五六七八九])(?:[一二两三四五六七八九]|十[一二三四五六七]?)岁"
    r"|小学|初中|高中|初[一二三]|高[一二三]|[一二三四五六]年级|小学生|中学生|未成年|小朋友|小孩|女童|男童|少女|少年"
)


def mentions_minor(text: str) -> bool:
    """Whether the text could be about somebody under 18."""
    return bool(_EN.search(text) or _ZH.search(text))
