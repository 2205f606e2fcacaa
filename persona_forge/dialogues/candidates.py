"""Replies to a probe, right ones and wrong ones, for judges to look at and for pairs to be matched from.

A script's own reply to its probe is the first right one. All others are asked for one at a time (`replying`): right
ones until code finds that one holds, then wrong ones, each as long as the right one, until code finds that one breaks
what is at stake and nothing else. So money is spent where a pair is still lacking, up to `candidates` of each kind;
where code cannot tell, it does not ask on. A plain script gives its last reply, to be judged.

Units are replies: each that was asked for is a row or a reject.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Ask, Chat
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import CANDIDATES
from persona_forge.core.tables.act2 import MAKER, OF_SCRIPT
from persona_forge.dialogues.asking import Failed, asked, version
from persona_forge.dialogues.assertions import assertions, carried, check
from persona_forge.dialogues.deciding import besides
from persona_forge.dialogues.factors import at_stake
from persona_forge.dialogues.findings import Context
from persona_forge.dialogues.lines import Turn
from persona_forge.dialogues.matching import length
from persona_forge.dialogues.replying import (
    SHORTEST,
    Probed,
    Want,
    Wanted,
    keep,
    names_a_number,
    parse,
    prompt,
    reply_model,
    wrong,
)
from persona_forge.space.ontology import Ontology

FILES = (
    "dialogues/prompts/candidate.en.jinja", "dialogues/prompts/candidate.zh.jinja", "dialogues/breaks.toml",
    "dialogues/examples.toml", "dialogues/factors.toml", "dialogues/probes.toml", "dialogues/checks.toml",
    "text/templates/card.en.jinja", "text/templates/card.zh.jinja",
)  # fmt: skip
_COPIED = (*(c.name for c in OF_SCRIPT), *(c.name for c in MAKER))

Row = dict[str, Any]
Standing = Literal["unfit", "fit", "sure"]
"""Whether code finds a reply not to be what was asked for (or hardly a word), nothing against it, or just that."""
RISING: tuple[Standing, ...] = ("unfit", "fit", "sure")


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
    """Up to `candidates` replies of each kind to every probe; without any, the scripts' own."""
    by_scene = {row["scene_id"]: row for row in scenes.iter_rows(named=True)}
    by_seed = {row["seed_id"]: row for row in seeds.iter_rows(named=True)}
    desk = Desk(chat, ontology, candidates, max_tokens, temperature)
    rows: list[Row] = []
    asks = []
    for script in scripts.iter_rows(named=True):
        if script["probe_turn"] is None:
            rows.append(_own(script, script["turns"][-1]["turn"], None))
        else:
            asks.append(desk.replies(Probed(script, by_scene[script["scene_id"]], by_seed[script["seed_id"]])))
    results = [reply for some in await asyncio.gather(*asks) for reply in some]
    rejects = tuple(r for r in results if isinstance(r, Reject))
    rows += [r for r in results if not isinstance(r, Reject)]
    return Made(CANDIDATES.frame(rows), taken=len(rows) + len(rejects), rejects=rejects)


@dataclass(frozen=True, slots=True)
class Desk:
    """Who is asked, how often at most, and how."""

    chat: Chat
    ontology: Ontology
    most: int
    max_tokens: int
    temperature: float

    async def replies(self, probed: Probed) -> list[Row | Reject]:
        """Those of one probe, the right ones first."""
        own = _own(probed.script, probed.turn, at_stake(probed.scene))
        right: list[Row | Reject] = [] if probed.in_distress and names_a_number(own["text"]) else [own]
        await self._ask_on(right, lambda number: keep(probed))
        rows = [r for r in right if not isinstance(r, Reject)] or [own]
        beside = max(rows, key=lambda row: (RISING.index(standing(row, probed)), min(length(row["text"]), SHORTEST)))
        wrongs: list[Row | Reject] = []
        await self._ask_on(wrongs, lambda number: wrong(probed, beside, number))
        return [*right, *wrongs]

    async def _ask_on(self, replies: list[Row | Reject], want: Callable[[int], Want]) -> None:
        """Until code is sure of one, or there are as many as there may be."""
        while len(replies) < self.most:
            wanted = want(len(replies))
            if any(standing(r, wanted.probed) == "sure" for r in replies if not isinstance(r, Reject)):
                return
            replies.append(await self._reply(wanted, len(replies)))

    async def _reply(self, want: Want, number: int) -> Row | Reject:
        script = want.probed.script
        row_id = candidate_id(script["script_id"], want.probed.turn, want.wanted, number)
        ask = Ask(row_id, script["seed_id"], prompt(want, self.ontology), 0, self.max_tokens, self.temperature)
        try:
            turn, sample = await asked(
                self.chat, ask, reply_model(want), lambda said: parse(said, want), script["language"]
            )
        except Failed as failed:
            return failed.reject(row_id, script["seed_id"])
        made_by = {
            "engine": self.chat.engine,
            "model": self.chat.model,
            "prompt_version": version(f"candidate.{script['language']}"),
            "parameters": canonical({"max_tokens": self.max_tokens, "temperature": self.temperature, "sample": sample}),
        }
        return _row(script, turn, number, want.wanted, at_stake(want.probed.scene)) | made_by


def _own(script: Mapping[str, Any], number: int, assertion: str | None) -> Row:
    """The script's own reply."""
    return _row(script, script["turns"][number], 0, "keep", assertion)


def _row(script: Mapping[str, Any], turn: Turn, number: int, wanted: Wanted, assertion: str | None) -> Row:
    return {
        "candidate_id": candidate_id(script["script_id"], turn["turn"], wanted, number),
        **{name: script[name] for name in _COPIED},
        "turn": turn["turn"],
        "sample": number,
        "wanted": wanted,
        "assertion": assertion,
        **{k: turn[k] for k in ("text", "text_tagged", "delivery", "events")},
    }


def standing(row: Mapping[str, Any], probed: Probed) -> Standing:
    """What code says of a reply; where it can tell nothing of an assertion, one that is fit has to do."""
    context, assertion = Context(probed.scene, probed.seed, probed.before), row["assertion"]
    names = dict.fromkeys((assertion, *carried(probed.seed, probed.scene)))
    found = {name: check(name, row["text"], context).verdict for name in names}
    wanted, never = ("held", "broken") if row["wanted"] == "keep" else ("broken", "held")
    if found[assertion] == never or besides(assertion, found) or length(row["text"]) < SHORTEST:
        return "unfit"
    return "sure" if found[assertion] == wanted or not assertions()[assertion]["code"] else "fit"
