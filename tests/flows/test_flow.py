"""The flow through a real Prefect server: what it shows there, what it retries, and that a kill costs nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_runs import command, config_file, rows, sealed, settings

from persona_forge.dataset.folder import Folder
from persona_forge.pipeline import PIPELINE

SERVER_S = 120
"""A server starts in 10 s on an idle machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a process that talks to a Prefect server of our own."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
           "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}  # fmt: skip
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (home / "log").open("w") as log, subprocess.Popen(words, env=env, stdout=log, stderr=log) as process:
        try:
            _wait_for(f"{env['PREFECT_API_URL']}/health")
            yield env
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _wait_for(url: str) -> None:
    for _ in range(SERVER_S * 5):
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")


def _python(env: dict[str, str], code: str, *words: str | Path) -> str:
    """What a script prints: Prefect reads its settings once a process, so each has its own."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


READ_BACK = """
import asyncio, json, sys
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterName

async def main():
    async with get_client() as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[sys.argv[1]]))
        [flow_run] = await client.read_flow_runs(flow_run_filter=named)
        tasks = await client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [flow_run.id]}))
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id])))
        print(json.dumps({
            "state": flow_run.state_name,
            "tasks": sorted(t.name for t in tasks),
            "states": sorted({t.state_name for t in tasks}),
            "artifacts": {a.key: [a.type, a.data] for a in found},
        }))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def run(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory, seeds: Path) -> Path:
    """A run made by `persona-forge run` through the server."""
    folder = tmp_path_factory.mktemp("flow")
    config = config_file(folder / "run.toml", settings(seeds))
    done = subprocess.run(command("run", config, "--out", folder / "run"), env=server, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return folder / "run"


def test_the_flow_makes_the_very_run_that_the_commands_make(run: Path, finished: Path) -> None:
    assert sealed(run) == sealed(finished)


def test_the_server_shows_a_task_a_shard_and_the_funnel_and_a_sample(server: dict[str, str], run: Path) -> None:
    told: dict[str, Any] = json.loads(_python(server, READ_BACK, run))
    maps = {"expand": 4, **dict.fromkeys(("scripts", "candidates", "judge", "pair"), 2)}
    maps |= dict.fromkeys(("speak", "measure", "check"), 2)
    shards = [f"{stage}: g000-{n:04d}" for stage, count in maps.items() for n in range(count)]
    stages = tuple(s.name for s in PIPELINE)
    assert told["state"] == "Completed"
    assert told["states"] == ["Completed"]
    assert told["tasks"] == sorted([*shards, *(f"{stage}: plan" for stage in stages)])
    kind, data = told["artifacts"]["funnel"]
    assert kind == "table"
    assert [row["stage"] for row in json.loads(data)] == list(stages)
    kind, data = told["artifacts"]["sample"]
    assert kind == "markdown"
    assert "- persona: " in data


BACKFILL = """
import sys
from flows.backfill import backfill
print(backfill(sys.argv[1], sys.argv[2], sys.argv[3:]))
"""


def test_backfill_makes_a_named_shard_anew_with_the_same_bytes(server: dict[str, str], run: Path) -> None:
    before = sealed(run)
    (run / "clips" / "g000-0001.parquet").write_bytes(b"a broken disk")
    said = _python(server, BACKFILL, run, "speak", "g000-0001")
    assert said.splitlines()[-1] == "{'speak': 1, 'measure': 0, 'check': 0}"
    assert sealed(run) == before


REFUSED = """
import sys
from flows.backfill import backfill
from persona_forge.core.errors import Misuse
for stage, shard in (("speak", "g000-0009"), ("scenes", "g000"), ("spaek", "g000-0001")):
    try:
        backfill(sys.argv[1], stage, [shard])
    except Misuse as error:
        print(error.what)
"""


def test_backfill_of_what_is_not_there_is_refused(server: dict[str, str], run: Path) -> None:
    before = sealed(run)
    assert _python(server, REFUSED, run).splitlines()[-3:] == [
        "speak has no shard 'g000-0009'",
        "scenes is a plan: its parts cannot be made anew one by one",
        "unknown stage 'spaek'",
    ]
    assert sealed(run) == before


def test_an_unknown_shard_is_refused_by_name(server: dict[str, str], run: Path) -> None:
    words = command("run", "--out", run, "--only", "scripts", "--shards", "g000-0009")
    done = subprocess.run(words, env=server, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no stage that was run has a shard 'g000-0009'\n  allowed: g000-0000, g000-0001\n" in done.stderr
    assert "Traceback" not in done.stderr


RETRIES = """
import sys
from prefect import flow
from persona_forge.core.errors import Permanent, Transient
from persona_forge.core.stage import Made
from persona_forge.pipeline import stage
from persona_forge.start import load
from flows import forge

run = load(sys.argv[1])

@flow
def work():
    forge.work.with_options(retry_delay_seconds=0)(sys.argv[1], "scripts", ["g000-0000"])

for errors in ([Transient("a cloud")], [Permanent("a rock")], [Transient("a cloud"), Permanent("a rock")]):
    tries = []

    def failing(stage, shard):
        tries.append(shard)
        if len(tries) <= len(errors):
            raise errors[len(tries) - 1]
        return run.folder.seals("scripts")[0]

    run.work = failing
    try:
        work()
        print("done after", len(tries))
    except Permanent as error:
        print(error, "after", len(tries))
"""


def test_a_transient_error_is_retried_and_a_permanent_one_is_not(server: dict[str, str], run: Path) -> None:
    said = _python(server, RETRIES, run).splitlines()
    assert said[-3:] == ["done after 2", "a rock after 1", "a rock after 2"]


def test_a_flow_that_is_killed_goes_on_where_it_was(
    server: dict[str, str], tmp_path: Path, seeds: Path, finished: Path
) -> None:
    config, chance = config_file(tmp_path / "run.toml", settings(seeds)), random.Random(3)
    words = command("run", config, "--out", tmp_path / "run")
    for line in ("expand g000-0000", "speak g000-0000"):
        with subprocess.Popen(words, env=server, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as child:
            assert child.stderr is not None
            assert any(line in said for said in child.stderr)
            time.sleep(chance.uniform(0, 0.05))
            child.kill()
        assert child.returncode == -signal.SIGKILL
        assert len(rows(tmp_path / "run")) < len(rows(finished))
    assert subprocess.run(words, env=server, capture_output=True).returncode == 0
    assert sealed(tmp_path / "run") == sealed(finished)


def test_ctrl_c_stops_the_flow_cleanly(server: dict[str, str], tmp_path: Path, seeds: Path) -> None:
    many = settings(seeds, personas__rows=60_000, personas__rows_per_shard=500)
    words = command("run", config_file(tmp_path / "run.toml", many), "--out", tmp_path / "run")
    with subprocess.Popen(words, env=server, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as child:
        assert child.stderr is not None
        assert any("expand g000-0002" in said for said in child.stderr)
        child.send_signal(signal.SIGINT)
        said = child.stderr.read()
    assert said.endswith(
        "persona-forge: stopped; what is sealed stays\n  to do:   the same command goes on where it was\n"
    )
    assert child.returncode == 3
    assert "Traceback" not in said
    assert not list((tmp_path / "run").rglob("*.tmp"))
    folder = Folder(tmp_path / "run")
    assert all(folder.whole(seal) for seal in folder.seals("personas"))
    assert 2 <= len(folder.names("personas")) < 120


def test_both_deployments_are_declared(server: dict[str, str]) -> None:
    code = (
        "from flows.deploy import deployments\nfor d in deployments(): print(d.name, d.flow_name, d.concurrency_limit)"
    )
    assert _python(server, code).splitlines() == ["forge persona-forge 1", "backfill persona-forge-backfill 1"]


def test_the_flow_runs_without_a_server(finished: Path, tmp_path: Path) -> None:
    """Prefect starts one for itself, for as long as the run takes."""
    env = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"} | {"PREFECT_HOME": str(tmp_path / "home")}
    before = sealed(finished)
    (finished / "personas" / "g000-0001.parquet").unlink()
    done = subprocess.run(command("run", "--out", finished), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sealed(finished) == before
    assert "Traceback" not in done.stderr
