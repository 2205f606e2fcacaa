"""verify finds what is wrong, by itself, from the files alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from small_runs import SEEDS, made, settings, typed, write_seeds

from persona_forge.core.tables import REJECTS, TABLES
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.seals import read_seal, write_seal
from persona_forge.dataset.shards import sha256, write_table
from persona_forge.dataset.verify import verify

CHECKS = [
    "seals", "settings", "funnel", "lineage", "splits", "leaks", "withdrawn", "duplicates", "constraints", "pins",
    "minors",
]  # fmt: skip


def _broken(out: Path) -> dict[str, str]:
    """The checks that do not hold, each with its example."""
    return {c.name: c.example for c in verify(Folder(out)) if not c.ok}


def _plant(out: Path, table: str, shard: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Rows as they should not be, sealed as if they were sound; seals of what came of them follow."""
    folder = Folder(out)
    seal = read_seal(folder.seal(table, shard))
    frame = change(pl.read_parquet(folder.rows(table, shard)))
    if table == "personas":
        frame.write_parquet(folder.rows(table, shard))
    else:
        write_table(folder.rows(table, shard), TABLES[table], frame)
    _reseal(out, replace(seal, rows=frame.height, sha256=sha256(folder.rows(table, shard))))


def _reseal(out: Path, seal: object) -> None:
    folder = Folder(out)
    write_seal(folder.seal(seal.table, seal.shard), seal)  # type: ignore[attr-defined,arg-type]
    changed = f"{seal.table}/{seal.shard}"  # type: ignore[attr-defined]
    for table in TABLES:
        for child in folder.seals(table):
            if changed in child.parents:
                parents = child.parents | {changed: seal.sha256}  # type: ignore[attr-defined]
                write_seal(folder.seal(table, child.shard), replace(child, parents=parents))


def _set(column: str, value: object, row: int = 0) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The frame with another value in one row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        kind = frame.schema[column]
        frame = frame.with_columns(pl.col(column).cast(pl.String)) if kind == pl.Categorical else frame
        values = frame[column].to_list()
        values[row] = value
        return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]).cast(kind))

    return change


def test_a_sound_run_passes_every_check(finished: Path) -> None:
    assert [(c.name, c.broken, c.example) for c in verify(Folder(finished))] == [(name, 0, "") for name in CHECKS]
    said = typed("verify", finished)
    assert said.returncode == 0
    assert [line.split()[0] for line in said.stdout.splitlines()[: len(CHECKS)]] == CHECKS
    assert "No row breaks a relation, and none stands there twice." in said.stdout


def test_one_flipped_bit_in_any_sealed_file_is_found(finished: Path) -> None:
    chance = random.Random(1)
    files = [*finished.rglob("*.parquet"), *(finished / "seals").rglob("*.json"), finished / "ontology.toml"]
    assert len(files) == 55
    for path in sorted(files):
        good = path.read_bytes()
        at = chance.randrange(len(good))
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << chance.randrange(8))]) + good[at + 1 :])
        broken = next(c.name for c in verify(Folder(finished)) if not c.ok)
        assert broken == ("settings" if path.suffix == ".toml" else "seals"), path
        path.write_bytes(good)
    assert _broken(finished) == {}


@pytest.mark.parametrize(
    "lost", ["personas/g000-0001.parquet", "seals/scripts/g000-0000.json", "seals/seeds/g000.json"]
)
def test_a_lost_file_is_found(finished: Path, lost: str) -> None:
    (finished / lost).unlink()
    assert "seals" in _broken(finished)
    said = typed("verify", finished)
    assert said.returncode == 1
    assert "Traceback" not in said.stderr


def test_a_forbidden_combination_is_found(finished: Path) -> None:
    _plant(finished, "personas", "g000-0001", _set("age_band", "child"))
    _plant(finished, "personas", "g000-0001", _set("occupation", "doctor"))
    broken = _broken(finished)
    assert list(broken) == ["constraints"]
    assert "1 rows against" in broken["constraints"]
    assert typed("verify", finished).returncode == 1


def test_a_row_that_stands_twice_is_found(finished: Path) -> None:
    _plant(finished, "personas", "g000-0001", lambda f: pl.concat([f, f.head(1)]))
    assert _broken(finished) == {"duplicates": "1 rows and 1 ids stand there twice"}


def test_a_vector_under_another_id_is_found(finished: Path) -> None:
    _plant(finished, "personas", "g000-0001",
           lambda f: pl.concat([f, f.head(1).with_columns(persona_id=pl.lit(bytes(16)))]))  # fmt: skip
    assert _broken(finished) == {"duplicates": "1 rows and 0 ids stand there twice"}


@pytest.mark.parametrize(("table", "column", "says"), [
    ("quotas", "seed_id", "1 rows of quotas whose seed_id is not in seeds"),
    ("scripts", "scene_id", "1 rows of scripts whose scene_id is not in scenes"),
    ("clips", "script_id", "1 rows of clips whose script_id is not in scripts"),
    ("checks", "utterance_id", "1 rows of checks whose utterance_id is not in clips"),
])  # fmt: skip
def test_a_row_from_nowhere_is_found(finished: Path, table: str, column: str, says: str) -> None:
    shard = Folder(finished).names(table)[0]
    _plant(finished, table, shard, _set(column, "nobody"))
    assert says in _broken(finished)["lineage"].split("; ")


