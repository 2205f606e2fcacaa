"""The flow on a Ray cluster of two worker processes: the very run that one process makes, also when a worker dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_runs import command, config_file, sealed, settings

pytest.importorskip("prefect_ray", reason="the extra ray is not installed")


def _workers() -> list[int]:
    """The processes of Ray that are at a task of ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::") and b"IDLE" not in words:
            found.append(int(path.parent.name))
    return found


def test_a_cluster_that_loses_a_worker_makes_the_same_run(seeds: Path, finished: Path, tmp_path: Path) -> None:
    config = config_file(tmp_path / "run.toml", settings(seeds, run__runner="ray", run__workers=2))
    out, killed = tmp_path / "run", 0
    env = {**os.environ, "DO_NOT_TRACK": "1"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command("run", config, "--out", out), env=env, stdout=log, stderr=log)
        while process.poll() is None:
            if not killed and (at_work := _workers()):
                os.kill(at_work[0], signal.SIGKILL)
                killed = at_work[0]
            time.sleep(0.02)
    assert process.returncode == 0, (tmp_path / "log").read_text()[-3000:]
    assert killed
    assert sealed(out) == sealed(finished)
