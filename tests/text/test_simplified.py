"""Traditional characters become simplified ones, and nothing moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.simplified import simplified


def test_traditional_characters_become_simplified_and_simplified_ones_stay() -> None:
    assert simplified("請把那本藍色的書帶回家, OK") == "请把那本蓝色的书带回家, OK"
    assert simplified("乾燥的乾坤") == "干燥的乾坤"
    common = bytes(b for row in range(0xB0, 0xD7) for cell in range(0xA1, 0xFA) for b in (row, cell)).decode("gb2312")
    assert [c for c in common if simplified(c) != c] == ["乾"]


def test_half_a_character_is_none() -> None:
    assert simplified("藍\ud800色\udc00") == "蓝\ufffd色\ufffd"


@given(st.text(st.sampled_from("後來乾隆龍裏甚麼") | st.characters(), max_size=30))
def test_every_place_stays_the_same(text: str) -> None:
    assert len(simplified(text)) == len(text)
