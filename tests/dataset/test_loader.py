"""Rows are read once each, by whoever reads them, in an order that only the data and the key decide."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import RATE, blank, clip, families, put, run, sealed, tone, utterances
from hypothesis import given, settings
from hypothesis import strategies as st

import persona_forge
from persona_forge.core.errors import Corrupt, Misuse, RunMismatch
from persona_forge.core.tables import CLIPS, SEEDS, TABLES
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.order import Order, length, remaining, share

SPLITS = ("train", "validation", "test")


def names(rows: Any) -> list[str]:
    return [row["seed_id"] for row in rows]


# The order ------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.data())
def test_however_often_a_pass_is_interrupted_and_by_whomever_read_each_place_is_read_once(data: st.DataObject) -> None:
    total, window = data.draw(st.integers(0, 200)), data.draw(st.integers(1, 40))
    left, read = ((0, total),), []
    for _ in range(data.draw(st.integers(0, 3))):
        readers = data.draw(st.integers(1, 7))
        taken = {r: data.draw(st.integers(0, length(left, window, r, readers))) for r in range(readers)}
        for r in range(readers):
            read += list(islice(places(share(left, window, r, readers)), taken[r]))
        left = remaining(left, window, taken, readers)
    read += places(share(left, window, 0, 1))
    assert sorted(read) == list(range(total))


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 40), st.integers(1, 9), st.data())
def test_readers_get_as_many_rows_as_they_are_told_and_no_two_differ_by_more_than_one(
    total: int, window: int, readers: int, data: st.DataObject
) -> None:
    left = ((0, total),)
    whole = [list(places(share(left, window, r, readers))) for r in range(readers)]
    sizes = list(map(len, whole))
    assert sizes == [length(left, window, r, readers) for r in range(readers)]
    assert max(sizes) - min(sizes) <= 1
    taken = data.draw(st.integers(0, sizes[0]))
    assert list(places(share(left, window, 0, readers, taken))) == whole[0][taken:]


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 4))
def test_after_as_many_windows_each_any_number_of_readers_has_read_the_beginning_of_one_order(
    readers: int, window: int, rounds: int
) -> None:
    left = ((0, 1000),)
    read = [p for r in range(readers) for p in islice(places(share(left, window, r, readers)), rounds * window)]
    assert sorted(read) == list(range(readers * rounds * window))


def places(spans: Iterator[tuple[int, int]]) -> Iterator[int]:
    return (p for a, b in spans for p in range(a, b))


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 30), st.sampled_from([None, "key"]))
def test_the_order_holds_every_row_of_every_piece_once_and_tells_what_is_wanted_soon(
    counts: list[int], window: int, key: str | None
) -> None:
    order, found = Order(tuple(counts), window, key), []
    for a, b in share(((0, order.total),), window, 0, 1):
        nth, at = order.rows(a, b)
        assert set(nth.tolist()) <= set(order.near(a, b))
        found += list(zip(order.pieces[nth].tolist(), at.tolist(), strict=True))
    every = [(piece, row) for piece, rows in enumerate(counts) for row in range(rows)]
    assert (found if key is None else sorted(found)) == every


def test_a_shuffled_order_is_the_same_on_every_machine() -> None:
    order = Order((3, 4, 5), 8, "key")
    assert order.pieces.tolist() == [2, 1, 0]
    assert [a.tolist() for a in order.rows(0, 8)] == [[1, 1, 0, 0, 0, 1, 0, 0], [1, 2, 4, 2, 1, 0, 0, 3]]


# Rows of a run --------------------------------------------------------------------------------------------------------

SHARDS = st.lists(st.lists(st.sampled_from(SPLITS), max_size=12), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_ranks_workers_and_interruptions_give_each_row_of_the_split_once_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    shards, group = data.draw(SHARDS), data.draw(st.integers(1, 6))
    folder = run(tmp_path_factory.mktemp("any") / "run")
    every = families(folder, shards, group)
    split = data.draw(st.sampled_from([None, "train"]))
    wanted = [s for s, mine in zip(every, (x for shard in shards for x in shard), strict=True) if split in (None, mine)]
    how = {"split": split, "shuffle": data.draw(st.sampled_from([None, 5])), "buffer": data.draw(st.integers(1, 8))}
    world, workers = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    found, states = [], []
    for rank in range(world):
        for worker in range(workers):
            load = lambda: persona_forge.load(folder, "families", **how, rank=rank, world=world)  # noqa: B023, E731
            whole, part = names(load().part(worker, workers)), load().part(worker, workers)
            stop = data.draw(st.integers(0, len(whole)))
            begun = names(islice(part, stop))
            states.append(json.loads(json.dumps(part.state_dict())))
            again = load()
            again.load_state_dict(states[-1])
            assert begun + names(again.part(worker, workers)) == whole
            found.append((begun, whole))
    assert sorted(s for _, whole in found for s in whole) == sorted(wanted)
    other = data.draw(st.integers(1, 5))
    rest = []
    for rank in range(other):
        rows = persona_forge.load(folder, "families", **how, rank=rank, world=other)
        rows.load_state_dict({"loaders": states})
        rest += names(rows)
    assert sorted(rest + [s for begun, _ in found for s in begun]) == sorted(wanted)


def test_one_ranks_state_stands_for_all_that_took_as_many(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    every = families(folder, [["train"] * 100], 10)
    taken = []
    for rank in range(4):
        rows = persona_forge.load(folder, "families", shuffle="a", buffer=10, rank=rank, world=4)
        taken += names(islice(rows, 13))
        state = rows.state_dict()
    for rank in range(3):
        rows = persona_forge.load(folder, "families", shuffle="a", buffer=10, rank=rank, world=3)
        rows.load_state_dict(state)
        taken += names(rows)
    assert sorted(taken) == sorted(every)


def test_a_second_pass_is_whole_and_another_epoch_is_another_order(tmp_path: Path) -> None:
    every = families(run(tmp_path / "run"), [["train"] * 50, ["train"] * 30])
    rows = persona_forge.load(tmp_path / "run", "families", shuffle=1, buffer=4)
    first = names(rows)
    list(islice(rows, 3))
    assert names(rows) == first
    next(iter(rows.batches(3)))
    iter(rows)
    assert rows.state_dict()["taken"] == 0
    rows.set_epoch(1)
    second = names(rows)
    assert sorted(first) == sorted(second) == sorted(every)
    assert first != second != every
    list(islice(rows, 7))
    state, fresh = rows.state_dict(), persona_forge.load(tmp_path / "run", "families", shuffle=1, buffer=4)
    fresh.load_state_dict(state)
    assert names(fresh) == second[7:]
    assert names(fresh) == second


def test_rows_as_they_lie_unless_shuffled_by_a_key(tmp_path: Path) -> None:
    every = families(run(tmp_path / "run"), [["train"] * 50, ["train"] * 30], 7)
    assert names(persona_forge.load(tmp_path / "run", "families")) == every
    shuffled = names(persona_forge.load(tmp_path / "run", "families", shuffle=1, buffer=80))
    assert names(persona_forge.load(tmp_path / "run", "families", shuffle=1, buffer=80)) == shuffled
    assert names(persona_forge.load(tmp_path / "run", "families", shuffle=2, buffer=80)) != shuffled
    apart = np.abs(np.diff([int(s) for s in shuffled]))
    assert apart.mean() > 20  # a third of 80 where rows are mixed well


def test_batches_are_the_same_rows_and_resume_too(tmp_path: Path) -> None:
    families(run(tmp_path / "run"), [["train"] * 50, ["train"] * 30], 7)
    rows = persona_forge.load(tmp_path / "run", "families", shuffle=1, buffer=20)
    whole, batches = list(rows), rows.batches(6)
    begun = [row for batch in islice(batches, 3) for row in batch.to_pylist()]
    state, again = rows.state_dict(), persona_forge.load(tmp_path / "run", "families", shuffle=1, buffer=20)
    again.load_state_dict(state)
    assert begun + list(again) == whole
    assert len(begun) == state["taken"] == 18


def test_a_state_is_small_and_holds_for_its_own_rows_alone(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    families(folder, [["train"] * 50] * 20, 7)
    rows = persona_forge.load(folder, "families", shuffle=1)
    list(islice(rows, 500))
    state = rows.state_dict()
    assert len(json.dumps(state)) < 200
    for other in ({"shuffle": 2}, {"split": "train"}, {"buffer": 999, "shuffle": 1}):
        with pytest.raises(RunMismatch):
            persona_forge.load(folder, "families", **other).load_state_dict(state)
    families(folder, [["train"] * 50] * 21, 7)
    with pytest.raises(RunMismatch):
        persona_forge.load(folder, "families", shuffle=1).load_state_dict(state)
    with pytest.raises(Misuse):
        rows.load_state_dict({"epoch": 3})


# Tables ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def spoken(tmp_path: Path) -> Folder:
    folder = run(tmp_path / "run")
    utterances(folder, {"a": range(10), "b": range(10, 25)})
    put(folder, CLIPS, "c", [clip(n) for n in range(25, 30)])
    return folder


@pytest.mark.parametrize("split", [None, "train", "test"])
def test_utterances_are_those_of_sql(spoken: Folder, split: str | None) -> None:
    where = f"WHERE split = '{split}'" if split else ""
    wanted = persona_forge.query(spoken, f"SELECT * FROM utterances {where} ORDER BY utterance_id").to_pylist()
    found = sorted(persona_forge.load(spoken, split=split), key=lambda row: row["utterance_id"])
    assert list(found[0]) == list(wanted[0])
    assert found == wanted
    assert len(found) == {None: 30, "train": 24, "test": 6}[split]
    assert sum(row["qc_error_rate"] is None for row in persona_forge.load(spoken)) == 5 + 2


def test_columns_come_as_they_are_asked_for_and_from_where_they_are(spoken: Folder) -> None:
    first = next(iter(persona_forge.load(spoken, columns=["meas_duration_s", "text", "qc_error_rate"])))
    assert list(first.items()) == [("meas_duration_s", 0.0), ("text", "turn 0"), ("qc_error_rate", None)]
    batch = next(persona_forge.load(spoken, columns=["qc_error_rate"], split="test").batches())
    assert batch.to_pydict() == {"qc_error_rate": [12 / 16, 13 / 16, 14 / 16, 15 / 16, None, None]}


def test_what_is_not_sealed_is_not_there(spoken: Folder) -> None:
    spoken.rows("clips", "d").write_bytes(b"half a file")
    rows = persona_forge.load(spoken, "clips", columns=["text"])
    put(spoken, CLIPS, "e", [clip(40)])
    assert len(list(rows)) == len(rows) == 30
    assert len(persona_forge.load(spoken, "clips")) == 31


@pytest.mark.parametrize("decoder", ["miniaudio", "soundfile"])
def test_audio_is_bytes_or_decoded(spoken: Folder, monkeypatch: pytest.MonkeyPatch, decoder: str) -> None:
    pytest.importorskip(decoder, reason=f"{decoder} is not installed")
    if decoder == "soundfile":
        monkeypatch.setitem(sys.modules, "miniaudio", None)
    raw, heard = (
        next(iter(persona_forge.load(spoken, shuffle=3, decode=d, columns=["audio", "text"]))) for d in (0, 1)
    )
    samples, rate = heard["audio"]
    assert raw["audio"]["bytes"][:4] == b"fLaC"
    assert (raw["text"], samples.dtype, samples.shape, rate) == (heard["text"], np.float32, (1200,), RATE)
    wanted = tone(int(raw["text"].split()[1]))
    assert np.abs(samples - wanted).max() < 1 / 2**15


def test_bytes_that_are_no_audio_are_named(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    put(folder, CLIPS, "a", [clip(1, b"noise")])
    with pytest.raises(Corrupt, match=r"[0-9a-f]{32}\.flac is no audio"):
        list(persona_forge.load(folder, "clips", decode=True))


def test_every_table_can_be_loaded_and_is_empty_before_it_has_rows(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    put(folder, SEEDS, "g000", [blank(SEEDS, seed_id="a"), blank(SEEDS, seed_id="b")])
    for name in (*TABLES, "utterances"):
        rows = persona_forge.load(folder, name)
        assert (len(rows), len(list(rows)), len(list(rows.batches()))) == ((2, 2, 1) if name == "seeds" else (0, 0, 0))


def test_personas_of_several_shards_have_their_ids_in_hex(tmp_path: Path) -> None:
    import polars as pl

    from persona_forge.core.tables import personas
    from persona_forge.dataset.shards import write_table

    folder, table = run(tmp_path / "run"), personas({"humour": ["dry", "none"]})
    for shard, seed in (("a", "s1"), ("b", "s2")):
        rows = pl.DataFrame({
            "persona_id": [bytes([n, 255] * 8) for n in range(3)], "seed_id": [seed] * 3, "language": ["en"] * 3,
            "humour": ["dry", None, "none"], "origin": ["fill"] * 3, "split": ["train", "test", "train"],
        }).with_columns(pl.exclude("persona_id").cast(pl.Categorical))  # fmt: skip
        write_table(folder.rows("personas", shard), table, rows)
        sealed(folder, table, shard, 3)
    how = {"split": "train", "shuffle": 1, "buffer": 9}
    found = sorted(persona_forge.load(folder, "personas", **how), key=lambda r: (r["seed_id"], r["persona_id"]))
    wanted = persona_forge.query(folder, "SELECT * FROM personas WHERE split = 'train' ORDER BY seed_id, persona_id")
    assert found == wanted.to_pylist()
    assert [row["persona_id"][:4] for row in found] == ["00ff", "02ff"] * 2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"table": "utterance"}, "there is no table 'utterance'"),
        ({"split": "dev"}, "there is no split 'dev'"),
        ({"columns": ["text", "words"]}, "utterances has no column words"),
        ({"table": "measures", "split": "train"}, "measures has no column split"),
        ({"rank": 2, "world": 2}, "rank 2 of world 2"),
        ({"buffer": 0}, "buffer 0"),
    ],
)
def test_what_cannot_be_loaded_says_what_can(spoken: Folder, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(Misuse) as error:
        persona_forge.load(spoken, **wrong)
    assert error.value.what == says
    assert error.value.allowed != ""


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunMismatch):
        persona_forge.load(tmp_path)
    with pytest.raises(RunMismatch):
        persona_forge.load(tmp_path / "nowhere")


# Where it goes --------------------------------------------------------------------------------------------------------


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {"polars", "pyarrow", "duckdb", "numpy", "torch"}
    code = f"import sys, persona_forge; dir(persona_forge); print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_hf_datasets_read_the_same_rows_with_their_audio(spoken: Folder) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    rows = persona_forge.load(spoken, split="train", shuffle=1)
    found = rows.hf()
    assert isinstance(found.features["audio"], datasets.Audio)
    assert found.num_shards == 3
    plain = list(found.cast_column("audio", datasets.Audio(decode=False)))
    assert sorted(r["utterance_id"] for r in plain) == sorted(r["utterance_id"] for r in rows)
    assert {r["utterance_id"]: r for r in plain} == {r["utterance_id"]: r for r in rows}


TORCH = pytest.mark.skipif("not __import__('importlib').util.find_spec('torchdata')", reason="torch is not installed")


@TORCH
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_torch_loader_gives_each_row_once(spoken: Folder, workers: int) -> None:
    from torch.utils.data import DataLoader

    data = persona_forge.load(spoken, columns=["utterance_id", "text"], shuffle=1, buffer=4).torch()
    found = [row for batch in DataLoader(data, batch_size=4, num_workers=workers, collate_fn=list) for row in batch]
    assert sorted(r["text"] for r in found) == sorted(f"turn {n}" for n in range(30))
    if workers == 0:
        assert found == list(data.rows)


def _loader(folder: Folder, workers: int, rank: int = 0, world: int = 1, state: object = None) -> Any:
    from torchdata.stateful_dataloader import StatefulDataLoader

    rows = persona_forge.load(folder, "families", shuffle=1, buffer=8, rank=rank, world=world)
    if state is not None:
        rows.load_state_dict(state)
    return StatefulDataLoader(rows.torch(), batch_size=3, num_workers=workers, collate_fn=names)


@TORCH
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_resumes_at_any_batch(tmp_path: Path, workers: int) -> None:
    every = families(run(tmp_path / "run"), [["train"] * 20, ["train"] * 17], 5)
    loader = _loader(Folder(tmp_path / "run"), workers)
    whole = list(loader)
    assert sorted(s for batch in whole for s in batch) == sorted(every)
    for stop in range(len(whole) + 1):
        loader, fresh = (_loader(Folder(tmp_path / "run"), workers) for _ in range(2))
        begun = list(islice(loader, stop))
        fresh.load_state_dict(loader.state_dict())
        assert begun + list(fresh) == whole


@TORCH
def test_two_ranks_of_two_workers_resume_as_three_ranks_without(tmp_path: Path) -> None:
    every = families(run(tmp_path / "run"), [["train"] * 40, ["train"] * 37], 5)
    folder, states, found = Folder(tmp_path / "run"), [], []
    for rank, stop in ((0, 5), (1, 7)):
        loader = _loader(folder, 2, rank, 2)
        found += list(islice(loader, stop))
        states.append(loader.state_dict())
    for rank in range(3):
        found += list(_loader(folder, 0, rank, 3, states))
    assert sorted(s for batch in found for s in batch) == sorted(every)
