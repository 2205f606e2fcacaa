"""Shards made by a Ray cluster whose machines see the run's --out: a Ray task a shard.

Prefect stays with who gave the command, so a worker needs this package and the store's keys, and no server. A stage's
shards are asked for all at once, and taken by whoever is free; what a worker logged comes back with the seal, or with
the error. A worker that dies costs the shard that it was at, which is asked for again.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import Any

from persona_forge.config import RunConfig
from persona_forge.core.errors import ConfigError, ForgeError, Uninstalled
from persona_forge.core.stage import Stage
from persona_forge.dataset.seals import Seal
from persona_forge.pipeline import stage as stage_of
from persona_forge.start import load

DEATHS = 3
"""Of workers that a shard may cost: one that kills whoever makes it must not go on for ever."""
END_S, KNOCK_S = 10.0, 10.0
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_AUTO_CONNECT": "0"}
"""No telemetry; and no cluster that nobody asked for."""
log = logging.getLogger("persona_forge")


class Cluster:
    """Joined, or started here, at the first shard; left at the end."""

    def __init__(self, root: str, settings: RunConfig) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        try:
            import ray
        except ImportError as error:
            raise Uninstalled("the ray runner is not installed", todo="pip install 'persona-forge[ray]'") from error
        self._ray: Any = ray
        self._root, self._settings = root, settings
        self._make: Any = None
        self._asked: dict[tuple[str, str], Future[Any]] = {}
        self._over = False

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        if self._make:
            self._ray.shutdown()

    @contextmanager
    def making(self, stage: Stage, shards: Sequence[str]) -> Iterator[None]:
        """While it lasts, the cluster is at these shards; what is not made by then is let go."""
        if shards and not self._make:
            self._begin()
        self._over = False
        self._asked = {(stage.name, shard): self._ask(stage, shard) for shard in shards}
        try:
            yield
        finally:
            self._over = True
            left = [future for future in list(self._asked.values()) if not future.done()]
            for future in left:
                self._ray.cancel(future.object_ref, force=True)  # type: ignore[attr-defined]
            wait(left, END_S)

    def work(self, stage: Stage, shard: str) -> Seal:
        """Waits for a shard; says what was logged as it was made."""
        name, why = (stage.name, shard), ""
        for deaths in range(1, DEATHS + 1):
            if name not in self._asked:
                self._asked[name] = self._ask(stage, shard)
            try:
                return self._told(*self._asked[name].result())
            except self._ray.exceptions.RayTaskError:
                raise
            except self._ray.exceptions.RayError as error:
                why = type(error).__name__
                if self._over or deaths == DEATHS:
                    break
                log.warning("%s %s: the worker that was at it has died (%s); it is made again", stage.name, shard, why)
            finally:
                del self._asked[name]
        raise ForgeError(
            f"the workers that were to make {stage.name} {shard} have died ({why})",
            todo="if memory ran out, let fewer work on a machine; the same command goes on where it was",
        )

    @staticmethod
    def _told(records: list[logging.LogRecord], told: Seal | Exception) -> Seal:
        for record in records:
            log.handle(record)
        if isinstance(told, Exception):
            raise told
        return told

    def _ask(self, stage: Stage, shard: str) -> Future[Any]:
        make = self._make.options(name=f"{stage.name} {shard}")
        future: Future[Any] = make.remote(self._root, stage.name, shard).future()
        return future

    def _begin(self) -> None:
        address, polite = self._settings.ray_address, signal.getsignal(signal.SIGTERM)
        here = {} if address else {"num_cpus": self._settings.workers, "include_dashboard": False}
        try:
            _knock(address or "")
            self._ray.init(address or "local", log_to_driver=False, logging_level="error", **here)
        except OSError as error:
            raise ConfigError(
                f"no Ray cluster answers at {address}",
                todo="start one (if it asks for a token: RAY_AUTH_MODE=token), or leave run.ray_address out",
            ) from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, polite)  # Ray has put its own in place
        self._make = self._ray.remote(max_retries=0)(_maker())


def _knock(address: str) -> None:
    """Raises OSError where nobody listens: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


def _maker() -> Any:
    def make(root: str, stage_name: str, shard: str) -> tuple[list[logging.LogRecord], Seal | Exception]:
        heard: SimpleQueue[logging.LogRecord] = SimpleQueue()
        handler = QueueHandler(heard)
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        try:
            told: Seal | Exception = load(root).work(stage_of(stage_name), shard)
        except Exception as error:
            error.add_note(traceback.format_exc())
            told = error
        finally:
            log.removeHandler(handler)
        return [heard.get() for _ in range(heard.qsize())], told

    return make  # a function within another is sent whole: workers need not find flows/
