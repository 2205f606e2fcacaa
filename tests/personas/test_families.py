from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import EDITS

from persona_forge.core.stage import Made
from persona_forge.core.tables import FAMILIES
from persona_forge.personas.families import families, neighbours, split
from persona_forge.text.near import Originals

SEEDS = Path(__file__).parents[2] / "seeds"
PEOPLE = {
    "en": [
        "I bake rye bread in a cellar. I sing while the dough rises. My knees hurt on the stairs.",
        "Every winter I dive for lost anchors. I sell them back to their owners. The sea is my larder.",
        "The town clock is mine to wind. I have never been late for it. Pigeons are my enemies.",
        "She grows forty kinds of beans. She can tell them apart in the dark. Nobody else may water them.",
    ],
    "zh": [
        "我在山里种茶。每年清明前都睡不好觉。茶叶比孩子还娇气。",
        "老人做了一辈子风筝。自己从来不放。线轴挂了满满一墙。",
    ],
}


def seeds_of(texts: dict[str, str], language: str = "en") -> pl.LazyFrame:
    rows = [{"seed_id": k, "language": language, "prose": v} for k, v in texts.items()]
    return pl.LazyFrame(rows, schema={"seed_id": pl.String, "language": pl.String, "prose": pl.String})


def placed(seeds: pl.LazyFrame, made: pl.DataFrame | None = None) -> Made:
    before = FAMILIES.empty() if made is None else made
    found = families(before, seeds, validation=0.3, test=0.3)
    FAMILIES.conform(found.rows)
    assert found.taken == found.rows.height + len(found.rejects)
    return found


def between(a: str, b: str) -> str:
    """A profile that is half one and half another."""
    first, second = a.split(". "), b.split(". ")
    return ". ".join([*first[:2], *second[1:]])


def test_those_who_are_alike_are_a_family_and_the_others_stand_alone() -> None:
    a, b, c, _ = PEOPLE["en"]
    made = placed(seeds_of({"1": a, "2": b, "3": a.replace("rye", "white"), "4": c}))
    rows = {r["seed_id"]: (r["family"], r["near"]) for r in made.rows.iter_rows(named=True)}
    assert rows == {"1": ("1", "3"), "2": ("2", None), "3": ("1", "1"), "4": ("4", None)}
    similarity = dict(made.rows.select("seed_id", "similarity").iter_rows())
    assert similarity["2"] == 0.0
    assert 0.5 <= similarity["1"] < 1
    assert similarity["1"] == pytest.approx(similarity["3"])


def test_a_chain_of_likenesses_is_one_family() -> None:
    a, b = PEOPLE["en"][:2]
    made = placed(seeds_of({"1": a, "2": b, "3": between(a, b)}))
    assert set(made.rows["family"]) == {"1"}
    assert made.rows["split"].n_unique() == 1


def test_languages_do_not_meet() -> None:
    frame = pl.concat([seeds_of({"1": PEOPLE["en"][0]}), seeds_of({"2": PEOPLE["zh"][0], "3": PEOPLE["zh"][0]}, "zh")])
    assert dict(placed(frame).rows.select("seed_id", "family").iter_rows()) == {"1": "1", "2": "2", "3": "2"}


def test_a_new_seed_joins_the_family_of_its_nearest() -> None:
    a, b = PEOPLE["en"][:2]
    first = placed(seeds_of({"5": a, "6": b}))
    grown = placed(seeds_of({"1": a.replace("rye", "white"), "5": a, "6": b}), first.rows)
    assert [(r["seed_id"], r["family"], r["near"]) for r in grown.rows.iter_rows(named=True)] == [("1", "5", "5")]
    assert grown.rows["split"][0] == first.rows["split"][0]


def _two_of_different_splits() -> tuple[str, str]:
    names = [f"s{n}" for n in range(50)]
    train = next(n for n in names if split(n, 0.3, 0.3) == "train")
    return train, next(n for n in names if split(n, 0.3, 0.3) == "test")


def test_a_seed_that_would_bridge_two_splits_is_rejected_and_both_are_named() -> None:
    a, b = PEOPLE["en"][:2]
    one, other = _two_of_different_splits()
    first = placed(seeds_of({one: a, other: b}))
    grown = placed(seeds_of({one: a, other: b, "x": between(a, b), "y": PEOPLE["en"][2]}), first.rows)
    assert [(r.row_id, r.reason, r.detail) for r in grown.rejects] == [
        ("x", "bridges_splits", f"it is like {other} (test) and like {one} (train)")
    ]
    assert list(grown.rows["seed_id"]) == ["y"]


