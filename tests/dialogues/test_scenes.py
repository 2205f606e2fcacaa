from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from deal import BOTH, EN, GROWN_UP, TRAITS, chosen, spread, tables
from hypothesis import example, given, settings
from hypothesis import strategies as st

from persona_forge.core.tables import SCENES
from persona_forge.dialogues.choosing import Covered, candidates, pairs
from persona_forge.dialogues.dealing import next_kind
from persona_forge.dialogues.factors import at_stake, factors
from persona_forge.dialogues.probes import agreement, contrast, other_delivery, probes, right
from persona_forge.dialogues.scenes import PARTNER_AGES


def of_kind(rows: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [r for r in rows if r["kind"] in kinds]


def same(one: dict[str, Any], other: dict[str, Any], *columns: str) -> bool:
    return all(one[c] == other[c] for c in columns)


@settings(max_examples=200)
@given(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any), st.integers(1, 300))
def test_after_any_number_of_scenes_each_kind_has_its_share_give_or_take_one(parts: list[int], count: int) -> None:
    shares = {f"kind {n}": part / sum(parts) for n, part in enumerate(parts)}
    done: Counter[str] = Counter()
    for number in range(1, count + 1):
        done[next_kind(shares, done)] += 1
        assert all(abs(done[kind] - share * number) < 1 for kind, share in shares.items())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 90), st.text("ab", max_size=3))
def test_over_the_first_n_scenes_every_value_of_a_factor_comes_equally_often_give_or_take_one(
    count: int, key: str
) -> None:
    rows = chosen(EN, count=count, key=key, attack=0.5, exit=0, contrast=0)
    for name in ("domain", "tone", "relationship"):
        assert spread([r[name] for r in rows], factors()[name]) <= 1
    assert spread([r["partner"]["gender"] for r in rows], ("female", "male")) <= 1
    assert spread([r["attack"] for r in rows if r["attack"]], factors()["attack"]) <= 1
    assert abs(len(of_kind(rows, "attack")) - count / 2) < 1


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 150), st.text("ab", max_size=3))
@example(79, "")
def test_where_some_values_do_not_fit_or_two_scenes_share_them_it_evens_out(count: int, key: str) -> None:
    rows = chosen(EN, count=count, key=key)
    for name in ("domain", "tone", "relationship"):
        assert spread([r[name] for r in rows], factors()[name]) <= 2
    assert spread([r["partner"]["age_band"] for r in rows], PARTNER_AGES) <= 4
    assert spread([r["partner"]["delivery"] for r in rows], factors()["delivery"]) <= 4
    assert spread([r["exit"] for r in of_kind(rows, "exit")], factors()["exit"]) <= 1


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=6))
def test_twenty_seven_scenes_hold_every_attack_every_exit_with_its_twin_and_two_contrasts(key: str) -> None:
    rows = chosen(count=27, attack=0.56, exit=0.29, contrast=0.15, key=key)
    assert Counter(r["attack"] for r in of_kind(rows, "attack")) == Counter([*factors()["attack"]])
    for kind in ("exit", "twin"):
        assert Counter(r["exit"] for r in of_kind(rows, kind)) == Counter([*factors()["exit"]])
    assert Counter(Counter(r["contrast_id"] for r in of_kind(rows, "contrast")).values()) == {2: 2}
    assert Counter(r["language"] for r in rows) == {"en": 14, "zh": 13}


def test_fifteen_attacks_in_two_languages_are_all_fifteen() -> None:
    rows = chosen(count=15, attack=1, exit=0, contrast=0)
    assert Counter(r["language"] for r in rows) == {"en": 8, "zh": 7}
    assert {r["attack"] for r in rows} == set(factors()["attack"])


def test_an_exit_and_its_twin_are_alike_but_for_the_words() -> None:
    rows = [r for r in chosen(count=200, depths=(0, 4)) if r["language"] == "en"]
    both = of_kind(rows, "exit", "twin")
    assert len(both) == 25
    assert {r["depth"] for r in both if r["exit"] != "safe_word"} == {0, 4}
    for leaving, staying in zip(both[::2], both[1::2], strict=False):
        assert (leaving["kind"], staying["kind"]) == ("exit", "twin")
        assert same(leaving, staying, "exit", "persona_id", "domain", "relationship", "tone", "depth", "partner")
        assert leaving["twin_id"] == staying["twin_id"]
        assert leaving["probe_id"] != staying["probe_id"]
        assert leaving["turns"] == leaving["depth"] + 2
        assert leaving["depth"] >= (2 if leaving["exit"] == "safe_word" else 0)
    ids = Counter(r["twin_id"] for r in rows if r["kind"] != "attack")
    assert {r["twin_id"] for r in of_kind(rows, "attack", "plain", "contrast")} == {None}
    assert max(n for i, n in ids.items() if i) == 2


