"""A real local server of the Batch API: files, batches, their contents; and the steps at which it can be held.

`hold` names a step (uploading, uploaded, creating, created, polled, collecting, collected): the -ing ones are held with
the work done and the answer not sent, the -ed ones when the next request comes. `held` is set when that has happened,
and nothing goes on until `hold` is empty. Lines are answered when their batch is created, by a seeded plan of faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from faulty_server import STATUS, Server

from persona_forge.engines.openai import OpenAIChat

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BatchServer(Server):
    def __init__(self, *, polls: int = 1, ends: str = "completed", share: float = 1.0, **plan: Any) -> None:
        super().__init__(**plan)
        self.polls, self.ends, self.share = polls, ends, share
        self.hold, self.held = "", asyncio.Event()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.polled: Counter[str] = Counter()
        self.lines: list[dict[str, Any]] = []

    async def step(self, name: str) -> None:
        if self.hold == name:
            self.held.set()
            while self.hold:
                await asyncio.sleep(0.005)

    async def upload(self, request: web.Request) -> web.Response:
        self.last["authorization"] = request.headers.get("Authorization", "")
        form = await request.post()
        assert form["purpose"] == "batch"
        content = form["file"]
        assert isinstance(content, web.FileField)
        made = self.keep(content.file.read())
        await self.step("uploading")
        return web.json_response({"id": made, "object": "file", "bytes": 1, "created_at": int(time.time()),
                                  "filename": "batch.jsonl", "purpose": "batch", "status": "processed"})  # fmt: skip

    def keep(self, content: bytes) -> str:
        self.files[f"file-{len(self.files)}"] = content
        return f"file-{len(self.files) - 1}"

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        await self.step("uploaded")
        if request.transport is None:  # the client died before it had sent this, as far as anyone can tell
            return web.Response()
        assert (asked["endpoint"], asked["completion_window"]) == ("/v1/chat/completions", "24h")
        batch = {**asked, "id": f"batch-{len(self.batches)}", "object": "batch", "created_at": int(time.time())}
        self.batches[batch["id"]] = batch
        if self.ends == "failed":
            errors = [{"code": "invalid_json_line", "message": f"line 1, by {request.headers['Authorization']}"}]
            batch["errors"] = {"object": "list", "data": errors}
        else:
            self.answer(batch, request)
        await self.step("creating")
        return web.json_response({**batch, "status": "validating"})

    def answer(self, batch: dict[str, Any], request: web.Request) -> None:
        asked = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        self.lines += asked
        assert len({line["custom_id"] for line in asked}) == len(asked)
        good, bad = [], []
        for line in asked[: math.ceil(len(asked) * self.share)]:
            prompt = "\n".join(m["content"] for m in line["body"]["messages"])
            fault = self.fault(prompt)
            self.asked[prompt] += 1
            if fault == "missing":
                continue
            if fault == "expired":
                error = {"code": "batch_expired", "message": "not before the window closed"}
                bad.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": error})
            elif fault in STATUS:
                body = {"error": {"message": f"no: {request.headers['Authorization']}", "code": fault}}
                response = {"status_code": STATUS[fault], "request_id": "r", "body": body}
                bad.append({"id": "x", "custom_id": line["custom_id"], "response": response, "error": None})
            else:
                self.answered[prompt] += 1
                fault = fault or ("length" if line["body"]["max_tokens"] < 20 else "")
                response = {"status_code": 200, "request_id": "r", "body": self.content(request, fault)}
                good.append({"id": "x", "custom_id": line["custom_id"], "response": response, "error": None})
        for name, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                batch[name] = self.keep("".join(json.dumps(line) + "\n" for line in reversed(lines)).encode())

    async def retrieve(self, request: web.Request) -> web.Response:
        await self.step("created")
        name = request.match_info["id"]
        self.polled[name] += 1
        if self.polled[name] > 1:
            await self.step("polled")
        if name not in self.batches:
            return web.json_response({"error": {"message": "no such batch"}}, status=404)
        done = self.polled[name] > self.polls
        return web.json_response({**self.batches[name], "status": self.ends if done else "in_progress"})

    async def listed(self, request: web.Request) -> web.Response:
        newest = list(reversed(self.batches.values()))
        return web.json_response({"object": "list", "has_more": False,
                                  "data": [{**b, "status": "in_progress"} for b in newest]})  # fmt: skip

    async def read(self, request: web.Request) -> web.Response:
        await self.step("collecting")
        return web.Response(body=self.files[request.match_info["id"]])

    async def start(self) -> tuple[web.AppRunner, int]:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/files", self.upload)
        app.router.add_post("/v1/batches", self.create)
        app.router.add_get("/v1/batches", self.listed)
        app.router.add_get("/v1/batches/{id}", self.retrieve)
        app.router.add_get("/v1/files/{id}/content", self.read)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]


@contextlib.asynccontextmanager
async def batches_served(**plan: Any) -> Any:
    """A server and its address."""
    server = BatchServer(**plan)
    runner, port = await server.start()
    try:
        yield server, f"http://127.0.0.1:{port}/v1"
    finally:
        server.hold = ""
        await runner.cleanup()


def endpoint(url: str) -> OpenAIChat:
    return OpenAIChat("m", base_url=url, timeout_s=2)
