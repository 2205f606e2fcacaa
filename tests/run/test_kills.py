"""A run may be killed at any instant: started again, it ends as one that was never killed, to the byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import command, config_file, rows, sealed, settings, typed

from persona_forge.dataset.folder import Folder
from persona_forge.dataset.verify import verify

KILLS = 6
IN_A_ROW = 5
CHILD = """
import os, signal, sys
from pathlib import Path

from persona_forge.config import read_config
from small_runs import made

config, out, moment = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
touched = 0

def touch(event, args):
    global touched
    if event in ("open", "os.rename", "os.remove", "os.mkdir") and out in str(args[0]):
        touched += 1
        if touched == moment:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(touch)
print("ready", flush=True)
made(Path(out), read_config(config))
print(touched, flush=True)
"""
"""Makes a run, and dies as it touches its folder for the nth time; 0 is never. Says how often it did touch it."""


def _child(config: Path, out: Path, moment: int = 0) -> subprocess.Popen[str]:
    """The child when it has imported everything, which no kill could do any harm."""
    here = os.pathsep.join((str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")))
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(config), str(out), str(moment)],
                             stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": here})  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def _killed(child: subprocess.Popen[str], after: float | None) -> bool:
    """Whether it was killed, after so many seconds or by its own hand, before it came to its end."""
    try:
        child.communicate(timeout=60 if after is None else after)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
    assert child.returncode in (0, -signal.SIGKILL)
    return child.returncode != 0


def test_a_run_killed_at_random_moments_ends_as_one_never_killed(seeds: Path, tmp_path: Path) -> None:
    config, chance = (
        config_file(tmp_path / "run.toml", settings(seeds, run__workers=2, speech__count=2, speech__per_shard=1)),
        random.Random(20),
    )
    began = time.monotonic()
    said, _ = _child(config, tmp_path / "whole").communicate()
    duration, touches = time.monotonic() - began, int(said)
    whole = sealed(tmp_path / "whole")
    kills = 0
    for n in range(KILLS):
        out = tmp_path / f"run-{n}"
        for again in range(IN_A_ROW):
            by_touch = kills % 2 == 0
            moment = chance.randint(1, touches // (1 + again)) if by_touch else 0
            if not _killed(
                _child(config, out, moment), None if by_touch else chance.uniform(0, duration / (2 + again))
            ):
                break
            kills += 1
        else:
            _child(config, out).communicate()
        assert sealed(out) == whole
        assert not list(out.rglob("*.tmp"))
        if kills >= KILLS:
            break
    assert kills >= KILLS


def _interrupted(line: str, *words: str | Path, by: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """Exit code and last words of a command that is sent a signal when it has said this line."""
    child = subprocess.Popen(command(*words), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert child.stderr is not None
    for said in child.stderr:
        if line in said:
            child.send_signal(by)
            break
    rest = child.stderr.read()
    return child.wait(timeout=60), rest


@pytest.mark.parametrize(("line", "act", "by"), [
    ("expand g000-0002", "expand", signal.SIGINT),
    ("scripts g000-0002", "script", signal.SIGINT),
    ("speak g000-0002", "speak", signal.SIGTERM),
])  # fmt: skip
def test_ctrl_c_stops_an_act_cleanly_and_the_same_command_goes_on(
    seeds: Path, tmp_path: Path, line: str, act: str, by: signal.Signals
) -> None:
    many = settings(seeds, personas__rows=30_000, personas__rows_per_shard=500, dialogues__count=40,
                    speech__count=9, speech__per_shard=1)  # fmt: skip
    config, whole, out = config_file(tmp_path / "run.toml", many), tmp_path / "whole", tmp_path / "run"
    acts = ["expand", "script", "speak"]
    for each in acts[: acts.index(act) + 1]:
        assert typed(each, config, "--out", whole).returncode == 0
        if each != act:
            assert typed(each, config, "--out", out).returncode == 0
    code, said = _interrupted(line, act, config, "--out", out, by=by)
    assert said.endswith(
        "persona-forge: stopped; what is sealed stays\n  to do:   the same command goes on where it was\n"
    )
    assert code == 3
    assert "Traceback" not in said
    assert not list(out.rglob("*.tmp"))
    assert [check.name for check in verify(Folder(out)) if not check.ok] == []
    assert len(rows(out)) < len(rows(whole))
    assert typed(act, config, "--out", out).returncode == 0
    assert sealed(out) == sealed(whole)


def test_a_folder_in_use_is_refused(finished: Path, seeds: Path) -> None:
    with Folder(finished).locked():
        said = typed("expand", "--out", finished)
    assert said.returncode == 2
    assert f"is in use by process {os.getpid()}" in said.stderr
