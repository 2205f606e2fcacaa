from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_space import small_space

from persona_forge.core.ids import digest
from persona_forge.core.stage import Made
from persona_forge.core.tables import SEEDS
from persona_forge.personas.curate import curate
from persona_forge.personas.readers import Record

SPACE = small_space()
PROSE = "You keep bees on a roof in the middle of the town."


HOLD = ("personal_data", "unsafe", "not_a_persona", "near_duplicate")


def curated(*rows: dict[str, Any] | None, source: str = "mine", hold: tuple[str, ...] = HOLD) -> Made:
    records = [
        Record(f"{source}.jsonl:{n}", source, row, "" if row else "no JSON", json.dumps(row))
        for n, row in enumerate(rows, 1)
    ]
    made = curate(records=records, ontology=SPACE.ontology, hold=hold)
    assert made.taken == len(rows) == made.rows.height + len(made.rejects)
    SEEDS.conform(made.rows)
    return made


def only(row: dict[str, Any]) -> dict[str, Any]:
    made = curated(row)
    assert made.rejects == ()
    return made.rows.row(0, named=True)


def reason(row: dict[str, Any] | None) -> tuple[str, str]:
    (reject,) = curated(row).rejects
    return reject.reason, reject.detail


def test_prose_alone_makes_a_seed() -> None:
    seed = only({"prose": PROSE})
    assert seed == {
        "seed_id": digest("seed", "mine", PROSE), "language": "en", "name": "", "prose": PROSE, "opinions": [],
        "catchphrases": [], "emotional_limits": [], "style": "", "voice": "", "pins": [], "withheld": [],
        "author_kind": "unknown", "source": "mine", "licence": "unknown", "review": "new", "flags": [], "extras": "{}",
    }  # fmt: skip


def test_an_id_is_a_function_of_source_and_prose_and_of_no_place() -> None:
    first, second = {"prose": PROSE}, {"prose": "You mend shoes in the same cellar as your aunt."}
    ids = [row["seed_id"] for row in curated(first, second).rows.iter_rows(named=True)]
    assert [row["seed_id"] for row in curated(None, second, first).rows.iter_rows(named=True)] == ids[::-1]
    assert only({"prose": PROSE, "source": "theirs"})["seed_id"] != ids[0]
    assert only({"prose": f"  {PROSE.replace(' ', '  ')}\u200b"})["seed_id"] == ids[0]


def test_the_id_of_the_source_is_kept() -> None:
    assert only({"prose": PROSE, "id": "spc-7"})["seed_id"] == "spc-7"
    assert only({"prose": PROSE, "id": 7})["seed_id"] == "7"
    assert only({"prose": PROSE, "seed_id": 7, "id": 8})["extras"] == '{"id":8}'
    assert only({"prose": PROSE, "id": None})["seed_id"] == digest("seed", "mine", PROSE)


@given(st.dictionaries(st.sampled_from(["x", "tags", "作者", "id2"]), st.none() | st.integers() | st.text(max_size=5)))
def test_what_no_column_holds_is_kept_in_extras(extras: dict[str, Any]) -> None:
    row = json.loads(json.dumps({"prose": PROSE, **extras}))
    assert json.loads(only(row)["extras"]) == extras


def test_foreign_rows_become_prose() -> None:
    assert only({"sentences": ["I like tea.", "I hate rain."]})["prose"] == "I like tea. I hate rain."
    assert only({"persona": "A cook who is afraid of fire"})["prose"] == "A cook who is afraid of fire"
    both = only({"prose": PROSE, "persona": "a line"})
    assert (both["prose"], both["extras"]) == (PROSE, '{"persona":"a line"}')


def test_spelling_is_made_one_and_language_is_found() -> None:
    seed = only({"prose": "我在  ＣＢＤ　卖煎饼，\u202e六年了。", "name": " 阿\u200b明 "})
    assert [f["evidence"] for f in seed["flags"]] == ["U+200B", "U+202E"]
    assert (seed["prose"], seed["name"], seed["language"]) == ("我在 CBD 卖煎饼，六年了。", "阿明", "zh")
    assert only({"prose": PROSE, "language": "zh"})["language"] == "zh"


