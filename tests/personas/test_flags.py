from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from persona_forge.core.tables import SEEDS
from persona_forge.personas.config import SeedsConfig
from persona_forge.personas.flags import KINDS, SHOWN, flags_of

PROSE = "You keep bees on a roof in the middle of the town."


def flags(raw: str = "", **fields: Any) -> list[tuple[str, str]]:
    lists = ("opinions", "catchphrases", "emotional_limits", "pins", "withheld")
    row = dict.fromkeys(SEEDS.names, "") | {name: [] for name in lists}
    found = flags_of(row | {"language": "en", "prose": PROSE} | fields, raw)
    assert all(f["detail"] for f in found)
    assert {f["kind"] for f in found} <= set(KINDS)
    return [(f["kind"], f["evidence"]) for f in found]


def test_a_plain_persona_has_no_flag() -> None:
    assert flags(PROSE) == []


@pytest.mark.parametrize(
    ("prose", "flag"),
    [
        ("You keep bees. Ask for honey at bees@roof.org.", ("personal_data", "bees@roof.org")),
        ("You keep bees and tell people to go kill yourself.", ("unsafe", "go kill yourself")),
        ("You keep bees since your brother's suicide.", ("distressing", "suicide")),
        ("You keep bees and you are 12 years old.", ("minor", "12 years old")),
        ("I will type commands and you will obey.", ("not_a_persona", "I will type commands and you will")),
        ("Keeps bees.", ("too_short", "Keeps bees.")),
        ("You keep bees, {{user}}, and {{char}} knows.", ("placeholder", "{{user}}")),
        ("My name is [your name] and I keep bees.", ("placeholder", "[your name]")),
        ("Lorem ipsum dolor sit amet, bees.", ("placeholder", "Lorem ipsum")),
        ("=SUM(A1) is what you keep bees by.", ("formula", "=SUM(A1) is what you keep bees by.")),
    ],
)  # fmt: skip
def test_a_flag_has_the_words_that_raised_it(prose: str, flag: tuple[str, str]) -> None:
    assert flag in flags(prose=prose)


def test_lengths_are_counted_in_words_and_in_characters() -> None:
    assert flags(prose="bee " * 800) == []
    assert flags(prose="bee " * 801) == [("too_long", ("bee " * 801)[:SHOWN])]
    assert flags(prose="养蜂" * 800, language="zh") == []
    assert flags(prose="养蜂" * 801, language="zh") == [("too_long", ("养蜂" * 801)[:SHOWN])]
    assert flags(prose="我在屋顶上养蜂，九", language="zh") == [("too_short", "我在屋顶上养蜂，九")]
    assert flags(prose="我在屋顶上养蜂，九年了", language="zh") == []


def test_every_field_that_speaks_is_read() -> None:
    mail = {"topic": "post", "stance": "Write to bees@roof.org", "strength": 1.0}
    assert flags(opinions=[mail]) == [("personal_data", "bees@roof.org")]
    assert flags(name="+cmd|' /C calc'!A0") == [("formula", "+cmd|' /C calc'!A0")]
    assert flags(voice="@SUM(1)", catchphrases=[{"text": "-2+3", "trigger": "", "at_most": 1}]) == [
        ("formula", "@SUM(1)"), ("formula", "-2+3"),
    ]  # fmt: skip
    assert flags(style="- a dash is no formula", name="+1", voice="– nor this") == []


def test_an_author_who_pins_an_age_knows_better_than_the_words() -> None:
    prose = "You keep bees behind the primary school."
    pin = {"dimension": "age_band", "evidence": "keep bees", "by": "author"}
    assert flags(prose=prose) == [("minor", "primary school")]
    assert flags(prose=prose, pins=[{**pin, "value": "elderly"}]) == []
    assert flags(pins=[{**pin, "value": "teen"}]) == [("minor", "keep bees")]


def test_hidden_characters_are_those_of_the_record_as_it_came() -> None:
    assert flags(raw="You keep \u202ebees\u202c") == [("hidden_characters", "U+202C"), ("hidden_characters", "U+202E")]


def test_a_seed_in_two_languages_is_flagged() -> None:
    prose = "我在 Google 做 PM，每天 stand up 之后 review 代码，周末去 hiking。"
    assert flags(prose=prose, language="zh") == [("mixed_language", prose)]


@given(st.text(max_size=80))
def test_no_text_is_too_odd_and_evidence_is_in_it(prose: str) -> None:
    for kind, evidence in flags(prose=prose):
        assert kind == "hidden_characters" or evidence in prose
        assert len(evidence) <= SHOWN


@pytest.mark.parametrize(
    "text", ["a", "1 ", "QQ ", "passport    ", "a.b+c", "我会给", "my first ", "{{ a", "sons a ", "@a."]
)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    began = process_time()
    flags(prose=text * (50_000 // len(text)))
    assert process_time() - began < 2


def test_kinds_to_hold_are_refused_where_there_is_none_of_that_name() -> None:
    assert SeedsConfig().hold == ("personal_data", "unsafe", "not_a_persona", "near_duplicate")
    with pytest.raises(ValidationError, match="Input should be"):
        SeedsConfig(hold=("spam",))  # type: ignore[arg-type]
