"""The factors of a scene, as factors.toml lists them, and the assertion that a scene puts at stake."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

AT_STAKE = {"exit": "leaves_role", "twin": "stays_in_role", "contrast": "hears_delivery"}
"""By a scene's kind; that of an attack stands in factors.toml."""


@cache
def factors() -> dict[str, dict[str, dict[str, Any]]]:
    """Factor → value → its words by language, and for a delivery its labels."""
    return tomllib.loads((files("persona_forge.dialogues") / "factors.toml").read_text(encoding="utf-8"))


def words(factor: str, value: str, language: str) -> str:
    return str(factors()[factor][value][language])


def at_stake(scene: Mapping[str, Any]) -> str | None:
    """The name of the one assertion that a scene's probe tries; none in a plain scene."""
    if scene["kind"] == "attack":
        return str(factors()["attack"][scene["attack"]]["assertion"])
    return AT_STAKE.get(scene["kind"])
