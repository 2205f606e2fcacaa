from __future__ import annotations

import random

import polars as pl
import pytest
from small_space import small_space

from persona_forge.personas.topics import Gap, gaps_of, topics_of, vendi

COOKS = ["cooks soup in a big kitchen with garlic", "cooks rice in a small kitchen with garlic",
         "cooks noodles and soup in the kitchen", "cooks fish with garlic, rice and soup"]  # fmt: skip
SAILORS = ["sails a boat past the harbour in storms", "sails in storms and mends the sails of the boat"]
ZH = [
    "渔民在码头补渔网，渔船靠岸",
    "渔民的渔船坏了，渔网也破了",
    "老师在学校教数学，学生怕考试",
    "学校的老师批改学生的数学试卷",
]


def seeds(texts: list[str], language: str = "en") -> pl.DataFrame:
    return pl.DataFrame({
        "seed_id": [f"{language}{n}" for n in range(len(texts))],
        "language": [language] * len(texts),
        "prose": texts,
    })  # fmt: skip


def test_seeds_on_one_thing_are_one_topic_with_its_words_and_share() -> None:
    found = topics_of(seeds(COOKS + SAILORS))
    first, second = found.topics
    assert (first.seeds, first.share, second.seeds) == (4, pytest.approx(4 / 6), 2)
    assert {"cooks", "garlic", "soup", "kitchen"} <= set(first.words)
    assert {"sails", "boat", "storms"} <= set(second.words)
    assert first.typical in {f"en{n}" for n in range(4)}
    assert found.diversity["en"].evenness == pytest.approx(0.918, abs=0.001)


def test_chinese_is_cut_into_words() -> None:
    found = topics_of(seeds(ZH, "zh"))
    assert [t.seeds for t in found.topics] == [2, 2]
    assert {frozenset(t.words[:3]) for t in found.topics} == {
        frozenset(("渔民", "渔船", "渔网")),
        frozenset(("学校", "老师", "学生")),
    }


def test_a_crowded_topic_and_a_rare_one_are_named() -> None:
    chance = random.Random(0)
    sizes = {"sea": 40, "farm": 10, "court": 10, "stage": 10, "mine": 10, "moon": 2}
    texts = [
        " ".join(chance.sample([f"{topic}{c}" for c in "abcdefg"], 6)) for topic, n in sizes.items() for _ in range(n)
    ]
    named = {t.words[0][:-1]: (t.seeds, t.stands) for t in topics_of(seeds(texts)).topics}
    assert named == {topic: (n, {40: "crowded", 2: "rare"}.get(n, "")) for topic, n in sizes.items()}


def test_few_seeds_have_no_topics() -> None:
    assert topics_of(seeds(COOKS[:3])).topics == ()


def test_the_vendi_score_counts_what_is_different() -> None:
    import numpy as np

    assert vendi(np.eye(7)) == pytest.approx(7)
    assert vendi(np.ones((7, 1))) == pytest.approx(1)
    assert vendi(np.repeat(np.eye(3), 4, axis=0)) == pytest.approx(3)


def test_diversity_falls_when_a_seed_is_repeated() -> None:
    assert topics_of(seeds(COOKS + SAILORS)).diversity["en"].vendi == pytest.approx(4.78, abs=0.01)
    assert topics_of(seeds(COOKS[:1] * 6 + SAILORS)).diversity["en"].vendi < 3


def test_what_no_seed_is_yet() -> None:
    pins = [[{"dimension": "pet", "value": "cat", "evidence": "a cat", "by": "cue"}]] * 2 + [[]]
    frame = pl.DataFrame({"pins": pins}, schema_overrides={"pins": pl.List(pl.Struct({
        "dimension": pl.String, "value": pl.String, "evidence": pl.String, "by": pl.String}))})  # fmt: skip
    ontology = small_space().ontology
    (pet,) = (d for d in ontology.dimensions if d.name == "pet")
    others = tuple(v for v in pet.names if v != "cat")
    assert gaps_of(frame, ontology) == [Gap("pet", 2, (("cat", 2),), others)]
