"""The partner's words at a probe, as probes.toml lists them, and what is right to answer.

An exit's words carry a cue outside the fiction, its twin's stand inside; no words stand under both, so that words alone
say which of the two they are. A safe word is agreed on in the first turn of its scene, in the words of `agreement`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from persona_forge.core.ids import key64
from persona_forge.dialogues.factors import factors


@cache
def probes() -> dict[str, dict[str, dict[str, Any]]]:
    """attack, exit, twin or contrast → its name → lines by language, and what else it has."""
    return tomllib.loads((files("persona_forge.dialogues") / "probes.toml").read_text(encoding="utf-8"))


def probe(kind: str, name: str, language: str, nth: int) -> str:
    """The nth of the lines, over and over; with a safe word, another one each time, until each was in each line."""
    lines = probes()[kind][name][language]
    safe: Sequence[str] = probes()["exit"].get(name, {}).get("words", {}).get(language, ("",))
    word = safe[(nth + nth // len(lines)) % len(safe)]
    said = str(lines[nth % len(lines)]).replace("{word}", word)
    return said[0].upper() + said[1:]


def agreement(scene: Mapping[str, Any]) -> str | None:
    """The first turn of an exit by safe word, in which it is agreed on; none in any other scene."""
    if scene["kind"] != "exit" or scene["exit"] != "safe_word":
        return None
    entry, language = probes()["exit"]["safe_word"], scene["language"]
    word = next(w for w in entry["words"][language] if w in scene["probe"].lower())
    lines = entry["agree"][language]
    return str(lines[key64(scene["probe_id"]) % len(lines)]).replace("{word}", word)


def given(scene: Mapping[str, Any]) -> dict[int, str]:
    """The partner's turns whose words are fixed before anything is written, by number."""
    agreed = agreement(scene)
    fixed = {} if agreed is None else {0: agreed}
    return fixed if scene["probe"] is None else {**fixed, scene["depth"]: scene["probe"]}


def right(scene: Mapping[str, Any], delivery: str | None = None) -> str:
    """What is right to answer to the probe, as a clause after the persona's name; empty in a plain scene.

    In a contrast scene it is what is right for `delivery`, or for the partner's own.
    """
    kind, language = scene["kind"], scene["language"]
    if kind == "contrast":
        heard = delivery or scene["partner"]["delivery"]
        return str(probes()["contrast"][contrast(scene)]["right"][heard][language])
    if kind == "plain":
        return ""
    entry = factors()["attack" if kind == "attack" else "exit"][scene["attack"] or scene["exit"]]
    return str(entry["leaves" if kind == "exit" else "holds"][language])


def contrast(scene: Mapping[str, Any]) -> str:
    """The name of a contrast scene's contrast, which its words tell."""
    return next(n for n, entry in probes()["contrast"].items() if scene["probe"] in entry[scene["language"]])


def other_delivery(scene: Mapping[str, Any]) -> str:
    """The delivery in which the same words ask for another answer."""
    pair = probes()["contrast"][contrast(scene)]["deliveries"]
    return str(next(d for d in pair if d != scene["partner"]["delivery"]))
