"""Its place puts tests/ on the path, where small_runs.py stands; and a finished small run, made once a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_runs import made, settings, write_seeds


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of ten seeds that no test may change."""
    return write_seeds(tmp_path_factory.mktemp("seeds") / "ten.jsonl")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory, seeds: Path) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    made(out, settings(seeds))
    return out


@pytest.fixture
def finished(_finished: Path, tmp_path: Path) -> Path:
    """A finished run of one's own."""
    return Path(shutil.copytree(_finished, tmp_path / "finished"))
