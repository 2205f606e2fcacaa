"""What is public is what `__all__` says, each name says what it does, and a user's file passes mypy --strict."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import persona_forge
from persona_forge.core import ports

USER = """
from typing import Any

import persona_forge
from persona_forge import Rows, load


def lengths(path: str, state: dict[str, Any] | None) -> list[float]:
    rows: Rows = load(path, split="train", columns=["audio"], shuffle=7, rank=0, world=2, decode=True)
    if state is not None:
        rows.load_state_dict(state)
    found: list[float] = []
    for row in rows:
        samples, rate = row["audio"]
        found.append(len(samples) / rate)
    print(rows.state_dict()["taken"], len(rows), persona_forge.__version__)
    for batch in load(path, "pairs").batches(512):
        print(batch.num_rows)
    print(persona_forge.query(path, "SELECT 1").num_rows)
    return found
"""
WRONG = """
from persona_forge import load

load("a", rank="0")
load("a").batches("many")
load("a").no_such_thing()
"""


def test_the_public_surface_is_what_it_says() -> None:
    assert persona_forge.__all__ == dir(persona_forge) == ["Rows", "__version__", "load", "query"]
    given: dict[str, object] = {}
    exec("from persona_forge import *", given)
    assert given.keys() - {"__builtins__"} == set(persona_forge.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sql'"):
        persona_forge.sql  # noqa: B018


def public() -> list[tuple[str, object]]:
    """Public names with their public methods, and the ports that engines implement."""
    found = [(n, getattr(persona_forge, n)) for n in persona_forge.__all__ if n != "__version__"]
    methods = [(f"{n}.{m}", f) for n, c in found if inspect.isclass(c) for m, f in vars(c).items()
               if callable(f) and (not m.startswith("_") or m in ("__iter__", "__len__"))]  # fmt: skip
    return [*found, *methods, *((p.__name__, p) for p in (ports.Chat, ports.Voice, ports.Ear))]


@pytest.mark.parametrize(("name", "what"), public(), ids=[name for name, _ in public()])
def test_a_public_name_says_what_it_does(name: str, what: object) -> None:
    assert len((what.__doc__ or "").split()) >= 8


@pytest.mark.parametrize("name", ["load", "query"])
def test_a_public_function_says_what_it_raises(name: str) -> None:
    assert "Raises" in (getattr(persona_forge, name).__doc__ or "")


def test_a_users_file_is_typed_and_a_wrong_one_is_found_out(tmp_path: Path) -> None:
    assert (Path(persona_forge.__file__).parent / "py.typed").is_file()
    (tmp_path / "user.py").write_text(USER, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    words = ["--strict", "--config-file=", "--ignore-missing-imports", "--follow-imports=silent", "--no-site-packages"]
    mypy = [sys.executable, "-m", "mypy", *words, "user.py", "wrong.py"]
    where = {**os.environ, "MYPYPATH": str(Path(persona_forge.__file__).parents[1])}
    said = subprocess.run(mypy, cwd=tmp_path, env=where, capture_output=True, text=True).stdout
    errors = [line for line in said.splitlines() if "error:" in line]
    assert [line.partition("error: ")[0] for line in errors] == [f"wrong.py:{n}: " for n in (4, 5, 6)], said
