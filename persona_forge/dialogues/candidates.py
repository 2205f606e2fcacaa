"""Replies to a probe, right ones and wrong ones, for judges to look at and for pairs to be matched from.

A script's own reply to its probe is the first right one. All others are asked for one at a time, with the persona's
card, the dialogue up to the probe and what is wanted: to keep what is at stake, or to break exactly that. What is wrong
is in the same voice and about as long as the script's own reply, and unless feeling is at stake it has the same mood
and sound, so that nothing but the words tells. Leaving the role is right in an exit and wrong in its twin; in a
contrast the wrong reply is right for the other delivery. A plain script gives its last reply, to be judged.

Units are replies: each that was wanted is a row or a reject.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import ceil
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, Field, create_model

from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import CANDIDATES
from persona_forge.core.tables.act2 import OF_SCRIPT
from persona_forge.dialogues.asking import Failed, asked, conversation, prompt_file, version
from persona_forge.dialogues.direction import MOVES
from persona_forge.dialogues.factors import at_stake, factors
from persona_forge.dialogues.lines import SOUNDS, STRICT, Turn, persona_turn
from persona_forge.dialogues.probes import other_delivery, right
from persona_forge.dialogues.prompting import values
from persona_forge.dialogues.showing import overused, speaker
from persona_forge.space.ontology import Ontology
from persona_forge.text.language import language_of
from persona_forge.text.literal import untagged
from persona_forge.text.normalise import normalise
from persona_forge.text.spoken import finished, spoken

FILES = (
    "dialogues/prompts/candidate.en.jinja", "dialogues/prompts/candidate.zh.jinja", "dialogues/breaks.toml",
    "dialogues/factors.toml", "dialogues/probes.toml", "text/templates/card.en.jinja", "text/templates/card.zh.jinja",
)  # fmt: skip
Wanted = Literal["keep", "break"]
WANTED: tuple[Wanted, ...] = ("keep", "break")
SHORTEST, LONGEST = 0.75, 1.33
"""Of the length of the script's own reply: what another may be."""
OTHER_LANGUAGE = {"en": (0.25, 1.33), "zh": (1.0, 4.0)}
"""The same where another language is spoken, in which there are fewer or more characters in a word."""
LAST_TURNS = 8
"""Of a long dialogue a prompt shows so many, and the first, in which a safe word is agreed on."""
FELT = frozenset({"limit_fires", "hears_delivery", "leaves_role", "stays_in_role", "drops_no_act"})
"""Assertions for which mood is a part of what is right."""
FORMAL = frozenset({"speaks_plainly", "stays_in_world"})
"""Broken by what is not spoken language: its signs must stay."""
_NUMBER = re.compile(r"\d(?:[\s-]?\d){2,}")
_ROW = tuple(c.name for c in OF_SCRIPT)


@dataclass(frozen=True, slots=True)
class Probed:
    """A script with a probe, and all that belongs to it."""

    script: Mapping[str, Any]
    scene: Mapping[str, Any]
    seed: Mapping[str, Any]

    @property
    def turn(self) -> int:
        return int(self.script["probe_turn"]) + 1

    @property
    def before(self) -> Sequence[Turn]:
        turns: Sequence[Turn] = self.script["turns"][: self.turn]
        return turns

    @property
    def own(self) -> Turn:
        turn: Turn = self.script["turns"][self.turn]
        return turn

    @property
    def in_distress(self) -> bool:
        return bool(self.scene["kind"] == "exit" and self.scene["exit"] == "distress")

    def leaves(self, wanted: Wanted) -> bool:
        """Whether such a reply is out of the role."""
        return (self.scene["kind"], wanted) in {("exit", "keep"), ("twin", "break")}

    def another_language(self, wanted: Wanted) -> bool:
        return wanted == "break" and at_stake(self.scene) == "keeps_language"

    def id(self, wanted: Wanted, number: int) -> str:
        return candidate_id(self.script["script_id"], self.turn, wanted, number)


def candidate_id(script_id: str, turn: int, wanted: Wanted, number: int) -> str:
    return digest("candidate", script_id, str(turn), wanted, str(number))


async def candidates(
    scripts: pl.DataFrame,
    scenes: pl.DataFrame,
    seeds: pl.DataFrame,
    *,
    chat: Chat,
    ontology: Ontology,
    candidates: int,
    max_tokens: int,
    temperature: float,
) -> Made:
    """`candidates` replies of each kind to every probe; without any, the scripts' own."""
    by_scene = {row["scene_id"]: row for row in scenes.iter_rows(named=True)}
    by_seed = {row["seed_id"]: row for row in seeds.iter_rows(named=True)}
    rows: list[dict[str, Any]] = []
    asks = []
    for script in scripts.iter_rows(named=True):
        if script["probe_turn"] is None:
            rows.append(_own(script, script["turns"][-1]["turn"], None))
            continue
        probed = Probed(script, by_scene[script["scene_id"]], by_seed[script["seed_id"]])
        own_counts = not (probed.in_distress and _names_a_number(probed.own["text"]))
        if own_counts:
            rows.append(_own(script, probed.turn, at_stake(probed.scene)))
        asks += [
            _ask(probed, wanted, number, ontology, chat, max_tokens, temperature)
            for wanted in WANTED
            for number in range(int(own_counts and wanted == "keep"), candidates)
        ]  # fmt: skip
    results = await asyncio.gather(*asks)
    rejects = tuple(r for r in results if isinstance(r, Reject))
    rows += [r for r in results if not isinstance(r, Reject)]
    return Made(CANDIDATES.frame(rows), taken=len(rows) + len(rejects), rejects=rejects)


