from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.literal import untagged
from persona_forge.text.tags import NAMES

TAGS = [f"{{{name}}}" for name in sorted(NAMES)]
pieces = st.sampled_from([*TAGS, "{pause:0.4}", "{happy:1e-7}", "{", "}", "{x}", "si", "gh", " "])


def test_tags_go_and_other_braces_stay() -> None:
    assert untagged("{sigh}So {happy:0.6}it {pause:0.4}is.") == "So it is."
    assert untagged('{"a": {x}} {Sigh} {sigh :1} {letter}') == '{"a": {x}} {Sigh} {sigh :1} {letter}'
    assert untagged("{si{sigh}gh}") == ""


@given(st.lists(pieces).map("".join))
def test_no_tag_is_left_or_made_and_what_is_left_stays_as_it_is(text: str) -> None:
    left = untagged(text)
    assert not [tag for tag in (*TAGS, "{pause:0.4}", "{happy:1e-7}") if tag in left]
    assert untagged(left) == left
