"""Shards side by side: one at a time in this process, and one more in each helper process.

A helper (see `helper`) is told a stage and a shard a line, and tells what it logs, then the seal or the error. It is
given work only once it is ready, so a short run never waits for one. It knows no Ctrl-C: the shard under way is
finished first, as in this process. When this process ends, however it ends, helpers end in an instant.

A cluster (see flows/cluster.py) takes their place where there is one.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from persona_forge.core.errors import ForgeError
from persona_forge.dataset.seals import Seal

if TYPE_CHECKING:
    from persona_forge.core.stage import Stage
    from persona_forge.run import Run

HELPER = "persona_forge.helper"
log = logging.getLogger("persona_forge")


class Cluster(Protocol):
    def making(self, stage: Stage, shards: Sequence[str]) -> AbstractContextManager[None]: ...

    def work(self, stage: Stage, shard: str) -> Seal: ...


class Workers:
    """Who is free to make a shard of a run; None is this process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._free = self._alone()
        self._cluster: Cluster | None = None

    @staticmethod
    def _alone() -> SimpleQueue[Helper | None]:
        free: SimpleQueue[Helper | None] = SimpleQueue()
        free.put(None)
        return free

    @contextmanager
    def several(self, number: int) -> Iterator[None]:
        """While it lasts, so many shards can be made at once."""
        helpers = [Helper(self._run.folder.absolute, self._free) for _ in range(number - 1)]
        try:
            yield
        finally:
            self._free = self._alone()
            for helper in helpers:
                helper.end()

    @contextmanager
    def elsewhere(self, cluster: Cluster, stage: Stage, shards: Sequence[str]) -> Iterator[None]:
        """While it lasts, a cluster makes these shards."""
        self._cluster = cluster
        try:
            with cluster.making(stage, shards):
                yield
        finally:
            self._cluster = None

    def work(self, stage: Stage, shard: str) -> Seal:
        """Makes a shard as soon as somebody is free to."""
        if self._cluster:
            return self._cluster.work(stage, shard)
        free, worker = self._free, self._free.get()
        try:
            return worker.work(stage, shard) if worker else self._run.work(stage, shard)
        finally:
            free.put(worker)


class Helper:
    def __init__(self, root: Path | str, free: SimpleQueue[Helper | None]) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", HELPER, str(root)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, process_group=0)  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid, self._in, self._out = self._process.pid, self._process.stdin, self._process.stdout
        self._start = Thread(target=self._wait, args=(free,))
        self._start.start()

    def _wait(self, free: SimpleQueue[Helper | None]) -> None:
        with suppress(EOFError):  # it may be ended before it is ready
            pickle.load(self._out)
            free.put(self)

    def work(self, stage: Stage, shard: str) -> Seal:
        try:
            self._in.write(f"{stage.name} {shard}\n".encode())
            self._in.flush()
            while isinstance(told := pickle.load(self._out), logging.LogRecord):
                log.handle(told)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise ForgeError(
                f"the process that was to make {stage.name} {shard} has ended by itself ({self._process.wait()})",
                todo="if memory ran out, set run.workers = 1; the same command goes on where it was",
            ) from error
        if isinstance(told, BaseException):
            raise told
        assert isinstance(told, Seal)
        return told

    def end(self) -> None:
        """At once; what it may be making is not sealed, and swept away when the run goes on."""
        self._process.kill()
        self._start.join()
        self._process.communicate()
