"""Hundreds of requests against a server that fails in every way it knows, kills, and Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from faulty_server import Server

from persona_forge.core.errors import BadReply, ForgeError, Stopped
from persona_forge.core.ports import Ask, Reply, Usage
from persona_forge.engines.budget import Budget, Limits, Price
from persona_forge.engines.chats import ready
from persona_forge.engines.contract_chat import Line, question
from persona_forge.engines.openai import OpenAIChat
from persona_forge.engines.patience import Patience, PatientChat
from persona_forge.engines.replies import Replies
from persona_forge.engines.validate import Declined

QUICK = Patience(tries=8, first_wait_s=0.01, longest_wait_s=0.5, at_once=16)
TIMEOUT_S = 2.0
"""Long enough that a busy machine answers in time: an answer that comes too late is asked for again."""
PASSING = ("429", "429-after", "500", "503", "408", "409", "reset", "hang", "trickle", "cut", "garbage")
ARRIVING = ("half", "schema", "refusal", "filter", "length", "empty", "enormous", "deep", "fenced")
FINAL = ("400", "429-late")


def asks(n: int) -> list[Ask]:
    return [question(f"row-{i}", f"question {i}") for i in range(n)]


async def answers(
    server_port: int, folder: Path, questions: list[Ask], budget: Budget | None = None, price: Price | None = None
) -> list[object]:
    """What became of each question, asked 32 at a time."""
    bare = OpenAIChat("m", base_url=f"http://127.0.0.1:{server_port}/v1", timeout_s=TIMEOUT_S)
    chat, _ = ready(bare, folder, patience=QUICK, budget=budget, price=price)
    ends: list[object] = [None] * len(questions)
    todo = iter(enumerate(questions))

    async def worker() -> None:
        for i, ask in todo:
            try:
                ends[i] = await chat.ask(ask, Line)
            except ForgeError as error:
                ends[i] = error

    try:
        await asyncio.gather(*(worker() for _ in range(32)))
    finally:
        await chat.close()
    return ends


def test_at_thirty_per_cent_faults_every_request_ends_named_and_nothing_that_arrived_is_asked_again(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        server = Server(rate=0.3, kinds=(*PASSING, *ARRIVING, *FINAL), seed=5)
        runner, port = await server.start()
        ends = await answers(port, tmp_path, asks(400))
        kinds = Counter(type(e).__name__ for e in ends)
        assert set(kinds) <= {"Reply", "Broken", "Declined", "Refused", "Busy"}
        assert kinds["Reply"] > 340
        assert min(kinds["Declined"], kinds["Refused"], kinds["Busy"]) > 0
        assert [e for e in ends if isinstance(e, Declined) and not e.raw] == []
        assert [e for e in ends if isinstance(e, BadReply) and "repair round" not in e.what] == []
        assert max(server.answered.values()) == 1
        first_round = Counter(server.asked)

        again = await answers(port, tmp_path, asks(400))
        same = [(a, b) for a, b in zip(ends, again, strict=True) if isinstance(a, Reply)]
        assert [b for a, b in same if not isinstance(b, Reply) or not b.stored or b.raw != a.raw] == []
        assert max(server.answered.values()) == 1
        asked_again = {p for p, n in server.asked.items() if n > first_round[p]}
        assert len(asked_again) <= 3 * (kinds["Refused"] + kinds["Busy"])
        await runner.cleanup()

    asyncio.run(run())


def test_faults_that_pass_cost_no_row(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(rate=0.3, kinds=PASSING, seed=2)
        runner, port = await server.start()
        ends = await answers(port, tmp_path, asks(200))
        assert Counter(type(e).__name__ for e in ends) == {"Reply": 200}
        assert sum(server.answered.values()) == 200
        await runner.cleanup()

    asyncio.run(run())


def test_concurrency_falls_under_429_and_recovers(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(rate=1.0, kinds=("429",))
        runner, port = await server.start()
        chat = PatientChat(
            OpenAIChat("m", base_url=f"http://127.0.0.1:{port}/v1"),
            Patience(tries=4, first_wait_s=0.01, at_once=16),
        )
        await asyncio.gather(*(chat.ask(a, Line) for a in asks(16)), return_exceptions=True)
        fallen = chat.gate.width
        server.rate = 0.0
        await asyncio.gather(*(chat.ask(a, Line) for a in asks(60)))
        await chat.close()
        await runner.cleanup()
        assert fallen <= 2
        assert chat.gate.width > 8

    asyncio.run(run())


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_faults import answers, asks
asyncio.run(answers(int(sys.argv[1]), Path(sys.argv[2]), asks(400)))
"""


