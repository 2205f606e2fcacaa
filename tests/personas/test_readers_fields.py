from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from persona_forge.core.errors import SeedsError
from persona_forge.personas.pins import find_pins, lexicon
from persona_forge.personas.readers.fields import FIELDS, NAMES, fields_of, filled, mapping_of, seed_of
from persona_forge.traits import open_traits

PROSE = "I mend clocks in a cellar."


def told(row: dict[str, Any], **mapping: tuple[str, ...]) -> dict[str, Any]:
    fields = fields_of(filled(row), mapping)
    return row if fields is None else seed_of(row, fields)


@pytest.mark.parametrize(
    ("row", "seed"),
    [
        ({"persona": PROSE, "id": 7}, {"prose": PROSE, "seed_id": "7"}),
        ({"persona": ["I ski.", "I cook."]}, {"prose": "I ski. I cook.", "persona": ["I ski.", "I cook."]}),
        ({"sentences": ["I ski.", "I cook."]}, {"prose": "I ski. I cook.", "sentences": ["I ski.", "I cook."]}),
        ({"personality": ["I ski."], "history": []}, {"prose": "I ski.", "personality": ["I ski."], "history": []}),
        (
            {"input persona": PROSE, "synthesized text": "A sum.", "description": "math"},
            {"prose": PROSE, "synthesized text": "A sum.", "description": "math"},
        ),
        ({"act": "Cook", "prompt": PROSE, "for_devs": "FALSE"}, {"name": "Cook", "prose": PROSE, "for_devs": "FALSE"}),
        ({"姓名": "阿明", "人设": "修钟的", "许可": "CC0"}, {"name": "阿明", "prose": "修钟的", "licence": "CC0"}),
        ({"Full Name": "Mo", "BIO": PROSE, "License": "MIT"}, {"name": "Mo", "prose": PROSE, "licence": "MIT"}),
        ({"persona": PROSE, "language": "English"}, {"prose": PROSE, "language": "en", "source.language": "English"}),
        ({"persona": PROSE, "lang": "zh-Hans"}, {"prose": PROSE, "language": "zh", "lang": "zh-Hans"}),
        ({"persona": PROSE, "language": "Quechua"}, {"prose": PROSE, "source.language": "Quechua"}),
        ({"persona": PROSE, "review": "Great!"}, {"prose": PROSE, "source.review": "Great!"}),
        ({"persona": PROSE, "review": "approved"}, {"prose": PROSE, "review": "approved"}),
        ({"persona": PROSE, "name": "", "style": None}, {"prose": PROSE}),
        ({"persona": PROSE, "withheld": '["age_band"]'}, {"prose": PROSE, "withheld": ["age_band"]}),
        ({"prose": PROSE, "withheld": '["age_band"]', "name": ""}, {"prose": PROSE, "withheld": ["age_band"]}),
        ({"prose": PROSE, "persona": "x", "act": "y", "license": "MIT"},
         {"prose": PROSE, "persona": "x", "act": "y", "licence": "MIT"}),
        ({"prose": PROSE, "review": "fine"}, {"prose": PROSE, "review": "fine"}),
    ],
)  # fmt: skip
def test_columns_become_fields(row: dict[str, Any], seed: dict[str, Any]) -> None:
    assert told(row) == seed


@pytest.mark.parametrize("row", [{}, {"age": 3}, {"persona": {"a": 1}}, {"persona": " "}, {"sentences": ["a", 3]}])
def test_a_row_without_a_text_is_left_as_it_is(row: dict[str, Any]) -> None:
    assert told(row) == row


def test_the_user_says_which_column_is_which() -> None:
    row = {"bio": "I ski.", "first": "Mo", "last": "Li", "likes": "Tea.", "prose": "old", "age": 3, "city": "Bonn"}
    mapping = mapping_of(["prose=bio", "prose=likes", "name=first", "name=last", "extras=age"])
    assert told(row, **mapping) == {"prose": "I ski.\nTea.", "name": "Mo Li", "age": 3}
    del mapping["extras"]
    assert told(row, **mapping) == {
        "prose": "I ski.\nTea.", "name": "Mo Li", "age": 3, "city": "Bonn", "source.prose": "old"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "what"),
    [("bio", "there is no field 'bio'"), ("prose", "it names no column"), ("prose=", "it names no column"),
     ("age=x", "there is no field 'age'"), ("flags=x", "there is no field 'flags'")],
)  # fmt: skip
def test_a_mapping_to_no_field_is_refused(word: str, what: str) -> None:
    with pytest.raises(SeedsError, match=what):
        mapping_of([word])


NAMED = st.sampled_from([*FIELDS, *(n for names in NAMES.values() for n in names), "age", "source.language", "X"])
VALUES = st.text(max_size=4) | st.integers() | st.none() | st.lists(st.text(max_size=3), max_size=3) | st.sampled_from(
    ["en", "English", "human", "approved", '["a"]', "[", PROSE]
)  # fmt: skip


@given(st.dictionaries(NAMED, VALUES, max_size=8))
def test_no_value_of_a_row_is_lost(row: dict[str, Any]) -> None:
    seed = told(row)
    kept = [*seed.values(), *(json.dumps(v) for v in seed.values()), *(s for s in seed.values() if isinstance(s, str))]
    for value in row.values():
        same = value in kept or (type(value) is int and str(value) in kept) or value in (None, "")
        assert same or (isinstance(value, str) and json.loads(value) in kept)


@given(st.dictionaries(NAMED, VALUES, max_size=8))
@example({"input persona": PROSE, "source": 0, "来源": "a book"})
def test_a_seed_that_was_read_is_read_again_as_it_is(row: dict[str, Any]) -> None:
    seed = told(row)
    if "prose" in seed:
        assert told(seed) == seed


NEMOTRON = {
    "uuid": "e7", "professional_persona": "Mary keeps a till in order.", "sports_persona": "She runs around a lake.",
    "persona": "Mary is a steady worker.", "cultural_background": "By the water.", "skills_and_expertise": "Tills.",
    "skills_and_expertise_list": "['tills']", "sex": "Female", "age": 59, "marital_status": "never_married",
    "education_level": "high_school", "bachelors_field": None, "occupation": "cashier", "city": "Madison",
    "state": "WI", "zipcode": "53703", "country": "USA",
}  # fmt: skip


def test_nemotron_columns_become_portraits_and_a_line_of_facts() -> None:
    seed = told(NEMOTRON)
    assert seed["prose"] == (
        "Mary is a steady worker.\nMary keeps a till in order.\nShe runs around a lake.\n"
        "Female, 59 years old, never married. Education level: high school. Occupation: cashier. "
        "City: Madison. State: WI. Country: USA."
    )
    assert seed["seed_id"] == "e7"
    assert {k: v for k, v in seed.items() if k not in ("prose", "seed_id")} == {
        k: v for k, v in NEMOTRON.items() if k != "uuid"
    }


def test_the_facts_of_nemotron_pin_or_withhold_what_they_speak_of() -> None:
    pins, unsure = find_pins(told(NEMOTRON)["prose"], lexicon(open_traits(None), "en"))
    assert ("age_band", "middle_aged", "59 years old") in {(p["dimension"], p["value"], p["evidence"]) for p in pins}
    settled = {p["dimension"] for p in pins} | unsure
    assert {"gender", "family", "education", "occupation", "living_place"} <= settled
