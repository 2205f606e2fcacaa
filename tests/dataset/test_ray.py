"""A run on a Ray cluster of two workers over an S3 store: the very run that one process makes in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_store import moto
from pyarrow import fs
from small_runs import command, config_file, made, sealed, settings

from persona_forge.core.tables import TABLES
from persona_forge.dataset.opening import open_folder
from persona_forge.pipeline import ACTS, stage

pytest.importorskip("ray", reason="the extra ray is not installed")

STAGES = tuple(map(stage, (*ACTS["expand"], *ACTS["script"], "cast", "speak")))
WAIT_S = 30.0


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def _at(task: str, driver: int) -> int | None:
    """A worker that is at a task of this name; Ray's raylet stands between it and the process that began."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::" + task.encode()):
                raylet = Path("/proc", str(_parent(process)))
                if _parent(raylet) == driver:
                    return int(process.name)
        except OSError:  # it has ended
            continue
    return None


def _kill_one_at(task: str, driver: int) -> None:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if worker := _at(task, driver):
            os.kill(worker, signal.SIGKILL)
            return
    raise AssertionError(f"no worker was at {task}")


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a run that is not there yet, in a store of its own."""
    with moto() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "a-key")
        files = fs.S3FileSystem(endpoint_override=f"127.0.0.1:{port}", scheme="http", allow_bucket_creation=True)
        files.create_dir("bucket")
        yield "s3://bucket/run"


def test_a_worker_killed_in_mid_run_over_s3_costs_nothing_but_time(
    seeds: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"personas__rows": 8000, "personas__rows_per_shard": 800}
    made(tmp_path / "alone", settings(seeds, **sizes), STAGES)
    config = config_file(tmp_path / "run.toml", settings(seeds, run__runner="ray", run__workers=2, **sizes))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PERSONA_FORGE_WORK", str(tmp_path / "work"))
    only = [word for each in STAGES for word in ("--only", each.name)]
    words, said = command("run", config, "--out", address, *only), []
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        for line in child.stderr:
            said.append(line)
            if "expand g000-0003:" in line:
                _kill_one_at("expand", child.pid)
    assert child.returncode == 0, "".join(said)
    assert sum("the worker that was at it has died" in line for line in said) == 1
    shards = sorted(line.split()[3] for line in said if "expand g000-" in line and " rows " in line)
    assert shards == [f"g000-{n:04d}:" for n in range(10)]
    monkeypatch.setenv("PERSONA_FORGE_WORK", str(tmp_path / "another machine"))
    folder = open_folder(address)
    for table in TABLES:
        folder.fetched(table)
    assert sealed(folder.root) == sealed(tmp_path / "alone")
