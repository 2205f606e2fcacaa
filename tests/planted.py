"""Edits that leave a persona the one it was, for measuring who finds it again: EDITS maps a name to an edit."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*\s*")
_SYNONYMS = dict(
    pair.replace("_", " ").split("=")
    for pair in """
        love=adore like=enjoy big=large house=home job=position work=labour kids=children mother=mom
        father=dad old=aged small=little town=village favorite=preferred every=each hate=detest talk=speak
        never=not_once always=at_all_times night=evening people=folk really=truly car=vehicle eat=have
        live=reside years=winters says=remarks
        喜欢=喜爱 孩子=小孩 老伴=老头子 妈=母亲 从不=绝不 总=老是 觉得=认为
        现在=如今 晚上=夜里 早上=清早 每天=天天 可是=不过 但=可 东西=物件
        害怕=怕 没有=没 知道=晓得 一直=始终 自己=本人 说话=讲话 高兴=开心
        退休=离休 因为=由于 儿子=小子
    """.split()  # noqa: SIM905
)
_NAMES = {"en": ("Marguerite Oyelaran", "Bo Lindqvist", "Priya Raman"), "zh": ("欧阳秋水", "司徒明", "贺兰英")}


def _language(text: str) -> str:
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


def sentences(text: str) -> list[str]:
    return [s.strip() for s in _SENTENCE.findall(text) if s.strip()]


def _joined(parts: list[str]) -> str:
    return ("" if _language(parts[0]) == "zh" else " ").join(parts)


def typos(text: str, name: str, chance: random.Random) -> str:
    """A slip in one word of twelve, or in one character of twenty."""
    if _language(text) == "zh":
        signs = list(text)
        for n in chance.sample(range(len(signs)), max(1, len(signs) // 20)):
            signs[n] = chance.choice("的地得在再做作他她哪那")
        return "".join(signs)
    words = text.split(" ")
    for n in chance.sample(range(len(words)), max(1, len(words) // 12)):
        at = chance.randrange(len(words[n]) or 1)
        words[n] = words[n][:at] + chance.choice("etaoinsr") + words[n][at + 1 :]
    return " ".join(words)


def reordered(text: str, name: str, chance: random.Random) -> str:
    parts = sentences(text)
    return _joined(chance.sample(parts, len(parts)))


def synonyms(text: str, name: str, chance: random.Random) -> str:
    for word, other in _SYNONYMS.items():
        text = re.sub(rf"\b{word}\b" if word.isascii() else word, other, text)
    return text


def renamed(text: str, name: str, chance: random.Random) -> str:
    other = chance.choice(_NAMES[_language(text)])
    for old in (name, name.split(" ")[0]) if name else ():
        text = text.replace(old, other)
    return text


def added(text: str, name: str, chance: random.Random) -> str:
    news = ("昨天下了一夜的雨，我到天亮都没有合眼。" if _language(text) == "zh" else
            "There was rain all night and nobody slept until morning came.")  # fmt: skip
    parts = sentences(text)
    parts.insert(chance.randrange(len(parts) + 1), news)
    return _joined(parts)


def dropped(text: str, name: str, chance: random.Random) -> str:
    parts = sentences(text)
    parts.pop(chance.randrange(len(parts)))
    return _joined(parts) if parts else text


def several(text: str, name: str, chance: random.Random) -> str:
    """Slips, another order, another name, and a sentence the less."""
    for edit in (typos, renamed, dropped, reordered):
        text = edit(text, name, chance)
    return text


EDITS: dict[str, Callable[[str, str, random.Random], str]] = {
    f.__name__: f for f in (typos, reordered, synonyms, renamed, added, dropped, several)
}
