"""What every Chat promises, as tests to import: `for promise in CONTRACT: await promise(chat)`.

A promise is an async function of a chat that raises AssertionError where it is broken. The chat may be bare or
wrapped; it must be able to answer `Line`, and is closed by the last promise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from persona_forge.core.errors import BadReply
from persona_forge.core.ports import Ask, Chat, Message, Reply


class Line(BaseModel):
    """The reply that the promises ask for."""

    model_config = ConfigDict(extra="forbid")

    speaker: Literal["nurse"]
    line: str = Field(min_length=1, max_length=80)
    mood: int = Field(ge=1, le=5)


def question(row_id: str, text: str = "Say good morning to a patient, in one short sentence.", **options: int) -> Ask:
    system = Message("system", 'You are a nurse. Reply as JSON: {"speaker": "nurse", "line": …, "mood": 1 to 5}.')
    return Ask(row_id, "seed-1", (system, Message("user", text)), **options)


async def it_has_a_name_and_the_shape_of_the_port(chat: Chat) -> None:
    assert isinstance(chat, Chat)
    assert chat.engine
    assert chat.model


async def a_reply_is_validated_and_its_raw_text_says_the_same(chat: Chat) -> None:
    reply = await chat.ask(question("valid"), Line)
    assert type(reply.value) is Line
    assert Line.model_validate_json(reply.raw) == reply.value
    assert not reply.stored


async def usage_counts_both_sides_and_costs_nothing_here(chat: Chat) -> None:
    usage = (await chat.ask(question("usage"), Line)).usage
    assert usage.prompt_tokens > 0
    assert 0 < usage.completion_tokens <= 512
    assert usage.cost == 0


async def chinese_is_a_language_like_any_other(chat: Chat) -> None:
    reply = await chat.ask(question("zh", "用一句很短的中文跟病人说早上好。"), Line)
    assert type(reply.value) is Line


async def questions_asked_together_are_all_answered(chat: Chat) -> None:
    replies = await asyncio.gather(*(chat.ask(question(f"together-{i}"), Line) for i in range(4)))
    assert [type(r) for r in replies] == [Reply] * 4


async def a_reply_cut_at_max_tokens_is_broken_and_keeps_its_text(chat: Chat) -> None:
    end = (await asyncio.gather(chat.ask(question("cut", max_tokens=3), Line), return_exceptions=True))[0]
    assert isinstance(end, BadReply)
    assert "max_tokens" in end.what
    assert end.raw


async def a_cancelled_question_leaves_the_chat_usable(chat: Chat) -> None:
    task = asyncio.create_task(chat.ask(question("cancelled"), Line))
    await asyncio.sleep(0)
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
    assert type((await chat.ask(question("after"), Line)).value) is Line


async def closing_twice_does_no_harm(chat: Chat) -> None:
    await chat.close()
    await chat.close()


CONTRACT: tuple[Callable[[Chat], Awaitable[None]], ...] = (
    it_has_a_name_and_the_shape_of_the_port,
    a_reply_is_validated_and_its_raw_text_says_the_same,
    usage_counts_both_sides_and_costs_nothing_here,
    chinese_is_a_language_like_any_other,
    questions_asked_together_are_all_answered,
    a_reply_cut_at_max_tokens_is_broken_and_keeps_its_text,
    a_cancelled_question_leaves_the_chat_usable,
    closing_twice_does_no_harm,
)
