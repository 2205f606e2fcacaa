"""Scripts with a probe, candidates and judgements, for the tests of candidates and pairs."""

from __future__ import annotations

from typing import Any

from desk import LINES, scene

from persona_forge.core.ids import digest
from persona_forge.core.tables import CANDIDATES, JUDGEMENTS, SCRIPTS
from persona_forge.core.tables.act2 import OF_SCRIPT
from persona_forge.dialogues.candidates import candidate_id
from persona_forge.dialogues.lines import partner_turn, persona_turn
from persona_forge.dialogues.probes import probe

OF = tuple(c.name for c in OF_SCRIPT)


def script(of: dict[str, Any], own: str | None = None, mood: str = "neutral", sound: str = "none") -> dict[str, Any]:
    """The dialogue of a scene; `own` is the reply to its probe."""
    lines = [*LINES[of["language"]]] * 6
    at = None if of["probe"] is None else of["depth"]
    if at is not None:
        lines[at], lines[at + 1] = of["probe"], own or lines[at + 1]
    turns = [
        persona_turn(n, line, *((mood, sound) if n - 1 == at else ("neutral", "none")), of)
        if n % 2 else partner_turn(n, line, of)
        for n, line in enumerate(lines[: of["turns"]])
    ]  # fmt: skip
    row = {k: of[k] for k in ("scene_id", "persona_id", "seed_id", "language", "split")}
    return {
        **dict.fromkeys(SCRIPTS.names, ""), **row, "script_id": f"script of {of['scene_id']}", "probe_turn": at,
        "turns": turns, "engine": "writer", "model": "of scripts",
    }  # fmt: skip


def scene_of(kind: str, name: str, language: str = "en", **changes: Any) -> dict[str, Any]:
    """A scene of this kind with its probe; `name` is the attack, exit or contrast."""
    usual: dict[str, Any] = {"kind": kind, "attack": None, "exit": None, "probe": probe(kind, name, language, 0)}
    usual |= {"attack": {"attack": name}, "exit": {"exit": name}, "twin": {"exit": name}}.get(kind, {"depth": 0})
    return scene(language, scene_id=f"{kind} {name} {language}", **usual | changes)


def candidate(of: dict[str, Any], wanted: str, sample: int, text: str, **changes: Any) -> dict[str, Any]:
    turn = of["turns"][of["probe_turn"] + 1]
    return {
        **dict.fromkeys(CANDIDATES.names, ""), **{k: of[k] for k in OF}, "turn": turn["turn"], "sample": sample,
        "candidate_id": candidate_id(of["script_id"], turn["turn"], wanted, sample), "wanted": wanted,
        "assertion": "admits_no_ai", "text": text, "text_tagged": text, "delivery": turn["delivery"], "events": [],
        **changes,
    }  # fmt: skip


def judgement(of: dict[str, Any], verdict: str, by: str = "code", **changes: Any) -> dict[str, Any]:
    row = {
        **dict.fromkeys(JUDGEMENTS.names, ""), **{k: of[k] for k in OF}, "candidate_id": of["candidate_id"],
        "judged_by": by, "sample": 0, "assertion": of["assertion"], "verdict": verdict, "score": None, "evidence": None,
        **changes,
    }  # fmt: skip
    return row | {"judgement_id": digest(*(str(v) for v in row.values()))}
