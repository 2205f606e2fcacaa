"""Asking a language model: CPU a call, memory, faults, kills and resumption, beside the rivals in one run.

    python tests/benchmarks/chat.py [--calls 1_000,10_000] [--most 100_000] [--faults] [--kill] [--resume]
                                    [--rivals PYTHON[,PYTHON]]

All ask the same questions for the same JSON schema, 32 at a time, of one small local server in a process of its own
that answers at once. Ours goes through the whole stack (repair, patience, store, budget, endpoint), a shard of 1,000 at
a time, as a stage does; `--most` adds so many to show that memory does not grow. CPU is that of the asking process and
its children, imports apart; memory the most that all of them held at once, looked at five times a second. Medians of
three runs, and of one where there are 10,000 calls or more.
`--faults`: 1,000 rows, and of all requests 5 % each end in 429 (Retry-After: 1), 500 and cut-off JSON, drawn from the
row and how often it came, so that all have the same. `--kill`: 2,000 rows, SIGKILL after 1,300 answers, and the same
command again; calls repeated. `--resume`: until a new question is answered beside 100,000 stored replies in 100 shards.
Rivals are in `chat_rivals.py`; PYTHON (or RIVALS_PYTHON) are interpreters that have data-designer==0.9.6,
distilabel[openai]==1.5.3 with requests, and bespokelabs-curator==0.1.31 (of its own: it wants other versions).
To reach: 2.2 ms, 150 MiB flat, the least of the frameworks; faults in 7 s with no more requests than the bare client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from aiohttp import web
from chat_rivals import AT_ONCE, RIVALS, SYSTEM, Line, measured, question

from persona_forge.core.ports import Ask, Message, Reply, Usage
from persona_forge.engines.chats import ready
from persona_forge.engines.openai import OpenAIChat
from persona_forge.engines.patience import Patience
from persona_forge.engines.replies import Replies, request_key
from persona_forge.engines.validate import Heard, total

RIVALS_FILE = Path(__file__).with_name("chat_rivals.py")
OURS = "persona_forge"
SHARD = 1_000
STORED = 100_000
GOOD = json.dumps({"speaker": "nurse", "line": "Good morning, did you sleep well?", "mood": 3})
LONGEST_S = 600
"""A rival that takes longer is ended; after a kill, a tenth of it."""

Figures = dict[str, float]


# The server -----------------------------------------------------------------------------------------------------------


def completion(content: str) -> bytes:
    message = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
    return json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [message],
                       "usage": usage}).encode()  # fmt: skip


class Server:
    """Answers at once, or fails by a plan; POST /plan sets one and counts anew, GET /seen tells what came."""

    def __init__(self) -> None:
        self.share, self.latency_s = 0.0, 0.0
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.whole, self.cut = completion(GOOD), completion(GOOD[:-9])
        self.probe = completion('{"name": "Ann", "age": 30}')  # what curator asks for before it begins

    async def chat(self, request: web.Request) -> web.Response:
        found = re.search(rb"row-(\d+)", await request.read())
        if not found:
            return web.Response(body=self.probe, content_type="application/json")
        row = found[1].decode()
        draw = random.Random(f"{row}/{self.asked[row]}").random() if self.share else 1.0
        self.asked[row] += 1
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if draw < self.share:
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "1"})
        if draw < 2 * self.share:
            return web.json_response({"error": {"message": "oops"}}, status=500)
        if draw < 3 * self.share:
            return web.Response(body=self.cut, content_type="application/json")
        self.answered[row] += 1
        return web.Response(body=self.whole, content_type="application/json")

    async def plan(self, request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            setattr(self, name, value)
        self.asked.clear()
        self.answered.clear()
        return web.json_response({})

    async def seen(self, request: web.Request) -> web.Response:
        twice = sum(n - 1 for n in self.asked.values())
        return web.json_response({"asked": self.asked.total(), "answered": self.answered.total(), "repeated": twice})


async def serve() -> None:
    server, app = Server(), web.Application()
    app.add_routes([web.post("/v1/chat/completions", server.chat), web.post("/plan", server.plan),
                    web.get("/seen", server.seen)])  # fmt: skip
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


@contextmanager
def served() -> Iterator[str]:
    server = subprocess.Popen([sys.executable, __file__, "--inside", "serve"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()


def plan(server: str, **what: float) -> None:
    urlopen(Request(f"{server}/plan", json.dumps({"share": 0.0, "latency_s": 0.0, **what}).encode(), method="POST"))


def seen(server: str) -> Figures:
    with urlopen(f"{server}/seen") as answer:
        return json.load(answer)  # type: ignore[no-any-return]


# Ours -----------------------------------------------------------------------------------------------------------------


def asks(first: int, stop: int) -> Iterator[Ask]:
    for row in range(first, stop):
        yield Ask(f"row-{row}", "seed", (Message("system", SYSTEM), Message("user", question(row))))


async def ask_all(url: str, rows: int, folder: Path, first: int = 0) -> int:
    engine, good = OpenAIChat("m", base_url=url), 0
    for start in range(first, first + rows, SHARD):
        chat, replies = ready(engine, folder / f"{start:07d}", patience=Patience(at_once=AT_ONCE, most_at_once=AT_ONCE))
        shard = asks(start, min(start + SHARD, first + rows))
        ends = await asyncio.gather(*(chat.ask(ask, Line) for ask in shard), return_exceptions=True)
        good += sum(isinstance(end, Reply) for end in ends)
        replies.close()
    await engine.close()
    return good


def store(folder: Path) -> None:
    """Replies as an earlier run left them."""
    engine, heard = OpenAIChat("m", base_url="http://127.0.0.1:9/v1"), Heard(GOOD, "whole", Usage(50, 20))
    for start in range(0, STORED, SHARD):
        replies = Replies(folder / f"{start:07d}")
        for ask in asks(start, start + SHARD):
            key = request_key(engine, ask, Line)
            replies.asked(key, ask.seed_id)
            replies.put(key, ask, heard, engine)
        replies.close()


def resume(url: str, folder: Path) -> int:
    """What a run does that goes on: sums up what was spent, then asks."""
    spent = Usage()
    for shard in sorted(folder.iterdir()):
        replies = Replies(shard)
        spent = total(spent, replies.spent)
        replies.close()
    assert spent.prompt_tokens == 50 * STORED
    return asyncio.run(ask_all(url, 1, folder, first=STORED))


# The tables -----------------------------------------------------------------------------------------------------------


class Contestants:
    """Who takes part, and how each is started; a rival is run by the first interpreter that has it."""

    def __init__(self, pythons: list[str]) -> None:
        self.commands = {OURS: [sys.executable, __file__, "--inside", OURS]}
        packages = {"bare aiohttp": "aiohttp", "AsyncOpenAI": "openai", "curator": "bespokelabs.curator",
                    "DataDesigner": "data_designer", "distilabel": "distilabel"}  # fmt: skip
        for name in RIVALS:
            python = next((p for p in [sys.executable, *pythons] if _has(p, packages[name])), None)
            if python:
                self.commands[name] = [python, str(RIVALS_FILE), name]
            else:
                print(f"{name}: in none of the interpreters")

    def run(self, name: str, url: str, rows: int, folder: str, longest_s: float = LONGEST_S) -> Figures | str:
        """Figures of one run, or why there are none."""
        child = self.start(name, url, rows, folder, subprocess.PIPE)
        peaks = [0.0]
        watch = threading.Thread(target=_watch, args=(child, peaks))
        watch.start()
        try:
            out, err = child.communicate(timeout=longest_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return f"not done in {longest_s:.0f} s"
        finally:
            watch.join()
        if child.returncode:
            return f"failed: {(err.strip().splitlines() or ['no output'])[-1][:80]}"
        return {**json.loads(out.splitlines()[-1]), "peak": max(peaks)}

    def start(self, name: str, url: str, rows: int, folder: str, out: int) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.commands[name], f"{url}/v1", str(rows), folder], stdout=out, stderr=out,
                                text=True, start_new_session=True)  # fmt: skip


def _watch(child: subprocess.Popen[str], peaks: list[float]) -> None:
    """Appends the resident MiB of a process and its children, five times a second until it ends."""
    while child.poll() is None:
        pages = 0
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "stat").read_text().rpartition(")")[2].split()[3] == str(child.pid):
                    pages += int((process / "statm").read_text().split()[1])
        peaks.append(pages * resource.getpagesize() / 2**20)
        time.sleep(0.2)


def _has(python: str, package: str) -> bool:
    look = f"import importlib.util as u, sys; sys.exit(u.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", look], capture_output=True).returncode == 0


def calls(who: Contestants, url: str, rows: int, names: list[str]) -> None:
    print(f"\n{rows:,} calls{'':<9} {'ms CPU a call':>13} {'ours is':>8} {'peak MiB':>9} {'good':>7} {'wall s':>7}")
    first = 0.0
    for name in names:
        runs = [once(who, url, name, rows) for _ in range(3 if rows < 10_000 else 1)]
        if bad := [run for run in runs if isinstance(run, str)]:
            print(f"{name:<20} {bad[0]}", flush=True)
            continue
        middle = {
            k: median(run[k] for run in runs if not isinstance(run, str)) for k in ("cpu", "peak", "good", "wall")
        }
        first = first or middle["cpu"]
        print(f"{name:<20} {1000 * middle['cpu'] / rows:>13.2f} {middle['cpu'] / first:>7.2f}x {middle['peak']:>9.0f} "
              f"{middle['good']:>7,.0f} {middle['wall']:>7.1f}", flush=True)  # fmt: skip


def once(who: Contestants, url: str, name: str, rows: int) -> Figures | str:
    plan(url)
    with tempfile.TemporaryDirectory() as folder:
        return who.run(name, url, rows, folder)


def faults(who: Contestants, url: str) -> None:
    print(f"\nfaults, 1,000 rows {'good':>7} {'requests':>9} {'wall s':>7}")
    for name in who.commands:
        plan(url, share=0.05)
        with tempfile.TemporaryDirectory() as folder:
            run = who.run(name, url, 1_000, folder)
        if isinstance(run, str):
            print(f"{name:<18} {run}", flush=True)
        else:
            print(f"{name:<18} {run['good']:>7,.0f} {seen(url)['asked']:>9,.0f} {run['wall']:>7.1f}", flush=True)


def kill(who: Contestants, url: str) -> None:
    print(f"\nSIGKILL at 1,300 of 2,000 {'good':>7} {'calls repeated':>15}")
    for name in who.commands:
        plan(url, latency_s=0.01)
        with tempfile.TemporaryDirectory() as folder:
            child = who.start(name, url, 2_000, folder, subprocess.DEVNULL)
            while seen(url)["answered"] < 1_300 and child.poll() is None:
                time.sleep(0.02)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            run = who.run(name, url, 2_000, folder, LONGEST_S / 10)
        if isinstance(run, str):
            print(f"{name:<25} {run}", flush=True)
        else:
            print(f"{name:<25} {run['good']:>7,.0f} {seen(url)['repeated']:>15,.0f}", flush=True)


def resumed(url: str) -> None:
    folder = tempfile.mkdtemp()
    try:
        store(Path(folder))
        plan(url)
        command = [sys.executable, __file__, "--inside", "resume", f"{url}/v1", "1", folder]
        runs = []
        for _ in range(3):
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            shutil.rmtree(Path(folder) / f"{STORED:07d}")
            runs.append(json.loads(done.stdout))
        print(f"\nbeside {STORED:,} stored replies a new one is there after {median(r['wall'] for r in runs):.2f} s "
              f"({median(r['cpu'] for r in runs):.2f} CPU s)")  # fmt: skip
    finally:
        shutil.rmtree(folder)


def main(options: argparse.Namespace) -> None:
    who = Contestants(options.rivals.split(",") if options.rivals else [])
    with served() as url:
        for rows in (int(n) for n in options.calls.split(",") if n):
            calls(who, url, rows, list(who.commands))
        if options.most:
            calls(who, url, int(options.most), [OURS])
        if options.faults:
            faults(who, url)
        if options.kill:
            kill(who, url)
        if options.resume:
            resumed(url)


def inside(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.inside == "serve":
        asyncio.run(serve())
        return None
    url, rows, folder = options.rest[0], int(options.rest[1]), Path(options.rest[2])
    if options.inside == "resume":
        return measured(lambda: resume(url, folder))
    return measured(lambda: asyncio.run(ask_all(url, rows, folder)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Asking a language model, and rivals beside.")
    parser.add_argument("--calls", default="1_000,10_000", help="calls of each, an empty string for none")
    parser.add_argument("--most", help="calls through ours alone, 100_000 say")
    parser.add_argument("--faults", action="store_true", help="also 5 %% each of 429, 500 and bad JSON")
    parser.add_argument("--kill", action="store_true", help="also SIGKILL half-way")
    parser.add_argument("--resume", action="store_true", help="also new work beside 100,000 stored replies")
    parser.add_argument("--rivals", metavar="PYTHON[,PYTHON]", default=os.environ.get("RIVALS_PYTHON"),
                        help="interpreters that have the rivals")  # fmt: skip
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        print(json.dumps(inside(chosen)))
    else:
        main(chosen)
