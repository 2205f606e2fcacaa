"""Covers, then fills: every pair that a seed permits stands in the first rows, and the rest is drawn as ever."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import polars as pl
import pytest
from small_space import VECTORS, small_space

from persona_forge.core.errors import ConfigError
from persona_forge.core.ids import key64
from persona_forge.core.tables import COVER, QUOTAS, SEEDS
from persona_forge.personas.cover import by_seed, cover, rows_of
from persona_forge.space.compile import Law
from persona_forge.space.identity import persona_id
from persona_forge.space.sample import draw
from persona_forge.space.tiles import WITHHELD

SPACE = small_space()
KEY = key64("k")


def law_of(pins: dict[str, str] | None = None, withheld: tuple[str, ...] = ()) -> Law:
    law = SPACE.given(pins or {}, withheld, "en")
    assert isinstance(law, Law)
    return law


def laid(*seeds: dict[str, Any], t: int = 2, rows: int = 10_000) -> pl.DataFrame:
    blank = dict.fromkeys(SEEDS.names, "") | {
        k: [] for k in ("opinions", "catchphrases", "emotional_limits", "pins", "withheld")
    }
    quotas = [
        {"seed_id": s["seed_id"], "language": "en", "split": "train", "first": 0, "stop": 50, "shard": "g000-0000"}
        for s in seeds
    ]
    frame = SEEDS.frame([{**blank, "language": "en", **s} for s in seeds])
    made = cover(COVER.empty(), QUOTAS.frame(quotas).lazy(), frame.lazy(), space=SPACE, key="k", cover_t=t, rows=rows)
    assert made.taken == (len(seeds) if t else 0)
    return made.rows


def vectors(law: Law, seed_id: str, rows: list[dict[str, str]], first: int, stop: int) -> list[tuple[int, ...]]:
    codes, ids, _ = rows_of(law, KEY, seed_id, rows, first, stop)
    for codes_of, raw in zip(codes.T.tolist(), ids.view("u1").reshape(-1, 16), strict=True):
        traits = {n: SPACE.values[n][c] for n, c in zip(SPACE.names, codes_of, strict=True) if c != WITHHELD}
        assert raw.tobytes() == persona_id(seed_id, traits)
    return [tuple(v) for v in codes.T.tolist()]


def test_every_pair_that_can_stand_stands_in_a_cover_row() -> None:
    rows = [set(traits.items()) for traits in by_seed(laid({"seed_id": "a"}))["a"]]
    every = {frozenset(pair) for row in rows for pair in combinations(row, 2)}
    possible, _ = draw(law_of(), KEY, "any", 0, VECTORS)
    named = [[(n, SPACE.values[n][c]) for n, c in zip(SPACE.names, v, strict=True)] for v in possible.T.tolist()]
    assert every == {frozenset(pair) for row in named for pair in combinations(row, 2)}
    assert len(rows) < VECTORS / 2


def test_row_n_of_a_seed_is_the_same_for_any_quota_and_none_stands_twice() -> None:
    rows = by_seed(laid({"seed_id": "a"}))["a"]
    whole = vectors(law_of(), "a", rows, 0, VECTORS)
    assert len(set(whole)) == VECTORS
    for first, stop in ((0, 3), (3, len(rows) + 2), (len(rows) + 2, VECTORS), (5, 5)):
        assert vectors(law_of(), "a", rows, first, stop) == whole[first:stop]


def test_the_cover_comes_first_and_the_fill_is_the_draw_without_it() -> None:
    rows = by_seed(laid({"seed_id": "a"}))["a"]
    codes, _, covers = rows_of(law_of(), KEY, "a", rows, 0, VECTORS)
    assert covers == len(rows)
    first = [tuple(v) for v in codes.T.tolist()]
    drawn = [tuple(v) for v in draw(law_of(), KEY, "a", 0, VECTORS)[0].T.tolist()]
    assert first[covers:] == [v for v in drawn if v not in first[:covers]]


def test_a_cover_row_that_its_seed_no_longer_permits_gives_way_to_the_fill() -> None:
    rows = by_seed(laid({"seed_id": "a"}))["a"]
    pinned = vectors(law_of({"pet": "dog"}), "a", rows, 0, 12)
    dog = SPACE.values["pet"].index("dog")
    assert {v[SPACE.names.index("pet")] for v in pinned} == {dog}
    hidden = vectors(law_of(withheld=("pet",)), "a", rows, 0, 12)
    assert {v[SPACE.names.index("pet")] for v in hidden} == {WITHHELD}
    assert len({*pinned}) == len({*hidden}) == 12


def test_no_cover_is_laid_where_none_is_wanted_and_too_few_rows_for_triples_are_refused() -> None:
    assert laid({"seed_id": "a"}, t=0).height == 0
    with pytest.raises(ConfigError, match=r"personas\.cover_t = 3 needs \d+ rows, and personas\.rows asks for 5"):
        laid({"seed_id": "a"}, t=3, rows=5)