def test_a_kill_half_way_repeats_no_more_than_was_in_flight_and_says_how_many(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(latency_s=0.01)
        runner, port = await server.start()

        async def child() -> asyncio.subprocess.Process:
            here = str(Path(__file__).parent)
            return await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(port), str(tmp_path), here)

        first = await child()
        while server.answered.total() < 200:
            await asyncio.sleep(0.002)
        first.kill()
        await first.wait()
        before = Replies(tmp_path)
        lost, kept = before.lost_in_flight, len(before)
        before.close()
        assert 0 < lost <= 16 + 16  # the gate begins at 16 wide and has grown a little
        assert kept >= 150
        second = await child()
        assert await second.wait() == 0
        await runner.cleanup()
        repeated = sum(n - 1 for n in server.asked.values())
        assert repeated <= lost
        after = Replies(tmp_path)
        assert (len(after), after.lost_in_flight) == (400, 0)
        after.close()

    asyncio.run(run())


def test_ctrl_c_keeps_what_came(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(latency_s=0.01)
        runner, port = await server.start()
        task = asyncio.create_task(answers(port, tmp_path, asks(400)))
        while server.answered.total() < 100:
            await asyncio.sleep(0.002)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        replies = Replies(tmp_path)
        kept, lost = len(replies), replies.lost_in_flight
        replies.close()
        assert kept + lost >= server.answered.total()
        assert lost <= 32
        ends = await answers(port, tmp_path, asks(400))
        assert sum(isinstance(e, Reply) and e.stored for e in ends) == kept
        await runner.cleanup()

    asyncio.run(run())


def test_a_budget_stops_a_run_before_it_is_passed_and_the_same_command_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(rate=0.2, kinds=("429", "500", "half"), seed=3)
        runner, port = await server.start()
        ends = await answers(port, tmp_path, asks(100), Budget(Limits(tokens=4_000)))
        replies = Replies(tmp_path)
        kept, spent = len(replies), replies.spent.prompt_tokens + replies.spent.completion_tokens
        replies.close()
        assert kept == server.answered.total()
        assert spent == 70 * kept
        assert 2_500 < spent <= 4_000
        assert Counter(type(e) for e in ends)[Stopped] > 30
        ends = await answers(port, tmp_path, asks(100), Budget(Limits(tokens=400_000)))
        assert Counter(type(e) for e in ends)[Stopped] == 0
        assert max(server.answered.values()) == 1
        await runner.cleanup()

    asyncio.run(run())


def test_a_budget_in_money_holds_over_runs(tmp_path: Path) -> None:
    price = Price(prompt=10, completion=40)

    async def run() -> None:
        server = Server(rate=0.2, kinds=("429", "500", "half"), seed=3)
        runner, port = await server.start()
        spent = Usage()
        for money in (0.06, 0.1):
            budget = Budget(Limits(money=money), spent=spent)
            ends = await answers(port, tmp_path, asks(100), budget, price)
            replies = Replies(tmp_path)
            spent = replies.spent
            replies.close()
            assert Counter(type(e) for e in ends)[Stopped] > 20
            assert spent.cost == pytest.approx(price.of(50, 20) * server.answered.total())
            assert money / 2 < spent.cost <= money
            assert budget.spent.cost == pytest.approx(spent.cost)
        await runner.cleanup()

    asyncio.run(run())


def test_sigint_lets_the_process_end_in_good_order_with_all_that_came(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(latency_s=0.01)
        runner, port = await server.start()
        here = str(Path(__file__).parent)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(port), str(tmp_path), here, stderr=asyncio.subprocess.DEVNULL
        )
        while server.answered.total() < 100:
            await asyncio.sleep(0.002)
        child.send_signal(signal.SIGINT)
        assert await child.wait() == -signal.SIGINT
        whole = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        replies = Replies(tmp_path)
        assert len(replies) + replies.lost_in_flight >= server.answered.total()
        assert replies.lost_in_flight <= 32
        replies.close()
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == whole
        await runner.cleanup()

    asyncio.run(run())


@pytest.mark.parametrize("kind", [*PASSING, *ARRIVING])
def test_no_kind_of_fault_at_thirty_per_cent_loses_a_row_or_asks_for_an_answer_twice(kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(rate=0.3, kinds=(kind,), seed=1)
        runner, port = await server.start()
        ends = Counter(type(e).__name__ for e in await answers(port, tmp_path, asks(40)))
        broken = "Declined" if kind in ("refusal", "filter") else "Broken"
        assert set(ends) <= ({"Reply"} if kind in PASSING else {"Reply", broken})
        assert ends["Reply"] >= 20
        assert ends.total() == 40
        assert max(server.answered.values()) == 1
        await runner.cleanup()

    asyncio.run(run())
