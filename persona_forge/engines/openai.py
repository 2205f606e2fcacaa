"""Any OpenAI-compatible endpoint: one call, one answer, every vendor error translated in one place.

Built for the least CPU a call: AsyncOpenAI over aiohttp gives connections, headers and its error classes; the body is
encoded here and the answer is read by one pydantic model, which skips the client's own round of models. Each request
carries the JSON schema of the reply model. The whole call stands under one clock, so that an endpoint that trickles
a byte a second ends as well.

The key comes from an environment variable and stands nowhere else: an endpoint that echoes it is blotted out.

Left out: retries, budgets, repair (layers of their own), streaming, tools, images.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpx2
import openai
from pydantic import BaseModel, Field, ValidationError

from persona_forge.core.errors import Busy, ConfigError, EngineError, ForgeError, Refused, Transient
from persona_forge.core.ports import Ask, Reply, Usage
from persona_forge.engines.budget import Unanswered, is_loopback
from persona_forge.engines.validate import Ending, Heard, read, schema_text

T = TypeVar("T")

_LONGEST = 1_000_000
"""Characters of a reply that are kept; a longer one is no reply to anything asked here, and counts as cut."""


_MOST_BYTES = 32 * 2**20
"""Of an answer to a question; an endpoint that does not end is cut off there, before it fills the memory."""


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(default=0, ge=0, le=1_000_000_000)
    completion_tokens: int = Field(default=0, ge=0, le=1_000_000_000)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class OpenAIChat:
    """A model behind `base_url`, which ends in /v1 or the like; a loopback one needs no key."""

    engine = "openai"

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        key_from: str = "OPENAI_API_KEY",
        timeout_s: float = 120.0,
        connect_s: float = 10.0,
        extra: Callable[[Ask], Mapping[str, object]] | None = None,
    ) -> None:
        self._where, self._key = endpoint(base_url, key_from)
        self.model, self._timeout_s, self._extra = model, timeout_s, extra
        self._tokens = "max_completion_tokens" if self._where.endswith("openai.com") else "max_tokens"
        self.client = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(
                timeout=httpx2.Timeout(timeout_s, connect=connect_s),
                follow_redirects=False,
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [_bounded]},
            ),
        )

    def __repr__(self) -> str:
        return f"OpenAIChat({self.model!r} at {self._where})"

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        call = self.client.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            content=json.dumps(self.body(ask, reply), separators=(",", ":")).encode(),
            options={"headers": {"Content-Type": "application/json"}},
        )
        return read(self.heard((await self.answered(call)).content), reply)

    async def answered(self, call: Awaitable[T]) -> T:
        """What a call of the client gives, under this engine's clock, its errors translated."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call
        except (openai.OpenAIError, httpx2.HTTPError, aiohttp.ClientError, TimeoutError) as exc:
            error = translated(exc, f"{self.model} at {self._where}", self._key)
            # an error that repeats the key must not reach a traceback as a cause
            raise error from (None if self._key and self._key in str(exc) else exc)

    def complaint(self, what: str) -> str:
        """What an endpoint said, as it may stand in an error."""
        return f"{self.model} at {self._where}: {blotted(what, self._key)[:300]}"

    async def close(self) -> None:
        await self.client.close()

    def body(self, ask: Ask, reply: type[BaseModel]) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [{"role": m.role, "content": m.content} for m in ask.messages],
            "temperature": ask.temperature,
            self._tokens: ask.max_tokens,
            "response_format": _response_format(reply),
            **(self._extra(ask) if self._extra else {}),
        }

    def heard(self, content: bytes) -> Heard:
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError as exc:
            start = blotted(content[:200].decode(errors="replace"), self._key)
            raise Unanswered(f"{self.model} at {self._where} sent no chat completion: {start!r}") from exc
        choice, usage = completion.choices[0], completion.usage or _Usage()
        ending: Ending = "whole"
        raw = choice.message.content or ""
        if choice.message.refusal or choice.finish_reason == "content_filter":
            ending, raw = "declined", choice.message.refusal or raw or "content filter"
        elif choice.finish_reason == "length" or len(raw) > _LONGEST:
            ending = "cut"
        raw = blotted(raw[:_LONGEST], self._key)
        return Heard(raw, ending, Usage(usage.prompt_tokens, usage.completion_tokens))


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > _MOST_BYTES:
                raise httpx2.ReadError(f"the answer is longer than {_MOST_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bounded(response: httpx2.Response) -> None:
    if response.request.url.path.endswith("/chat/completions") and isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream)


def translated(exc: Exception, who: str, key: str = "") -> ForgeError:
    """Our error for one of the client's; total over its classes."""
    said = " ".join(str(e) for e in (exc, exc.__cause__) if e and str(e)) or type(exc).__name__
    what = f"{who}: {blotted(said, key)[:300]}"
    match exc:
        case openai.APIStatusError(status_code=status, code=code, response=response):
            return by_status(status, what, code, _retry_after(response.headers))
        case openai.APIError() | httpx2.HTTPError() | aiohttp.ClientError() | TimeoutError():
            return Unanswered(what)
        case _:
            return Refused(what)


def by_status(status: int, what: str, code: str | None = None, retry_after_s: float | None = None) -> ForgeError:
    if status == 429 and code != "insufficient_quota":
        return Busy(what, retry_after_s=retry_after_s)
    return Transient(what) if status in {408, 409} or status >= 500 else Refused(what)


def endpoint(base_url: str, key_from: str) -> tuple[str, str]:
    """Host and key of an endpoint; a loopback one needs no key. Raises ConfigError and EngineError."""
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ConfigError(
            "base_url is no plain address of an endpoint",
            allowed="http(s)://host[:port]/path without user, password or query",
            todo=f"put the key into the environment variable {key_from}",
        )
    key = os.environ.get(key_from, "").strip() if key_from else ""
    if key or is_loopback(base_url):
        return parts.hostname, key
    raise EngineError(
        f"no key for {parts.hostname}: the environment variable {key_from} is empty",
        todo=f"export {key_from}=…, or name another variable in the config",
    )


def blotted(text: str, key: str) -> str:
    return text.replace(key, "[key]") if key else text


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from retry-after-ms, a number or an HTTP date; None where there is none or it makes no sense."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after", "")
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


@lru_cache(maxsize=256)
def _response_format(reply: type[BaseModel]) -> dict[str, object]:
    schema = json.loads(schema_text(reply))
    name = re.sub(r"\W", "_", reply.__name__)[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": _closed(schema)}}


def _closed(schema: Any) -> bool:
    """Whether strict decoding can take it: every object forbids extras and requires all of its properties."""
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("properties", {})) != set(schema.get("required", []))
    ):
        return False
    return all(map(_closed, schema.values()))