def test_a_safe_word_is_agreed_on_in_its_exit_alone_and_both_scenes_say_it() -> None:
    rows = [r for r in chosen(count=400) if r["exit"] == "safe_word"]
    by_twin: dict[str, dict[str, dict[str, Any]]] = {}
    for r in rows:
        by_twin.setdefault(r["twin_id"], {})[r["kind"]] = r
    words = probes()["exit"]["safe_word"]["words"]
    said = set()
    for two in by_twin.values():
        agreed = agreement(two["exit"])
        assert agreed is not None
        (word,) = (w for w in words[two["exit"]["language"]] if w in agreed)
        said.add(word)
        assert all(word in r["probe"].lower() for r in two.values())
        assert agreement(two.get("twin", two["exit"] | {"kind": "twin"})) is None
    assert said == {*words["en"], *words["zh"]}


def test_contrast_scenes_are_the_same_words_in_another_delivery() -> None:
    rows = of_kind([r for r in chosen(count=400) if r["language"] == "zh"], "contrast")
    assert len(rows) == 25
    for one, other in zip(rows[::2], rows[1::2], strict=False):
        assert same(
            one, other, "contrast_id", "probe", "persona_id", "domain", "relationship", "tone", "depth", "turns"
        )
        heard = [one["partner"]["delivery"], other["partner"]["delivery"]]
        assert sorted(heard) == sorted(probes()["contrast"][contrast(one)]["deliveries"])
        assert other_delivery(one) == heard[1]
        assert right(one) == right(other, heard[0]) != right(other)
        assert {one["partner"]["mood"], other["partner"]["mood"]} == {
            factors()["delivery"][d]["emotion"] for d in heard
        }
    assert {contrast(r) for r in rows} == set(probes()["contrast"])
    assert {r["depth"] for r in rows} == {0}


def test_a_probe_stands_at_every_depth_with_the_same_persona_and_words() -> None:
    depths = (0, 2, 4, 8, 16, 32)
    rows = [r for r in chosen(count=240, depths=depths, attack=1, exit=0, contrast=0) if r["language"] == "en"]
    for start in range(0, 120, 6):
        group = rows[start : start + 6]
        assert [r["depth"] for r in group] == [*depths]
        assert [r["turns"] for r in group] == [6, 6, 6, 10, 18, 34]
        assert [r["writing"] for r in group] == ["one_shot"] * 4 + ["self_play"] * 2
        assert all(same(group[0], r, "probe_id", "probe", "persona_id", "domain", "attack", "partner") for r in group)
    assert len({r["probe_id"] for r in rows}) == 20
    assert {r["attack"] for r in rows} == set(factors()["attack"])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.sampled_from([(2,), (0, 2, 4)]))
def test_growing_step_by_step_gives_the_same_scenes(counts: list[int], depths: tuple[int, ...]) -> None:
    made = SCENES.empty()
    for count in sorted(counts):
        made = pl.concat([made, SCENES.frame(chosen(count=count, made=made, depths=depths))])
    at_once = SCENES.frame(chosen(count=max(counts), depths=depths))
    assert made.drop("shard").equals(at_once.drop("shard"))


def test_a_language_that_comes_later_catches_up_and_no_scene_comes_twice() -> None:
    first = SCENES.frame(chosen(EN, count=6))
    later = chosen(BOTH, count=14, made=first)
    assert [r["language"] for r in later] == ["zh"] * 6 + ["en", "zh"]
    assert len({*first["scene_id"], *(r["scene_id"] for r in later)}) == 14


def test_the_seeds_are_gone_through_before_one_comes_again() -> None:
    rows = chosen(EN, count=10, attack=1, exit=0, contrast=0)
    assert sorted(r["seed_id"] for r in rows[:5]) == [f"en{n}" for n in range(5)]
    assert [r["seed_id"] for r in rows[5:]] == [r["seed_id"] for r in rows[:5]]
    assert len({r["persona_id"] for r in rows}) == 10


