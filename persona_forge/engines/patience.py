"""Patience: tries again what may pass, and asks no more at once than the endpoint bears.

Only Transient errors are tried again, after a wait that doubles each time and is spread by the row's own key, so that
rows don't come back in step; a Busy that names its Retry-After is waited out instead. The wait is the row's alone: the
others go on, through a gate whose width follows TCP's rules (AIMD; Chiu and Jain 1989): it grows with every success at
first, then by one after a full gate of successes, and halves under Busy, once for the calls that were out together.
A stray Busy among many successes costs one try and is no reason to slow down: the gate halves when more than STRAIN of
the latest answers were Busy.

Left out: a clock on the whole (the engine has one a call), and a gate shared by processes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from pydantic import BaseModel

from persona_forge.core.errors import Busy, Transient
from persona_forge.core.ids import unit
from persona_forge.core.ports import Ask, Chat, Reply

MEMORY = 32
STRAIN = 0.15


@dataclass(frozen=True, slots=True)
class Patience:
    tries: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    """Of one wait; a Retry-After beyond it ends the row's tries."""
    at_once: int = 8
    """Calls at the same time to begin with."""
    most_at_once: int = 32

    def wait_s(self, ask: Ask, tried: int, error: Transient) -> float | None:
        """Seconds until the next try, or None if there is none."""
        if tried >= self.tries:
            return None
        doubled = min(self.longest_wait_s, self.first_wait_s * 2.0 ** (tried - 1))
        spread = doubled * (0.5 + unit("patience", ask.row_id, str(ask.sample), str(tried)) / 2)
        told = error.retry_after_s if isinstance(error, Busy) else None
        if told is None:
            return spread
        return None if told > self.longest_wait_s else told + spread / 10


class Gate:
    """How many calls may be out at the same time; those that wait are let in first come, first served."""

    def __init__(self, start: int, most: int) -> None:
        self.width = float(min(start, most))
        self._most = float(most)
        self._out = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = 0
        self._strain = 0.0
        """The share of Busy among the latest answers, some MEMORY of them."""

    async def enter(self) -> int:
        """Waits for a place; returns the round that the call belongs to."""
        if self._out < int(self.width) and not self._waiting:
            self._out += 1
            return self._round
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self.leave()  # the place was given while we were being cancelled
            raise
        return self._round

    def leave(self) -> None:
        self._out -= 1
        while self._waiting and self._out < int(self.width):
            place = self._waiting.popleft()
            if not place.done():
                self._out += 1
                place.set_result(None)

    def succeeded(self) -> None:
        self._strain -= self._strain / MEMORY
        self.width = min(self._most, self.width + (1 / self.width if self._round else 1))

    def was_busy(self, entered: int) -> None:
        self._strain += (1 - self._strain) / MEMORY
        if self._strain > STRAIN and entered == self._round:  # a call of an earlier round says nothing new
            self._round += 1
            self.width = max(1.0, self.width / 2)


class PatientChat:
    def __init__(self, chat: Chat, patience: Patience | None = None) -> None:
        self.engine, self.model = chat.engine, chat.model
        self._chat, self._patience = chat, patience or Patience()
        self.gate = Gate(self._patience.at_once, self._patience.most_at_once)

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        tried = 0
        while True:
            try:
                return await self._once(ask, reply)
            except Transient as exc:
                tried += 1
                wait = self._patience.wait_s(ask, tried, exc)
                if wait is None:
                    exc.what = f"{exc.what} (tried {tried} times)"
                    raise
            await asyncio.sleep(wait)

    async def _once(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        entered = await self.gate.enter()
        try:
            answer = await self._chat.ask(ask, reply)
            if not answer.stored:
                self.gate.succeeded()
            return answer
        except Busy:
            self.gate.was_busy(entered)
            raise
        finally:
            self.gate.leave()

    async def close(self) -> None:
        await self._chat.close()
