"""The reply store: what was paid for is never asked for again.

A folder a shard, an append-only segment a process, whose name no other machine gives. A segment opens with a magic and
holds records:

    body length u32, kind u8, seed 8 bytes, key 16 bytes, prompt and completion tokens u32, cost f64, blake2b 8 bytes,
    body: JSON {row_id, sample, seed_id, engine, model, ending, raw}, for a reply; else empty

Kinds: `asked` before a call, `reply` after it (a broken or declined one too), `unanswered` when it failed without one,
`end` when the segment was closed and synced. What was asked and has neither was in flight when the process died.
A record goes to the operating system in one write before its reply is handed on, so it outlives a SIGKILL; it is synced
about once a second and on close, so a power cut costs at most what came since. A segment without its end is cut
at the first record that does not check: that is the torn tail. A closed one that does not check is Corrupt.

Opening reads the records' heads and keeps key and place; a reply is read from disk when it is wanted.

Left out: compaction, and two processes that share what they hear while both run.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import time
import uuid
from collections.abc import Collection, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from persona_forge.core.errors import BadReply, Corrupt, ForgeError, StorageError
from persona_forge.core.ids import digest, key64
from persona_forge.core.ports import Ask, Chat, Reply, Usage
from persona_forge.engines.validate import Broken, Declined, Heard, read, schema_text, total

_MAGIC = b"replies1"
_HEAD = struct.Struct("<IB8s16sIId8s")
_CHECK = 8
_ASKED, _REPLY, _UNANSWERED, _END = 1, 2, 3, 4
_SYNC_S = 1.0


class _Record(NamedTuple):
    kind: int
    seed: bytes
    key: bytes
    prompt: int
    completion: int
    cost: float
    start: int
    end: int


def request_key(chat: Chat, ask: Ask, reply: type[BaseModel]) -> bytes:
    """16 bytes that name a request: the same for the same question of the same row and sample."""
    said = [part for m in ask.messages for part in (m.role, m.content)]
    numbers = (repr(ask.temperature), str(ask.max_tokens), ask.row_id, str(ask.sample))
    return bytes.fromhex(digest(chat.engine, chat.model, schema_text(reply), *numbers, *said))


def _seed(seed_id: str) -> bytes:
    return key64("replies", seed_id).to_bytes(8, "little")


def _packed(kind: int, seed: bytes, key: bytes, usage: Usage = Usage(), body: bytes = b"") -> bytes:  # noqa: B008
    fields = (len(body), kind, seed, key, usage.prompt_tokens, usage.completion_tokens, usage.cost)
    head = _HEAD.pack(*fields, b"")[:-_CHECK]
    return head + blake2b(head + body, digest_size=_CHECK).digest() + body


def _scanned(data: bytes | mmap.mmap, path: Path) -> Iterator[_Record]:
    """The whole records of a segment, in order; ends at a torn tail, raises Corrupt if the segment had been closed."""
    closed = data[-_HEAD.size :] == _packed(_END, bytes(8), bytes(16))
    at, size, view = len(_MAGIC), len(data), memoryview(data)
    try:
        sound = data[:at] == _MAGIC
        while sound and at + _HEAD.size <= size:
            length, kind, seed, key, prompt, completion, cost, check = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            hashed = blake2b(view[at : start - _CHECK], digest_size=_CHECK)
            hashed.update(view[start : start + length])
            if start + length > size or hashed.digest() != check:
                break
            yield _Record(kind, seed, key, prompt, completion, cost, at, start + length)
            at = start + length
    finally:
        view.release()
    if closed and at != size:
        raise Corrupt(
            f"{path.name} was closed in good order, and byte {at} and on do not check",
            todo=f"restore {path}, or delete it: its replies are then asked for, and paid for, again",
        )


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.replies"))


class Replies:
    """The replies of one shard: all that earlier processes kept, and a segment of its own for new ones."""

    def __init__(self, folder: Path) -> None:
        self.spent = Usage()
        """Of all replies here, the broken ones too."""
        self._folder = folder
        self._files: list[int] = []
        self._places: dict[bytes, int] = {}
        self._writing: int | None = None
        self._written = 0
        self._synced = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        pending: set[bytes] = set()
        for path in _segments(folder):
            self._index(path, pending)
        self.lost_in_flight = len(pending)
        """Requests of earlier processes that were out when those died, and were not asked again since."""

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: bytes) -> Heard | None:
        place = self._places.get(key)
        if place is None:
            return None
        file, start = self._files[place >> 40], place & ((1 << 40) - 1)
        length, _, _, _, prompt, completion, cost, _ = _HEAD.unpack(os.pread(file, _HEAD.size, start))
        body = json.loads(os.pread(file, length, start + _HEAD.size))
        return Heard(body["raw"], body["ending"], Usage(prompt, completion, cost))

    def asked(self, key: bytes, seed_id: str) -> None:
        self._append(_packed(_ASKED, _seed(seed_id), key))

    def unanswered(self, key: bytes, seed_id: str) -> None:
        self._append(_packed(_UNANSWERED, _seed(seed_id), key))

    def put(self, key: bytes, ask: Ask, heard: Heard, chat: Chat) -> None:
        body = {"row_id": ask.row_id, "sample": ask.sample, "seed_id": ask.seed_id, "engine": chat.engine}
        body |= {"model": chat.model, "ending": heard.ending, "raw": heard.raw}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        start = self._append(_packed(_REPLY, _seed(ask.seed_id), key, heard.usage, text))
        self._places.setdefault(key, (len(self._files) - 1) << 40 | start)
        self.spent = total(self.spent, heard.usage)

    def close(self) -> None:
        """Marks the segment as whole and syncs it; nothing can be read afterwards."""
        if self._writing is not None:
            self._append(_packed(_END, bytes(8), bytes(16)))
            os.fsync(self._writing)
            self._writing = None
            _sync_folder(self._folder)
        self._places.clear()
        while self._files:
            os.close(self._files.pop())

    def _index(self, path: Path, pending: set[bytes]) -> None:
        self._files.append(os.open(path, os.O_RDONLY))
        if not os.fstat(self._files[-1]).st_size:
            return
        base = (len(self._files) - 1) << 40
        with mmap.mmap(self._files[-1], 0, access=mmap.ACCESS_READ) as data:
            prompt, completion, cost = 0, 0, 0.0
            for record in _scanned(data, path):
                if record.kind == _ASKED:
                    pending.add(record.key)
                    continue
                pending.discard(record.key)
                if record.kind == _REPLY:
                    self._places.setdefault(record.key, base | record.start)
                    prompt += record.prompt
                    completion += record.completion
                    cost += record.cost
        self.spent = total(self.spent, Usage(prompt, completion, cost))

    def _append(self, record: bytes) -> int:
        """Where the record begins; all of it is with the operating system, or nothing of it stays in the file."""
        try:
            if self._writing is None:
                self._open()
            assert self._writing is not None
            start = self._written
            done = os.write(self._writing, record)
            while done < len(record):  # a full disk takes a part first
                done += os.write(self._writing, record[done:])
            self._written += done
            if (now := time.monotonic()) - self._synced > _SYNC_S:
                os.fsync(self._writing)
                self._synced = now
        except OSError as exc:
            if self._writing is not None:
                os.ftruncate(self._writing, self._written)
            raise StorageError(f"a reply can't be stored in {self._folder}: {exc.strerror}") from exc
        return start

    def _open(self) -> None:
        number = max((int(p.stem.partition("-")[0]) for p in _segments(self._folder)), default=0) + 1
        path = self._folder / f"{number:06d}-{uuid.uuid4().hex[:12]}.replies"
        self._writing = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        os.write(self._writing, _MAGIC)
        self._written = len(_MAGIC)
        self._synced = time.monotonic()
        self._files.append(self._writing)


def forget(folder: Path, seed_ids: Collection[str]) -> int:
    """Deletes every record of these seeds from a shard's folder, while nobody writes there; returns how many went."""
    gone, seeds = 0, {_seed(s) for s in seed_ids}
    for left_over in folder.glob("*.new"):
        left_over.unlink()
    for path in _segments(folder):
        data = path.read_bytes()
        records = list(_scanned(data, path))
        kept = [data[r.start : r.end] for r in records if r.seed not in seeds and r.kind != _END]
        here = sum(r.seed in seeds for r in records)
        torn = (records[-1].end if records else len(_MAGIC)) < len(data)  # may hold a reply of theirs, unread
        if not here and not torn:
            continue
        gone += here
        if kept:
            _replace(path, b"".join([_MAGIC, *kept, _packed(_END, bytes(8), bytes(16))]))
        else:
            path.unlink()
        _sync_folder(folder)
    return gone


def _replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


class StoredChat:
    """Answers from the store where it can, and stores whatever else arrives before handing it on."""

    def __init__(self, chat: Chat, folder: Path) -> None:
        self.engine, self.model = chat.engine, chat.model
        self.replies = Replies(folder)
        self._chat = chat

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        key = request_key(self, ask, reply)
        heard = self.replies.get(key)
        if heard is not None:
            return read(heard, reply, stored=True)
        self.replies.asked(key, ask.seed_id)
        try:
            answer = await self._chat.ask(ask, reply)
        except (Broken, Declined) as exc:
            self.replies.put(key, ask, exc.heard, self)
            raise
        except BadReply as exc:
            self.replies.put(key, ask, Heard(exc.raw, "whole", Usage()), self)
            raise
        except ForgeError:
            self.replies.unanswered(key, ask.seed_id)
            raise
        self.replies.put(key, ask, Heard(answer.raw, "whole", answer.usage), self)
        return answer

    async def close(self) -> None:
        self.replies.close()
        await self._chat.close()
