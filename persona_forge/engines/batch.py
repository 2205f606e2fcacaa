"""Batch API mode: a Chat whose questions go out as one file, and whose answers come within a day, at a discount.

    ask … ask … ask  ->  POST /files, POST /batches  ->  GET /batches/{id} until it ends  ->  GET /files/{id}/content

`ask` waits. When no further question came for a while, all that are in make one batch (or several, past the limits of
size), each line named by its key in the reply store. The answers then go to those who wait for them, through the same
validation, store, budget and repair as any other; second tries and repairs meet again in the next batch. So it stands
where an engine stands, under a gate that lets all in at once (`TOGETHER`).

A journal beside the replies, synced at each step, names each batch and its keys: whoever asks after a kill waits for
the batch that has the question already, and nothing is sent twice. A batch that was created while nobody could write
its id down is found by its file. A line without an answer (expired, cancelled, failed) may be asked again.

Left out: cancelling, and deleting what is stored at the endpoint. Prices are those of the config: give the batch's.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import openai
from pydantic import BaseModel

from persona_forge.core.errors import Busy, ForgeError, Refused, StorageError, Transient
from persona_forge.core.ports import Ask, Reply
from persona_forge.engines.budget import Unanswered
from persona_forge.engines.openai import OpenAIChat, by_status
from persona_forge.engines.patience import Patience
from persona_forge.engines.replies import request_key
from persona_forge.engines.validate import read

TOGETHER = Patience(at_once=1_000_000, most_at_once=1_000_000)
MOST, LARGEST = 50_000, 180_000_000
"""Requests and bytes of one batch; the endpoint takes 50,000 and 200 MB."""
ENDED = {"completed", "failed", "expired", "cancelled"}
MISSES = 8
"""Polls in a row that may fail before those who wait are told."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Batch:
    keys: set[str]
    """Of the questions in it that nobody was given an answer to yet."""
    file: str = ""
    uploaded: int = 0
    """When, by the endpoint's clock."""
    id: str = ""
    tried: bool = False
    """Somebody may have created it and not heard its id."""
    over: bool = False
    """It came to nothing, or is gone: its questions may be asked anew."""
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class _Asked:
    line: bytes
    answer: asyncio.Future[bytes]


