from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from small_space import VECTORS, small_space
from test_allot import pin, seed

from persona_forge.core.tables import COVER, QUOTAS, SEEDS, WEIGHTS, personas
from persona_forge.personas.expand import expand
from persona_forge.space.identity import persona_id

SPACE = small_space()
DIMENSIONS = {d.name: d.names for d in SPACE.ontology.dimensions}
VALID = {
    values for values in product(*DIMENSIONS.values())
    if not {"age": "young", "job": "judge"}.items() <= dict(zip(DIMENSIONS, values, strict=True)).items()
}  # fmt: skip
A, B, C = seed("a"), seed("b", pins=[pin("age", "young")], language="zh"), seed("c", withheld=["mood", "age"])


def quota(seed_id: str, first: int, stop: int, language: str = "en", split: str = "train") -> dict[str, Any]:
    return {"seed_id": seed_id, "language": language, "split": split, "first": first, "stop": stop, "shard": "0000"}


def expanded(*quotas: dict[str, Any], seeds: tuple[dict[str, Any], ...] = (A, B, C), key: str = "k") -> pl.DataFrame:
    made = expand(
        QUOTAS.frame(list(quotas)), SEEDS.frame(list(seeds)), WEIGHTS.empty(), COVER.empty(), space=SPACE, key=key
    )
    assert made.taken == len(quotas)
    personas(DIMENSIONS).conform(made.rows)
    return made.rows


def traits(row: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(row[name] for name in DIMENSIONS)


def test_the_vectors_of_the_small_space_are_counted_right() -> None:
    assert len(VALID) == VECTORS


def test_every_row_is_valid_new_and_as_its_seed_says() -> None:
    rows = expanded(quota("a", 0, VECTORS), quota("b", 0, 20, "zh", "test"), quota("c", 0, 9)).rows(named=True)
    by_seed = {s: [r for r in rows if r["seed_id"] == s] for s in "abc"}
    assert {traits(r) for r in by_seed["a"]} == VALID
    assert {(r["age"], r["language"], r["split"], r["origin"]) for r in by_seed["b"]} == {
        ("young", "zh", "test", "fill")
    }
    assert {(r["age"], r["mood"]) for r in by_seed["c"]} == {(None, None)}
    assert {(r["job"], r["pet"]) for r in by_seed["c"]} == set(product(DIMENSIONS["job"], DIMENSIONS["pet"]))
    assert [len(by_seed[s]) for s in "abc"] == [VECTORS, 20, 9]
    assert len({r["persona_id"] for r in rows}) == len(rows)


def test_ids_can_be_recomputed_from_the_row() -> None:
    for row in expanded(quota("a", 0, 5), quota("c", 0, 5)).iter_rows(named=True):
        visible = {name: row[name] for name in DIMENSIONS if row[name] is not None}
        assert row["persona_id"] == persona_id(row["seed_id"], visible)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 39), max_size=4), st.permutations("abc"))
def test_the_rows_of_a_seed_do_not_depend_on_who_draws_them(cuts: list[int], order: list[str]) -> None:
    whole = expanded(quota("a", 0, 40))
    edges = sorted({0, 40, *cuts})
    parts = [expanded(quota("a", a, b)) for a, b in pairwise(edges)]
    assert [traits(r) for p in parts for r in p.rows(named=True)] == [traits(r) for r in whole.rows(named=True)]
    language = {"a": "en", "b": "zh", "c": "en"}
    together = expanded(*(quota(s, 0, 6, language[s]) for s in order))
    for s in order:
        alone = expanded(quota(s, 0, 6, language[s]))
        assert together.filter(seed_id=s)["persona_id"].to_list() == alone["persona_id"].to_list()


def test_another_key_draws_other_rows() -> None:
    assert traits(expanded(quota("a", 0, 40), key="k").rows(named=True)[0]) in VALID
    one, other = (expanded(quota("a", 0, 40), key=k)["persona_id"].to_list() for k in ("k", "l"))
    assert one != other


def test_a_seed_that_has_died_since_is_a_reject_and_the_others_go_through() -> None:
    dead = seed("a", pins=[pin("age", "young"), pin("job", "judge")])
    frame = QUOTAS.frame([quota("a", 0, 5), quota("c", 0, 3)])
    made = expand(frame, SEEDS.frame([dead, C]), WEIGHTS.empty(), COVER.empty(), space=SPACE, key="k")
    assert (made.taken, made.used, [r.reason for r in made.rejects]) == (2, 1, ["dead_pins"])
    assert made.rows["seed_id"].to_list() == ["c"] * 3
    assert made.rows["language"].to_list() == ["en"] * 3


def test_no_quota_makes_no_row() -> None:
    assert expanded().height == 0
