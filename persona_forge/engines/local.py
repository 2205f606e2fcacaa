"""A small model on this machine: llama.cpp's own server inside this process, on loopback.

The server starts with the first question, on a free port, and OpenAIChat talks to it. `close` ends its threads and
frees its memory, so that the cores are free for the voice afterwards; what is left open ends with the process.

A reply depends on the question, and on a seed that is a plain function of row id and sample. Prompts are not cached
between requests. With `parallel=1` the same question has the same reply in every run; with more, requests share
batches, sums are rounded in another order, and a reply may come out otherwise. The store keeps what came.

Left out: GPUs, several models at once, protection from a crash in llama.cpp, which takes the process with it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from persona_forge.core.errors import EngineError
from persona_forge.core.ids import key64
from persona_forge.core.ports import Ask, Reply
from persona_forge.engines.openai import OpenAIChat

SAMPLING = {"min_p": 0.05, "dry_multiplier": 0.8, "dry_allowed_length": 3, "dry_penalty_last_n": 512}
"""Small models echo themselves; DRY makes a sequence of tokens less likely the longer it repeats one before it."""


def seed_of(ask: Ask) -> int:
    """llama.cpp's seed for a question, 31 bits."""
    return key64("local", ask.row_id, str(ask.sample)) >> 33


def _llama() -> Any:
    """xllamacpp, with threads that sleep while they wait for each other: spinning, they starve on shared cores."""
    set_here = "OMP_WAIT_POLICY" not in os.environ
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # OpenMP reads it once, when it is loaded
    try:
        import xllamacpp
    except ImportError as exc:
        raise EngineError("the local model needs xllamacpp", todo='pip install "persona-forge[local]"') from exc
    finally:
        if set_here:
            del os.environ["OMP_WAIT_POLICY"]
    return xllamacpp


class LocalChat:
    """`weights` is a GGUF file; `context` is in tokens a request, prompt and reply together."""

    engine = "local"

    def __init__(
        self,
        weights: Path,
        *,
        model: str = "",
        parallel: int = 2,
        threads: int = 2,
        context: int = 4096,
        timeout_s: float = 600.0,
    ) -> None:
        self.model = model or weights.stem
        self._weights, self._parallel, self._threads, self._context = weights, parallel, threads, context
        self._timeout_s = timeout_s
        self._server: Any = None
        self._client: OpenAIChat | None = None
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(parallel)  # a question's clock starts when it is served, not when it queues

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        async with self._places:
            client = self._client or await self._started()
            return await client.ask(ask, reply)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client:
            await client.close()
        await asyncio.to_thread(self._stop)

    async def _started(self) -> OpenAIChat:
        async with self._starting:
            if self._client is None:
                address = await asyncio.to_thread(self._start)
                self._client = OpenAIChat(
                    self.model,
                    base_url=f"{address}/v1",
                    key_from="",
                    timeout_s=self._timeout_s,
                    extra=lambda ask: {**SAMPLING, "seed": seed_of(ask), "cache_prompt": False},
                )
            return self._client

    def _start(self) -> str:
        xllamacpp = _llama()
        if not self._weights.is_file():
            raise EngineError(f"there are no weights at {self._weights}", todo="persona-forge weights pull")
        params = xllamacpp.CommonParams()
        params.model.path = str(self._weights)
        params.n_parallel = self._parallel
        params.n_ctx = self._context * self._parallel
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.cache_prompt = False
        params.cache_ram_mib = 0
        params.verbosity = -1
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as exc:
            raise EngineError(
                f"llama.cpp can't load {self._weights.name}: {exc}", todo="pull the weights anew"
            ) from exc
        atexit.register(self._stop)
        return str(self._server.listening_address)

    def _stop(self) -> None:
        atexit.unregister(self._stop)
        self._server = None  # its destructor ends the threads
