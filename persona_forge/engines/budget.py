"""A budget in tokens and money that stops before it is passed.

Before a call its worst case is reserved: a byte of the prompt and of the schema is at most a token, and the reply is at
most `max_tokens`. Afterwards the true usage is settled. A call that no longer fits beside what is spent raises Stopped;
one that does not fit only because of what is in flight waits for it. Where an answer was lost on its way, or names no
usage, the worst case counts as spent, for the endpoint may have charged it.

Left out: an endpoint that charges more than it was allowed to write (hidden reasoning); spending of other processes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat, PositiveInt

from persona_forge.core.errors import ConfigError, Stopped, Transient
from persona_forge.core.ports import Ask, Chat, Reply, Usage
from persona_forge.engines.validate import Broken, Declined, schema_text, total

LONGEST_WAIT_S = 0.5
"""Of a call that fits only once others have come back, before it looks again."""


class Price(BaseModel):
    """Money per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    prompt: NonNegativeFloat
    completion: NonNegativeFloat

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


class Limits(BaseModel):
    """What a run may spend; None is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tokens: PositiveInt | None = None
    money: PositiveFloat | None = None


class Unanswered(Transient):
    """A request that went out and was not answered: nobody here knows whether it was charged."""


def is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def must_have_budget(base_url: str, budget: Limits | None) -> None:
    """Refuses an endpoint that may cost money where no limit is set."""
    if not is_loopback(base_url) and (budget is None or (budget.tokens is None and budget.money is None)):
        raise ConfigError(
            f"{urlsplit(base_url).hostname} may cost money, and no budget is set",
            allowed="a limit in tokens, in money, or both",
            todo="set the budget in the config, or use an endpoint on this machine",
        )


@dataclass(frozen=True, slots=True)
class _Worst:
    tokens: int
    money: float


class Budget:
    """The account of one process: what is spent and what is reserved; shared by all chats that draw on it."""

    def __init__(self, limits: Limits, *, spent: Usage | None = None) -> None:
        self.limits = limits
        self.spent = spent or Usage()
        self._reserved = _Worst(0, 0.0)
        self._lock = threading.Lock()  # shards may run in threads of their own

    def reserve(self, worst: _Worst) -> bool:
        """True if the worst case is now reserved, False if it must wait; raises Stopped if it can never fit."""
        with self._lock:
            spent = _Worst(self.spent.prompt_tokens + self.spent.completion_tokens, self.spent.cost)
            if not self._fits(spent, worst):
                raise Stopped(
                    f"the next call may pass the budget: {spent.tokens} tokens and {spent.money:.4f} are spent, "
                    f"it may take {worst.tokens} and {worst.money:.4f}",
                    allowed=f"{self.limits.tokens or 'any number of'} tokens, {self.limits.money or 'any'} money",
                    todo="every reply so far is kept; raise the budget and run the same command to go on",
                )
            reserved = _Worst(self._reserved.tokens + worst.tokens, self._reserved.money + worst.money)
            if not self._fits(spent, reserved):
                return False
            self._reserved = reserved
            return True

    def settle(self, worst: _Worst, usage: Usage) -> None:
        with self._lock:
            self._reserved = _Worst(self._reserved.tokens - worst.tokens, self._reserved.money - worst.money)
            self.spent = total(self.spent, usage)

    def _fits(self, spent: _Worst, more: _Worst) -> bool:
        tokens, money = self.limits.tokens, self.limits.money
        return (tokens is None or spent.tokens + more.tokens <= tokens) and (
            money is None or spent.money + more.money <= money + 1e-9
        )


class BudgetedChat:
    """Puts a price on every call and asks nothing that the budget could not pay."""

    def __init__(self, chat: Chat, budget: Budget, price: Price | None = None) -> None:
        if budget.limits.money is not None and (price is None or not (price.prompt or price.completion)):
            raise ConfigError(
                f"a budget in money needs the price of {chat.model}",
                todo="add the model to the price table (per million prompt and completion tokens)",
            )
        self.engine, self.model = chat.engine, chat.model
        self._chat, self._budget, self._price = chat, budget, price or Price(prompt=0, completion=0)

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        most = self._most(ask, reply)
        worst = _Worst(most.prompt_tokens + most.completion_tokens, most.cost)
        wait = 0.02
        while not self._budget.reserve(worst):
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT_S, wait * 1.5)  # thousands may wait, for a batch
        spent = most
        try:
            answer = await self._chat.ask(ask, reply)
            spent = self._priced(answer.usage, most)
            return replace(answer, usage=spent)
        except (Broken, Declined) as exc:
            spent = self._priced(exc.heard.usage, most)
            exc.heard = replace(exc.heard, usage=spent)
            raise
        except Unanswered:
            raise
        except Exception:  # a no, or a cry for patience: nothing was written, nothing is charged
            spent = Usage()
            raise
        finally:
            self._budget.settle(worst, spent)

    async def close(self) -> None:
        await self._chat.close()

    def _most(self, ask: Ask, reply: type[BaseModel]) -> Usage:
        texts = [m.content for m in ask.messages]
        size = sum(len(t.encode()) + 16 for t in texts) + len(schema_text(reply).encode()) + 16
        return Usage(size, ask.max_tokens, self._price.of(size, ask.max_tokens))

    def _priced(self, usage: Usage, most: Usage) -> Usage:
        if not usage.prompt_tokens:
            return most
        return replace(usage, cost=self._price.of(usage.prompt_tokens, usage.completion_tokens))
