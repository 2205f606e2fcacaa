from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.ids import canonical, digest, key64, unit


def test_ids_are_what_they_were_in_every_version() -> None:
    assert digest("seed", "prose") == "97a4fbb215bbdf53135ccd56430d8c91"
    assert key64("seed", "prose") == 5828083177903619312
    assert unit("split", "pf-en-0002") == 0.24197064559646042


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_parts_that_differ_have_ids_that_differ(a: list[str], b: list[str]) -> None:
    assert (digest(*a) == digest(*b)) == (a == b)


@given(st.text())
def test_text_and_its_bytes_are_one_content(text: str) -> None:
    assert digest(text) == digest(text.encode())
    assert len(digest(text)) == 32


@given(st.text())
def test_a_unit_number_lies_below_one(text: str) -> None:
    assert 0 <= unit(text) < 1


@given(st.dictionaries(st.text(), st.integers()))
def test_equal_values_have_equal_text(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_canonical_keeps_chinese_readable() -> None:
    assert canonical({"b": [1, "好"], "a": None}) == '{"a":null,"b":[1,"好"]}'
