"""What was heard becomes a validated reply, or an error that carries it; and the one repair round.

An engine returns `read(heard, reply)`: a whole text that fits the pydantic model is a Reply; a text that was cut off or
does not fit is Broken; a model's own no is Declined. Both errors keep what was heard, so that it can be stored and paid
for like any reply. `RepairedChat` stands outside of patience, budget and store: its second question is a call like any
other, with its own key in the store and its own share of the budget.

Left out: mending JSON by hand. A code fence around the whole text is taken off, nothing else is guessed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ValidationError

from persona_forge.core.errors import BadReply, Refused
from persona_forge.core.ports import Ask, Chat, Message, Reply, Usage

Ending = Literal["whole", "cut", "declined"]

_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
_ECHOED = 4_000
"""Characters of a broken reply that are sent back: enough to mend it, and an enormous one costs no more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came from an endpoint, whatever it is worth."""

    raw: str
    ending: Ending
    usage: Usage


class Broken(BadReply):
    def __init__(self, what: str, heard: Heard) -> None:
        super().__init__(what, raw=heard.raw)
        self.heard = heard


class Declined(Refused):
    def __init__(self, what: str, heard: Heard) -> None:
        super().__init__(what)
        self.raw, self.heard = heard.raw, heard


@lru_cache(maxsize=256)  # bounded, for a caller that makes a model a call
def schema_text(reply: type[BaseModel]) -> str:
    """The JSON schema of a reply model as compact text, the same in every process."""
    return json.dumps(reply.model_json_schema(), ensure_ascii=False, separators=(",", ":"))


def read(heard: Heard, reply: type[BaseModel], *, stored: bool = False) -> Reply:
    """The validated reply; raises Broken or Declined with what was heard."""
    if heard.ending == "declined":
        raise Declined(f"the model declined: {heard.raw[:200]}", heard)
    if heard.ending == "cut":
        raise Broken("the reply was cut at max_tokens", heard)
    if not heard.raw.strip():
        raise Broken("the reply is empty", heard)
    fenced = _FENCE.fullmatch(heard.raw)
    try:
        value = reply.model_validate_json(fenced[1] if fenced else heard.raw)
    except ValidationError as exc:
        raise Broken(f"the reply breaks its schema: {_complaints(exc)}", heard) from exc
    return Reply(value, heard.raw, heard.usage, stored)


def _complaints(exc: ValidationError) -> str:
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'reply'}: {e['msg']}" for e in errors[:5])


class RepairedChat:
    """Asks once more, showing what was wrong, when a reply breaks its schema."""

    def __init__(self, chat: Chat) -> None:
        self.engine, self.model = chat.engine, chat.model
        self._chat = chat

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        try:
            return await self._chat.ask(ask, reply)
        except BadReply as exc:
            broken = exc
        try:
            second = await self._chat.ask(_repair(ask, broken), reply)
        except Broken as exc:
            raise Broken(f"{exc.what} (after one repair round)", exc.heard) from exc
        spent = broken.heard.usage if isinstance(broken, Broken) else Usage()
        return replace(second, usage=total(spent, second.usage))

    async def close(self) -> None:
        await self._chat.close()


def _repair(ask: Ask, broken: BadReply) -> Ask:
    said = Message("assistant", broken.raw[:_ECHOED] or "(nothing)")
    wrong = f"That can't be used: {broken.what}. Reply again with nothing but JSON that fits the schema, and shorter."
    return replace(ask, messages=(*ask.messages, said, Message("user", wrong)))


def total(a: Usage, b: Usage) -> Usage:
    return Usage(a.prompt_tokens + b.prompt_tokens, a.completion_tokens + b.completion_tokens, a.cost + b.cost)
