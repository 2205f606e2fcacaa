"""The README is true: its tree is the tree, its page is the pipeline, its commands run.

The first command (install and run) and the second (the tests) are run by .ci/run, from a clean checkout.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from small_runs import command

from persona_forge.config import make_config
from persona_forge.pipeline import PIPELINE

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
OUT = "my-dataset"
BY_CI = ("python3 -m venv", ".venv/bin/persona-forge run --out", ".venv/bin/pip", ".venv/bin/pytest")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def _commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for block in _blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", *BY_CI))]


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a finished run where the README has one."""
    finished.rename(tmp_path / OUT)
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_short_and_begins_with_the_command_that_does_the_job() -> None:
    lines = TEXT.splitlines()
    assert len(lines) < 200
    assert any("persona-forge run" in line for line in lines[:15])


@pytest.mark.parametrize("line", _commands())
def test_every_command_runs(line: str, folder: Path) -> None:
    assert line.startswith(".venv/bin/persona-forge ")
    words = re.findall(r'"[^"]*"|\S+', line)[1:]
    ran = subprocess.run(command(*(w.strip('"') for w in words)), capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout


def test_the_settings_that_it_shows_are_settings() -> None:
    for block in _blocks("toml"):
        make_config(tomllib.loads(block), where="README.md")


def test_the_code_that_it_shows_runs(folder: Path) -> None:
    for block in _blocks("python"):
        subprocess.run([sys.executable, "-c", block], check=True, timeout=120)


def test_the_page_is_the_pipeline() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| `(\w+)` \|", TEXT, re.MULTILINE)
    shown = [(name, shape, tuple(re.findall(r"`(\w+)`", reads)), writes) for name, shape, reads, writes in rows]
    assert shown == [(s.name, s.shape, s.reads, s.writes) for s in PIPELINE]


def test_the_tree_is_the_tree() -> None:
    block = next(b for b in _blocks("text") if b.startswith("persona_forge/"))
    inside = {line.split()[0].rstrip("/") for line in block.splitlines() if line.startswith("  ")}
    beside = {line.split()[0].rstrip("/") for line in block.splitlines() if not line.startswith(" ")}
    package = [p for p in (ROOT / "persona_forge").iterdir() if not p.name.startswith("_")]
    assert inside == {p.name for p in package if p.is_dir() or p.suffix == ".py"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert beside == {f.split("/")[0] for f in listed.splitlines() if "/" in f and not f.startswith(".")}
