"""Which of our two languages a short text is in: by its scripts, and by its commonest words where the script is Latin.

No model: on five words of a persona these are steadier than one. A Latin text is English unless the function words of
another language clearly outnumber those of English.
"""

from __future__ import annotations

import re

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_LATIN = re.compile(r"[A-Za-z]")
_LETTER = re.compile(r"[^\W\d_]")
_KANA_HANGUL = re.compile(r"[\u3041-\u30fa\uac00-\ud7af]")
_WORD = re.compile(r"[^\W\d_]+")
_PLAIN_WORD = re.compile(r"\b[a-z]{2,}\b", re.ASCII)

_ENGLISH = frozenset(
    "the and of to in is am are was i you he she it my his her with for at who that this have has not but from by as "  # noqa: SIM905
    "they your be been when so we our its their what always never".split()
)
_FOREIGN = tuple(
    frozenset(words.split())
    for words in (
        "ich bin und der das ist nicht ein eine einen mit auf für mein meine den dem von zu sie er wir es in aber sehr",
        "je suis et le la les un une des du de est pas mon ma mes avec dans pour il elle nous vous qui que très au",
        "soy y el la los las un una de que no es mi mis con en por para pero muy me se trabajo del tengo vivo él ella",
        "sono e il lo la gli le un una di che non è mio mia con per in ma molto mi si del della ho lavoro nel",
        "sou e o os as um uma de que não é meu minha com em por para mas muito me eu do da tenho trabalho ele ela",
        "ik ben en de het een niet is met van op mijn voor in maar zijn zij hij wij heel te dat die",
        "jestem i nie się na w z do to jest mam mój moja że jak ale lubię mieszkam bardzo od",
        "saya dan yang di adalah tidak dengan untuk dari ini itu aku dia seorang suka tinggal ke",
        "tôi là và của một không có với trong cho người này ở rất làm thích",
        "ben bir ve bu çok için ile değil ama da de var benim olarak gibi yaşıyorum",
    )
)


def language_of(text: str) -> str:
    """zh, en or other: the language of most of it. A Han character counts as much as three Latin letters."""
    han, latin, kana = (len(p.findall(text)) for p in (_HAN, _LATIN, _KANA_HANGUL))
    strange = len(_LETTER.findall(text)) - han - latin
    if not han + latin or strange > 0.3 * (3 * han + latin) or kana > 0.3 * (han + kana):
        return "other"
    if 3 * han > latin:
        return "zh"
    return "other" if _is_foreign(text) else "en"


def is_mixed(text: str) -> bool:
    """Whether both of our languages are spoken in it: a name, a brand or a single word of the other one is none."""
    han, latin = 3 * len(_HAN.findall(text)), len(_LATIN.findall(text))
    return han >= 12 and len(_PLAIN_WORD.findall(text)) >= 3 and min(han, latin) >= 0.2 * (han + latin)


def is_han(character: str) -> bool:
    return bool(_HAN.match(character))


def _is_foreign(text: str) -> bool:
    words = _WORD.findall(text.lower())
    english = sum(w in _ENGLISH for w in words)
    return max(sum(w in language for w in words) for language in _FOREIGN) > english + 1