@pytest.mark.parametrize(
    ("row", "why", "detail"),
    [
        (None, "unreadable", "mine.jsonl:1: no JSON"),
        ({}, "invalid", "mine.jsonl:1: prose: Field required"),
        ({"name": "Mo"}, "invalid", "mine.jsonl:1: prose: Field required"),
        ({"prose": "short"}, "invalid", "mine.jsonl:1: prose: String should have at least 8 characters"),
        ({"prose": " \u200b     \n    "}, "invalid", "mine.jsonl:1: prose: String should have at least 8"),
        ({"prose": 3}, "invalid", "mine.jsonl:1: prose: Input should be a valid string"),
        ({"sentences": ["a", 3]}, "invalid", "mine.jsonl:1: prose: Field required"),
        ({"prose": PROSE, "opinions": [{"topic": "tea"}]}, "invalid", "mine.jsonl:1: opinions.0.stance"),
        ({"prose": PROSE, "review": "fine"}, "invalid", "mine.jsonl:1: review: Input should be 'new'"),
        ({"prose": "わたしは毎日パンを焼きます。"}, "language", "mine.jsonl:1: neither Chinese nor English"),
        (
            {"prose": PROSE, "pins": [{"dimension": "pet", "value": "cow", "evidence": "bees"}]},
            "unknown_trait", "mine.jsonl:1: the ontology has no pet=cow",
        ),
        (
            {"prose": PROSE, "pins": [{"dimension": "language", "value": "en", "evidence": "bees"}]},
            "unknown_trait", "mine.jsonl:1: the ontology has no language=en",
        ),
        ({"prose": PROSE, "withheld": ["height"]}, "unknown_trait", "mine.jsonl:1: the ontology has no height"),
        (
            {"prose": PROSE, "pins": [{"dimension": "pet", "value": "cat", "evidence": "a cat"}]},
            "evidence", "mine.jsonl:1: these words do not stand in the prose: pet=cat: 'a cat'",
        ),
        (
            {"prose": PROSE, "pins": [{"dimension": "pet", "value": "cat", "evidence": " "}]},
            "invalid", "mine.jsonl:1: pins.0.evidence",
        ),
    ],
)  # fmt: skip
def test_what_is_no_seed_is_rejected_with_its_reason(row: dict[str, Any] | None, why: str, detail: str) -> None:
    found = reason(row)
    assert (found[0], found[1][: len(detail)]) == (why, detail)


def test_a_seed_that_stands_twice_is_rejected_the_second_time() -> None:
    made = curated({"prose": PROSE}, {"prose": PROSE}, {"prose": PROSE, "id": "x"}, {"prose": PROSE}, hold=())
    assert [row["seed_id"] for row in made.rows.iter_rows(named=True)] == [digest("seed", "mine", PROSE), "x"]
    assert [(r.reason, r.detail[:14]) for r in made.rejects] == [
        ("duplicate_id", "mine.jsonl:2: "),
        ("duplicate_id", "mine.jsonl:4: "),
    ]
    assert len({r.row_id for r in made.rejects}) == 2


TWIN = PROSE.replace("roof", "flat roof")


def test_the_later_of_two_near_duplicates_is_held_until_it_is_approved() -> None:
    made = curated({"prose": PROSE, "id": "a"}, {"prose": TWIN, "id": "b"})
    assert [(r.seed_id, r.reason, r.detail) for r in made.rejects] == [(
        "b", "held",
        "mine.jsonl:2: near_duplicate (77% of their shingles are the same): 'a': "
        "approve it in `persona-forge seeds review`, or mend it",
    )]  # fmt: skip
    for approved in (curated({"prose": PROSE, "id": "a"}, {"prose": TWIN, "id": "b", "review": "approved"}),
                     curated({"prose": PROSE, "id": "a"}, {"prose": TWIN, "id": "b"}, hold=())):  # fmt: skip
        flags = {r["seed_id"]: r["flags"] for r in approved.rows.iter_rows(named=True)}
        assert flags["a"] == []
        assert [(f["kind"], f["evidence"]) for f in flags["b"]] == [("near_duplicate", "a")]


