from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import EDITS, sentences

from persona_forge.text.near import Originals, jaccard, shingles

SEEDS = Path(__file__).parents[2] / "seeds"


def starter(language: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (SEEDS / language / "starter.jsonl").read_text("utf-8").splitlines()]


def test_shingles_are_pairs_within_a_sentence() -> None:
    assert shingles("I bake rye. Rye, I said! Yes", "en") == {"i bake", "bake rye", "rye i", "i said", "yes"}
    assert shingles("我卖煎饼。卖了六年", "zh") == {"我 卖", "卖 煎", "煎 饼", "卖 了", "了 六", "六 年"}


@given(st.lists(st.sampled_from(["I bake.", "You sing loudly.", "He left us here.", "Rain!"]), min_size=1))
def test_the_order_of_sentences_is_no_matter(parts: list[str]) -> None:
    assert shingles(" ".join(parts), "en") == shingles(" ".join(reversed(parts)), "en")


@given(st.frozensets(st.text("abc", max_size=2)), st.frozensets(st.text("abc", max_size=2)))
def test_jaccard_is_shared_over_all(a: frozenset[str], b: frozenset[str]) -> None:
    assert jaccard(a, b) == (len(a & b) / len(a | b) if a | b else 0.0)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", EDITS)
def test_an_edited_seed_is_traced_to_its_original(language: str, name: str) -> None:
    originals, seeds = Originals(), starter(language)
    assert [originals.twin(s["seed_id"], s["prose"], language) for s in seeds] == [None] * len(seeds)
    found = 0
    for seed in seeds:
        edited = EDITS[name](seed["prose"], seed["name"], random.Random(seed["seed_id"]))
        twin = originals.twin(seed["seed_id"] + "'", edited, language)
        found += twin is not None and twin[0] == seed["seed_id"]
    assert found >= (0.95 if name == "several" else 1.0) * len(seeds)


def test_what_is_reported_is_alike_and_so_is_the_figure() -> None:
    originals = Originals()
    first = "I keep bees on a roof in the middle of the town and sell the honey to the school below."
    assert originals.twin("a", first, "en") is None
    near, similarity = originals.twin("b", first.replace("school", "church"), "en") or ("", 0.0)
    assert (near, round(similarity, 3)) == ("a", round(17 / 21, 3))
    assert originals.twin("c", "I keep hens in the yard.", "en") is None
    assert originals.twin("d", first.upper(), "en") == ("a", 1.0)


def test_people_on_one_short_template_are_no_twins() -> None:
    originals = Originals()
    assert originals.twin("a", "A 54-year-old chef from New York who is a keen reader", "en") is None
    assert originals.twin("b", "A 25-year-old scientist from New York who is a keen reader", "en") is None
    assert originals.twin("c", "A 55-year-old chef from New York who is a keen reader", "en") is not None


def test_half_of_the_sentences_of_another_make_no_twin() -> None:
    originals, seeds = Originals(), starter("en")
    for seed in seeds:
        originals.twin(seed["seed_id"], seed["prose"], "en")
    halves = [sentences(s["prose"]) for s in seeds]
    for n, (a, b) in enumerate(pairwise(halves)):
        twin = originals.twin(f"x{n}", " ".join(a[: len(a) // 3] + b[len(b) // 3 :]), "en")
        assert twin is None or twin[0] != seeds[n]["seed_id"]


@given(st.lists(st.text("ab .", max_size=12), max_size=12))
def test_an_original_has_no_twin_before_it(texts: list[str]) -> None:
    originals = Originals()
    kept: list[str] = []
    for n, text in enumerate(texts):
        twin = originals.twin(str(n), text, "en")
        if twin:
            assert texts[int(twin[0])] in kept
            assert jaccard(shingles(texts[int(twin[0])], "en"), shingles(text, "en")) == twin[1] >= 0.5
        else:
            kept.append(text)
