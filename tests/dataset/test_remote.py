"""Runs in an object store: a real S3 server on loopback, faults and kills included."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import polars as pl
import pytest
from faulty_store import Proxy, moto, proxied
from pyarrow import fs
from small_runs import config_file, sealed, settings, typed

import persona_forge
from persona_forge.cli.removing import remove
from persona_forge.core.errors import Corrupt, Misuse, RunMismatch, StorageError
from persona_forge.core.stage import Stage
from persona_forge.core.tables import TABLES
from persona_forge.dataset import lease, store
from persona_forge.dataset.catalog import query
from persona_forge.dataset.opening import open_folder
from persona_forge.dataset.remote import RemoteFolder
from persona_forge.dataset.shards import write_table
from persona_forge.dataset.verify import verify
from persona_forge.hands import spent
from persona_forge.pipeline import ACTS, PIPELINE, stage
from persona_forge.run import Run, go
from persona_forge.start import load, start

FOOTER = 2**16
"""Arrow reads so much of a file's end at once."""
ACT_1 = tuple(map(stage, ACTS["expand"]))
SCRIPTS = PIPELINE[: PIPELINE.index(stage("scripts")) + 1]
CHILD = """
import sys
from pathlib import Path

from persona_forge.config import read_config
from persona_forge.dataset.opening import open_folder
from persona_forge.pipeline import PIPELINE
from persona_forge.run import go
from persona_forge.start import start

folder = open_folder(sys.argv[2], to_run=True)
stages = PIPELINE[: int(sys.argv[3])]
with folder.locked():
    go(start(folder, read_config(Path(sys.argv[1])), stages), stages)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with moto() as port, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "a-key-that-nobody-may-see")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        _files(port).create_dir("bucket")
        yield port


@pytest.fixture(autouse=True)
def machine(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _on("first", tmp_path, monkeypatch)
    monkeypatch.setattr(store, "WAITS_S", (0.05, 0.05))


@pytest.fixture
def proxy(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Between this test and the server."""
    with proxied(server) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture(scope="module")