def test_a_seed_with_few_personas_has_them_again_in_other_scenes() -> None:
    rows = chosen([("only", "en", GROWN_UP)], count=5, rows=2, attack=1, exit=0, contrast=0)
    assert sorted(Counter(r["persona_id"] for r in rows).values()) == [2, 3]
    assert len({r["scene_id"] for r in rows}) == 5


def test_a_visit_offers_the_next_personas_by_id_and_begins_again_when_they_are_through() -> None:
    grown, _ = tables([("only", "en", GROWN_UP)], 5)
    ids = sorted(grown.collect()["persona_id"])
    offered = candidates(grown, [("only", 0), ("only", 2)], 2)
    assert [[c["persona_id"] for c in some] for some in offered.values()] == [ids[:2], [ids[4], ids[0]]]


def covered(rows: list[dict[str, Any]]) -> list[int]:
    """How many pairs of trait and factor stand in the first n scenes, for each n."""
    found: set[tuple[str, str]] = set()
    sizes = []
    for row in rows:
        found |= pairs({t["dimension"]: t["value"] for t in row["traits"]}, row)
        sizes.append(len(found))
    return sizes


def test_choosing_covers_as_many_pairs_in_far_fewer_scenes_than_plain_dealing(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [(f"s{n}", "en", GROWN_UP) for n in range(20)]
    choosing = covered(chosen(seeds, count=240, rows=200))
    monkeypatch.setattr("persona_forge.dialogues.scenes.CANDIDATES", 1)
    monkeypatch.setattr(Covered, "new", lambda *_: 0)
    plain = covered(chosen(seeds, count=240, rows=200))
    needed = {n: next(m for m, size in enumerate(choosing, 1) if size >= plain[n - 1]) for n in (60, 120, 240)}
    assert all(few <= 0.75 * many for many, few in needed.items()), needed


@pytest.mark.parametrize("turns", [2, 4, 6, 64])
def test_after_the_probe_there_is_room_for_an_answer(turns: int) -> None:
    rows = chosen(count=40, turns=turns, depths=(0, 4))
    assert all(r["turns"] >= r["depth"] + 2 for r in rows if r["probe"])
    assert {r["turns"] for r in of_kind(rows, "plain")} == {turns}
    assert {r["turns"] for r in of_kind(rows, "attack")} <= {turns, max(turns, 6)}


def test_only_a_plain_scene_has_no_probe_and_nothing_at_stake() -> None:
    rows = chosen(count=80)
    assert {r["kind"] for r in rows} == {"plain", "attack", "exit", "twin", "contrast"}
    for r in rows:
        assert (r["probe"] is None) is (at_stake(r) is None) is (right(r) == "") is (r["kind"] == "plain")
        assert (r["attack"] is None) is (r["kind"] != "attack")


def test_a_share_of_the_scenes_is_mixed_but_none_in_which_the_language_is_at_stake() -> None:
    rows = chosen(count=400, attack=1, exit=0, contrast=0, switched=0.25)
    mixed = [r for r in rows if r["code_switched"]]
    assert 0.2 * 400 <= len(mixed) <= 0.25 * 400 + 2
    assert "language_switch" not in {r["attack"] for r in mixed}
    assert not [r for r in chosen(count=40) if r["code_switched"]]


def test_a_scene_brings_its_personas_traits_and_shards_are_filled_in_order() -> None:
    rows = chosen(count=9)
    assert [t["dimension"] for t in rows[0]["traits"]] == sorted(TRAITS)
    assert [r["shard"] for r in rows] == ["0000"] * 4 + ["0001"] * 4 + ["0002"]
    assert len(bytes.fromhex(rows[0]["persona_id"])) == 16


def test_another_key_is_another_choice() -> None:
    ids = [[r["scene_id"] for r in chosen(count=10, key=key)] for key in "kl"]
    assert ids[0] != ids[1]


def test_without_personas_there_are_no_scenes() -> None:
    assert chosen([], count=5) == []


def test_every_factor_has_words_in_both_languages() -> None:
    for factor, values in factors().items():
        for name, value in values.items():
            assert value["en"].strip(), (factor, name)
            assert value["zh"].strip(), (factor, name)
    assert set(factors()["age"]) >= set(PARTNER_AGES)
    assert not [a for a, b in pairwise(sorted(factors()["attack"])) if a == b]