class BatchChat:
    """An endpoint's batches, for the questions of one shard; `folder` is that of its replies."""

    def __init__(self, chat: OpenAIChat, folder: Path, *, poll_s: float = 30.0, gather_s: float = 1.0) -> None:
        self.engine, self.model = chat.engine, chat.model
        self._chat, self._poll_s, self._gather_s = chat, poll_s, gather_s
        self._journal = folder / "batches.jsonl"
        self._open = list(_read(self._journal))
        self._asked: dict[str, _Asked] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        key = request_key(self, ask, reply).hex()
        if key not in self._asked or self._asked[key].answer.done():  # who asked it before may have gone
            if not self._asked:
                self._start(self._gather())
            request = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions"}
            line = json.dumps({**request, "body": self._chat.body(ask, reply)}, separators=(",", ":")).encode()
            self._asked[key] = _Asked(line + b"\n", asyncio.get_running_loop().create_future())
        return read(self._chat.heard(await self._asked[key].answer), reply)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._chat.close()

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self) -> None:
        """Waits until no more questions come; those that an earlier batch holds go there, the others into new ones."""
        known = 0
        while known != (known := len(self._asked)):
            await asyncio.sleep(self._gather_s)
        asked, self._asked = {key: one for key, one in self._asked.items() if not one.answer.done()}, {}
        for batch in [b for b in self._open if not b.keys.isdisjoint(asked)]:
            self._start(self._carry(batch, {key: asked.pop(key) for key in batch.keys & asked.keys()}))
        for part in _parts(asked):
            batch = _Batch(set(part))
            self._open.append(batch)
            self._start(self._carry(batch, part))

    async def _carry(self, batch: _Batch, asked: dict[str, _Asked]) -> None:
        """Takes a batch on from wherever it stands, and answers those who wait; an error is theirs too."""
        try:
            async with batch.sending:
                if not batch.file:
                    await self._upload(batch, [one.line for one in asked.values()])
                if not batch.id:
                    await self._create(batch)
            ends = await self._collected(batch)
            none: ForgeError = Transient(self._chat.complaint("the batch ended without an answer"))
        except ForgeError as error:
            ends, none = {}, error
        except Exception as error:  # an endpoint that speaks another language; nobody may wait forever
            ends, none = {}, Refused(self._chat.complaint(f"this is no batch API: {error!r}"))
        for key, one in asked.items():
            if one.answer.done():
                continue  # whoever asked is gone; the batch still has it for the next one
            end = ends.get(key, none)
            if isinstance(end, bytes):
                one.answer.set_result(end)
            else:
                one.answer.set_exception(copy(end))
            if ends:
                batch.keys.discard(key)
        if batch in self._open and (batch.over or not batch.file or not batch.keys):
            self._open.remove(batch)

    async def _upload(self, batch: _Batch, lines: list[bytes]) -> None:
        files = self._chat.client.files
        file = await self._answered(files.create(file=("batch.jsonl", b"".join(lines)), purpose="batch"))
        batch.file, batch.uploaded = file.id, file.created_at
        self._note(batch, keys=sorted(batch.keys), uploaded=batch.uploaded)

    async def _create(self, batch: _Batch) -> None:
        if batch.tried:
            batch.id = await self._answered(self._found(batch))
        batch.tried = True
        if not batch.id:
            create = self._chat.client.batches.create
            try:
                made = await self._answered(
                    create(input_file_id=batch.file, endpoint="/v1/chat/completions", completion_window="24h")
                )
            except Refused:
                self._give_up(batch)
                raise
            batch.id = made.id
        self._note(batch, id=batch.id)

    async def _found(self, batch: _Batch) -> str:
        async for other in self._chat.client.batches.list(limit=100):  # the newest first
            if other.input_file_id == batch.file:
                return other.id
            if other.created_at < batch.uploaded:
                break
        return ""

    async def _collected(self, batch: _Batch) -> dict[str, bytes | ForgeError]:
        """An answer or an error for each line of the batch, once it has ended."""
        client, wait, missed = self._chat.client, self._poll_s / 16, 0
        while True:
            try:
                now = await self._answered(_unless_gone(client.batches.retrieve(batch.id)))
                if now is None or now.status in ENDED:
                    break
                missed = 0
            except Transient:
                missed += 1
                if missed == MISSES:
                    raise
            await asyncio.sleep(wait)
            wait = min(self._poll_s, wait * 2)
        files = [file for file in (now.output_file_id, now.error_file_id) if file] if now else []
        contents = [await self._answered(_unless_gone(client.files.content(file))) for file in files]
        ends = dict(chain.from_iterable(self._ends(c.content) for c in contents if c))
        if ends:
            return ends
        self._give_up(batch)
        errors = (now and now.errors and now.errors.data) or []
        what = self._chat.complaint("; ".join(e.message or "" for e in errors) or "the batch came to nothing")
        if not now or now.status != "failed":
            raise Transient(what)
        raise Busy(what) if any("limit" in (e.code or "") for e in errors) else Refused(what)

    def _give_up(self, batch: _Batch) -> None:
        batch.over = True
        self._note(batch, over=True)

    def _ends(self, content: bytes) -> Iterator[tuple[str, bytes | ForgeError]]:
        for line in content.splitlines():
            try:
                said = json.loads(line)
                response, error = said.get("response") or {}, said.get("error") or {}
                body = response.get("body") or {}
                if response.get("status_code") == 200:
                    yield said["custom_id"], json.dumps(body).encode()
                    continue
                error = error or body.get("error") or {}
                what = self._chat.complaint(str(error.get("message") or error.get("code") or "no answer"))
                status = response.get("status_code") or 503  # expired or cancelled, and not charged
                yield said["custom_id"], by_status(status, what, error.get("code"))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # a line that is none: its question has no answer

    async def _answered(self, call: Awaitable[T]) -> T:
        """An answer that was lost on its way costs nothing here: the batch is still there."""
        try:
            return await self._chat.answered(call)
        except Unanswered as error:
            raise Transient(error.what) from error

    def _note(self, batch: _Batch, **what: object) -> None:
        try:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("ab") as journal:
                journal.write(json.dumps({"file": batch.file, **what}).encode() + b"\n")
                journal.flush()
                os.fsync(journal.fileno())
        except OSError as exc:
            raise StorageError(f"the journal of batches can't be written: {exc.strerror}") from exc


async def _unless_gone(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except openai.NotFoundError:
        return None


def _parts(asked: dict[str, _Asked]) -> Iterator[dict[str, _Asked]]:
    part: dict[str, _Asked] = {}
    size = 0
    for key, one in asked.items():
        if part and (len(part) == MOST or size + len(one.line) > LARGEST):
            yield part
            part, size = {}, 0
        part[key] = one
        size += len(one.line)
    if part:
        yield part


def _read(journal: Path) -> Iterable[_Batch]:
    """Batches that had not ended when the last process did; a torn last line is cut off."""
    if not journal.exists():
        return ()
    data = journal.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(journal, len(whole))
    batches: dict[str, _Batch] = {}
    for note in map(json.loads, whole.splitlines()):
        if "keys" in note:
            batches[note["file"]] = _Batch(set(note["keys"]), note["file"], note["uploaded"], tried=True)
        elif "id" in note:
            batches[note["file"]].id = note["id"]
        else:
            batches.pop(note["file"], None)
    return batches.values()
