"""A real local HTTP server for /v1/audio/speech that refuses what OpenAI and StepFun document as wrong, and misbehaves
where it is told to.

The rules are those of both makers' references (October 2026). What it answers is a hum as long as its text, at the
speed asked for, as a streamed WAV: the sizes in its header are not known. A fault is told by the first word of the
text; "once-…" means at the first time only.
"""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import soundfile
from aiohttp import web

OWN_VOICES = {
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar")
}
FORMATS = {"mp3", "opus", "aac", "flac", "wav", "pcm"}
LABELS = {"language": {"粤语", "四川话", "日语"}, "emotion": None, "style": None}


def wrong(body: dict[str, Any]) -> str:
    """What the maker of the model would refuse in a request; empty if nothing."""
    for value in _strings(body):
        if re.search(r"[{}]", value):
            return f"a tag arrived: {value!r}"
    model = body.get("model")
    if model in ("gpt-4o-mini-tts", "tts-1"):
        return _wrong_for_openai(body)
    return _wrong_for_stepfun(body) if model in ("stepaudio-2.5-tts", "step-tts-2") else f"no model {model!r}"


def _wrong_for_openai(body: dict[str, Any]) -> str:
    checks = {
        "model": lambda v: isinstance(v, str),
        "input": lambda v: isinstance(v, str) and 1 <= len(v) <= 4096,
        "voice": lambda v: v in OWN_VOICES,
        "instructions": lambda v: isinstance(v, str) and len(v) <= 4096 and body["model"] != "tts-1",
        "response_format": lambda v: v in FORMATS,
        "speed": lambda v: isinstance(v, (int, float)) and 0.25 <= v <= 4,
        "stream_format": lambda v: v in ("sse", "audio"),
    }
    return _first_wrong(body, checks)


def _wrong_for_stepfun(body: dict[str, Any]) -> str:
    newest = body["model"] == "stepaudio-2.5-tts"

    def label(value: Any) -> bool:
        if newest or not isinstance(value, dict) or len(value) != 1:
            return False
        (kind, name), = value.items()  # fmt: skip
        return kind in LABELS and isinstance(name, str) and name in (LABELS[kind] or {name})

    checks = {
        "model": lambda v: isinstance(v, str),
        "input": lambda v: isinstance(v, str) and 1 <= len(v) <= 1000 and (not newest or _closed(v)),
        "voice": lambda v: isinstance(v, str) and v,
        "instruction": lambda v: isinstance(v, str) and len(v) <= 200 and newest,
        "voice_label": label,
        "response_format": lambda v: v in FORMATS - {"aac"},
        "speed": lambda v: isinstance(v, (int, float)) and 0.5 <= v <= 2,
        "volume": lambda v: isinstance(v, (int, float)) and 0.1 <= v <= 2,
        "sample_rate": lambda v: v in (8000, 16000, 22050, 24000),
        "stream_format": lambda v: v in ("sse", "audio"),
    }
    return _first_wrong(body, checks)


def _first_wrong(body: dict[str, Any], checks: dict[str, Any]) -> str:
    missing = [name for name in ("model", "input", "voice") if name not in body]
    odd = [name for name, value in body.items() if name not in checks or not checks[name](value)]
    return f"{(missing + odd)[0]} is wrong: {body.get((missing + odd)[0])!r}" if missing or odd else ""


def _closed(text: str) -> bool:
    """Every round bracket is closed, and none stands in another."""
    return re.fullmatch(r"([^()]|\([^()]+\))*", text) is not None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    if isinstance(value, str):
        yield value


def wav(seconds: float, rate: int = 24_000, size: bytes = b"\xff" * 4, kind: str = "WAV", hz: float = 220.0) -> bytes:
    out = io.BytesIO()
    hum = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(out, hum, rate, format=kind, subtype="PCM_16")
    raw = out.getvalue()
    at = raw.find(b"data")
    return raw[:4] + size + raw[8 : at + 4] + size + raw[at + 8 :] if kind == "WAV" else raw


class Server:
    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.stolen: list[str] = []
        self.seen: Counter[str] = Counter()

    async def speech(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        if why := wrong(body):
            return web.json_response({"error": {"message": why, "type": "invalid_request_error"}}, status=400)
        spoken = re.sub(r"\([^()]*\)", "", body["input"])  # what StepFun does not say
        fault = body["input"].split()[0].strip(".,")
        self.seen[fault] += 1
        if fault.startswith("once-"):
            fault = fault.removeprefix("once-") if self.seen[fault] == 1 else ""
        return await self.answer(request, fault) or web.Response(
            body=wav(0.4 + 0.05 * len(spoken) / body.get("speed", 1)), content_type="audio/wav"
        )

    async def answer(self, request: web.Request, fault: str) -> web.StreamResponse | None:
        said = {"error": {"message": f"no: {request.headers.get('Authorization')}", "code": fault}}
        if fault in ("400", "401", "429", "500", "503"):
            return web.json_response(said, status=int(fault), headers={"Retry-After": "0.01"} if fault == "429" else {})
        match fault:
            case "hang":
                await asyncio.sleep(60)
            case "trickle":
                response = web.StreamResponse(headers={"Content-Type": "audio/wav"})
                await response.prepare(request)
                with suppress(ConnectionError):
                    for _ in range(300):
                        await response.write(b"RIFF")
                        await asyncio.sleep(0.05)
                return response
            case "reset" if request.transport:
                request.transport.abort()
            case "elsewhere":
                raise web.HTTPTemporaryRedirect(f"{request.scheme}://localhost:{request.url.port}/stolen")
            case "empty":
                return web.Response(body=b"", content_type="audio/wav")
            case "garbage":
                return web.Response(body=bytes(range(256)) * 40, content_type="audio/wav")
            case "html":
                page = f"<!doctype html><p>Sign in, {request.headers.get('Authorization')}</p>"
                return web.Response(text=page, content_type="text/html")
            case "cut":
                return web.Response(body=wav(1.0)[:20], content_type="audio/wav")
            case "silence":
                return web.Response(body=wav(1.0, hz=0.0), content_type="audio/wav")
            case "telephone":
                return web.Response(body=wav(1.0, rate=8_000), content_type="audio/wav")
            case "flac":
                return web.Response(body=wav(1.0, rate=44_100, kind="FLAC"), content_type="audio/flac")
            case "slowest":
                return web.Response(body=wav(4000.0, rate=5), content_type="audio/wav")
        return None

    async def steal(self, request: web.Request) -> web.Response:
        self.stolen.append(request.headers.get("Authorization", ""))
        return web.Response(body=wav(1.0), content_type="audio/wav")


@contextmanager
def served() -> Iterator[Server]:
    """The server, in a thread of its own."""
    server, started, stop = Server(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/audio/speech", server.speech)
        app.router.add_route("*", "/stolen", server.steal)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        started.set()
        await stop.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # those that hang
            task.cancel()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
