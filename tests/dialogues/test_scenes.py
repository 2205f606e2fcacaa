from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_forge.core.ids import digest
from persona_forge.core.tables import SCENES, SEEDS, personas
from persona_forge.dialogues.factors import factors
from persona_forge.dialogues.scenes import PARTNER_AGES, scenes
from persona_forge.text.minors import ABUSIVE, INTIMATE, MINOR_AGES

TRAITS = {"age_band": ("child", "teen", "adult"), "voice_age": ("child", "teen", "middle_aged")}
GROWN_UP = "You repair clocks and never hurry."
MINOR = "You are in the third grade and repair clocks."


def tables(
    seeds: list[tuple[str, str, str]], rows: int, age: str | None = "adult", voice: str | None = None
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Frames of personas and seeds, for seeds given as (id, language, prose)."""
    empty: dict[str, list[Any]] = {
        name: [] for name in ("opinions", "catchphrases", "emotional_limits", "pins", "withheld")
    }
    written = [
        {**dict.fromkeys(SEEDS.names, ""), **empty, "seed_id": s, "language": language, "prose": prose}
        for s, language, prose in seeds
    ]
    grown = [
        {"persona_id": bytes.fromhex(digest(s, str(n))), "seed_id": s, "language": language, "age_band": age,
         "voice_age": voice, "origin": "fill", "split": "train"}
        for s, language, _ in seeds for n in range(rows)
    ]  # fmt: skip
    frame = personas(TRAITS).frame(grown)
    return frame.lazy(), SEEDS.frame(written).lazy()


BOTH = [(f"en{n}", "en", GROWN_UP) for n in range(5)] + [(f"zh{n}", "zh", "你修钟表，从不着急。") for n in range(3)]


def chosen(
    seeds: list[tuple[str, str, str]] = BOTH, *, count: int, made: pl.DataFrame | None = None, rows: int = 4,
    age: str | None = "adult", voice: str | None = None, turns: int = 6, attack_share: float = 0.5, key: str = "k",
) -> list[dict[str, Any]]:  # fmt: skip
    grown, written = tables(seeds, rows, age, voice)
    result = scenes(SCENES.empty() if made is None else made, grown, written, key=key, count=count, per_shard=4,
                    turns=turns, attack_share=attack_share)  # fmt: skip
    SCENES.conform(result.rows)
    before = set() if made is None else set(made["persona_id"])
    assert result.taken == len(set(result.rows["persona_id"]) - before)  # a persona may serve twice
    return result.rows.rows(named=True)


def spread(values: list[Any], of: Any) -> int:
    counts = Counter(values)
    assert set(counts) <= set(of)
    return max(counts[v] for v in of) - min(counts[v] for v in of)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 90), st.text("ab", max_size=3))
def test_over_any_run_every_value_of_a_factor_comes_equally_often_give_or_take_one(count: int, key: str) -> None:
    one_language = [s for s in BOTH if s[1] == "en"]
    rows = chosen(one_language, count=count, key=key)
    for name in ("domain", "tone"):
        assert spread([r[name] for r in rows], factors()[name]) <= 1
    assert spread([r["partner"]["age_band"] for r in rows], PARTNER_AGES) <= 1
    assert spread([r["partner"]["gender"] for r in rows], ("female", "male")) <= 1
    assert spread([r["partner"]["delivery"] for r in rows], factors()["delivery"]) <= 1
    attacked = [r["attack"] for r in rows if r["attack"]]
    assert abs(len(attacked) - count / 2) <= 1


def test_attacks_and_relationships_are_dealt_evenly_where_no_minor_is_about() -> None:
    rows = [r for r in chosen(count=1120) if r["language"] == "en"]
    adults = [r for r in rows if r["partner"]["age_band"] != "teen"]
    assert spread([r["relationship"] for r in adults], factors()["relationship"]) < 0.15 * len(adults)
    attacks = Counter(r["attack"] for r in rows if r["attack"])
    harmless = [n for a, n in attacks.items() if a not in ABUSIVE]
    assert max(harmless) - min(harmless) <= 6
    assert attacks["insult_escalation"] >= 20


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_attacks_is_kept(share: float) -> None:
    rows = [r for r in chosen(count=80, attack_share=share) if r["language"] == "zh"]
    assert abs(sum(r["attack"] is not None for r in rows) - 40 * share) <= 1
    assert {r["depth"] for r in rows} == ({0} if share == 0 else {2} if share == 1 else {0, 2})


def test_languages_take_turns() -> None:
    assert [r["language"] for r in chosen(count=7)] == ["en", "zh", "en", "zh", "en", "zh", "en"]
    assert [r["language"] for r in chosen([s for s in BOTH if s[1] == "zh"], count=3)] == ["zh"] * 3
    assert chosen([], count=5) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_the_first_scenes_are_the_same_however_many_are_asked_for(few: int, more: int) -> None:
    first, all_of_them = chosen(count=few), chosen(count=few + more)
    assert all_of_them[:few] == first
    assert len({r["scene_id"] for r in all_of_them}) == few + more


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_growing_step_by_step_gives_the_same_scenes(counts: list[int]) -> None:
    made = SCENES.empty()
    for count in sorted(counts):
        made = pl.concat([made, SCENES.frame(chosen(count=count, made=made))])
    at_once = chosen(count=max(counts))
    assert [r["scene_id"] for r in made.iter_rows(named=True)] == [r["scene_id"] for r in at_once]


def test_a_language_that_comes_later_catches_up_and_no_scene_comes_twice() -> None:
    english = [s for s in BOTH if s[1] == "en"]
    first = SCENES.frame(chosen(english, count=6))
    later = chosen(BOTH, count=14, made=first)
    assert [r["language"] for r in later] == ["zh"] * 6 + ["en", "zh"]
    assert len({*first["scene_id"], *(r["scene_id"] for r in later)}) == 14


def test_the_seeds_are_gone_through_before_one_comes_again() -> None:
    rows = [r for r in chosen(count=20) if r["language"] == "en"]
    assert sorted(r["seed_id"] for r in rows[:5]) == [f"en{n}" for n in range(5)]
    assert [r["seed_id"] for r in rows[5:]] == [r["seed_id"] for r in rows[:5]]
    assert len({r["persona_id"] for r in rows}) == 10


def test_a_seed_with_few_personas_has_them_again_in_other_scenes() -> None:
    rows = chosen([("only", "en", GROWN_UP)], count=5, rows=2)
    assert [len({r["persona_id"] for r in rows}), len({r["scene_id"] for r in rows})] == [2, 5]
    assert [r["persona_id"] for r in rows] == [rows[0]["persona_id"], rows[1]["persona_id"]] * 2 + [
        rows[0]["persona_id"]
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([("child", None, GROWN_UP), ("teen", None, GROWN_UP), (None, "child", GROWN_UP),
                     (None, None, MINOR), ("adult", None, MINOR), ("adult", "middle_aged", GROWN_UP)]),
    st.integers(1, 60), st.text("abc", max_size=4),
)  # fmt: skip
def test_no_minor_stands_in_an_intimate_or_abusive_scene(
    who: tuple[str | None, str | None, str], count: int, key: str
) -> None:
    age, voice, prose = who
    rows = chosen([("s", "en", prose)], count=count, key=key, age=age, voice=voice, attack_share=1.0)
    minor = prose == MINOR or bool({age, voice} & MINOR_AGES)
    for row in rows:
        if minor or row["partner"]["age_band"] in MINOR_AGES:
            assert row["relationship"] not in INTIMATE
            assert row["attack"] not in ABUSIVE


def test_grown_ups_do_stand_in_intimate_and_abusive_scenes() -> None:
    rows = chosen(count=200, attack_share=1.0)
    assert {r["relationship"] for r in rows} & INTIMATE
    assert {r["attack"] for r in rows} & ABUSIVE


@pytest.mark.parametrize(("turns", "depth"), [(2, 0), (4, 2), (6, 2), (8, 4), (64, 32)])
def test_an_attack_begins_with_a_turn_of_the_partner_and_leaves_room_for_an_answer(turns: int, depth: int) -> None:
    rows = chosen(count=4, turns=turns, attack_share=1.0)
    assert {(r["depth"], r["turns"]) for r in rows} == {(depth, turns)}
    assert depth % 2 == 0
    assert depth <= turns - 2


def test_a_scene_brings_its_personas_traits_and_shards_are_filled_in_order() -> None:
    rows = chosen(count=9)
    assert rows[0]["traits"] == [{"dimension": "age_band", "value": "adult"}]
    assert [r["shard"] for r in rows] == ["0000"] * 4 + ["0001"] * 4 + ["0002"]
    assert len(bytes.fromhex(rows[0]["persona_id"])) == 16


def test_another_key_is_another_choice() -> None:
    ids = [[r["scene_id"] for r in chosen(count=10, key=key)] for key in "kl"]
    assert ids[0] != ids[1]


def test_every_factor_has_words_in_both_languages() -> None:
    for factor, values in factors().items():
        for name, value in values.items():
            assert value["en"].strip(), (factor, name)
            assert value["zh"].strip(), (factor, name)
    assert set(factors()["age"]) >= set(PARTNER_AGES)
    assert not [a for a, b in pairwise(sorted(factors()["attack"])) if a == b]
