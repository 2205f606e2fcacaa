"""What is sealed stays: growing, new seeds, changed seeds, changed settings."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_runs import SEEDS, counts, made, rows, sealed, settings, write_seeds, written

from persona_forge.beside import beside
from persona_forge.core.errors import RunMismatch
from persona_forge.core.stage import Made
from persona_forge.dataset.folder import Folder
from persona_forge.pipeline import ACTS, PIPELINE, stage
from persona_forge.run import go
from persona_forge.start import start

ACT_1 = tuple(s for s in PIPELINE if s.name in ACTS["expand"])


def _used_by(out: Path, seed_id: str) -> set[str]:
    """The files of maps that hold a row of this seed."""
    tables = ("personas", "scripts", "clips", "measures", "checks")
    files = [p for t in tables for p in (out / t).glob("*.parquet")]
    mine = pl.col("seed_id").cast(pl.String) == seed_id
    return {str(p.relative_to(out)) for p in files if pl.scan_parquet(p).filter(mine).collect().height}


def test_a_run_makes_what_was_asked_for(finished: Path) -> None:
    assert counts(finished) == {
        "seeds": 10, "families": 10, "quotas": 10, "personas": 1500, "scenes": 4, "scripts": 4,
        "candidates": 10, "judgements": 48, "pairs": 2, "casting": 8,
        "clips": 12, "measures": 12, "baselines": 32, "checks": 12,
    }  # fmt: skip


def test_two_runs_are_the_same_to_the_byte_with_any_number_of_workers(
    finished: Path, seeds: Path, tmp_path: Path
) -> None:
    made(tmp_path / "again", settings(seeds, run__workers=7))
    assert sealed(tmp_path / "again") == sealed(finished)


def test_a_finished_run_that_is_run_again_writes_nothing(finished: Path, seeds: Path) -> None:
    before, when = sealed(finished), written(finished)
    made(finished, settings(seeds))
    assert (sealed(finished), written(finished)) == (before, when)


@pytest.mark.parametrize("asked", [1501, 1507, 2999, 4000])
def test_more_rows_add_shards_and_rewrite_none(finished: Path, seeds: Path, asked: int) -> None:
    before, when = rows(finished), written(finished)
    made(finished, settings(seeds, personas__rows=asked))
    after = rows(finished)
    assert counts(finished)["personas"] == asked
    assert {name: after[name] for name in before} == before
    assert {name: written(finished)[name] for name in when} == when
    new = {name.split("/")[0] for name in after.keys() - before.keys()}
    assert new == {"quotas", "personas"}


def test_more_dialogues_add_shards_and_rewrite_none(finished: Path, seeds: Path) -> None:
    before, when = rows(finished), written(finished)
    made(finished, settings(seeds, dialogues__count=7, speech__count=7))
    assert [counts(finished)[t] for t in ("personas", "scenes", "scripts", "clips")] == [1500, 7, 7, 20]
    assert {name: rows(finished)[name] for name in before} == before
    assert {name: written(finished)[name] for name in when} == when


def test_fewer_rows_than_there_are_take_none_away(finished: Path, seeds: Path) -> None:
    before = rows(finished)
    made(finished, settings(seeds, personas__rows=10, dialogues__count=1))
    assert rows(finished) == before


def test_rows_grown_in_steps_are_the_rows_of_one_step(finished: Path, seeds: Path, tmp_path: Path) -> None:
    made(finished, settings(seeds, personas__rows=2200), ACT_1)
    made(finished, settings(seeds, personas__rows=3100), ACT_1)
    made(tmp_path / "at-once", settings(seeds, personas__rows=3100), ACT_1)
    ids = [Folder(out).scan("personas").select("persona_id").collect()["persona_id"].sort()
           for out in (finished, tmp_path / "at-once")]  # fmt: skip
    assert ids[0].to_list() == ids[1].to_list()


def test_a_new_seed_adds_shards_and_leaves_the_others_alone(seeds: Path, tmp_path: Path) -> None:
    file, out = write_seeds(tmp_path / "mine.jsonl"), tmp_path / "run"
    made(out, settings(file))
    before, when = rows(out), written(out)
    new = {"seed_id": "en-new", "language": "en", "prose": "I mend umbrellas under the railway bridge, rain or shine."}
    write_seeds(file, [new, *SEEDS])
    made(out, settings(file))
    assert {name: rows(out)[name] for name in before} == before
    assert {name: written(out)[name] for name in when} == when
    assert counts(out)["seeds"] == 11
    assert counts(out)["personas"] == 1500 + 1500 // 11


@pytest.mark.parametrize("change", [
    {"prose": "I bake rye bread in a cellar in Leith and hum while the dough rises, always a little flat."},
    {"pins": [{"dimension": "humour", "value": "dry", "evidence": "sing"}]},
])  # fmt: skip
def test_a_changed_seed_redoes_only_the_shards_that_used_it(tmp_path: Path, change: dict[str, object]) -> None:
    file, out = write_seeds(tmp_path / "mine.jsonl"), tmp_path / "run"
    config = settings(file, dialogues__per_shard=1, speech__per_shard=1, personas__rows_per_shard=200)
    run = made(out, config)
    used = _used_by(out, "en-baker")
    before = written(out)
    write_seeds(file, [s | change if s["seed_id"] == "en-baker" else s for s in SEEDS])
    with run.folder.locked():
        again = start(out, config, PIPELINE)
        done: list[str] = []
        work = again.work
        again.work = lambda stage, shard: (done.append(f"{stage.writes}/{shard}.parquet"), work(stage, shard))[1]  # type: ignore[method-assign]
        go(again, PIPELINE)
    personas = {name for name in used if name.startswith("personas/")}
    assert personas
    assert personas <= set(done) <= used | _used_by(out, "en-baker")
    untouched = {n for n in before if n.split("/")[0] in ("personas", "scripts", "clips")} - set(done)
    assert untouched
    assert {n: written(out)[n] for n in untouched} == {n: before[n] for n in untouched}


def test_a_run_after_a_changed_seed_is_the_run_that_began_with_it(tmp_path: Path) -> None:
    changed = [s | {"prose": s["prose"] + " Nobody asks why."} if s["seed_id"] == "en-diver" else s for s in SEEDS]
    file, out = write_seeds(tmp_path / "mine.jsonl"), tmp_path / "run"
    made(out, settings(file))
    write_seeds(file, changed)
    made(out, settings(file))
    made(tmp_path / "fresh", settings(file))
    assert rows(out) == rows(tmp_path / "fresh")


def test_a_seed_that_died_is_rejected_and_its_rows_go(tmp_path: Path) -> None:
    dead = [{"dimension": "humour", "value": v, "evidence": "anchors"} for v in ("dry", "warm")]
    file, out = write_seeds(tmp_path / "mine.jsonl"), tmp_path / "run"
    made(out, settings(file))
    write_seeds(file, [s | {"pins": dead} if s["seed_id"] == "en-diver" else s for s in SEEDS])
    made(out, settings(file))
    personas = Folder(out).scan("personas").collect()
    assert personas.height == 1500
    assert "en-diver" not in personas["seed_id"].unique().to_list()
    made(tmp_path / "fresh", settings(file))
    assert rows(out) == rows(tmp_path / "fresh")


def test_a_seed_gone_from_the_file_keeps_its_rows(tmp_path: Path) -> None:
    file, out = write_seeds(tmp_path / "mine.jsonl"), tmp_path / "run"
    made(out, settings(file))
    before = rows(out)
    write_seeds(file, SEEDS[1:])
    made(out, settings(file))
    assert rows(out) == before


def test_a_record_that_was_mended_is_no_reject_any_more(tmp_path: Path) -> None:
    file, out = tmp_path / "mine.jsonl", tmp_path / "run"
    write_seeds(file, [*SEEDS[1:], {"seed_id": "en-baker", "prose": "short"}])
    made(out, settings(file), ACT_1)
    assert Folder(out).seals("seeds")[0].rejected == 1
    write_seeds(file, [*SEEDS[1:], SEEDS[0]])
    made(out, settings(file), ACT_1)
    assert sum(s.rejected for s in Folder(out).seals("seeds")) == 0
    assert not list((out / "rejects").rglob("*.parquet"))
    assert counts(out)["seeds"] == 10


@pytest.mark.parametrize(("keys", "says", "redo"), [
    ({"dialogues__temperature": 0.3}, "dialogues.temperature 0.8 → 0.3", "--redo scripts makes anew: scripts (2"),
    ({"dialogues__turns": 4}, "dialogues.turns 2 → 4", "--redo scenes makes anew: scenes (1 shard), "),
    ({"personas__test": 0.3}, "personas.test 0.05 → 0.3", "--redo families makes anew: families (1 shard), allot (1"),
    ({"run__key": "other"}, "run.key 'persona_forge' → 'other'", "--redo allot makes anew: "),
    ({"speech__max_error_rate": 0.5}, "speech.max_error_rate 0.35 → 0.5",
     "--redo check makes anew: check (2 shards). "),
    ({"speech__engine": "espeak"}, "voice 'tone/tone' → 'espeak/espeak'", "--redo cast makes anew: "),
])  # fmt: skip
def test_other_settings_are_refused_with_what_changed_and_what_would_be_redone(
    finished: Path, seeds: Path, keys: dict[str, object], says: str, redo: str
) -> None:
    before, card = sealed(finished), (finished / "run.json").read_bytes()
    with pytest.raises(RunMismatch) as error, Folder(finished).locked():
        start(finished, settings(seeds, **keys), PIPELINE)
    assert says in error.value.what
    assert redo in error.value.todo
    assert error.value.exit_code == 2
    assert sealed(finished) == before
    assert (finished / "run.json").read_bytes() == card


def test_an_ontology_of_other_weights_is_refused_and_a_reordered_one_is_not(
    finished: Path, seeds: Path, tmp_path: Path
) -> None:
    before, file = sealed(finished), tmp_path / "traits.toml"
    text = beside("seeds", "traits.toml").read_text(encoding="utf-8")
    parts = text.split("[dimensions.gender]")
    tail = parts[1].split("[dimensions.region]")
    file.write_text(f"{parts[0]}[dimensions.region]{tail[1]}\n[dimensions.gender]{tail[0]}", encoding="utf-8")
    made(finished, settings(seeds, seeds__ontology=str(file)))
    assert sealed(finished) == before
    file.write_text(text.replace("female = { weight = 49", "female = { weight = 48"), encoding="utf-8")
    with pytest.raises(RunMismatch, match="ontology") as error, Folder(finished).locked():
        start(finished, settings(seeds, seeds__ontology=str(file)), PIPELINE)
    assert "--redo seeds makes anew" in error.value.todo


def test_redo_makes_a_stage_and_all_downstream_anew(finished: Path, seeds: Path) -> None:
    before, when = rows(finished), written(finished)
    config = settings(seeds, dialogues__temperature=0.3)
    made(finished, config, redo=(stage("scripts"),))
    redone = {name for name, t in written(finished).items() if when.get(name) != t}
    assert {name.split("/")[0] for name in redone} == {
        "scripts", "candidates", "judgements", "pairs", "casting", "clips", "measures", "baselines", "checks",
    }  # fmt: skip
    scripts = Folder(finished).scan("scripts").collect()
    assert set(scripts["parameters"]) == {'{"max_tokens":300,"sample":0,"temperature":0.3}'}
    assert rows(finished).keys() == before.keys()


def test_redo_is_not_begun_while_another_stage_is_refused(finished: Path, seeds: Path) -> None:
    before = sealed(finished)
    config = settings(seeds, speech__max_error_rate=0.5, personas__test=0.3)
    with pytest.raises(RunMismatch, match=r"personas\.test"), Folder(finished).locked():
        start(finished, config, PIPELINE, redo=(stage("check"),))
    assert sealed(finished) == before


def test_two_stages_that_changed_are_redone_together(finished: Path, seeds: Path) -> None:
    config = settings(seeds, speech__max_error_rate=0.5, dialogues__temperature=0.1)
    with pytest.raises(RunMismatch) as error, Folder(finished).locked():
        start(finished, config, PIPELINE)
    assert error.value.todo.startswith("--redo scripts makes anew")


def test_a_lost_file_is_made_anew_with_the_same_bytes(finished: Path, seeds: Path) -> None:
    before = sealed(finished)
    for lost in ("personas/g000-0001", "scripts/g000-0000", "clips/g000-0001", "scenes/g000"):
        (finished / f"{lost}.parquet").unlink()
    made(finished, settings(seeds))
    assert sealed(finished) == before


def test_another_runs_seeds_are_refused(finished: Path, tmp_path: Path) -> None:
    before, card = sealed(finished), (finished / "run.json").read_bytes()
    other = write_seeds(
        tmp_path / "other.jsonl", [{"prose": f"Somebody else altogether, number {i}."} for i in range(3)]
    )
    with pytest.raises(RunMismatch, match="none of its 10 seeds is in"), Folder(finished).locked():
        start(finished, settings(other), PIPELINE)
    assert (sealed(finished), (finished / "run.json").read_bytes()) == (before, card)


def test_rows_that_do_not_add_up_are_not_sealed(finished: Path, seeds: Path) -> None:
    run = made(finished, settings(seeds))
    scripts = Folder(finished).scan("scripts", ["g000-0000"]).collect()
    with pytest.raises(Exception, match="3 in, but 2 out and 0 rejected"):
        run.seal(stage("scripts"), "g000-0000", Made(scripts, 3), 0.0, used="", parents={})


def test_weights_are_fitted_once_and_used_ever_after(seeds: Path, tmp_path: Path) -> None:
    target = ({"of": "humour", "shares": {"dry": 0.5}},)
    file, out = write_seeds(tmp_path / "mine.jsonl"), tmp_path / "run"
    made(out, settings(file, personas__targets=target), ACT_1)
    before = {name: data for name, data in rows(out).items() if "quotas" not in name}
    write_seeds(file, [*SEEDS, {"seed_id": "en-new", "language": "en", "prose": "I mend umbrellas, rain or shine."}])
    made(out, settings(file, personas__targets=target, personas__rows=2500), ACT_1)
    assert {name: rows(out)[name] for name in before} == before
    with pytest.raises(RunMismatch, match=r"personas\.targets"), Folder(out).locked():
        start(out, settings(file, personas__rows=2500), ACT_1)
