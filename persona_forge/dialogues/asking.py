"""An LLM step as this island does it: a prompt file as messages, and a reply that is asked for again if unusable.

A prompt file says who speaks on lines `=== role`. It is cut there before it is filled, so that no value, whatever it
holds, begins a message of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from pydantic import BaseModel

from persona_forge.core.errors import BadReply, Refused, Transient
from persona_forge.core.ids import digest
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.core.stage import Reject
from persona_forge.text.template import fill

SAMPLES = 3
"""How often the same thing is asked for at most, when a reply cannot be used."""
_AGAIN = {"en": "Your last answer can't be used: {why}. Write another.", "zh": "上次写的用不上：{why}。换一个写法。"}
LONGEST_WHY = 200
"""Characters of a reason that are told."""
_ROLE = re.compile(r"^=== (system|user|assistant)$", re.MULTILINE)

T = TypeVar("T")
Parse = Callable[[dict[str, Any]], tuple[T, str]]
"""What is made of a reply, and why it cannot be used: empty where it can."""


class Failed(Exception):
    """What was asked for did not come; the words are those of a reject."""

    def __init__(self, reason: str, detail: str, raw: str | None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.raw = reason, detail, raw

    def reject(self, row_id: str, seed_id: str) -> Reject:
        return Reject(row_id, seed_id, self.reason, self.detail, self.raw)


async def asked(chat: Chat, ask: Ask, model: type[BaseModel], parse: Parse[T], language: str | None) -> tuple[T, int]:
    """What was made of the first reply that can be used, and the number of its sample; raises Failed.

    From the second time on the reason is told in `language`, or where there is none, not at all.
    """
    why = raw = ""
    for sample in range(SAMPLES):
        try:
            reply = await chat.ask(_again(ask, sample, why, language), model)
        except BadReply as error:
            why, raw = error.what, error.raw
            continue
        except (Transient, Refused) as error:
            kept = getattr(error, "raw", raw) or None
            raise Failed(type(error).__name__.lower(), error.what, kept) from error
        made, why = parse(reply.value.model_dump())
        if not why:
            return made, sample
        raw = reply.raw
    raise Failed("unusable_reply", why, raw)


def _again(ask: Ask, sample: int, why: str, language: str | None) -> Ask:
    if not why or not language:
        return replace(ask, sample=sample)
    last = ask.messages[-1]
    told = replace(last, content=f"{last.content}\n{_AGAIN[language].format(why=why[:LONGEST_WHY])}")
    return replace(ask, sample=sample, messages=(*ask.messages[:-1], told))


def conversation(source: str, values: Mapping[str, Any]) -> tuple[Message, ...]:
    """A prompt file as messages."""
    parts = _ROLE.split(source)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return tuple(Message(role, fill(said, values)) for role, said in pairs)  # type: ignore[arg-type]


@cache
def prompt_file(name: str) -> str:
    return (files("persona_forge.dialogues") / "prompts" / f"{name}.jinja").read_text(encoding="utf-8")


def version(*names: str) -> str:
    """The prompt files and their digest, for the column prompt_version."""
    return f"{'+'.join(names)}@{digest(*map(prompt_file, names))[:8]}"
