"""The reply store: what arrived is kept, whatever happens next."""

from __future__ import annotations

import asyncio
import resource
import signal
import time
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from persona_forge.core.errors import BadReply, Corrupt, StorageError, Transient
from persona_forge.core.ports import Ask, Message, Reply, Usage
from persona_forge.engines.contract_chat import Line, question
from persona_forge.engines.replies import Replies, StoredChat, forget, request_key
from persona_forge.engines.scripted import ScriptedChat
from persona_forge.engines.validate import Declined, Heard


class Counting(ScriptedChat):
    """Counts its calls; fails with `error` where there is one."""

    def __init__(self, *, broken: float = 0.0, error: Exception | None = None) -> None:
        super().__init__(broken=broken)
        self.calls, self.error = 0, error

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        self.calls += 1
        if self.error:
            raise self.error
        return await super().ask(ask, reply)


def asked(chat: Counting, folder: Path, *asks: Ask, close: bool = True) -> tuple[list[object], StoredChat]:
    """The replies or errors to these questions, through a store that is opened for them."""

    async def run() -> tuple[list[object], StoredChat]:
        stored = StoredChat(chat, folder)
        ends = [(await asyncio.gather(stored.ask(a, Line), return_exceptions=True))[0] for a in asks]
        if close:
            await stored.close()
        return list(ends), stored

    return asyncio.run(run())


def stored_keys(folder: Path) -> int:
    replies = Replies(folder)
    count = len(replies)
    replies.close()
    return count


def test_a_stored_reply_is_returned_and_nothing_is_asked(tmp_path: Path) -> None:
    chat, ask = Counting(), question("r")
    [first], _ = asked(chat, tmp_path, ask)
    [again], _ = asked(chat, tmp_path, ask)
    assert isinstance(first, Reply)
    assert isinstance(again, Reply)
    assert (again.value, again.raw, again.usage, again.stored) == (first.value, first.raw, first.usage, True)
    assert chat.calls == 1


def test_a_broken_reply_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    chat, ask = Counting(broken=1.0), question("r")
    [first], _ = asked(chat, tmp_path, ask)
    [again], _ = asked(chat, tmp_path, ask)
    assert isinstance(first, BadReply)
    assert isinstance(again, BadReply)
    assert (again.what, again.raw) == (first.what, first.raw)
    assert chat.calls == 1


def test_a_refusal_by_the_model_is_kept_and_a_failed_call_is_not(tmp_path: Path) -> None:
    declined = Declined("no", Heard("I can't.", "declined", Usage(9, 3)))
    for error, calls in ((declined, 1), (Transient("503"), 2)):
        chat, folder = Counting(error=error), tmp_path / type(error).__name__
        asked(chat, folder, question("r"))
        [again], stored = asked(chat, folder, question("r"))
        assert type(again) is type(error)
        assert chat.calls == calls
        assert stored.replies.lost_in_flight == 0


def test_a_reply_is_validated_again_when_it_is_read(tmp_path: Path) -> None:
    async def run() -> None:
        stored, ask = StoredChat(ScriptedChat(), tmp_path), question("r")
        stored.replies.put(request_key(stored, ask, Line), ask, Heard("{}", "whole", Usage()), stored)
        with pytest.raises(BadReply, match="speaker"):
            await stored.ask(ask, Line)
        await stored.close()

    asyncio.run(run())


def test_a_key_changes_with_everything_that_changes_the_reply() -> None:
    class Other(BaseModel):
        speaker: Literal["doctor"]

    base = question("r")
    other_engine = ScriptedChat()
    other_engine.model = "other"
    keys = {
        request_key(ScriptedChat(), base, Line),
        request_key(other_engine, base, Line),
        request_key(ScriptedChat(), base, Other),
        request_key(ScriptedChat(), question("q"), Line),
        request_key(ScriptedChat(), question("r", sample=1), Line),
        request_key(ScriptedChat(), question("r", max_tokens=9), Line),
        request_key(ScriptedChat(), question("r", "other words"), Line),
        request_key(ScriptedChat(), Ask("r", "seed-1", base.messages, temperature=0.1), Line),
        request_key(ScriptedChat(), Ask("r", "seed-1", (*base.messages, Message("user", "")), temperature=0.8), Line),
    }
    assert len(keys) == 9
    assert request_key(ScriptedChat(), Ask("r", "another seed", base.messages), Line) in keys


def test_what_was_in_flight_when_the_process_died_is_counted_until_it_is_answered(tmp_path: Path) -> None:
    first = Replies(tmp_path)
    for i in range(3):
        first.asked(bytes([i]) * 16, "s")
    first.put(bytes([0]) * 16, question("r"), Heard("x", "whole", Usage(5, 2, 0.5)), ScriptedChat())
    second = Replies(tmp_path)  # the first was never closed, as after a kill
    assert (len(second), second.lost_in_flight, second.spent) == (1, 2, Usage(5, 2, 0.5))
    second.asked(bytes([1]) * 16, "s")
    second.put(bytes([1]) * 16, question("r"), Heard("y", "whole", Usage()), ScriptedChat())
    second.close()
    third = Replies(tmp_path)
    assert (len(third), third.lost_in_flight) == (2, 1)
    assert third.get(bytes([1]) * 16) == Heard("y", "whole", Usage())
    assert third.get(bytes([2]) * 16) is None
    third.close()
    first.close()


