"""Personal data in a text: addresses and numbers by which a living person could be reached or named.

Numbers with a check digit are checked (Chinese identity numbers by GB 11643, cards by Luhn), the others by the rules of
those who give them out. What is kept for fiction (555-01xx, example.com) is none. Names and street addresses are not
looked for: a persona has both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_NO_DIGIT = re.compile(r"\D")
_SIGNS = re.compile(r"[\d@]")
"""There is no personal data without one of them."""


def _fiction(found: str) -> bool:
    return not re.search(r"@example\.(?:com|org|net)$|555\D?01\d\d$", found, re.IGNORECASE)


def _identity(found: str) -> bool:
    """GB 11643: the last sign is a sum of the 17 before it, modulo 11."""
    return "10X98765432"[sum(int(c) * (1 << (17 - n)) for n, c in enumerate(found[:17])) % 11] == found[-1].upper()


def _card(found: str) -> bool:
    """Luhn's sum over a number that one of the brands gives out."""
    digits = _NO_DIGIT.sub("", found)
    doubled = sum(sum(divmod(int(c) * (1 + n % 2), 10)) for n, c in enumerate(reversed(digits)))
    return not doubled % 10 and len(set(digits)) > 1 and bool(_BRANDS.match(digits))


def _any(found: str) -> bool:
    return True


_BRANDS = re.compile(
    r"(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})$"
)
"""Visa, Mastercard, American Express, Discover, JCB, UnionPay."""

_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("e-mail address", re.compile(r"\b[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,9}[A-Za-z]{2,}"), _fiction),
    ("Chinese identity number",
     re.compile(r"(?<!\d)[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"),
     _identity),
    ("card number", re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])"), _card),
    ("US social security number",
     re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])"), _any),
    ("UK national insurance number",
     re.compile(r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b"), _any),
    ("passport number", re.compile(r"(?:(?i:passport)|护照)(?:\W|(?i:number|no|is)|号码?|是|为){1,12}"
                                   r"(?<![A-Za-z])[A-Z]{0,2}\d{7,9}(?!\d)"), _any),
    ("Chinese phone number",
     re.compile(r"(?<![\d.+-])(?:(?:\+|00)?86[ -]?)?1[3-9]\d([ -]?)\d{4}\1\d{4}(?![\d-])"
                r"|(?<!\d)\(?0(?:10|2\d|[3-9]\d\d)(?:\)|[ -]|\)[ -])[2-8]\d{2,3}[ -]?\d{4}(?!\d)"), _any),
    ("US phone number",
     re.compile(r"(?<![\d.-])(?:\+?1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}(?![\d-])"), _fiction),
    ("UK phone number",
     re.compile(r"(?<!\d)(?:(?:\+|00)44 ?(?:\(0\) ?)?|\(?0)(?:7\d{3}|20|1\d1|1\d{3})\)? ?\d{3} ?"
                r"(?:\d{3}|\d ?\d{4})(?!\d)"), _any),
    ("phone number", re.compile(r"(?<![\d+])\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?![\d])"),
     lambda found: 9 <= len(_NO_DIGIT.sub("", found)) <= 15),
    ("WeChat or QQ number", re.compile(r"(?:微信号?|(?i:wechat|vx|weixin)|[Qq]{2}号?)(?:是|为|：|:| )+"
                                       r"(?=[\w-]*\d)[A-Za-z1-9][\w-]{4,19}", re.ASCII), _any),
)  # fmt: skip


def personal_data(text: str) -> Iterator[tuple[str, str]]:
    """Words and what they are, each place once: the first kind that fits has it."""
    if not _SIGNS.search(text):
        return
    taken: list[tuple[int, int]] = []
    for says, pattern, right in _KINDS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if right(match.group()) and all(end <= a or b <= start for a, b in taken):
                taken.append((start, end))
                yield match.group(), says
