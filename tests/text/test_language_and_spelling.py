from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.language import is_han, language_of
from persona_forge.text.normalise import normalise

ODD = st.text(
    st.sampled_from("aÁá\u0301é Ａ９　\u00a0\t\r\n\u200b\u202e\ufeff\u2000\u2028中。，ﬁ\u1100\u1161") | st.characters()
)


@given(ODD)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(ODD)
def test_nothing_invisible_is_left(text: str) -> None:
    assert not set(normalise(text)) & set("\u0000\u0007\r\t\u00a0\u3000\u200b\u200e\u202e\u2066\ufeff")


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("ＡＢＣ　１２３", "ABC 123"),
        ("你好，世界！", "你好，世界！"),
        ("cafe\u0301", "café"),
        (" a \r\n\r\n b\rc ", "a\nb\nc"),
        ("pay \u202eelcitra\u202c me", "pay elcitra me"),
        ("soft\u00adhyphen", "softhyphen"),
        ("tab\tand   space", "tab and space"),
    ],
)
def test_one_spelling(given_text: str, wanted: str) -> None:
    assert normalise(given_text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("好", "zh"),
        ("OK", "en"),
        ("I live in Québec.", "en"),
        ("我爱吃 pizza", "zh"),
        ("My teacher Li Wei (李伟) taught me everything I know.", "en"),
        ("今天 meeting 改到三点", "zh"),
        ("I said 谢谢 and left the shop.", "en"),
        ("", "other"),
        ("123 !?", "other"),
        ("わたしは学生です", "other"),
        ("저는 학생입니다", "other"),
        ("Я учитель", "other"),
        ("مرحبا", "other"),
    ],
)
def test_the_language_of_a_short_text(text: str, wanted: str) -> None:
    assert language_of(text) == wanted


def test_han_characters() -> None:
    assert [c for c in "a中ー3㐂々" if is_han(c)] == ["中", "㐂"]