def test_opening_a_finished_shard_writes_nothing(tmp_path: Path) -> None:
    asked(Counting(), tmp_path, question("r"))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    asked(Counting(), tmp_path, question("r"))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_any_text_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = ["", "你好\n\u2028", '{"a": "\\"}', "\x00", "😀" * 1000]
    replies = Replies(tmp_path)
    for i, text in enumerate(texts):
        replies.put(bytes([i]) * 16, question("r"), Heard(text, "whole", Usage()), ScriptedChat())
    replies.close()
    again = Replies(tmp_path)
    assert [(h := again.get(bytes([i]) * 16)) and h.raw for i in range(len(texts))] == texts
    again.close()


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int, list[str]]:
    """The bytes of a closed segment of five replies, the length of its end mark, and the raw texts."""
    folder = tmp_path_factory.mktemp("segment")
    ends, _ = asked(Counting(), folder, *(question(f"{i}") for i in range(5)))
    return next(folder.iterdir()).read_bytes(), 53, [e.raw for e in ends if isinstance(e, Reply)]


def opened(folder: Path, data: bytes) -> list[str | None]:
    for old in folder.iterdir():
        old.unlink()
    (folder / "000001.replies").write_bytes(data)
    replies = Replies(folder)
    keys = [request_key(ScriptedChat(), question(f"{i}"), Line) for i in range(5)]
    found = [heard.raw if (heard := replies.get(k)) else None for k in keys]
    replies.close()
    return found


@given(share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_torn_tail_is_cut_and_all_before_it_is_kept(
    share: float, segment: tuple[bytes, int, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, _, raws = segment
    found = opened(tmp_path_factory.mktemp("torn"), data[: int(share * (len(data) - 1))])
    whole = [f for f in found if f is not None]
    assert whole == raws[: len(whole)]
    ends = [data.index(raw.replace('"', '\\"').encode()) + len(raw.replace('"', '\\"').encode()) + 2 for raw in raws]
    assert len(whole) == sum(end <= int(share * (len(data) - 1)) for end in ends)


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_one_flipped_bit_in_a_closed_segment_is_found(
    at: float, bit: int, segment: tuple[bytes, int, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, end_mark, raws = segment
    place = int(at * len(data))
    flipped = bytearray(data)
    flipped[place] ^= 1 << bit
    folder = tmp_path_factory.mktemp("flipped")
    if place < len(data) - end_mark:
        with pytest.raises(Corrupt, match="000001"):
            opened(folder, bytes(flipped))
    else:
        assert opened(folder, bytes(flipped)) == raws


def test_a_withdrawn_seed_leaves_no_byte_and_the_others_stay(tmp_path: Path) -> None:
    def of(seed: str, i: int) -> Ask:
        return Ask(f"{seed}-{i}", seed, (Message("user", f"words of {seed}"),))

    chat = Counting()
    asked(chat, tmp_path, of("alice", 0), of("bruno", 0), of("alice", 1))
    asked(chat, tmp_path, of("alice", 2))
    _, dying = asked(chat, tmp_path, of("bruno", 1), of("alice", 3), close=False)
    torn = max(tmp_path.iterdir())
    torn.write_bytes(torn.read_bytes()[:-5])  # half a reply of alice
    (tmp_path / "000009.new").write_bytes(b"left by a withdrawal that was killed: alice")
    assert forget(tmp_path, ["alice", "nobody"]) == 7
    assert sorted(p.name.partition("-")[0] for p in tmp_path.iterdir()) == ["000001", "000003"]
    assert [p for p in tmp_path.iterdir() if b"alice" in p.read_bytes()] == []
    ends, stored = asked(chat, tmp_path, of("bruno", 0), of("bruno", 1))
    assert [isinstance(e, Reply) and e.stored for e in ends] == [True, True]
    assert stored.replies.lost_in_flight == 0
    assert chat.calls == 6
    dying.replies.close()


def test_a_withdrawn_seed_leaves_no_byte_behind_a_record_that_does_not_check(tmp_path: Path) -> None:
    asks = [Ask(f"{seed}-0", seed, (Message("user", "hello"),)) for seed in ("bruno", "alice")]
    _, dying = asked(Counting(), tmp_path, *asks, close=False)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().replace(b"bruno-0", b"bruno-9"))
    assert forget(tmp_path, ["alice"]) == 0  # it could not be read, and goes all the same
    assert b"alice" not in path.read_bytes()
    dying.replies.close()


def test_forgetting_a_seed_that_never_was_changes_nothing(tmp_path: Path) -> None:
    asked(Counting(), tmp_path, question("r"))
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert forget(tmp_path, ["nobody"]) == 0
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_a_full_disk_is_named_and_what_was_stored_before_stays_whole(tmp_path: Path) -> None:
    replies, heard = Replies(tmp_path), Heard("x" * 2_000, "whole", Usage())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that may not grow stands for a disk that is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        for i in range(2):
            replies.put(bytes([i]) * 16, question("r"), heard, ScriptedChat())
        with pytest.raises(StorageError, match="can't be stored"):
            replies.put(bytes([2]) * 16, question("r"), heard, ScriptedChat())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    replies.put(bytes([9]) * 16, question("r"), heard, ScriptedChat())
    replies.close()
    again = Replies(tmp_path)
    assert len(again) == 3
    assert again.get(bytes([9]) * 16) == heard
    again.close()


def test_replies_open_at_a_rate_of_a_hundred_thousand_a_second(tmp_path: Path) -> None:
    replies = Replies(tmp_path)
    heard, ask, chat = Heard("x" * 300, "whole", Usage(1, 1)), question("r"), ScriptedChat()
    for i in range(20_000):
        replies.put(i.to_bytes(16, "little"), ask, heard, chat)
    replies.close()
    seconds = []
    for _ in range(3):
        start = time.process_time()
        assert stored_keys(tmp_path) == 20_000
        seconds.append(time.process_time() - start)
    assert min(seconds) * 5 < 1
