"""Whether the words of a reply are of the kind that the persona speaks: its language, plain speech, terms of address,
catchphrases at their rate, and no code or formulas out of another world.

A format is looked for as it stands on a page and as it is left when markup has been taken off a spoken line.
"""

from __future__ import annotations

import re

from persona_forge.dialogues.findings import Context, Finding, broken, found, held, lists, said, unclear, unquoted
from persona_forge.text.language import language_of

_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÿ]+(?:['’][A-Za-z]+)*")
_LATIN_RUN = re.compile(r"[A-Za-zÀ-ÿ]+(?:['’-][A-Za-z]+)*(?:[ ,]+[A-Za-zÀ-ÿ]+(?:['’-][A-Za-z]+)*){3,}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3041-\u30ff\uac00-\ud7af][\u3041-\u30ff\uac00-\ud7af\u4e00-\u9fff、。！？ ]+")
_OTHER_SCRIPT = re.compile(r"[\u0400-\u04ff\u0590-\u06ff\u0900-\u097f\u3041-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")


def keeps_language(text: str, context: Context) -> Finding:
    """Broken where a sentence is in another language; single words of one are none, and mixing is free where agreed."""
    foreign = _not_english(text) if context.language == "en" else _not_chinese(text)
    own = _own(text, context.language)
    if context.scene["code_switched"]:
        return held("mixes, as it may here") if own else unclear("mixes, as it may here, and has no word of its own")
    if foreign:
        return broken(foreign, "is in another language")
    return held("is in its own language") if own else unclear("has hardly a word to tell by")


def _own(text: str, language: str) -> bool:
    return len(_HAN.findall(text)) >= 2 if language == "zh" else len(_LATIN_WORD.findall(text)) >= 2


def _not_chinese(text: str) -> str | None:
    bare = unquoted(text)
    for pattern in (_KANA, _LATIN_RUN):
        if match := pattern.search(bare):
            return text[match.start() : match.end()].strip()
    words = _LATIN_WORD.findall(bare)
    return text.strip() if len(words) >= 2 and not _HAN.search(bare) else None


def _not_english(text: str) -> str | None:
    bare = unquoted(text)
    if match := _OTHER_SCRIPT.search(bare):
        return text[match.start() : match.end()]
    usual, strange_words = (lists()["words"][name].split() for name in ("english", "foreign"))
    for sentence in _SENTENCE.finditer(bare):
        words = [w.lower().replace("’", "'") for w in _LATIN_WORD.findall(sentence.group())]
        english = sum(w in usual for w in words)
        foreign = sum(w in strange_words or bool(re.search(r"[à-ÿ]", w)) for w in words)
        other = len(words) >= 4 and language_of(sentence.group()) == "other"
        if other or (foreign >= 2 and foreign > english) or re.search(r"[¿¡]", sentence.group()):
            return text[sentence.start() : sentence.end()].strip()
    return None


_ITEM = r"(?:[-*•·]|\d{1,2}[.、)）]|[一二三四五六七八九十]、|[（(]\d{1,2}[)）])"
_KEY = r"\w+\s*:\s*\w[^,:;\n]{0,40}"
_FORMATS = {
    "code": (r"```[^`]*",),
    "headings": (r"^\s{0,3}#{1,6} \S[^\n]*",),
    "a list": (
        rf"(?:^[ \t]*{_ITEM}[ \t]*\S[^\n]*\n?){{2,}}",
        r"(?<![\d.:])1 ?[.、)）] ?\D(?s:.){2,160}?(?<!\d)2 ?[.、)）] ?\D(?s:.){2,}",
        r"(?:第一点|要点一|其一)[:：，](?s:.){2,120}?(?:第二点|要点二|其二)[:：，](?s:.){2,}",
        r"\b(?:point|number|item) (?:one|1) ?[:.,](?s:.){2,160}?\b(?:point|number|item) (?:two|2)\b(?s:.){2,}",
    ),
    "a table": (r"^\s*\|[^\n]*\|[^\n]*",),
    "markup": (r"</?[a-z][a-z0-9]*(?: [^<>]*)?>", r"\*\*[^*\n]+\*\*"),
    "JSON": (
        r"[{\[]\s*[\"“'][^{}\n]{1,60}?[\"”']\s*:\s*[^}\n]*",
        r"[\"“][\w\u4e00-\u9fff ]{1,30}[\"”]\s*[:：]\s*[\"“\d\[{][^\n]{0,80}",
        r"\b(?:open|left) (?:curly )?(?:brace|bracket)\b.{0,80}",
    ),
    "keys and values": (rf"\b{_KEY},\s*{_KEY},\s*\w+\s*:\s*\w+",),
    "verse": tuple(rf"(?<![\u4e00-\u9fff])(?:[\u4e00-\u9fff]{{{n}}}[，。！？；]\s*){{4,}}" for n in (5, 7)),
}
_FORMAT = {name: re.compile("|".join(some), re.MULTILINE | re.IGNORECASE) for name, some in _FORMATS.items()}
_VERSE_LINES, _VERSE_SHORT = 4, {"en": 60, "zh": 16}


def speaks_plainly(text: str, context: Context) -> Finding:
    """Broken where the reply is set as code, JSON, a list, a table or verse."""
    for name, pattern in _FORMAT.items():
        if match := pattern.search(text):
            return broken(match.group().strip(), f"is set as {name}")
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if len(lines) >= _VERSE_LINES and all(len(line) <= _VERSE_SHORT[context.language] for line in lines):
        return broken(text.strip(), "is set in lines, as verse is")
    if (words := found(text, "rhymed")) or _rhymes(text):
        return unclear("may be verse", words)
    return held("is plain speech")


def _rhymes(text: str) -> bool:
    """Whether at least four clauses end alike in twos: English verse that was put on one line, perhaps."""
    ends = [words[-1].lower() for c in re.split(r"[.,;!?/]", text) if len(words := _LATIN_WORD.findall(c)) >= 3]
    twos = [(a, b) for a, b in zip(ends, ends[1:] + ends[2:], strict=False) if a != b and a[-3:] == b[-3:]]
    return len(ends) >= 4 and len(twos) >= 2


_YOU = re.compile(r"你(?!们)")
_FEW = 2
"""So many plain 你 without one 您 are no slip."""


def honorifics(text: str, context: Context) -> Finding:
    """Whether the partner is addressed as the trait says: 您 or 你, sir or mate."""
    trait = context.traits.get("honorifics")
    bare = unquoted(text)
    formal, dear = found(text, "formal"), found(text, "dear")
    if trait == "respectful":
        if dear:
            return broken(dear, "is familiar, and this persona says sir or 您")
        if context.language == "zh" and not formal and (plain := list(_YOU.finditer(bare))):
            why = "says 你, and this persona says 您"
            return broken("你", why) if len(plain) >= _FEW else unclear(why, "你")
        return held("is respectful", formal) if formal else unclear("addresses nobody")
    if trait in ("familiar", "first_name"):
        if formal and not (context.language == "zh" and _YOU.search(bare)):
            return broken(formal, "is formal, and this persona is not")
        return unclear("is both formal and not", formal) if formal else held("is not formal", dear)
    if trait == "none":
        return (
            unclear("uses a term of address, and this persona seldom does", formal or dear)
            if formal or dear
            else held("uses no term of address")
        )
    return unclear("its terms of address are not settled")


def catchphrase_rate(text: str, context: Context) -> Finding:
    """Broken where the reply says a catchphrase once more than a dialogue may have it."""
    said_before = "\n".join(context.own_turns)
    for phrase in context.seed["catchphrases"]:
        pattern = phrase_pattern(phrase["text"])
        here = list(pattern.finditer(text))
        times = len(here) + len(pattern.findall(said_before))
        if here and times > phrase["at_most"]:
            return broken(here[-1].group(), f"says it {times} times, and at most {phrase['at_most']}")
    return held("says no catchphrase too often")


def phrase_pattern(phrase: str) -> re.Pattern[str]:
    """A phrase in any case, with any signs between its words or characters."""
    units = re.findall(r"[\u3400-\u9fff]|[^\W_]+(?:['’][^\W_]+)*", phrase)
    edge = (r"\b" if units and units[0].isascii() else "", r"\b" if units and units[-1].isascii() else "")
    body = r"[\W_]{0,3}".join(re.sub("['’]", "['’]", re.escape(u)) for u in units)
    return re.compile(f"{edge[0]}{body}{edge[1]}" if body else r"(?!)", re.IGNORECASE)


_CODE = re.compile(
    r"\bdef \w+ ?\(|\bprint ?\(|\bfor \w+ in \w+(?: ?:|\s?\()|\bimport (?:re|numpy|pandas|sys|sqlite3|random)\b"
    r"|\w+\.(?:sort|append|split|join)\b|\bsorted ?\(|\bSELECT\b.{1,60}\bFROM\b|\bCREATE (?:TABLE|DATABASE)\b"
    r"|\bINSERT INTO\b|\w+ ?== ?\w+|\breturn \w+;|\bpip install \w+|\\frac|\bd/dx\b|\bx\^[23]\b|[xb][²³]|\bsqrt ?\(|√|∫"
    r"|\[a-zA-Z0-9|[-−]b ?± ?|b\^2 ?[-−] ?4ac|4ac"
)
_AT_HOME_IN_IT = frozenset(
    {"programmer", "data_analyst", "engineer", "scientist", "teacher", "lecturer", "tutor", "student", "architect"}
)


def stays_in_world(text: str, context: Context) -> Finding:
    """Broken where code or formulas come from somebody in whose life there are none."""
    clueless = found(text, "clueless")
    hard = _CODE.search(text)
    words = hard.group() if hard else said(text, "lecture")
    if words and context.traits.get("occupation") in _AT_HOME_IN_IT:
        return unclear("knows what may be of its own trade", words)
    if words and (hard or not clueless):
        return broken(words, "gives what is not of its world")
    if words:
        return unclear("says that it does not know, and seems to", words)
    return held("has no use for such things", clueless) if clueless else unclear("gives no code and no formula")
