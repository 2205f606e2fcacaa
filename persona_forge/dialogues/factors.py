"""The factors of a scene, as factors.toml lists them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def factors() -> dict[str, dict[str, dict[str, Any]]]:
    """Factor → value → its words by language, and for a delivery its labels."""
    return tomllib.loads((files("persona_forge.dialogues") / "factors.toml").read_text(encoding="utf-8"))


def words(factor: str, value: str, language: str) -> str:
    return str(factors()[factor][value][language])
