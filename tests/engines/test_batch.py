"""Batch API mode, against a local server that implements the documented endpoints."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
from collections import Counter
from pathlib import Path

import pytest
from batch_server import batches_served, endpoint
from faulty_server import served

from persona_forge.core.errors import BadReply, ForgeError, Refused, Stopped, Transient
from persona_forge.core.ports import Ask, Reply
from persona_forge.engines.batch import BatchChat
from persona_forge.engines.budget import Budget, Limits, Price
from persona_forge.engines.chats import ready
from persona_forge.engines.contract_chat import CONTRACT, Line, question
from persona_forge.engines.patience import Patience
from persona_forge.engines.replies import Replies
from persona_forge.engines.validate import Declined

QUICK = Patience(tries=8, first_wait_s=0.01, longest_wait_s=0.05, at_once=10_000, most_at_once=10_000)


def asks(n: int) -> list[Ask]:
    return [question(f"row-{i}", f"question {i}") for i in range(n)]


def batching(url: str, folder: Path) -> BatchChat:
    return BatchChat(endpoint(url), folder, poll_s=0.05, gather_s=0.05)


async def ends(
    url: str, folder: Path, questions: list[Ask], budget: Budget | None = None, price: Price | None = None
) -> list[object]:
    """What became of each question, all asked at once, as a stage does it."""
    chat, _ = ready(batching(url, folder), folder, patience=QUICK, budget=budget, price=price)
    try:
        return await asyncio.gather(*(chat.ask(a, Line) for a in questions), return_exceptions=True)
    finally:
        await chat.close()


def kinds(found: list[object]) -> Counter[str]:
    return Counter(type(end).__name__ for end in found)


def test_a_batch_keeps_the_contract_of_a_chat(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served() as (_, url):
            chat = batching(url, tmp_path)
            for promise in CONTRACT:
                await promise(chat)

    asyncio.run(run())


def test_all_that_is_asked_together_is_one_file_and_one_batch(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served() as (server, url):
            found = await ends(url, tmp_path, asks(200))
            assert kinds(found) == {"Reply": 200}
            assert len(server.batches) == 1
            line = server.lines[0]
            assert (line["method"], line["url"], line["body"]["model"]) == ("POST", "/v1/chat/completions", "m")
            assert line["body"]["response_format"]["json_schema"]["name"] == "Line"
            assert [line["body"]["messages"][1]["content"] for line in server.lines] == [
                a.messages[1].content for a in asks(200)
            ]
            again = await ends(url, tmp_path, asks(201))
            assert [e.stored for e in again if isinstance(e, Reply)] == [True] * 200 + [False]
            assert (len(server.batches), len(server.lines)) == (2, 201)

    asyncio.run(run())


def test_at_thirty_per_cent_faults_every_question_ends_named_and_no_answer_is_asked_for_again(tmp_path: Path) -> None:
    async def run() -> None:
        faults = ("429", "500", "503", "missing", "expired", "half", "schema", "refusal", "empty", "enormous", "400")
        async with batches_served(rate=0.3, kinds=faults, seed=4) as (server, url):
            found = await ends(url, tmp_path, asks(300))
            assert set(kinds(found)) <= {"Reply", "Broken", "Declined", "Refused"}
            assert kinds(found)["Reply"] > 260
            assert min(kinds(found)["Declined"], kinds(found)["Refused"]) > 0
            assert [e for e in found if isinstance(e, Declined) and not e.raw] == []
            assert [e for e in found if isinstance(e, BadReply) and "repair round" not in e.what] == []
            assert max(server.answered.values()) == 1
            assert len(server.batches) <= 8
            await ends(url, tmp_path, asks(300))
            assert max(server.answered.values()) == 1

    asyncio.run(run())


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_batch import asks, ends
asyncio.run(ends(sys.argv[1], Path(sys.argv[2]), asks(40)))
"""


@pytest.mark.parametrize(
    ("step", "files"),
    [("uploading", 3), ("uploaded", 2), ("creating", 2), ("created", 2), ("polled", 2), ("collecting", 2)],
)
def test_a_kill_between_any_two_steps_sends_nothing_twice(step: str, files: int, tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served(polls=2) as (server, url):
            server.hold = step
            here = str(Path(__file__).parent)
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, url, str(tmp_path), here)
            await asyncio.wait_for(server.held.wait(), 30)
            child.kill()
            await child.wait()
            server.hold = ""
            await asyncio.sleep(0.05)
            replies = Replies(tmp_path)
            assert (len(replies), replies.lost_in_flight) == (0, 40)
            replies.close()
            assert kinds(await ends(url, tmp_path, asks(40))) == {"Reply": 40}
            assert max(server.answered.values()) == 1
            assert len(server.batches) == 1
            assert len(server.files) == files

    asyncio.run(run())


