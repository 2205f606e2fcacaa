from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.personal import personal_data


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("Write to li.wei+post@mail.qq.com, soon.", "li.wei+post@mail.qq.com", "e-mail address"),
        ("身份证11010519491231002X。", "11010519491231002X", "Chinese identity number"),
        ("call 13812345678 now", "13812345678", "Chinese phone number"),
        ("手机是+86 138-1234-5678", "+86 138-1234-5678", "Chinese phone number"),
        ("店里电话010-62771234", "010-62771234", "Chinese phone number"),
        ("（0571）8765 4321".replace("（", "(").replace("）", ")"), "(0571)8765 4321", "Chinese phone number"),
        ("ring (415) 555-2671", "(415) 555-2671", "US phone number"),
        ("ring +1 415-867-5309", "+1 415-867-5309", "US phone number"),
        ("ring 07911 123456", "07911 123456", "UK phone number"),
        ("ring +44 20 7946 0958", "+44 20 7946 0958", "UK phone number"),
        ("appelle +33 6 12 34 56 78", "+33 6 12 34 56 78", "phone number"),
        ("Visa 4111 1111 1111 1111", "4111 1111 1111 1111", "card number"),
        ("卡号6222021234567890128", "6222021234567890128", "card number"),
        ("Amex 3782-822463-10005", "3782-822463-10005", "card number"),
        ("my SSN is 123-45-6789", "123-45-6789", "US social security number"),
        ("NI number AB 12 34 56 C", "AB 12 34 56 C", "UK national insurance number"),
        ("护照号码是E12345678", "护照号码是E12345678", "passport number"),
        ("passport no. 123456789", "passport no. 123456789", "passport number"),
        ("加我微信 lily_2020", "微信 lily_2020", "WeChat or QQ number"),
        ("QQ：12345678", "QQ：12345678", "WeChat or QQ number"),
    ],
)
def test_personal_data_is_found(text: str, words: str, says: str) -> None:
    assert list(personal_data(text)) == [(words, says)]


@pytest.mark.parametrize(
    "text",
    [
        "born 1987-05-12, room 1203, worked there 2015-2018",
        "I won 1,000,000 in 2019 and ran 100000 metres, 42.195 km, in 3:59:07",
        "身份证110105194912310021",
        "Visa 4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "000-45-6789, 666-45-6789, 900-45-6789, 123-00-6789",
        "a@example.com and 415-555-0123 are kept for fiction",
        "pi is 3.14159265358979323846",
        "订单号12345678901234567890",
        "我有微信，也有QQ，都不常用。",
        "the score was 7-5, 6-4, 11-9",
        "ISBN 978-3-16-148410-0",
        "meet me @ noon, #42",
        "一九五八年生，今年六十六，住三楼302室",
    ],
)
def test_what_is_no_personal_data_is_left_alone(text: str) -> None:
    assert list(personal_data(text)) == []


@given(st.integers(10**16, 10**17 - 1))
def test_one_of_eleven_identity_numbers_is_right(middle: int) -> None:
    stem = f"1101051949{middle % 10**4:04}"[:10] + f"1231{middle % 1000:03}"
    found = [sign for sign in "0123456789X" if list(personal_data(f"号{stem}{sign}，"))]
    assert len(found) == 1


def test_each_place_is_found_once_and_all_places_are() -> None:
    text = "13812345678, 13912345678, a@b.cn, a@b.cn"
    assert [words for words, _ in personal_data(text)] == ["a@b.cn", "a@b.cn", "13812345678", "13912345678"]
