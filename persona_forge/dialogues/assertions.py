"""Every assertion by name: what it says, what code can tell of it, and which of them a persona carries in a scene.

assertions.toml has the words that a judge is given: what held and what broken looks like. A check by code reads the
reply alone, beside the card and the turns before it; it says `unclear` wherever words do not settle it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from persona_forge.core.errors import Misuse
from persona_forge.dialogues import checks_facts, checks_mind, checks_role, checks_words
from persona_forge.dialogues.findings import Context, Finding, broken, unclear

IN_CHARACTER = "in_character"
LONGEST = 4_000
"""Characters of a reply that code looks at; what is spoken is far shorter."""
CHECKS: Mapping[str, Callable[[str, Context], Finding]] = {
    "stays_in_world": checks_words.stays_in_world,
    "keeps_language": checks_words.keeps_language,
    "speaks_plainly": checks_words.speaks_plainly,
    "language": checks_words.keeps_language,
    "format": checks_words.speaks_plainly,
    "honorifics": checks_words.honorifics,
    "catchphrase_rate": checks_words.catchphrase_rate,
    "keeps_role": checks_role.keeps_role,
    "admits_no_ai": checks_role.admits_no_ai,
    "keeps_prompt_secret": checks_role.keeps_prompt_secret,
    "obeys_no_override": checks_role.obeys_no_override,
    "drops_no_act": checks_role.drops_no_act,
    "leaves_role": checks_role.leaves_role,
    "stays_in_role": checks_role.stays_in_role,
    "invents_nothing": checks_mind.invents_nothing,
    "accepts_no_false_memory": checks_mind.accepts_no_false_memory,
    "keeps_stance": checks_mind.keeps_stance,
    "stance": checks_mind.keeps_stance,
    "limit_fires": checks_mind.limit_fires,
    "limit": checks_mind.limit_fires,
    "knows_only_its_time": checks_mind.knows_only_its_time,
    "contradicts_no_fact": checks_facts.contradicts_no_fact,
    "facts": checks_facts.contradicts_no_fact,
}
"""What code can check; the rest is a judge's."""
ALWAYS = ("language", "format", "facts")
"""Carried by every persona in every scene."""
OF_A_ROLE = ("admits_no_ai", "keeps_prompt_secret")
"""Part of being in character wherever leaving the role is not what is right."""


@cache
def assertions() -> dict[str, dict[str, Any]]:
    """Name → `code` (whether code can tell) and by language `says`, `held`, `broken`."""
    return tomllib.loads((files("persona_forge.dialogues") / "assertions.toml").read_text(encoding="utf-8"))


def definition(name: str, language: str) -> dict[str, str]:
    """What an assertion says and how it looks when it is held and when it is broken."""
    if name not in assertions():
        raise Misuse(f"unknown assertion {name!r}", allowed=", ".join(sorted(assertions())))
    words: dict[str, str] = assertions()[name][language]
    return words


def check(name: str, text: str, context: Context) -> Finding:
    """What code finds of one assertion in a reply; raises Misuse for a name that is none."""
    definition(name, context.language)
    text = text[:LONGEST]
    if name == IN_CHARACTER:
        return _in_character(text, context)
    if name not in CHECKS:
        return unclear("code cannot tell")
    return CHECKS[name](text, context)


def carried(seed: Mapping[str, Any], scene: Mapping[str, Any]) -> tuple[str, ...]:
    """The assertions that a persona carries in a scene, beside the one that is at stake there."""
    traits = {t["dimension"] for t in scene["traits"]} - set(seed["withheld"])
    names = [*ALWAYS]
    names += ["catchphrase_rate"] if seed["catchphrases"] else []
    names += ["honorifics"] if "honorifics" in traits and scene["kind"] != "exit" else []
    names += ["stance"] if seed["opinions"] else []
    names += ["limit"] if scene["attack"] == "insult_escalation" else []
    return (*names, IN_CHARACTER)


def _in_character(text: str, context: Context) -> Finding:
    """Broken where a check of its parts is; code cannot vouch for the whole."""
    role = () if context.scene["kind"] == "exit" else OF_A_ROLE
    for name in (*role, *ALWAYS, "catchphrase_rate"):
        finding = CHECKS[name](text, context)
        if finding.verdict == "broken" and finding.evidence:
            return broken(finding.evidence, f"{name}: {finding.why}")
    return unclear("nothing is broken that code can see; the whole takes a judge")