def test_what_is_not_used_is_no_original() -> None:
    held = {"prose": f"{PROSE} Write to bees@roof.org", "id": "a"}
    made = curated(held, {"prose": PROSE, "id": "b"}, {"prose": TWIN, "id": "c", "review": "rejected"})
    assert list(made.rows["seed_id"]) == ["b", "c"]
    assert [(r.seed_id, r.reason) for r in made.rejects] == [("a", "held")]
    first = curated({"prose": TWIN, "id": "a", "review": "rejected"}, {"prose": PROSE, "id": "b"})
    assert (list(first.rows["seed_id"]), first.rejects) == (["a", "b"], ())


def test_a_seed_is_held_for_the_kinds_that_are_to_be_held_and_for_no_other() -> None:
    row = {"prose": f"{PROSE} Write to bees@roof.org", "name": "=cmd|' /C calc'!A0"}
    (reject,) = curated(row).rejects
    assert (reject.reason, "personal_data (e-mail address): 'bees@roof.org'" in reject.detail) == ("held", True)
    seed = curated(row, hold=("formula",)).rejects
    assert [r.reason for r in seed] == ["held"]
    (kept,) = curated(row, hold=("unsafe",)).rows.iter_rows(named=True)
    assert [f["kind"] for f in kept["flags"]] == ["personal_data", "formula"]


def test_a_reject_keeps_the_row() -> None:
    (reject,) = curated({"prose": "short", "id": "s"}).rejects
    assert json.loads(reject.raw or "") == {"prose": "short", "id": "s"}


def test_cues_add_pins_where_the_author_left_a_dimension_open() -> None:
    seed = only({"prose": "I am a cook. I am young, they say."})
    assert seed["pins"] == [
        {"dimension": "age", "value": "young", "evidence": "I am young", "by": "cue"},
        {"dimension": "job", "value": "cook", "evidence": "I am a cook", "by": "cue"},
    ]
    authored = only({
        "prose": "I am a cook. I am young, they say.",
        "pins": [{"dimension": "age", "value": "old", "evidence": "they say"}],
        "withheld": ["job"],
    })  # fmt: skip
    assert authored["pins"] == [{"dimension": "age", "value": "old", "evidence": "they say", "by": "author"}]
    assert authored["withheld"] == ["job"]


SAYING = {"text": "Mind the hinge", "trigger": "leaving", "at_most": 1}


def test_a_mention_withholds_its_dimension_wherever_it_stands() -> None:
    assert only({"prose": "You built three kennels by the river."})["withheld"] == ["pet"]
    assert only({"prose": PROSE, "style": "Like a kennel at feeding time."})["withheld"] == ["pet"]
    assert only({"prose": "你在河边住了三年，天天听见汪汪叫。"})["withheld"] == ["pet"]
    assert only({"prose": PROSE})["withheld"] == []


def test_an_ontology_without_age_bands_has_no_ages() -> None:
    seed = only({"prose": "I am 34 years old and was born in 1990."})
    assert (seed["pins"], seed["withheld"]) == ([], [])


def test_where_an_author_has_judged_mentions_withhold_nothing() -> None:
    pinned = [{"dimension": "age", "value": "old", "evidence": "three kennels"}]
    assert only({"prose": "You built three kennels by the river.", "pins": pinned})["withheld"] == []
    assert only({"prose": "You built three kennels by the river.", "withheld": ["job"]})["withheld"] == ["job"]


def test_what_a_field_of_the_seed_says_is_not_drawn_unless_its_author_pins_it() -> None:
    assert only({"prose": PROSE, "catchphrases": [SAYING]})["withheld"] == ["mood"]
    assert only({"prose": PROSE, "catchphrases": [SAYING], "withheld": ["job"]})["withheld"] == ["job", "mood"]
    pinned = [{"dimension": "mood", "value": "m1", "evidence": "bees"}]
    assert only({"prose": PROSE, "catchphrases": [SAYING], "pins": pinned})["withheld"] == []


@given(
    st.lists(st.sampled_from(["I am a cook", "I am young", "my wife says", "I am a cook no more", "rain", "我是厨师"]))
)
def test_a_dimension_is_pinned_by_a_cue_or_withheld_and_never_both(parts: list[str]) -> None:
    for seed in curated({"prose": ". ".join([PROSE, *parts])}).rows.iter_rows(named=True):
        pinned = [p["dimension"] for p in seed["pins"]]
        assert len(set(pinned)) == len(pinned)
        assert not set(pinned) & set(seed["withheld"])
        assert all(p["evidence"] in seed["prose"] for p in seed["pins"])
