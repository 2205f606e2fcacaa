"""A real local HTTP server that answers /v1/chat/completions, and misbehaves by a seeded plan.

Run as a process: `python faulty_server.py '{"rate": 0.3, "kinds": ["429"], "seed": 1}'`; it prints its port. The
fault of a request is drawn from the seed, the prompt and how often that prompt came, so a rerun has the same faults.
GET /seen gives {prompt: [times asked, times answered]}, most requests at once, and the last request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from persona_forge.core.ports import Ask, Chat
from persona_forge.engines.contract_chat import Line
from persona_forge.engines.openai import OpenAIChat

GOOD = json.dumps({"speaker": "nurse", "line": "你好,今天怎么样?", "mood": 3})
STATUS = {
    "400": 400,
    "401": 401,
    "403": 403,
    "404": 404,
    "408": 408,
    "409": 409,
    "422": 422,
    "429": 429,
    "429-after": 429,
    "429-late": 429,
    "500": 500,
    "503": 503,
}
RETRY_AFTER = {"429-after": "0.05", "429-late": "100000"}


def completion(content: str | None, finish: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    usage = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "usage": usage} | {
        "choices": [{"index": 0, "message": message, "finish_reason": finish}]
    }


class Server:
    def __init__(
        self, *, rate: float = 0.0, kinds: tuple[str, ...] = (), seed: int = 0, latency_s: float = 0.0
    ) -> None:
        self.rate, self.kinds, self.seed, self.latency_s = rate, kinds, seed, latency_s
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.out = self.most_out = self.sent = 0
        self.stolen: list[str] = []
        self.last: dict[str, Any] = {}

    def fault(self, prompt: str) -> str:
        draw = random.Random(f"{self.seed}/{prompt}/{self.asked[prompt]}")
        return draw.choice(self.kinds) if draw.random() < self.rate else ""

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = "\n".join(m["content"] for m in body["messages"])
        self.last = {"body": body, "authorization": request.headers.get("Authorization", "")}
        fault = self.fault(prompt)
        self.asked[prompt] += 1
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        try:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            return await self.reply(request, prompt, fault)
        finally:
            self.out -= 1

    async def reply(self, request: web.Request, prompt: str, fault: str) -> web.StreamResponse:
        if fault in STATUS:
            headers = {"Retry-After": RETRY_AFTER[fault]} if fault in RETRY_AFTER else {}
            said = {"error": {"message": f"no: {request.headers.get('Authorization', '')}", "code": fault}}
            return web.json_response(said, status=STATUS[fault], headers=headers)
        if fault == "reset" and request.transport:
            request.transport.abort()
            return web.Response()
        if fault == "hang":
            await asyncio.sleep(30)
        if fault == "trickle":
            response = web.StreamResponse()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):  # the client lost its patience
                for _ in range(300):
                    await response.write(b" ")
                    await asyncio.sleep(0.1)
            return response
        if fault == "cut":  # promises more bytes than it sends
            response = web.StreamResponse(headers={"Content-Length": "5000"})
            await response.prepare(request)
            await response.write(b'{"choices": [')
            if request.transport:
                request.transport.abort()
            return response
        if fault == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                for _ in range(4_000):
                    await response.write(bytes(2**16))
                    self.sent += 2**16
            return response
        if fault == "elsewhere":
            raise web.HTTPTemporaryRedirect(f"{request.scheme}://localhost:{request.url.port}/stolen")
        if fault == "garbage":
            return web.Response(text='{"choices": [{"mess', content_type="application/json")
        self.answered[prompt] += 1
        if not fault and max(self.last["body"].get("max_tokens", 99), 1) < 20:
            fault = "length"
        return web.json_response(self.content(request, fault))

    def content(self, request: web.Request, fault: str) -> dict[str, Any]:
        match fault:
            case "half":
                return completion(GOOD[:30])
            case "schema":
                return completion('{"speaker": "doctor", "line": ""}')
            case "refusal":
                return completion(None, refusal="I can't help with that.")
            case "filter":
                return completion("", finish="content_filter")
            case "length":
                return completion(GOOD[:-4], finish="length")
            case "empty":
                return completion("")
            case "enormous":
                return completion("a" * 3_000_000)
            case "deep":
                return completion("[" * 100_000)
            case "fenced":
                return completion(f"```json\n{GOOD}\n```")
            case "surrogate":
                return completion('{"speaker": "nurse", "line": "\ud800", "mood": 3}')
            case "echo":
                return completion(GOOD.replace("你好", request.headers.get("Authorization", "")))
            case _:
                return completion(GOOD)

    async def steal(self, request: web.Request) -> web.Response:
        self.stolen.append(str(request.headers))
        return web.json_response(completion(GOOD))

    async def seen(self, request: web.Request) -> web.Response:
        counts = {p: [n, self.answered[p]] for p, n in self.asked.items()}
        return web.json_response({"seen": counts, "most_out": self.most_out, "last": self.last})

    async def start(self) -> tuple[web.AppRunner, int]:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/seen", self.seen)
        app.router.add_post("/stolen", self.steal)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]


def served(test: Callable[[Server, OpenAIChat], Awaitable[None]], *, timeout_s: float = 5.0, **plan: Any) -> None:
    """Runs a test against a real server with a plan of faults."""

    async def run() -> None:
        server = Server(**plan)
        runner, port = await server.start()
        chat = OpenAIChat("m", base_url=f"http://127.0.0.1:{port}/v1", timeout_s=timeout_s)
        try:
            await test(server, chat)
        finally:
            await chat.close()
            await runner.cleanup()

    asyncio.run(run())


async def failure(chat: Chat, ask: Ask) -> Exception:
    try:
        await chat.ask(ask, Line)
    except Exception as error:
        return error
    raise AssertionError("it was answered")


async def _serve(options: dict[str, Any]) -> None:
    _, port = await Server(**options).start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}))
