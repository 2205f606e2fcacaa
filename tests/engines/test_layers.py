"""What stands around an engine of the Chat port: patience, budget, repair."""

from __future__ import annotations

import asyncio

import pytest
from faulty_server import Server, failure, served
from pydantic import BaseModel

from persona_forge.core.errors import BadReply, Busy, ConfigError, Permanent, Refused, Stopped, Transient
from persona_forge.core.ports import Ask, Chat, Reply, Usage
from persona_forge.engines.budget import Budget, BudgetedChat, Limits, Price, Unanswered, is_loopback, must_have_budget
from persona_forge.engines.contract_chat import Line, question
from persona_forge.engines.openai import OpenAIChat
from persona_forge.engines.patience import Gate, Patience, PatientChat
from persona_forge.engines.validate import Broken, Heard, RepairedChat

QUICK = Patience(first_wait_s=0.001)


# ---- patience


class Answers:
    """A chat that goes through a list: errors are raised, None is a reply; then it replies."""

    engine = model = "answers"

    def __init__(self, *plan: Exception | None, usage: Usage | None = None) -> None:
        self.plan, self.calls, self.usage = list(plan), 0, usage or Usage(50, 20)

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        self.calls += 1
        await asyncio.sleep(0)
        error = self.plan.pop(0) if self.plan else None
        if error:
            raise error
        return Reply(reply.model_validate({"speaker": "nurse", "line": "hi", "mood": 1}), "{}", self.usage)

    async def close(self) -> None:
        pass


def test_what_may_pass_is_tried_again_and_what_will_not_is_not() -> None:
    chat = Answers(Transient("1"), Busy("2"), Transient("3"))
    asyncio.run(PatientChat(chat, QUICK).ask(question("r"), Line))
    assert chat.calls == 4
    for error in (Refused("no"), BadReply("no", raw="x"), Stopped("no")):
        chat = Answers(error)
        assert asyncio.run(failure(PatientChat(chat, QUICK), question("r"))) is error
        assert chat.calls == 1


def test_patience_ends_and_says_how_often_it_tried() -> None:
    chat = Answers(*(Transient("down") for _ in range(9)))
    error = asyncio.run(failure(PatientChat(chat, Patience(tries=3, first_wait_s=0.001)), question("r")))
    assert str(error) == "down (tried 3 times)"
    assert chat.calls == 3


def test_waits_double_are_spread_and_honour_retry_after() -> None:
    patience = Patience(tries=9, first_wait_s=1, longest_wait_s=6)
    waits = [patience.wait_s(question("r"), n, Transient("x")) or 0 for n in (1, 2, 3, 4)]
    assert [0.5 * top <= wait <= top for wait, top in zip(waits, (1, 2, 4, 6), strict=True)] == [True] * 4
    assert patience.wait_s(question("r"), 1, Transient("x")) != patience.wait_s(question("q"), 1, Transient("x"))
    told = patience.wait_s(question("r"), 1, Busy("x", retry_after_s=5))
    assert told is not None
    assert 5 <= told <= 5.1
    assert patience.wait_s(question("r"), 1, Busy("x", retry_after_s=7)) is None
    assert patience.wait_s(question("r"), 9, Transient("x")) is None


def test_the_gate_halves_once_for_calls_that_were_out_together_and_recovers_one_by_one() -> None:
    async def run() -> list[float]:
        gate = Gate(16, 32)
        for entered in [await gate.enter() for _ in range(16)]:
            gate.was_busy(entered)
            gate.leave()
        widths = [gate.width]
        for _ in range(8):
            gate.succeeded()
        widths.append(gate.width)
        for _ in range(20):
            gate.was_busy(await gate.enter())
            gate.leave()
        return [*widths, gate.width]

    halved, recovered, least = asyncio.run(run())
    assert halved == 8
    assert 8.8 < recovered <= 9
    assert least == 1


def test_a_gate_opens_fast_until_it_is_told_to_slow_down_and_a_stray_busy_does_not() -> None:
    async def run() -> tuple[float, float]:
        gate = Gate(4, 32)
        for _ in range(10):
            gate.succeeded()
        opened = gate.width
        for i in range(200):
            entered = await gate.enter()
            gate.was_busy(entered) if i % 20 == 0 else gate.succeeded()
            gate.leave()
        return opened, gate.width

    assert asyncio.run(run()) == (14, 32)


def test_no_more_calls_are_out_than_the_gate_is_wide_and_none_waits_forever() -> None:
    async def run() -> tuple[int, int]:
        gate, out, most, done = Gate(3, 3), 0, 0, 0

        async def call(i: int) -> None:
            nonlocal out, most, done
            await gate.enter()
            out, most = out + 1, max(most, out + 1)
            await asyncio.sleep(0.001)
            out, done = out - 1, done + 1
            gate.leave()

        tasks = [asyncio.create_task(call(i)) for i in range(40)]
        await asyncio.sleep(0.002)
        for task in tasks[10:20]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return most, done

    most, done = asyncio.run(run())
    assert most == 3
    assert done == 30