def stored(server: int, _finished: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The finished run, sent to the store, where no test may change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONA_FORGE_WORK", str(tmp_path_factory.mktemp("work")))
        folder = _opened("s3://bucket/finished/run", to_run=True)
        with folder.locked():
            shutil.copytree(_finished, folder.root, dirs_exist_ok=True)
            folder.write_card(folder.read_card())
            folder.write(folder.ontology, folder.ontology.read_text(encoding="utf-8"))
            folder.publish()
        return folder.where


def _files(port: int) -> fs.S3FileSystem:
    return fs.S3FileSystem(endpoint_override=f"127.0.0.1:{port}", scheme="http", allow_bucket_creation=True)


def _on(machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this is another machine, as far as a run can tell."""
    monkeypatch.setenv("PERSONA_FORGE_WORK", str(tmp_path / machine))


def _new() -> str:
    return f"s3://bucket/{uuid.uuid4().hex[:8]}/run"


def _made(address: str, seeds: Path, stages: tuple[Stage, ...] = PIPELINE) -> RemoteFolder:
    folder = _opened(address, to_run=True)
    with folder.locked():
        go(start(folder, settings(seeds), stages), stages)
    return folder


def _opened(address: str, *, to_run: bool = False) -> RemoteFolder:
    folder = open_folder(address, to_run=to_run)
    assert isinstance(folder, RemoteFolder)
    return folder


def _objects(folder: RemoteFolder, of: str = "") -> dict[str, bytes]:
    return {name: folder.store.read(name) or b"" for name in folder.store.list(of)}


def _seals(root: Path) -> dict[str, bytes]:
    return {name: data for name, data in sealed(root).items() if name.endswith(".json")}


def _synced(folder: RemoteFolder) -> Path:
    folder.sync(folder.root / "replies")
    return folder.root / "replies"


def test_status_sql_and_verify_say_there_what_they_say_of_a_folder(stored: str, finished: Path) -> None:
    counted = "SELECT language, count(*) AS n, min(persona_id) AS first FROM personas WHERE gender = 'female' GROUP BY ALL ORDER BY ALL"  # noqa: E501
    for words in (["status"], ["sql", counted], ["verify", "--t", "0"]):
        there, here = (typed(words[0], where, *words[1:], "--json") for where in (stored, finished))
        assert (there.returncode, there.stderr) == (0, "")
        if words == ["status"]:  # the log, by which it tells the time, stays on the machine
            assert there.stdout.split('"seconds"')[0] == here.stdout.split('"seconds"')[0]
        else:
            assert there.stdout == here.stdout
    assert "a-key-that-nobody-may-see" not in "".join(
        p.read_text(errors="replace") for p in Path(os.environ["PERSONA_FORGE_WORK"]).rglob("*") if p.is_file()
    )


def test_every_table_and_view_is_the_same_in_sql(stored: str, finished: Path) -> None:
    there, here = _opened(stored), open_folder(finished)
    for name in (*TABLES, "utterances", "drift"):
        asked = f"SELECT * FROM {name} ORDER BY ALL"
        assert pl.from_arrow(query(there, asked)).equals(pl.from_arrow(query(here, asked))), name  # type: ignore[arg-type]
    assert list(there.root.rglob("*.parquet")) == []


def test_sql_reads_the_columns_it_needs_and_never_the_audio(stored: str, proxy: Proxy) -> None:
    folder = _opened(stored)
    clips = {name: info.size for name, info in folder.store.list("clips").items()}
    [row] = query(folder, "SELECT count(*) AS n, sum(turn) AS t FROM clips WHERE want_emotion <> 'x'").to_pylist()
    assert row["n"] == sum(seal.rows for seal in folder.seals("clips"))
    read = sum(n for method, key, n in proxy.seen if method == "GET" and "/clips/" in key)
    assert 0 < read < len(clips) * (FOOTER + 4096) < sum(clips.values())


@pytest.mark.parametrize("statement", [
    "COPY seeds TO 's3://bucket/x.parquet'", "SELECT * FROM read_parquet('s3://bucket/finished/run/run.json')",
    "SELECT * FROM read_text('/etc/passwd')", "SET enable_external_access = true", "SELECT * FROM glob('/*')",
])  # fmt: skip
def test_sql_is_as_locked_as_on_a_folder(stored: str, statement: str) -> None:
    with pytest.raises(Misuse):
        query(_opened(stored), statement)


def test_a_flipped_byte_in_the_store_is_found_by_verify_and_by_who_reads_it(seeds: Path) -> None:
    folder = _made(_new(), seeds, ACT_1)
    [name] = folder.store.list("seeds")
    data = bytearray(folder.store.read(name) or b"")
    data[len(data) // 2] ^= 1
    folder.store.write(name, bytes(data))
    fresh = _opened(folder.where)
    assert next(c.example for c in verify(fresh) if not c.ok) == "seeds/g000 is not as it was sealed"
    with pytest.raises(Corrupt, match="is not as it was sealed"):
        fresh.scan("seeds")


def test_rows_are_loaded_from_there_as_from_a_folder(stored: str, finished: Path) -> None:
    for table in ("utterances", "personas", "rejects"):
        there, here = (persona_forge.load(where, table, shuffle=7) for where in (stored, str(finished)))
        assert list(there) == list(here)
        assert len(here) == {"personas": 1500, "rejects": 0}.get(table, len(there))
    assert persona_forge.query(stored, "SELECT count(*) AS n FROM seeds").to_pylist() == [{"n": 10}]


def test_a_seed_is_withdrawn_there_as_from_a_folder_and_no_byte_of_it_stays(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(_new(), seeds)
    gone = folder.scan("scenes").collect()["seed_id"][0]
    before = _objects(folder, "seals")
    _on("second", tmp_path, monkeypatch)
    remove(folder.where, seed=[gone], yes=True, json=True)
    fresh = _opened(folder.where)
    assert gone not in fresh.scan("seeds").collect()["seed_id"]
    assert [c.name for c in verify(fresh) if not c.ok] == []
    assert _objects(fresh, "seals") != before
    assert typed("expand", "--out", folder.where).returncode == 0
    assert gone not in _opened(folder.where).scan("personas").collect()["seed_id"]
    assert not [name for name, data in _objects(fresh).items() if gone.encode() in data and name != "run.json"]


# Kills, machines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["seals/scripts/g000-0001.json"])
def test_killed_in_the_middle_it_goes_on_from_another_machine_and_asks_no_reply_again(
    seeds: Path, finished: Path, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    address, config = _new(), config_file(tmp_path / "run.toml", settings(seeds))
    words = [sys.executable, "-c", CHILD, str(config), address, str(len(SCRIPTS))]
    child = subprocess.Popen(words, stderr=subprocess.DEVNULL)

    def kill(method: str, key: str) -> str | None:
        if method == "PUT" and moment in key and child.returncode is None:
            child.kill()
            child.wait()
            return "reset"
        return None

    proxy.fault = kill
    assert child.wait(timeout=60) == -signal.SIGKILL
    _on("second", tmp_path, monkeypatch)
    with pytest.raises(RunMismatch, match=rf"is in use by process {child.pid} on .*, heard from \d+ s ago"):
        _made(address, seeds, SCRIPTS)
    monkeypatch.setattr(lease, "LEASE_S", 2.0)
    time.sleep(2.1)
    folder = _made(address, seeds, SCRIPTS)
    expected = {n: d for n, d in _seals(finished).items() if n.split("/")[1] in {s.writes for s in SCRIPTS}}
    assert _objects(folder, "seals") == expected
    rows = {f"{n.partition('.')[0]}.parquet": d for t in TABLES for n, d in _objects(folder, t).items()}
    assert rows == {n: (finished / n).read_bytes() for n in rows}
    assert len(rows) == len(expected)
    fresh = _opened(address)
    assert spent(_synced(fresh)) == spent(_scripts_of(finished))
    assert [c.name for c in verify(fresh) if not c.ok] == []


def _scripts_of(finished: Path) -> Path:
    shutil.rmtree(finished / "replies" / "candidates")
    return finished / "replies"


def test_workers_on_several_machines_share_the_shards_of_a_run(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Path
) -> None:
    address, expand = _new(), stage("expand")
    runs: list[Run] = []
    folder = _opened(address, to_run=True)
    with folder.locked():
        go(start(folder, settings(seeds), ACT_1), ACT_1[:-1])
        for name in ("second", "third"):
            _on(name, tmp_path, monkeypatch)
            start_module_forgets()
            runs.append(load(address))
        todo = runs[0].prepare(expand)
        assert todo == ["g000-0000", "g000-0001", "g000-0002", "g000-0003"]
        runs[0].work(expand, todo[0])
        assert runs[1].prepare(expand) == todo[1:]
        both = [Thread(target=run.work, args=(expand, shard)) for shard in todo[1:] for run in runs]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    assert _objects(folder, "seals/personas") == {n: d for n, d in _seals(finished).items() if "/personas/" in n}
    assert [c.name for c in verify(_opened(address)) if not c.ok] == []


def start_module_forgets() -> None:
    from persona_forge import start as module

    module._open.clear()


def test_of_two_versions_of_a_shard_the_later_seal_wins_and_what_it_names_is_there(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _made(_new(), seeds, ACT_1[:1])
    _on("second", tmp_path, monkeypatch)
    theirs = _opened(ours.where, to_run=True)
    theirs.refresh()
    [seal] = ours.seals("seeds")
    rows = ours.scan("seeds").collect()
    seals = []
    for folder, frame in ((ours, rows.head(3)), (theirs, rows.head(4))):
        size, sha = write_table(folder.rows("seeds", "g000"), TABLES["seeds"], frame)
        seals.append(type(seal)(**{**_fields(seal), "rows": frame.height, "bytes": size, "sha256": sha}))
    ours.store.upload(*ours.files(seals[0])[0][:1], ours.object_of(*ours.files(seals[0])[0]))  # ours begins,
    theirs.put(seals[1])  # theirs overtakes it,
    ours.put(seals[0])  # and ours ends
    for folder in (ours, theirs):
        folder.refresh()
        assert folder.seals("seeds") == [seals[0]]
        assert folder.whole(seals[0])
        assert folder.scan("seeds").collect().height == 3
    with ours.locked():
        assert len(ours.store.list("seeds")) == 1


def _fields(seal: object) -> dict[str, object]:
    return {name: getattr(seal, name) for name in type(seal).__dataclass_fields__}


def test_more_rows_from_another_machine_rewrite_none(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(_new(), seeds, ACT_1)
    before = _objects(folder, "personas")
    _on("second", tmp_path, monkeypatch)
    assert typed("expand", "--out", folder.where, "--rows", "3000").returncode == 0
    after = _objects(folder, "personas")
    assert {n: after[n] for n in before} == before
    assert len(after) > len(before)


def test_what_annotators_did_on_one_machine_is_there_on_another(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(_new(), seeds, ACT_1[:1])
    events = folder.root / "events" / "compare.mei.jsonl"
    events.parent.mkdir()
    events.write_text("one\n")
    folder.sync(events.parent)
    _on("second", tmp_path, monkeypatch)
    other = _opened(folder.where, to_run=True)
    other.sync(other.root / "events")
    with (other.root / "events" / "compare.mei.jsonl").open("a") as file:
        file.write("two\n")
    other.sync(other.root / "events")
    folder.sync(events.parent)
    assert events.read_text() == "one\ntwo\n"


def test_what_was_cut_never_comes_back_from_a_machine_that_has_the_longer_version(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(_new(), seeds, ACT_1[:1])
    events = folder.root / "events"
    events.mkdir()
    (events / "compare.mei.jsonl").write_text("keep\nwithdraw\n")
    folder.sync(events)
    _on("second", tmp_path, monkeypatch)
    other = _opened(folder.where, to_run=True)
    other.sync(other.root / "events")
    (events / "compare.mei.jsonl").write_text("keep\n")
    folder.publish()
    again = _opened(folder.where, to_run=True)
    assert not list(again.root.glob("events/*"))
    again.sync(again.root / "events")
    assert (again.root / "events" / "compare.mei.jsonl").read_text() == "keep\n"
    assert _objects(folder, "events") == {"events/compare.mei.jsonl": b"keep\n"}


# Who has it in hand ---------------------------------------------------------------------------------------------------


def test_a_run_in_hand_is_refused_to_others_until_it_is_let_go(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(_new(), seeds, ACT_1[:1])
    with folder.locked():
        _on("second", tmp_path, monkeypatch)
        said = typed("expand", "--out", folder.where)
        assert said.returncode == 2
        assert f"{folder.where} is in use by process {os.getpid()} on " in said.stderr
        assert "one that was killed is forgotten after 60 s" in said.stderr
    assert typed("expand", "--out", folder.where).returncode == 0
    assert folder.store.list("lock") == {}


def test_one_that_was_silent_too_long_seals_nothing_more(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(_new(), seeds, ACT_1[:1])
    seal = folder.seals("seeds")[0]
    with folder.locked():
        monkeypatch.setattr(lease, "LEASE_S", 1.0)  # it has just slept
        time.sleep(2.1)
        _on("second", tmp_path, monkeypatch)
        other = _opened(folder.where, to_run=True)
        with other.locked():
            folder.lease.renew(f"lock/{(folder.root / '.lock-name').read_text()}", b"{}")
            other.put(seal)
            with pytest.raises(StorageError, match="is now in use by process"):
                folder.put(seal)


def test_a_place_that_holds_something_else_is_refused_and_left_as_it_was(seeds: Path) -> None:
    address = _new()
    bucket = store.open_store(address)
    bucket.write("holiday.jpg", b"sea")
    with pytest.raises(RunMismatch, match=r"is not empty and not a run: it holds holiday\.jpg"):
        _made(address, seeds)
    assert set(bucket.list()) == {"holiday.jpg"}


# Faults ---------------------------------------------------------------------------------------------------------------


def test_a_store_that_stumbles_is_tried_again_and_nobody_sees_it(seeds: Path, proxy: Proxy, finished: Path) -> None:
    tries: Counter[str] = Counter()
    wrong = {"/personas/g000-0000": 500, "/seals/seeds/": 503, "/quotas/": "reset", "/run.json": 500}

    def stumble(method: str, key: str) -> int | str | None:
        tries[key] += method == "PUT"
        return next((w for k, w in wrong.items() if method == "PUT" and k in key and tries[key] <= 4), None)

    proxy.fault = stumble  # for longer than the SDK's own three attempts
    folder = _made(_new(), seeds, ACT_1)
    assert max(tries.values()) >= 5
    expected = {n: d for n, d in _seals(finished).items() if n.split("/")[1] in {s.writes for s in ACT_1}}
    assert _objects(folder, "seals") == expected


def test_a_store_that_stays_broken_ends_the_run_and_the_same_command_goes_on(
    seeds: Path, tmp_path: Path, proxy: Proxy, finished: Path
) -> None:
    address, config = _new(), config_file(tmp_path / "run.toml", settings(seeds))
    proxy.fault = lambda method, key: 503 if method == "PUT" and "/seals/personas/g000-0001" in key else None
    said = typed("expand", config, "--out", address)
    assert said.returncode == 1
    assert f"persona-forge: {address} does not answer as it should: " in said.stderr
    assert said.stderr.endswith("to do:   the same command goes on where it was\n")
    assert "Traceback" not in said.stderr
    folder = _opened(address)
    assert "g000-0001" not in folder.names("personas")
    assert [c.name for c in verify(folder) if not c.ok] == []
    proxy.fault = lambda method, key: None
    assert typed("expand", config, "--out", address).returncode == 0
    assert _objects(folder, "seals/personas") == {n: d for n, d in _seals(finished).items() if "/personas/" in n}


@pytest.mark.parametrize(("address", "says", "code"), [
    ("s3://no-such-bucket/run", "there is no bucket 'no-such-bucket'", 2),
    ("s3://me:secret@bucket/run", "an address with a key or options in it is no place for a run", 2),
    ("ftp://bucket/run", "'ftp://bucket/run' is no place for a run", 2),
    ("s3://", "'s3://' is no place for a run", 2),
])  # fmt: skip
def test_an_address_that_cannot_be_is_refused_at_once(address: str, says: str, code: int) -> None:
    for words in (("run", "--out", address), ("status", address), ("sql", address, "SELECT 1")):
        said = typed(*words)
        assert (said.returncode, said.stdout) == (code, "")
        assert said.stderr.startswith(f"persona-forge: {says}")
        assert "secret" not in said.stderr
        assert len(said.stderr.splitlines()) == 2
    assert not Path(os.environ["PERSONA_FORGE_WORK"]).exists()


def test_keys_that_are_refused_and_a_server_that_is_not_there_are_said_at_once(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.fault = lambda method, key: 403
    said = typed("run", "--out", "s3://bucket/run")
    assert said.returncode == 2
    assert "s3://bucket/run refuses: " in said.stderr
    assert "ACCESS_DENIED" in said.stderr
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    said = typed("status", "s3://bucket/run")
    assert said.returncode == 1
    assert "s3://bucket/run cannot be reached: " in said.stderr


def test_where_there_is_no_run_it_is_said(server: int) -> None:
    said = typed("status", "s3://bucket/nothing")
    assert said.returncode == 2
    assert "s3://bucket/nothing is not a run: there is no run.json in it" in said.stderr


def test_one_who_may_only_read_reads(stored: str, proxy: Proxy) -> None:
    proxy.fault = lambda method, key: 403 if method in ("PUT", "POST", "DELETE") else None
    assert typed("status", stored).returncode == 0
    assert typed("verify", stored, "--t", "0").returncode == 0
    said = typed("expand", "--out", stored)
    assert (said.returncode, "refuses" in said.stderr) == (2, True)
