from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from persona_forge.config import SECTIONS
from persona_forge.core.errors import ForgeError
from persona_forge.core.stage import Made, Reject, Stage, check, rejects_frame
from persona_forge.core.tables import REJECTS, SEEDS
from persona_forge.pipeline import ACTS, PIPELINE


def nothing(**_: object) -> Made:
    return Made(pl.DataFrame(), 0)


def gather(records: Any) -> Made:
    return nothing(records=records)


def count(made: Any, seeds: Any, *, rows: int, key: str) -> Made:
    return nothing(made=made, seeds=seeds, rows=rows, key=key)


def walk(quotas: Any, seeds: Any, *, space: Any) -> Made:
    return nothing(quotas=quotas, seeds=seeds, space=space)


def write(seeds: Any) -> Made:
    return nothing(seeds=seeds)


def write_scenes(scenes: Any) -> Made:
    return nothing(scenes=scenes)


SOURCE = Stage("seeds", "source", (), "seeds", 1, gather, "seeds")
PLAN = Stage("allot", "plan", ("seeds",), "quotas", 1, count, "personas", quantities=("rows",))
MAP = Stage("expand", "map", ("quotas", "seeds"), "personas", 1, walk, "personas", yields="many")
KEYS = {"seeds": ("paths",), "personas": ("rows", "test")}


def test_the_pipeline_of_the_project_is_possible() -> None:
    check(PIPELINE, SECTIONS)
    assert [s.name for s in PIPELINE] == ["seeds", *(s for act in ACTS.values() for s in act if s != "seeds")]


def test_a_small_pipeline_is_possible() -> None:
    check((SOURCE, PLAN, MAP), KEYS)


def test_what_a_stage_is_handed_is_what_its_parameters_are_called() -> None:
    assert PLAN.parameters == ("made", "seeds", "rows", "key")
    assert (PLAN.hands, PLAN.settings) == (("key",), ("rows",))
    assert (MAP.hands, MAP.settings) == (("space",), ())


@pytest.mark.parametrize(
    ("pipeline", "says", "allowed"),
    [
        ((PLAN, SOURCE), r"'allot' reads \['seeds'\], which no stage before it writes", "nothing yet"),
        ((SOURCE, PLAN, replace(MAP, reads=("quotas", "scripts"))), r"reads \['scripts'\]", "seeds, quotas"),
        ((replace(SOURCE, writes="sedes"),), "writes unknown table 'sedes'", "seeds, families, quotas, weights, cover"),
        ((SOURCE, replace(SOURCE, name="more")), "'seeds' and 'more' both write 'seeds'", ""),
        ((SOURCE, replace(PLAN, name="seeds")), "two stages are called 'seeds'", ""),
        ((SOURCE, replace(PLAN, function=gather)), r"declares that it reads \['seeds'\], but its function", ""),
        ((SOURCE, replace(PLAN, section="speech")), r"asks for \['rows'\], not keys of \[speech\]", ""),
        ((SOURCE, replace(PLAN, section="seeds")), r"asks for \['rows'\], not keys of \[seeds\]", "paths"),
        ((SOURCE, replace(PLAN, quantities=("rows", "test"))), r"counts \['test'\] as quantities", "rows"),
        ((replace(SOURCE, shape="map"),), "'seeds' is a map and reads no table", ""),
        ((SOURCE, Stage("w", "map", ("seeds",), "scenes", 1, write, "seeds")), "walks 'seeds', a plan without a", ""),
        (
            (SOURCE, Stage("s", "plan", ("seeds",), "scenes", 1, write, "seeds"),
             Stage("w", "map", ("scenes",), "scripts", 1, write_scenes, "seeds"),
             Stage("v", "map", ("seeds", "scripts"), "clips", 1, nothing, "seeds")),
            r"declares that it reads \['seeds', 'scripts'\]", "",
        ),
        ((SOURCE, PLAN, replace(MAP, reads=("seeds", "quotas"))), "walks 'seeds', a plan without a shard column", ""),
    ],
)  # fmt: skip
def test_an_impossible_pipeline_is_refused_with_its_reason(
    pipeline: tuple[Stage, ...], says: str, allowed: str
) -> None:
    with pytest.raises(ForgeError, match=says) as caught:
        check(pipeline, KEYS)
    assert caught.value.allowed.startswith(allowed)


def test_a_map_must_be_able_to_tell_which_rows_of_its_other_tables_it_needs() -> None:
    def play(scenes: Any) -> Made:
        return nothing(scenes=scenes)

    def pair(quotas: Any, scripts: Any) -> Made:
        return nothing(quotas=quotas, scripts=scripts)

    scenes = Stage("scenes", "plan", ("seeds",), "scenes", 1, write, "seeds")
    scripts = Stage("scripts", "map", ("scenes",), "scripts", 1, play, "seeds")
    bad = Stage("pair", "map", ("quotas", "scripts"), "personas", 1, pair, "personas")
    says = "which rows of 'scripts' belong to a shard: 'quotas' has no column 'scene_id'"
    with pytest.raises(ForgeError, match=says):
        check((SOURCE, PLAN, scenes, scripts, bad), KEYS)


def test_what_is_taken_is_used_or_rejected() -> None:
    made = Made(SEEDS.empty(), 3, (Reject("r", None, "why", "how"),))
    assert made.used == 2


def test_rejects_become_rows() -> None:
    frame = rejects_frame("seeds", [Reject("a", "s", "unreadable", "a.jsonl:3: no JSON", "{")])
    assert REJECTS.conform(frame).to_pylist() == [
        {"stage": "seeds", "row_id": "a", "seed_id": "s", "reason": "unreadable", "detail": "a.jsonl:3: no JSON",
         "raw": "{"}
    ]  # fmt: skip
    assert rejects_frame("seeds", []).height == 0
