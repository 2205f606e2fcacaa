"""The engines of the Chat port: scripted, openai, local."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx2
import openai
import pytest
from faulty_server import Server, failure, served
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from persona_forge.core.errors import BadReply, Busy, ConfigError, EngineError, Permanent, Refused, Transient
from persona_forge.core.ports import Ask, Chat, Message
from persona_forge.engines.budget import Unanswered
from persona_forge.engines.chats import ready
from persona_forge.engines.contract_chat import CONTRACT, Line, question
from persona_forge.engines.local import LocalChat, seed_of
from persona_forge.engines.openai import OpenAIChat, translated
from persona_forge.engines.patience import Patience
from persona_forge.engines.scripted import ScriptedChat
from persona_forge.engines.validate import Declined
from persona_forge.engines.weights import have

SECRET = "sk-very-secret-0123456789"


async def all_promises(chat: Chat) -> None:
    for promise in CONTRACT:
        await promise(chat)


# ---- the contract


def test_scripted_keeps_the_contract() -> None:
    asyncio.run(all_promises(ScriptedChat(latency_s=0.001)))


def test_openai_keeps_the_contract() -> None:
    served(lambda _, chat: all_promises(chat), latency_s=0.01)


def test_the_whole_stack_keeps_the_contract(tmp_path: Path) -> None:
    served(lambda _, chat: all_promises(ready(chat, tmp_path)[0]), latency_s=0.01)


@pytest.mark.real
def test_the_local_model_keeps_the_contract_and_gives_back_threads_and_memory() -> None:
    weights = have("qwen-0.5b")
    if weights is None:
        pytest.skip("persona-forge weights pull qwen-0.5b")

    async def run(path: Path) -> tuple[list[int], list[int]]:
        chat = LocalChat(path, context=1024)
        await chat.ask(question("warm"), Line)
        serving = [_threads(), _resident_mib()]
        await all_promises(chat)
        return serving, [_threads(), _resident_mib()]

    serving, closed = asyncio.run(run(weights))
    assert closed[0] < serving[0] - 4
    assert closed[1] < serving[1] - 300


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _resident_mib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024


def test_a_seed_is_a_plain_function_of_row_and_sample() -> None:
    assert seed_of(question("row")) == seed_of(question("row", "other words"))
    assert seed_of(question("row")) != seed_of(question("row", sample=1))
    assert 0 <= seed_of(question("row")) < 2**31


def test_missing_weights_are_named_before_anything_starts(tmp_path: Path) -> None:
    error = asyncio.run(failure(LocalChat(tmp_path / "none.gguf"), question("r")))
    assert isinstance(error, EngineError)
    assert "none.gguf" in error.what


# ---- openai


def test_every_request_carries_the_schema_and_its_limits() -> None:
    async def test(server: Server, chat: OpenAIChat) -> None:
        await chat.ask(question("r", max_tokens=99), Line)
        body = server.last["body"]
        assert body["model"] == "m"
        assert [m["role"] for m in body["messages"]] == ["system", "user"]
        assert (body["max_tokens"], body["temperature"]) == (99, 0.8)
        schema = body["response_format"]["json_schema"]
        assert schema == {"name": "Line", "schema": Line.model_json_schema(), "strict": True}

    served(test)


def test_strict_is_claimed_only_for_a_closed_schema() -> None:
    class Open(BaseModel):
        speaker: Literal["nurse"]

    async def test(server: Server, chat: OpenAIChat) -> None:
        await chat.ask(question("r"), Open)
        assert server.last["body"]["response_format"]["json_schema"]["strict"] is False

    served(test)


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("400", Refused, "400"),
        ("401", Refused, "401"),
        ("403", Refused, "403"),
        ("404", Refused, "404"),
        ("422", Refused, "422"),
        ("408", Transient, "408"),
        ("409", Transient, "409"),
        ("500", Transient, "500"),
        ("503", Transient, "503"),
        ("429", Busy, "429"),
        ("reset", Unanswered, ""),
        ("cut", Unanswered, ""),
        ("garbage", Unanswered, "no chat completion"),
        ("hang", Unanswered, ""),
        ("trickle", Unanswered, ""),
        ("half", BadReply, "breaks its schema"),
        ("schema", BadReply, "speaker"),
        ("length", BadReply, "max_tokens"),
        ("empty", BadReply, "empty"),
        ("enormous", BadReply, "max_tokens"),
        ("refusal", Declined, "can't help"),
        ("filter", Declined, "content filter"),
        ("surrogate", Unanswered, "no chat completion"),
        ("deep", BadReply, "breaks its schema"),
        ("elsewhere", Refused, "307"),
    ],
)
def test_every_fault_has_its_name(kind: str, error: type[Exception], words: str) -> None:
    async def test(server: Server, chat: OpenAIChat) -> None:
        found = await failure(chat, question("r"))
        assert type(found) is error or (error is BadReply and isinstance(found, BadReply))
        assert words in str(found)
        assert len(str(found)) < 600

    served(test, rate=1.0, kinds=(kind,), timeout_s=0.4)


def test_an_answer_without_end_is_cut_off_before_it_fills_the_memory() -> None:
    async def test(server: Server, chat: OpenAIChat) -> None:
        error = await failure(chat, question("r"))
        assert type(error) is Unanswered
        assert "longer than" in str(error)
        assert server.sent < 2 * 32 * 2**20

    served(test, rate=1.0, kinds=("endless",), timeout_s=30)


def test_a_redirect_takes_no_key_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)

    async def test(server: Server, chat: OpenAIChat) -> None:
        assert type(await failure(chat, question("r"))) is Refused
        assert (server.last["authorization"], server.stolen) == (f"Bearer {SECRET}", [])

    served(test, rate=1.0, kinds=("elsewhere",))


def test_a_fence_around_the_json_is_taken_off() -> None:
    async def test(server: Server, chat: OpenAIChat) -> None:
        assert (await chat.ask(question("r"), Line)).value.model_dump()["mood"] == 3

    served(test, rate=1.0, kinds=("fenced",))


def test_retry_after_is_read_in_all_its_forms() -> None:
    def busy(headers: dict[str, str]) -> float | None:
        response = httpx2.Response(429, headers=headers, request=httpx2.Request("POST", "http://x"))
        error = translated(openai.RateLimitError("slow", response=response, body=None), "m")
        assert isinstance(error, Busy)
        return error.retry_after_s

    assert busy({"Retry-After": "7"}) == 7
    assert busy({"retry-after-ms": "250", "Retry-After": "1"}) == 0.25
    assert busy({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert busy({"Retry-After": "soon"}) is None
    assert busy({"Retry-After": "-5"}) is None
    assert busy({}) is None


def test_a_spent_quota_is_no_reason_for_patience() -> None:
    response = httpx2.Response(429, request=httpx2.Request("POST", "http://x"))
    error = openai.RateLimitError("pay first", response=response, body={"code": "insufficient_quota"})
    assert type(translated(error, "m")) is Refused


ERRORS = {
    "BadRequestError": (400, Refused),
    "AuthenticationError": (401, Refused),
    "OAuthError": (401, Refused),
    "PermissionDeniedError": (403, Refused),
    "NotFoundError": (404, Refused),
    "ConflictError": (409, Transient),
    "UnprocessableEntityError": (422, Refused),
    "RateLimitError": (429, Busy),
    "InternalServerError": (503, Transient),
    "APIStatusError": (418, Refused),
    "APIError": (0, Unanswered),
    "APIConnectionError": (0, Unanswered),
    "APITimeoutError": (0, Unanswered),
    "APIResponseValidationError": (0, Unanswered),
    "OpenAIError": (0, Refused),
    "LengthFinishReasonError": (0, Refused),
    "ContentFilterFinishReasonError": (0, Refused),
    "WebSocketConnectionClosedError": (0, Refused),
    "WebSocketQueueFullError": (0, Refused),
}


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


def _made(kind: Any, status: int) -> Exception:
    error: Any = kind.__new__(kind)
    Exception.__init__(error, "no")
    error.status_code, error.code = status, None
    error.response = httpx2.Response(status, request=httpx2.Request("POST", "http://x"))
    return error  # type: ignore[no-any-return]


def test_the_translation_is_total_over_the_errors_of_openai() -> None:
    public = {
        n: k for n in openai.__all__ if isinstance(k := getattr(openai, n), type) and issubclass(k, openai.OpenAIError)
    }
    assert set(public) == set(ERRORS)
    for name, (status, ours) in ERRORS.items():
        assert type(translated(_made(public[name], status), "m")) is ours, name
    for kind in _below(openai.OpenAIError):
        assert isinstance(translated(_made(kind, 418), "m"), (Transient, Permanent)), kind


@pytest.mark.parametrize("kind", ["400", "401", "403", "429", "500", "echo", ""])
def test_the_key_appears_nowhere(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def test(server: Server, bare: OpenAIChat) -> None:
        chat, _ = ready(bare, tmp_path, patience=Patience(tries=1))
        try:
            seen.append(repr(await chat.ask(question("r"), Line)))
        except (Permanent, Transient) as error:
            seen.append("".join(traceback.format_exception(error)) + repr(error.__dict__))
        await chat.close()
        seen.extend([repr(bare), repr(vars(chat))])
        assert server.last["authorization"] == f"Bearer {SECRET}"

    served(test, rate=1.0 if kind else 0.0, kinds=(kind,))
    seen.extend(p.read_bytes().decode(errors="replace") for p in tmp_path.iterdir())
    assert len(seen) >= 4
    assert [s for s in [*seen, caplog.text] if SECRET in s] == []


def test_no_key_is_named_by_its_variable_and_never_needed_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(EngineError, match="MY_KEY"):
        OpenAIChat("m", base_url="https://example.com/v1", key_from="MY_KEY")
    assert repr(OpenAIChat("m", base_url="http://127.0.0.1:9/v1", key_from="MY_KEY")) == "OpenAIChat('m' at 127.0.0.1)"


@pytest.mark.parametrize("url", ["https://me:pw@host/v1", "https://host/v1?key=pw", "ftp://host/v1", "host/v1"])
def test_an_address_that_is_not_plain_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIChat("m", base_url=url)
    assert "pw" not in str(caught.value).replace("password", "")


# ---- scripted


@given(low=st.integers(-50, 50), span=st.integers(0, 20), most=st.integers(1, 60), row=st.text(max_size=5))
@settings(max_examples=40, deadline=None)
def test_scripted_fills_any_bounds(low: int, span: int, most: int, row: str) -> None:
    class Part(BaseModel):
        kind: Literal["a", "b"]
        at: float = Field(gt=low, le=low + span + 1)

    class Whole(BaseModel):
        language: Literal["zh"]
        n: int = Field(ge=low, le=low + span)
        above: int = Field(gt=low)
        text: str = Field(min_length=most // 2, max_length=most)
        parts: list[Part] = Field(min_length=1, max_length=3)
        maybe: Part | None
        pair: tuple[bool, int]

    chat, ask = ScriptedChat(), Ask(row, "s", (Message("user", "hello"),), max_tokens=10_000)
    first, again = (asyncio.run(chat.ask(ask, Whole)) for _ in range(2))
    assert first == again
    text = first.value.model_dump()["text"]
    assert all("\u3000" <= c <= "\u9fff" or c == "，" for c in text)


def test_scripted_speaks_the_language_it_is_spoken_to_in() -> None:
    chat = ScriptedChat()
    english, chinese = (asyncio.run(chat.ask(question("r", t), Line)).value for t in ("Hello?", "你好吗?"))
    assert english.model_dump()["line"].isascii()
    assert not chinese.model_dump()["line"].isascii()


def test_scripted_breaks_the_share_that_was_planned() -> None:
    async def run() -> list[object]:
        chat = ScriptedChat(broken=0.3)
        asks = (chat.ask(question(f"{i}"), Line) for i in range(400))
        return await asyncio.gather(*asks, return_exceptions=True)

    ends = asyncio.run(run())
    assert {type(e).__name__ for e in ends} == {"Reply", "Broken"}
    assert 90 < sum(isinstance(e, BadReply) for e in ends) < 150