def test_ctrl_c_leaves_the_batch_to_the_next_run(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served(polls=1) as (server, url):
            server.hold = "polled"
            task = asyncio.create_task(ends(url, tmp_path, asks(40)))
            await asyncio.wait_for(server.held.wait(), 30)
            task.cancel()
            assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
            server.hold = ""
            assert kinds(await ends(url, tmp_path, asks(60))) == {"Reply": 60}
            assert max(server.answered.values()) == 1
            assert len(server.batches) == 2

    asyncio.run(run())


def test_what_a_batch_left_unanswered_goes_into_the_next(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served(ends="expired", share=0.6) as (server, url):
            assert kinds(await ends(url, tmp_path, asks(100))) == {"Reply": 100}
            assert max(server.answered.values()) == 1
            assert len(server.batches) > 3

    asyncio.run(run())


def test_a_batch_that_was_found_wrong_is_refused_by_name_and_sent_anew_next_time(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served(ends="failed") as (server, url):
            found = await ends(url, tmp_path, asks(10))
            assert [(type(e), "line 1" in str(e)) for e in found] == [(Refused, True)] * 10
            assert len(server.batches) == 1
            server.ends = "completed"
            assert kinds(await ends(url, tmp_path, asks(10))) == {"Reply": 10}
            assert len(server.batches) == 2

    asyncio.run(run())


def test_a_batch_that_is_gone_is_sent_anew(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served(polls=1) as (server, url):
            server.hold = "polled"
            task = asyncio.create_task(ends(url, tmp_path, asks(10)))
            await asyncio.wait_for(server.held.wait(), 30)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            server.hold = ""
            gone = server.batches.pop("batch-0")
            server.batches["batch-x"] = {**gone, "id": "batch-x", "input_file_id": "other"}
            assert kinds(await ends(url, tmp_path, asks(10))) == {"Reply": 10}
            assert [b["id"] for b in server.batches.values()] == ["batch-x", "batch-1"]

    asyncio.run(run())


def test_an_endpoint_without_a_batch_api_is_refused_by_name(tmp_path: Path) -> None:
    async def test(_: object, chat: object) -> None:
        url = str(chat.client.base_url)  # type: ignore[attr-defined]
        found = await ends(url, tmp_path, asks(3))
        assert [(type(e), "404" in str(e)) for e in found] == [(Refused, True)] * 3

    served(test)


def test_an_endpoint_that_is_away_costs_no_money_and_is_tried_again(tmp_path: Path) -> None:
    budget = Budget(Limits(tokens=1_000_000))
    found = asyncio.run(ends("http://127.0.0.1:9/v1", tmp_path, asks(3), budget))
    assert [(type(e), "tried 8 times" in str(e)) for e in found] == [(Transient, True)] * 3
    assert budget.spent.completion_tokens == 0


def test_a_budget_stops_a_batch_before_it_is_passed_and_batches_are_priced(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served() as (server, url):
            budget = Budget(Limits(tokens=2_500))
            found = await ends(url, tmp_path, asks(100), budget, Price(prompt=1, completion=2))
            kept = kinds(found)["Reply"]
            assert kinds(found) == {"Reply": kept, "Stopped": 100 - kept}
            assert 0 < budget.spent.prompt_tokens + budget.spent.completion_tokens == 70 * kept <= 2_500
            assert budget.spent.cost == pytest.approx(kept * (50 + 2 * 20) / 1e6)
            assert sum(server.answered.values()) == kept
            assert [e for e in found if isinstance(e, Stopped) and "2500 tokens" not in str(e)] == []

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["400", "500", "echo", "failed", ""])
def test_the_key_stands_neither_in_the_journal_nor_in_an_error(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        plan = {"ends": "failed"} if fault == "failed" else {"rate": 1.0 if fault else 0.0, "kinds": (fault,)}
        async with batches_served(**plan) as (server, url):
            found = await ends(url, tmp_path, asks(2))
            said = [repr(e) for e in found]
            said += ["".join(traceback.format_exception(e)) for e in found if isinstance(e, ForgeError)]
            said += [p.read_text(errors="replace") for p in tmp_path.iterdir()]
            assert server.last["authorization"] == f"Bearer {secret}"
            assert len(said) >= 4
            assert [s for s in [*said, caplog.text] if secret in s] == []

    asyncio.run(run())


def test_a_torn_line_of_the_journal_is_cut_off(tmp_path: Path) -> None:
    async def run() -> None:
        async with batches_served(polls=1) as (_, url):
            await ends(url, tmp_path, asks(3))
            journal = tmp_path / "batches.jsonl"
            whole = journal.read_bytes()
            assert [sorted(json.loads(line)) for line in whole.splitlines()] == [
                ["file", "keys", "uploaded"],
                ["file", "id"],
            ]
            journal.write_bytes(whole + b'{"file": "file-9", "ke')
            assert kinds(await ends(url, tmp_path, asks(4))) == {"Reply": 4}
            assert journal.read_bytes().startswith(whole + b'{"file": "file-2"')

    asyncio.run(run())
