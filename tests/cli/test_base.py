"""Whoever installs the base alone can read and query: no extra is imported, and what needs one says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = ("numba", "networkx", "sklearn", "jinja2", "yaml", "openai", "pysat", "prefect", "soundfile", "pyworld")
BASE = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r})); sys.argv = ['persona-forge', *sys.argv[1:]]; "


def without_extras(*words: str | Path) -> subprocess.CompletedProcess[str]:
    code = BASE + "from persona_forge.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("words", [["status"], ["sql", "SELECT count(*) FROM utterances"], ["verify", "--t", "0"]])
def test_a_run_can_be_asked(words: list[str], finished: Path) -> None:
    said = without_extras(words[0], finished, *words[1:])
    assert (said.returncode, said.stderr) == (0, "")


def test_verify_does_without_a_certificate_and_says_so(finished: Path) -> None:
    said = without_extras("verify", finished)
    assert said.returncode == 0
    assert said.stderr == "the certificate needs pysat\n  to do:   pip install 'persona-forge[forge]'\n"


def test_what_needs_an_extra_names_it(tmp_path: Path) -> None:
    said = without_extras("run", "--out", tmp_path / "run")
    assert said.returncode == 2
    assert said.stderr.endswith("to do:   pip install 'persona-forge[forge,local]'\n")
    assert not (tmp_path / "run").exists()
