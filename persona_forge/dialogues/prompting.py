"""What the prompts of a dialogue may name: the scene in words, the persona as it is shown, the probe, what is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from persona_forge.dialogues.factors import words
from persona_forge.dialogues.probes import given, right
from persona_forge.dialogues.showing import shown, shown_card, speaker
from persona_forge.space.ontology import Ontology


def values(scene: Mapping[str, Any], seed: Mapping[str, Any], ontology: Ontology) -> dict[str, Any]:
    """What the prompts of a dialogue may name."""
    language = scene["language"]
    fixed = given(scene)
    return {
        "kind": scene["kind"],
        "turns": scene["turns"],
        "persona": speaker(seed),
        "card": shown_card(seed, scene, ontology),
        **{k: words(k, scene[k], language) for k in ("domain", "relationship", "tone")},
        "partner_age": words("age", scene["partner"]["age_band"], language),
        "delivery": words("delivery", scene["partner"]["delivery"], language),
        "attack": words("attack", scene["attack"], language) if scene["attack"] else "",
        "agreed": fixed[0] if len(fixed) > 1 else "",
        "probe": scene["probe"] or "",
        "probe_at": scene["depth"] + 1,
        "answer": right(scene),
        "opinion": _pressed(seed, scene),
        "code_switched": scene["code_switched"],
    }


def _pressed(seed: Mapping[str, Any], scene: Mapping[str, Any]) -> Mapping[str, Any]:
    """The opinion that is pressed on, where that is the attack."""
    opinions = shown(seed, scene)["opinions"] if scene["attack"] == "moral_pressure" else []
    return opinions[0] if opinions else {}
