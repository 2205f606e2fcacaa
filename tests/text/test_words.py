from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.words import error_rate, units


@pytest.mark.parametrize(
    ("wanted", "heard", "language", "rate"),
    [
        ("The cat sat.", "the cat sat", "en", 0.0),
        ("The cat sat down", "the cat down", "en", 0.25),
        ("The cat sat", "the bat sat", "en", 1 / 3),
        ("one two", "one and two", "en", 0.5),
        ("I don't know", "I don’t know", "en", 0.0),
        ("I am 25", "I am twenty-five.", "en", 0.0),
        ("Gate 20, row 7", "gate twenty row seven", "en", 0.0),
        ("in 1984", "in 1984", "en", 0.0),
        ("今天真好。", "今天真好", "zh", 0.0),
        ("今天真好", "今天很好", "zh", 0.25),
        ("我二十五岁", "我25岁", "zh", 0.0),
        ("十点见", "10点见", "zh", 0.0),
        ("两个人", "2个人", "zh", 0.0),
        ("我爱 pizza", "我爱pizza", "zh", 0.0),
        ("垫子", "电子", "zh", 0.0),
        ("垫子", "点子", "zh", 0.5),
        ("走楼梯吧", "走楼梯把", "zh", 0.0),
        ("走楼梯吧", "走楼体八", "zh", 0.25),
        ("银行很行", "银行很星", "zh", 0.25),
        ("好", "", "zh", 1.0),
        ("好", "很好啊", "zh", 2.0),
        ("...", "", "en", 0.0),
        ("...", "uh", "en", 1.0),
    ],
)
def test_the_error_rate_of_known_cases(wanted: str, heard: str, language: str, rate: float) -> None:
    assert error_rate(wanted, heard, language) == pytest.approx(rate)


def test_only_whole_numbers_up_to_99_are_written_out() -> None:
    assert units("7 0 13 40 99 100 3.5 12:30", "en") == (
        ["seven", "zero", "thirteen", "forty", "ninety", "nine", "100", "3", "5", "12", "30"]
    )  # fmt: skip
    assert "".join(units("7 0 13 40 99 100", "zh")) == "七零十三四十九十九100"


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8), st.lists(st.sampled_from("abcd"), max_size=8))
def test_the_edits_are_at_least_the_difference_in_length_and_at_most_the_longer(a: list[str], b: list[str]) -> None:
    edits = error_rate(" ".join(a), " ".join(b), "en") * len(a)
    assert abs(len(a) - len(b)) <= round(edits) <= max(len(a), len(b))
    assert (round(edits) == 0) is (a == b)


@given(st.text(max_size=30), st.sampled_from(["en", "zh"]))
def test_a_text_heard_as_it_is_has_no_error(text: str, language: str) -> None:
    assert error_rate(text, text, language) == 0