def _own(script: Mapping[str, Any], number: int, assertion: str | None) -> dict[str, Any]:
    """The script's own reply."""
    turn = script["turns"][number]
    return {
        "candidate_id": candidate_id(script["script_id"], number, "keep", 0),
        **{name: script[name] for name in _ROW},
        "turn": number,
        "sample": 0,
        "wanted": "keep",
        "assertion": assertion,
        **{k: turn[k] for k in ("text", "text_tagged", "delivery", "events")},
        **{k: script[k] for k in ("engine", "model", "prompt_version", "parameters")},
    }


async def _ask(
    probed: Probed, wanted: Wanted, number: int, ontology: Ontology, chat: Chat, max_tokens: int, temperature: float
) -> dict[str, Any] | Reject:
    row_id = probed.id(wanted, number)
    ask = Ask(row_id, probed.script["seed_id"], prompt(probed, wanted, ontology), 0, max_tokens, temperature)
    try:
        turn, sample = await asked(chat, ask, reply_model(probed, wanted), lambda said: parse(said, probed, wanted))
    except Failed as failed:
        return failed.reject(row_id, probed.script["seed_id"])
    return {
        "candidate_id": row_id,
        **{name: probed.script[name] for name in _ROW},
        "turn": probed.turn,
        "sample": number,
        "wanted": wanted,
        "assertion": at_stake(probed.scene),
        **{k: turn[k] for k in ("text", "text_tagged", "delivery", "events")},
        "engine": chat.engine,
        "model": chat.model,
        "prompt_version": version(f"candidate.{probed.script['language']}"),
        "parameters": canonical({"max_tokens": max_tokens, "temperature": temperature, "sample": sample}),
    }


def prompt(probed: Probed, wanted: Wanted, ontology: Ontology) -> tuple[Message, ...]:
    language, own = probed.script["language"], probed.own["text"]
    said = probed.before if len(probed.before) <= LAST_TURNS else (probed.before[0], *probed.before[-LAST_TURNS:])
    wrong = wanted == "break"
    filled = {
        **values(probed.scene, probed.seed, ontology),
        "said": said,
        "leaves": probed.leaves(wanted),
        "wrong": wrong,
        "what": broken(probed.scene) if wrong else right(probed.scene),
        "length": len(own) if language == "zh" else len(own.split()),
    }
    return conversation(prompt_file(f"candidate.{language}"), filled)


@cache
def breaks() -> dict[str, dict[str, str]]:
    """Assertion → what breaking it looks like, by language."""
    return tomllib.loads((files("persona_forge.dialogues") / "breaks.toml").read_text(encoding="utf-8"))


def broken(scene: Mapping[str, Any]) -> str:
    """What breaks the assertion at stake and nothing else, as a clause after the persona's name."""
    if scene["kind"] == "contrast":
        return right(scene, other_delivery(scene))
    if scene["kind"] == "twin":
        return str(factors()["exit"][scene["exit"]]["leaves"][scene["language"]])
    return breaks()[str(at_stake(scene))][scene["language"]]


def reply_model(probed: Probed, wanted: Wanted) -> type[BaseModel]:
    """The schema of a reply: who speaks is a constant, the length is bounded, mood and sound may be settled."""
    language, own = probed.script["language"], probed.own
    low, high = OTHER_LANGUAGE[language] if probed.another_language(wanted) else (SHORTEST, LONGEST)
    shortest, longest = int(low * len(own["text"])), ceil(high * len(own["text"]))
    moods: tuple[str, ...] = tuple(MOVES)
    sounds: tuple[str, ...] = SOUNDS
    if wanted == "break" and at_stake(probed.scene) not in FELT:
        moods, sounds = (own["delivery"]["emotion"],), (own["events"][0]["type"] if own["events"] else "none",)
    return _model(speaker(probed.seed), moods, sounds, max(2, shortest), max(8, longest))


@lru_cache(maxsize=256)
def _model(
    persona: str, moods: tuple[str, ...], sounds: tuple[str, ...], shortest: int, longest: int
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "who": (Literal[persona], ...),
        "mood": (Literal[moods], ...),
        "sound": (Literal[sounds], ...),
        "say": (str, Field(min_length=shortest, max_length=longest)),
    }
    model: type[BaseModel] = create_model("Reply", __config__=STRICT, **fields)
    return model


def parse(said: Mapping[str, Any], probed: Probed, wanted: Wanted) -> tuple[Turn, str]:
    """The reply as a turn, and why it cannot be used: empty where it can."""
    scene, heard = probed.scene, said["say"]
    longest = ceil(LONGEST * len(probed.own["text"]))
    if wanted == "break" and at_stake(scene) in FORMAL:
        text = untagged(normalise(heard).replace("\n", " "))
    else:
        text = spoken(heard) if probed.another_language(wanted) else finished(spoken(heard), longest)
    turn = persona_turn(probed.turn, text, said["mood"], said["sound"], scene)
    earlier = [t["text"] for t in probed.before]
    if not text:
        return turn, f"there are no words in it: {heard!r}"
    if text in (*earlier, probed.own["text"]):
        return turn, "it says again what was said"
    if probed.in_distress and wanted == "keep" and _names_a_number(text):
        return turn, "it names a telephone number, which may be a wrong one"
    found = language_of(text)
    if found != scene["language"] and not scene["code_switched"] and not probed.another_language(wanted):
        return turn, f"it is {found}, not {scene['language']}"
    return turn, overused(probed.seed, [*(t["text"] for t in probed.before if t["role"] == "persona"), text])


def _names_a_number(text: str) -> bool:
    return bool(_NUMBER.search(text))
