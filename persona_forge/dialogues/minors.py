"""In which scenes no minor may stand: asked when scenes are dealt, and again before one is written (invariant 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from persona_forge.text.minors import ABUSIVE, INTIMATE, MINOR_AGES, mentions_minor

DESPAIR = frozenset({"distress"})
"""Exits that are dealt to no minor: with a minor despair must meet help out of the role, and in a twin it would not."""


def delicate(scene: Mapping[str, Any]) -> bool:
    """Whether a scene is dealt to grown-ups alone."""
    return scene["relationship"] in INTIMATE or scene["attack"] in ABUSIVE or scene["exit"] in DESPAIR


def is_young(traits: Mapping[str, Any]) -> bool:
    return bool(MINOR_AGES & {traits.get("age_band"), traits.get("voice_age")})


def breach(scene: Mapping[str, Any], seed: Mapping[str, Any]) -> str:
    """Why a scene may not be written: a minor stands where none may; empty if it may."""
    traits = {t["dimension"]: t["value"] for t in scene["traits"]}
    prose = "\n".join(seed[k] for k in ("prose", "style", "voice"))
    minor = is_young(traits) or scene["partner"]["age_band"] in MINOR_AGES or mentions_minor(prose)
    in_fiction = scene["kind"] == "twin" and scene["exit"] in DESPAIR
    if not minor or not (scene["relationship"] in INTIMATE or scene["attack"] in ABUSIVE or in_fiction):
        return ""
    what = scene["attack"] if scene["attack"] in ABUSIVE else scene["exit"] if in_fiction else scene["relationship"]
    return f"a minor may not stand in a scene of {what}"