def test_where_the_bridge_is_of_several_seeds_only_the_one_that_closes_it_is_rejected() -> None:
    a, b, c, _ = PEOPLE["en"]
    one, other = _two_of_different_splits()
    first = placed(seeds_of({one: a, other: b}))
    new = {"x": between(a, c), "y": between(c, b), "z": f"{c} {a.split('. ')[1]}."}
    grown = placed(seeds_of({one: a, other: b, **new}), first.rows)
    assert [r.reason for r in grown.rejects] == ["bridges_splits"]
    everyone = pl.concat([first.rows, grown.rows])
    where = dict(everyone.select("seed_id", "split").iter_rows())
    for row in everyone.filter(pl.col("near").is_not_null()).iter_rows(named=True):
        assert where[row["near"]] == row["split"]


def profiles() -> st.SearchStrategy[list[str]]:
    sentences = [s for text in PEOPLE["en"] for s in text.split(". ")]
    return st.lists(st.permutations(sentences).map(lambda p: ". ".join(p[:3])), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(profiles(), st.integers(0, 12), st.randoms(use_true_random=False))
def test_no_two_alike_stand_in_two_splits_however_the_seeds_came(texts: list[str], cut: int, chance: object) -> None:
    ids = [f"s{n:02}" for n in range(len(texts))]
    assert isinstance(chance, random.Random)
    chance.shuffle(ids)
    everyone = dict(zip(ids, texts, strict=True))
    first = placed(seeds_of(dict(list(everyone.items())[:cut])))
    grown = placed(seeds_of(everyone), first.rows)
    where = dict(pl.concat([first.rows, grown.rows]).select("seed_id", "split").iter_rows())
    assert set(where) | {r.row_id for r in grown.rejects} == set(ids)
    order = sorted(ids)
    fresh = [n for n, s in enumerate(order) if s in set(grown.rows["seed_id"])]
    for n, found in zip(fresh, neighbours([everyone[s] for s in order], "en", fresh), strict=True):
        assert {where.get(order[other], where[order[n]]) for _, other in found} <= {where[order[n]]}
    assert placed(seeds_of(everyone), pl.concat([first.rows, grown.rows])).rows.height == 0


def test_a_run_from_the_start_is_the_same_in_any_order() -> None:
    texts = {f"{n}": text for n, text in enumerate(PEOPLE["en"] * 2)}
    forward, backward = placed(seeds_of(texts)), placed(seeds_of(dict(reversed(texts.items()))))
    assert forward.rows.sort("seed_id").equals(backward.rows.sort("seed_id"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_near_duplicate_is_of_the_family_of_its_original(language: str) -> None:
    seeds = [json.loads(line) for line in (SEEDS / language / "starter.jsonl").read_text("utf-8").splitlines()][:30]
    texts = {s["seed_id"]: s["prose"] for s in seeds}
    for s in seeds:
        for name, edit in EDITS.items():
            texts[f"{s['seed_id']}~{name}"] = edit(s["prose"], s["name"], random.Random(s["seed_id"]))
    family = dict(placed(seeds_of(texts, language)).rows.select("seed_id", "family").iter_rows())
    originals = Originals()
    for seed_id, text in texts.items():
        if twin := originals.twin(seed_id, text, language):
            assert family[seed_id] == family[twin[0]]


def test_the_starter_seeds_are_individuals_all() -> None:
    for language in ("en", "zh"):
        lines = (SEEDS / language / "starter.jsonl").read_text("utf-8").splitlines()
        texts = {s["seed_id"]: s["prose"] for s in map(json.loads, lines)}
        rows = placed(seeds_of(texts, language)).rows
        assert rows.filter(pl.col("near").is_not_null())["seed_id"].to_list() == []


@given(st.lists(st.text(max_size=6), unique=True, max_size=30))
def test_the_split_of_a_family_is_its_own(ids: list[str]) -> None:
    assert {split(s, 0.2, 0.2) for s in ids} <= {"train", "validation", "test"}
    assert [split(s, 0.0, 0.0) for s in ids] == ["train"] * len(ids)
    grown = {s: (split(s, 0.2, 0.1), split(s, 0.3, 0.1)) for s in ids}
    assert all(before == after for before, after in grown.values() if before in ("validation", "test"))


def test_the_splits_have_about_the_shares_that_were_asked_for() -> None:
    found = [split(f"seed {n}", 0.05, 0.1) for n in range(10_000)]
    assert found.count("validation") == pytest.approx(500, abs=90)
    assert found.count("test") == pytest.approx(1000, abs=120)
