"""Who has a run in an object store in hand: one process at a time, by an object of its own under lock/.

It puts the object, and only then looks whether there is another: of two that begin at once at least one sees the other
and withdraws. (This needs no conditional PUT, and may send both away.) It renews the object while it works; one not
renewed for LEASE_S is of a dead process. One that was silent for so long and wakes up sees who came, and writes nothing
more. Times are the store's own.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from persona_forge.core.errors import ForgeError, RunMismatch, StorageError
from persona_forge.dataset.shards import write_text
from persona_forge.dataset.store import Store

LEASE_S = 60.0


class Lease:
    def __init__(self, store: Store, known: Path) -> None:
        """`known` is a file of this machine that holds the name of its lock: after a kill it takes up its own again."""
        self._store, self._known = store, known
        self._taken_by: str | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises RunMismatch where another has it."""
        if not self._known.exists():
            write_text(self._known, uuid.uuid4().hex)
        mine = f"lock/{self._known.read_text()}"
        who = json.dumps({"host": platform.node(), "pid": os.getpid()}).encode()
        self._store.write(mine, who)
        try:
            if other := self._other(mine):
                raise RunMismatch(
                    f"{self._store.address} is in use by {other}",
                    todo=f"wait for it, or stop it; one that was killed is forgotten after {LEASE_S:.0f} s",
                )
            with meanwhile(lambda: self.renew(mine, who), LEASE_S / 4):
                yield
        finally:
            with suppress(ForgeError):
                self._store.delete(mine)

    def check(self) -> None:
        """Raises StorageError if it was lost."""
        if self._taken_by:
            what = f"{self._store.address} was silent for too long and is now in use by {self._taken_by}"
            raise StorageError(what, todo="wait for it; then the same command goes on")

    def renew(self, mine: str, who: bytes) -> None:
        """Looks first, so that one who wakes up late does not turn out another."""
        self._taken_by = self._taken_by or self._other(mine)
        if not self._taken_by:
            self._store.write(mine, who, waits=())

    def _other(self, mine: str) -> str | None:
        """Who else has renewed their lock of late, by the times that the store gave theirs and ours."""
        there = self._store.list("lock")
        now = max((info.mtime for info in there.values()), default=None)
        for name, info in there.items():
            age = (now - info.mtime).total_seconds()
            if age >= LEASE_S:
                self._store.delete(name)
            elif name != mine and (data := self._store.read(name)):
                holder = json.loads(data)
                return f"process {holder['pid']} on {holder['host']}, heard from {age:.0f} s ago"
        return None


@contextmanager
def meanwhile(work: Callable[[], None], every_s: float) -> Iterator[None]:
    """Calls `work` now and then in a thread; what goes wrong there is tried again at the next time."""
    over = Event()

    def repeat() -> None:
        while not over.wait(every_s):
            with suppress(ForgeError, OSError):
                work()

    thread = Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
