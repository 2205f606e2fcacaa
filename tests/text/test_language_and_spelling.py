from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.language import is_han, is_mixed, language_of
from persona_forge.text.normalise import hidden, normalise

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
        ("１３８＊＊１２，ａ＠ｂ．ｃｎ（％）", "138**12，a@b．cn（%）"),
        ("⼈⽣", "人生"),
        ("thin\u2009space\u202fhere\u2028next", "thin space here\nnext"),
        ("a\U000e0041\U000e0042b", "ab"),
        ("half\ud83d", "half"),
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
        ("Ich bin Lehrer in Berlin.", "other"),
        ("Je suis boulanger à Lyon et j'aime le pain.", "other"),
        ("Soy panadera y vivo en Sevilla.", "other"),
        ("Sono un fornaio e amo il mare.", "other"),
        ("Eu sou professora e não gosto de chuva.", "other"),
        ("Ik ben bakker en woon in Gent.", "other"),
        ("Jestem nauczycielem i lubię deszcz.", "other"),
        ("Tôi là giáo viên ở Hà Nội.", "other"),
        ("東京でパンを焼く職人です", "other"),
        ("他在上海开了一家叫「鲜の味」的寿司店。", "zh"),
        ("Loves pizza. Hates rain.", "en"),
        ("A chef from Rio de la Plata", "en"),
        ("Born in Aix-en-Provence, I teach at the École des Beaux-Arts.", "en"),
    ],
)
def test_the_language_of_a_short_text(text: str, wanted: str) -> None:
    assert language_of(text) == wanted


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("我在 Google 做 PM，每天 stand up 之后 review 代码，周末去 hiking。", True),
        ("I moved home last year, 因为我妈妈一个人住在成都, and she will not leave.", True),
        ("我爱吃 pizza，住在上海。", False),
        ("My teacher Li Wei (李伟) taught me everything I know.", False),
        ("今天 meeting 改到三点", False),
        ("我在 CBD 卖煎饼，会用 POS 机和 APP。", False),
        ("我叫陈慧，在一家叫 Blue Door Coffee Roasters 的店里烘豆子，烘了十一年，手上全是烫出来的疤。", False),
    ],
)
def test_a_text_is_mixed_where_both_languages_speak(text: str, mixed: bool) -> None:
    assert is_mixed(text) is mixed


def test_hidden_characters_are_named() -> None:
    assert hidden("pay \u202eelcitra\u202c me\u200b, a\u202eb\n\t") == ["U+200B", "U+202C", "U+202E"]
    assert hidden("plain text，全角　空格 ❤️\x07") == []


def test_han_characters() -> None:
    assert [c for c in "a中ー3㐂々" if is_han(c)] == ["中", "㐂"]
