from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from small_space import VECTORS, small_space

from persona_forge.core.stage import Made
from persona_forge.core.tables import FAMILIES, QUOTAS, SEEDS
from persona_forge.personas.allot import allot, share
from persona_forge.personas.config import PersonasConfig

SPACE = small_space()
ROOMS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 60), max_size=8)


@given(ROOMS, st.integers(0, 400))
def test_the_sum_of_the_shares_is_what_was_asked_or_all_there_is(rooms: dict[str, int], rows: int) -> None:
    quota = share(rows, rooms)
    assert sum(quota.values()) == min(rows, sum(rooms.values()))
    assert all(0 <= quota[s] <= rooms[s] for s in rooms)


@given(ROOMS, st.integers(0, 400), st.integers(0, 50))
def test_who_asks_for_more_takes_from_nobody(rooms: dict[str, int], rows: int, more: int) -> None:
    before, after = share(rows, rooms), share(rows + more, rooms)
    assert all(after[s] >= before[s] for s in rooms)


@given(ROOMS, st.integers(0, 400))
def test_shares_are_even_where_there_is_room(rooms: dict[str, int], rows: int) -> None:
    quota = share(rows, rooms)
    open_seeds = [quota[s] for s in rooms if quota[s] < rooms[s]]
    assert not open_seeds or max(open_seeds) - min(open_seeds) <= 1
    assert not open_seeds or all(quota[s] <= min(open_seeds) + 1 for s in rooms)


def seed(seed_id: str, **fields: object) -> dict[str, object]:
    row = dict.fromkeys(SEEDS.names, "") | {"seed_id": seed_id, "language": "en", "review": "new", "extras": "{}"}
    lists: dict[str, list[object]] = {
        name: [] for name in ("opinions", "catchphrases", "emotional_limits", "pins", "withheld", "flags")
    }
    return {**row, **lists, **fields}


def pin(dimension: str, value: str) -> dict[str, str]:
    return {"dimension": dimension, "value": value, "evidence": "…", "by": "author"}


def allotted(
    made: pl.DataFrame, seeds: list[dict[str, object]], rows: int, rows_per_shard: int = 20, homeless: str = ""
) -> Made:
    families = FAMILIES.frame([
        {"seed_id": s["seed_id"], "family": "f", "near": None, "similarity": 0.0, "split": f"of {s['seed_id']}"}
        for s in seeds if s["seed_id"] != homeless
    ])  # fmt: skip
    result = allot(made, SEEDS.frame(seeds).lazy(), families.lazy(), space=SPACE, key="k", rows=rows,
                   rows_per_shard=rows_per_shard)  # fmt: skip
    QUOTAS.conform(result.rows)
    return result


def numbers(frame: pl.DataFrame) -> set[tuple[str, int]]:
    rows = [(r["seed_id"], n) for r in frame.iter_rows(named=True) for n in range(r["first"], r["stop"])]
    assert len(set(rows)) == len(rows)
    return set(rows)


SEEDS_OF_THREE = [seed("a"), seed("b", pins=[pin("job", "judge"), pin("pet", "cat")]), seed("c", withheld=["mood"])]
"""With room for 75, 5 and 15 rows."""


def test_rows_are_shared_up_to_what_each_seed_has() -> None:
    quota = {r["seed_id"]: r["stop"] for r in allotted(QUOTAS.empty(), SEEDS_OF_THREE, 35).rows.iter_rows(named=True)}
    assert quota == {"a": 15, "b": 5, "c": 15}
    every = allotted(QUOTAS.empty(), SEEDS_OF_THREE, 1000)
    assert {r["seed_id"]: r["stop"] for r in every.rows.iter_rows(named=True)} == {"a": VECTORS, "b": 5, "c": 15}
    assert (every.taken, every.used) == (3, 3)


def test_growing_adds_rows_and_takes_none_back() -> None:
    first = allotted(QUOTAS.empty(), SEEDS_OF_THREE, 12)
    assert first.taken == 3
    more = allotted(first.rows, SEEDS_OF_THREE, 40)
    assert (more.taken, more.rejects) == (0, ())
    assert numbers(first.rows) | numbers(more.rows) == numbers(allotted(QUOTAS.empty(), SEEDS_OF_THREE, 40).rows)
    assert not numbers(first.rows) & numbers(more.rows)
    assert allotted(pl.concat([first.rows, more.rows]), SEEDS_OF_THREE, 40).rows.height == 0


def test_a_new_seed_leaves_the_rows_of_the_others() -> None:
    first = allotted(QUOTAS.empty(), SEEDS_OF_THREE, 30)
    more = allotted(first.rows, [*SEEDS_OF_THREE, seed("d")], 30)
    assert set(more.rows["seed_id"]) == {"d"}
    assert more.taken == 1


def test_a_shard_holds_whole_seeds_and_about_as_many_rows_as_asked() -> None:
    seeds = [seed(f"s{n}") for n in range(9)]
    rows = allotted(QUOTAS.empty(), seeds, 9 * 8).rows
    assert rows["seed_id"].n_unique() == rows.height == 9
    per_shard = rows.group_by("shard").agg((pl.col("stop") - pl.col("first")).sum()).sort("shard")
    assert per_shard.rows() == [("0000", 16), ("0001", 16), ("0002", 16), ("0003", 16), ("0004", 8)]


def test_seeds_that_can_have_no_rows_are_rejected_with_their_reason() -> None:
    seeds = [
        seed("a"),
        seed("dead", pins=[pin("age", "young"), pin("job", "judge")]),
        seed("torn", pins=[pin("age", "young"), pin("age", "old")]),
        seed("bad", review="rejected"),
    ]
    made = allotted(QUOTAS.empty(), seeds, 20)
    assert set(made.rows["seed_id"]) == {"a"}
    reasons = {r.row_id: (r.reason, r.detail) for r in made.rejects}
    assert reasons["torn"] == ("dead_pins", "pinned to both age=young and age=old")
    assert reasons["bad"] == ("review", "an annotator rejected this seed")
    assert reasons["dead"][0] == "dead_pins"
    assert "Judges have grown old." in reasons["dead"][1]
    assert (made.taken, made.used) == (4, 1)


def test_a_seed_has_the_split_of_its_family_and_no_row_without_one() -> None:
    made = allotted(QUOTAS.empty(), SEEDS_OF_THREE, 1000, homeless="b")
    assert {(r["seed_id"], r["split"]) for r in made.rows.iter_rows(named=True)} == {("a", "of a"), ("c", "of c")}
    assert (made.taken, made.rejects) == (2, ())


def test_shares_that_leave_nothing_for_training_are_refused() -> None:
    with pytest.raises(ValidationError, match="leave nothing for training"):
        PersonasConfig(validation=0.5, test=0.5)
