from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from queue import SimpleQueue

import pytest
from small_runs import made, sealed, settings

from persona_forge.core.errors import ForgeError
from persona_forge.pipeline import ACTS, stage
from persona_forge.workers import Helper

EXPAND = stage("expand")
HELPED = """
import sys, time
from pathlib import Path
from queue import SimpleQueue
from persona_forge.workers import Helper

free = SimpleQueue()
Helper(Path(sys.argv[1]), free)
print(free.get().pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(seeds: Path, tmp_path: Path) -> Path:
    made(tmp_path / "run", settings(seeds), tuple(map(stage, ACTS["expand"])))
    return tmp_path / "run"


def _ready(root: Path) -> Helper:
    free: SimpleQueue[Helper | None] = SimpleQueue()
    Helper(root, free)
    helper = free.get(timeout=60)
    assert helper
    return helper


def test_a_helper_makes_what_this_process_makes_and_tells_what_it_logs(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = sealed(run)
    for shard in ("g000-0000", "g000-0001"):
        (run / "personas" / f"{shard}.parquet").unlink()
    helper = _ready(run)
    caplog.clear()
    rows = [helper.work(EXPAND, shard).rows for shard in ("g000-0000", "g000-0001")]
    helper.end()
    assert sealed(run) == whole
    assert [m for m in caplog.messages if "rows" in m] == [
        f"expand g000-000{n}: {count:,} rows" for n, count in enumerate(rows)
    ]


def test_what_goes_wrong_in_a_helper_is_raised_here(run: Path) -> None:
    next((run / "seeds").glob("*.parquet")).unlink()
    helper = _ready(run)
    with pytest.raises(Exception, match="seeds") as error:
        helper.work(EXPAND, "g000-0000")
    helper.end()
    assert any("_help" in note for note in error.value.__notes__)


def test_a_helper_that_was_killed_is_named_with_what_to_do(run: Path) -> None:
    helper = _ready(run)
    os.kill(helper.pid, signal.SIGKILL)
    with pytest.raises(ForgeError, match="expand g000-0000 has ended by itself") as error:
        helper.work(EXPAND, "g000-0000")
    helper.end()
    assert "run.workers = 1" in error.value.todo


def test_a_helper_ends_with_the_process_that_it_helps(run: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HELPED, str(run)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        os.kill(pid, 0)
        child.kill()
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"the helper {pid} lives on")