def test_a_seed_in_two_splits_is_found(finished: Path) -> None:
    frame = Folder(finished).scan("personas", ["g000-0000"]).head(1).collect()
    other = "test" if frame["split"][0] == "train" else "train"
    _plant(finished, "personas", "g000-0000", lambda f: f.with_columns(pl.col("split").cast(pl.String)))
    _plant(finished, "personas", "g000-0000", _set("split", other))
    broken = _broken(finished)
    assert (list(broken), broken["splits"]) == (["splits", "leaks"], frame["seed_id"][0])
    assert broken["leaks"].endswith("its family's split is not that of its personas")


def test_a_persona_against_its_seeds_pins_is_found(tmp_path: Path) -> None:
    pin = {"dimension": "humour", "value": "dry", "evidence": "sing"}
    out, file = tmp_path / "run", write_seeds(tmp_path / "s.jsonl", [SEEDS[0] | {"pins": [pin]}])
    made(out, settings(file, personas__rows=50))
    assert _broken(out) == {}
    _plant(out, "personas", "g000-0000", _set("humour", "silly", row=7))
    assert _broken(out)["pins"] == "1 rows whose humour is not what their seed pins"


@pytest.mark.parametrize(
    "scene", [{"relationship": "spouse"}, {"attack": "insult_escalation"}, {"kind": "twin", "exit": "distress"}]
)
@pytest.mark.parametrize("by", ["trait", "partner", "prose", "voice"])
def test_a_minor_in_an_intimate_or_abusive_scene_is_found(finished: Path, scene: dict[str, str], by: str) -> None:
    for key, value in scene.items():
        _plant(finished, "scenes", "g000", _set(key, value))
    first = Folder(finished).scan("scenes").collect().row(0, named=True)
    if by == "trait":
        _plant(finished, "scenes", "g000", _set("traits", [{"dimension": "age_band", "value": "teen"}]))
    elif by == "partner":
        _plant(finished, "scenes", "g000", _set("partner", first["partner"] | {"age_band": "child"}))
    elif by == "prose":
        rows = Folder(finished).scan("seeds").collect()["seed_id"].to_list()
        young = "I am a fifteen-year-old pupil who plays chess."
        _plant(finished, "seeds", "g000",
               _set("prose", young, row=rows.index(first["seed_id"])))  # fmt: skip
    else:
        rows = Folder(finished).scan("casting").collect()["scene_id"].to_list()
        _plant(finished, "casting", "g000", _set("age_group", "child", row=rows.index(first["scene_id"])))
    assert _broken(finished)["minors"] == first["scene_id"]


def test_a_grown_up_in_an_intimate_scene_is_fine(finished: Path) -> None:
    grown = {"partner": {"age_band": "adult", "gender": "male", "mood": "happy", "delivery": "plain"},
             "traits": [{"dimension": "age_band", "value": "adult"}], "relationship": "spouse",
             "kind": "twin", "exit": "distress"}  # fmt: skip
    for key, value in grown.items():
        _plant(finished, "scenes", "g000", _set(key, value))
    casting = Folder(finished).scan("casting").collect().height
    for row in range(casting):
        _plant(finished, "casting", "g000", _set("age_group", "young_adult", row=row))
    assert "minors" not in _broken(finished)


@pytest.fixture
def with_rejects(tmp_path: Path) -> Path:
    """A run with two bad records."""
    file = write_seeds(tmp_path / "s.jsonl", [*SEEDS[:2], {"prose": "x"}, {"seed_id": "y"}])
    made(tmp_path / "run", settings(file, personas__rows=50))
    return tmp_path / "run"


def test_a_deleted_reject_row_is_found_even_if_its_seal_was_mended(with_rejects: Path) -> None:
    folder = Folder(with_rejects)
    assert _broken(with_rejects) == {}
    path, seal = folder.rejects("seeds", "g000"), folder.seals("seeds")[0]
    _, sha = write_table(path, REJECTS, pl.read_parquet(path).head(1))
    assert "seals" in _broken(with_rejects)
    write_seal(folder.seal("seeds", "g000"), replace(seal, rejects_sha256=sha))
    assert _broken(with_rejects) == {"funnel": "seeds: 2 rejected by the seals, 1 rows in rejects"}


def test_rejects_without_a_seal_are_not_there(with_rejects: Path) -> None:
    folder = Folder(with_rejects)
    path = folder.rejects("scripts", "g000-0009")
    write_table(path, REJECTS, pl.read_parquet(folder.rejects("seeds", "g000")))
    assert _broken(with_rejects) == {}


def test_a_seal_that_counts_wrong_is_found(finished: Path) -> None:
    seal = Folder(finished).seals("scripts")[0]
    _reseal(finished, replace(seal, taken=3))
    assert "funnel" in _broken(finished)


def test_a_shard_made_with_other_settings_is_found(finished: Path) -> None:
    seal = Folder(finished).seals("checks")[1]
    _reseal(finished, replace(seal, fingerprint="0" * 32))
    assert _broken(finished) == {"settings": "checks/g000-0001"}
    card = (finished / "run.json").read_text(encoding="utf-8")
    (finished / "run.json").write_text(card.replace('"dialogues.temperature": 0.8', '"dialogues.temperature": 0.9'))
    assert _broken(finished)["settings"].startswith("scripts/g000-0000; scripts/g000-0001; candidates/g000-0000")