# ---- budget


def test_a_budget_in_tokens_stops_before_it_is_passed_with_many_calls_in_flight() -> None:
    async def run() -> tuple[Answers, Budget, list[object]]:
        chat, budget = Answers(), Budget(Limits(tokens=5_000))
        stack = BudgetedChat(chat, budget)
        asks = (stack.ask(question(f"{i:03}"), Line) for i in range(100))
        return chat, budget, await asyncio.gather(*asks, return_exceptions=True)

    chat, budget, ends = asyncio.run(run())
    stops = [e for e in ends if isinstance(e, Stopped)]
    worst = int(str(stops[0]).split("may take ")[1].split()[0])
    assert chat.calls == (5_000 - worst) // 70 + 1
    assert budget.spent == Usage(50 * chat.calls, 20 * chat.calls)
    assert len(stops) == 100 - chat.calls
    assert stops[0].exit_code == 3
    assert "5000 tokens" in str(stops[0])


def test_a_budget_in_money_counts_by_the_price_table() -> None:
    chat, budget = Answers(), Budget(Limits(money=0.05))
    stack = BudgetedChat(chat, budget, Price(prompt=10, completion=30))

    async def run() -> list[object]:
        asks = (stack.ask(question("r"), Line) for _ in range(100))
        return await asyncio.gather(*asks, return_exceptions=True)

    costs = [end.usage.cost for end in asyncio.run(run()) if isinstance(end, Reply)]
    assert set(costs) == {(50 * 10 + 20 * 30) / 1e6}
    assert 20 < len(costs) < 46
    assert budget.spent.cost == pytest.approx(sum(costs))


def test_what_may_have_been_charged_counts_as_spent_and_a_plain_no_does_not() -> None:
    def spent(chat: Answers) -> int:
        budget = Budget(Limits(tokens=100_000))
        asyncio.run(asyncio.wait_for(_swallowed(BudgetedChat(chat, budget)), 5))
        return budget.spent.completion_tokens

    assert spent(Answers(Busy("429"))) == 0
    assert spent(Answers(Refused("401"))) == 0
    assert spent(Answers(Unanswered("timeout"))) == 512
    assert spent(Answers(usage=Usage())) == 512
    assert spent(Answers()) == 20


async def _swallowed(chat: Chat) -> None:
    try:
        await chat.ask(question("r"), Line)
    except (Transient, Permanent):
        return


def test_a_broken_reply_is_paid_for() -> None:
    async def test(server: Server, chat: OpenAIChat) -> None:
        budget = Budget(Limits(tokens=100_000, money=1))
        await failure(BudgetedChat(chat, budget, Price(prompt=1, completion=1)), question("r"))
        assert budget.spent == Usage(50, 20, 70 / 1e6)

    served(test, rate=1.0, kinds=("half",))


def test_an_endpoint_elsewhere_needs_a_budget_and_money_needs_a_price() -> None:
    for url in ("https://api.openai.com/v1", "http://192.168.0.2:8000/v1", "http://127.0.0.1.example.com/v1"):
        assert not is_loopback(url)
        for budget in (None, Limits()):
            with pytest.raises(ConfigError, match="budget"):
                must_have_budget(url, budget)
        must_have_budget(url, Limits(tokens=1))
    for url in ("http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:8080/v1"):
        must_have_budget(url, None)
    for price in (None, Price(prompt=0, completion=0)):
        with pytest.raises(ConfigError, match="price"):
            BudgetedChat(Answers(), Budget(Limits(money=1)), price)


# ---- repair


def test_a_broken_reply_is_sent_back_once_with_what_is_wrong() -> None:
    async def test(server: Server, chat: OpenAIChat) -> None:
        error = await failure(RepairedChat(chat), question("r"))
        said = server.last["body"]["messages"]
        assert [m["role"] for m in said] == ["system", "user", "assistant", "user"]
        assert said[2]["content"] == '{"speaker": "doctor", "line": ""}'
        assert "speaker: Input should be 'nurse'" in said[3]["content"]
        assert isinstance(error, BadReply)
        assert "after one repair round" in error.what
        assert error.raw == said[2]["content"]
        assert sum(server.asked.values()) == 2

    served(test, rate=1.0, kinds=("schema",))


def test_a_repaired_reply_has_the_usage_of_both_rounds() -> None:
    chat = Answers(Broken("bad", Heard("x", "whole", Usage(10, 5, 0.5))))
    assert asyncio.run(RepairedChat(chat).ask(question("r"), Line)).usage == Usage(60, 25, 0.5)
    assert chat.calls == 2
