"""How each candidate was judged: by code always, and by a model several times where one is to judge.

Code looks at the assertion that is at stake and at those that the persona carries. A model is given the definition of
one assertion, the one at stake or else the whole, and answers with a verdict, a score and the words that show it. It is
not told what the reply was asked to be. Evidence that stands nowhere in dialogue or reply voids the judgement, and so
does a score that goes against its verdict, or an answer that did not come: a void look stays as a row that says why and
decides nothing. A candidate of whose looks by the model none stands is a reject with the reason and the raw text; what
code found of it stands all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from persona_forge.core.errors import BadReply, Refused, Transient
from persona_forge.core.ids import digest
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import JUDGEMENTS
from persona_forge.core.tables.act2 import OF_SCRIPT
from persona_forge.dialogues.asking import conversation, prompt_file
from persona_forge.dialogues.assertions import IN_CHARACTER, carried, check
from persona_forge.dialogues.findings import Context, Verdict
from persona_forge.dialogues.rubric import data, quoted, rubric

PROMPTS = ("dialogues/prompts/judge.en.jinja", "dialogues/prompts/judge.zh.jinja", "dialogues/assertions.toml",
           "dialogues/checks.toml", "dialogues/factors.toml", "dialogues/probes.toml")  # fmt: skip
MAX_TOKENS, TEMPERATURE = 240, 0.5
MIDDLE = 50
VOID = "void"
"""How the `why` of a void look begins."""

Row = Mapping[str, Any]


class Judgement(BaseModel):
    """What a model answers; the reasons come first, so that the verdict follows them."""

    model_config = ConfigDict(extra="forbid")

    evidence: str = Field(min_length=1, max_length=120)
    why: str = Field(min_length=1, max_length=160)
    verdict: Literal["held", "broken", "unclear"]
    score: int = Field(ge=0, le=100)


@dataclass(frozen=True, slots=True)
class Void:
    """A look of which nothing can be used: why, in a word and in a sentence, and what came."""

    reason: str
    detail: str
    raw: str | None = None


async def judge(
    candidates: pl.DataFrame,
    scripts: pl.DataFrame,
    scenes: pl.DataFrame,
    seeds: pl.DataFrame,
    *,
    judge: Chat | None,
    judge_samples: int,
) -> Made:
    seen = dict(zip(candidates["candidate_id"], contexts(candidates, scripts, scenes, seeds), strict=True))
    looked_at = list(candidates.iter_rows(named=True))
    rows = [row for c in looked_at for row in _by_code(c, seen[c["candidate_id"]])]
    rejects: list[Reject] = []
    if judge is not None and judge_samples:
        asks = [_looks(c, seen[c["candidate_id"]], judge, judge_samples) for c in looked_at]
        for candidate, looks in zip(looked_at, await asyncio.gather(*asks), strict=True):
            assertion = candidate["assertion"] or IN_CHARACTER
            who = f"{judge.engine}:{judge.model}"
            rows += [_by_model(candidate, who, n, assertion, look) for n, look in enumerate(looks)]
            if voids := _all_void(looks):
                detail = "; ".join(f"look {n}: {void.reason}: {void.detail}" for n, void in enumerate(voids))
                rejects.append(
                    Reject(candidate["candidate_id"], candidate["seed_id"], voids[0].reason, detail, voids[0].raw)
                )
    return Made(JUDGEMENTS.frame(rows), taken=candidates.height, rejects=tuple(rejects))


def contexts(
    candidates: pl.DataFrame, scripts: pl.DataFrame, scenes: pl.DataFrame, seeds: pl.DataFrame
) -> Iterator[Context]:
    """Of each candidate, in order, all that a check may look at."""
    turns = dict(zip(scripts["script_id"], scripts["turns"].to_list(), strict=True))
    by_scene = {row["scene_id"]: row for row in scenes.iter_rows(named=True)}
    by_seed = {row["seed_id"]: row for row in seeds.iter_rows(named=True)}
    for c in candidates.iter_rows(named=True):
        yield Context(by_scene[c["scene_id"]], by_seed[c["seed_id"]], turns[c["script_id"]][: c["turn"]])


def prompt(assertion: str, text: str, context: Context) -> tuple[Message, ...]:
    values = {**rubric(assertion, context), "reply": data(text)}
    return conversation(prompt_file(f"judge.{context.language}"), values)


def parse(said: Judgement, text: str, context: Context) -> Judgement | Void:
    """The judgement with its evidence as it stands in the reply or the dialogue, or why it is void."""
    evidence = quoted(said.evidence, [text, *(t["text"] for t in reversed(context.before))])
    if evidence is None:
        return Void("evidence", f"{said.evidence!r} stands nowhere in the dialogue", said.model_dump_json())
    against = {"held": said.score < MIDDLE, "broken": said.score > MIDDLE, "unclear": False}
    if against[said.verdict]:
        return Void("verdict", f"{said.verdict} with a score of {said.score}", said.model_dump_json())
    return said.model_copy(update={"evidence": evidence})


async def _looks(candidate: Row, context: Context, chat: Chat, samples: int) -> list[Judgement | Void]:
    messages = prompt(candidate["assertion"] or IN_CHARACTER, candidate["text"], context)
    asks = [
        Ask(candidate["candidate_id"], candidate["seed_id"], messages, n, MAX_TOKENS, TEMPERATURE)
        for n in range(samples)
    ]
    return list(await asyncio.gather(*(_look(ask, candidate["text"], context, chat) for ask in asks)))


async def _look(ask: Ask, text: str, context: Context, chat: Chat) -> Judgement | Void:
    try:
        reply = await chat.ask(ask, Judgement)
    except (BadReply, Transient, Refused) as error:
        reason = "unusable_reply" if isinstance(error, BadReply) else type(error).__name__.lower()
        return Void(reason, error.what, getattr(error, "raw", None))
    return parse(Judgement.model_validate(reply.value.model_dump()), text, context)


def _all_void(looks: list[Judgement | Void]) -> list[Void]:
    """The looks if none of them stands."""
    voids = [look for look in looks if isinstance(look, Void)]
    return voids if len(voids) == len(looks) else []


def _by_code(candidate: Row, context: Context) -> Iterator[dict[str, Any]]:
    names = dict.fromkeys((candidate["assertion"] or IN_CHARACTER, *carried(context.seed, context.scene)))
    for name in names:
        found = check(name, candidate["text"], context)
        yield _row(candidate, "code", name, 0, name, found.verdict, None, found.evidence, found.why)


def _by_model(candidate: Row, who: str, sample: int, assertion: str, look: Judgement | Void) -> dict[str, Any]:
    if isinstance(look, Void):
        why = f"{VOID} ({look.reason}): {look.detail}"
        return _row(candidate, "model", who, sample, assertion, "unclear", None, None, why)
    return _row(
        candidate, "model", who, sample, assertion, look.verdict, float(look.score), look.evidence, look.why.strip()
    )


def _row(
    candidate: Row, judged_by: str, who: str, sample: int, assertion: str,
    verdict: Verdict, score: float | None, evidence: str | None, why: str,
) -> dict[str, Any]:  # fmt: skip
    return {
        "judgement_id": digest("judgement", candidate["candidate_id"], judged_by, who, assertion, str(sample)),
        "candidate_id": candidate["candidate_id"],
        **{c.name: candidate[c.name] for c in OF_SCRIPT},
        "judged_by": judged_by,
        "judge": who,
        "sample": sample,
        "assertion": assertion,
        "verdict": verdict,
        "score": score,
        "evidence": evidence,
        "why": why,
    }
