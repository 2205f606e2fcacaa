"""A run in an object store, worked on in a folder of this machine that mirrors it.

    run.json, ontology.toml, seals/…             as in a folder
    <table>/<shard>.<sha256[:16]>.parquet        rows; rejects likewise
    replies/…, events/…                          as in a folder: they only grow, so of two versions the longer is newer
    generation                                   another one: whatever was mirrored before is thrown away
    lock/<mirror>                                who has the run in hand (see lease)

A shard is visible whole or not at all: its files go up first, its seal last and in one PUT. Files are named by what
they hold, so a new version never stands where a reader of the old one reads, and of two workers that make the same
shard the later seal wins, and what it names is there. What no seal names is swept away by who has the run in hand.

Seals are mirrored whole, rows when they are read. What goes up goes up before it counts as done here. Replies go up
every few seconds and when their shard is sealed: a machine that dies takes no more of them with it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

import pyarrow
from pyarrow import parquet
from pyarrow.dataset import dataset

from persona_forge.core.errors import Corrupt, RunMismatch, StorageError
from persona_forge.core.tables import TABLES, Table
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.lease import Lease, meanwhile
from persona_forge.dataset.seals import Seal, parse_seal, read_seal, seal_text
from persona_forge.dataset.shards import sha256, write_text, write_whole
from persona_forge.dataset.store import Store

AT_ONCE = 16
SHARE_S = 5.0
RACY_S = 2.0
"""A store tells times in seconds: what is younger than this may change again and look the same."""
GENERATION, TOMBSTONES = "generation", "tombstones.jsonl"
GROW = ("replies", "events")
ROWS = ".parquet"


@dataclass(frozen=True, slots=True)
class RemoteFolder(Folder):
    store: Store
    lease: Lease
    to_run: bool
    """Else nothing in the store is changed."""
    _listed: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)
    """Table → its objects, as last listed."""
    _sound: set[str] = field(default_factory=set, repr=False, compare=False)
    """Objects that this process has seen hold what their name says."""

    @property
    def where(self) -> str:
        return self.store.address

    absolute = where

    def object_of(self, path: Path, sha: str) -> str:
        """The name of a file of a seal in the store."""
        return f"{path.relative_to(self.root).with_suffix('')}.{sha[:16]}.parquet"

    def objects(self, table: str) -> list[str]:
        """The names of all sealed files of a table; those of all rejects for `rejects`."""
        if table != "rejects":
            return [self.object_of(*self.files(seal)[0]) for seal in self.seals(table)]
        return [self.object_of(*file) for t in TABLES for seal in self.seals(t) for file in self.files(seal)[1:]]

    def open(self, table: str, shard: str) -> Any:
        name = self.object_of(*self.files(read_seal(self.seal(table, shard)))[0])
        return parquet.ParquetFile(self.store.path(name), filesystem=self.store.files, pre_buffer=True)

    def dataset(self, table: Table) -> Any:
        """The sealed rows of a table as an Arrow dataset in the store: a query reads the columns and pages it needs."""
        paths, schema = [self.store.path(name) for name in self.objects(table.name)], table.schema()
        if paths and table.name == "personas":  # its dimensions are the run's
            schema = parquet.read_schema(paths[0], filesystem=self.store.files)
        plain = [f.with_type(f.type.value_type) if pyarrow.types.is_dictionary(f.type) else f for f in schema]
        if not paths:
            return dataset(pyarrow.schema(plain).empty_table())
        return dataset(paths, schema=pyarrow.schema(plain), format="parquet", filesystem=self.store.files)

    # From there to here -----------------------------------------------------------------------------------------------

    def recall(self) -> None:
        """Brings run.json and what stands beside it here; forgets everything of another generation."""
        generation, known = self.store.read(GENERATION), self.root / f".{GENERATION}"
        if known.exists() and known.read_bytes() != generation:
            shutil.rmtree(self.root)
        if generation and not known.exists():
            write_text(known, generation.decode())
        for path in (self.card, self.ontology, self.root / TOMBSTONES):
            data = self.store.read(path.name)
            if data is None:
                path.unlink(missing_ok=True)
            elif not path.exists() or path.read_bytes() != data:
                write_whole(path, lambda p, data=data: p.write_bytes(data))  # type: ignore[misc]

    def refresh(self, *tables: str) -> None:
        self._listed.clear()
        before = {t: self.names(t) for t in tables or TABLES}
        there = {
            n: i for under in [f"seals/{t}" for t in tables] or ["seals"] for n, i in self.store.list(under).items()
        }
        for table, names in before.items():
            for name in names:
                if f"seals/{table}/{name}.json" not in there:
                    self.seal(table, name).unlink(missing_ok=True)
                    self.rows(table, name).unlink(missing_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda item: self._take(*item), there.items()))

    def _take(self, name: str, info: Any) -> None:
        """Mirrors a seal that has changed; files here that it does not mean go first."""
        path, changed = self.root / name, int(info.mtime.timestamp())
        if path.exists() and (path.stat().st_size, path.stat().st_mtime) == (info.size, changed):
            return
        data = self.store.read(name)
        if data is None:  # taken back just now
            return
        if not path.exists() or path.read_bytes() != data:
            for file, sha in self.files(parse_seal(data, f"{self.where}/{name}")):
                if file.is_file() and sha256(file) != sha:
                    file.unlink()
            write_text(path, data.decode())
        if changed < time() - RACY_S:
            os.utime(path, (changed, changed))

    def fetched(self, table: str, shards: list[str] | None = None) -> list[Path]:
        names = self.names(table) if shards is None else shards
        seals = [read_seal(self.seal(table, name)) for name in names]
        self._fetch(
            [f for seal in seals for f in self.files(seal) if not f[0].is_file() or not Folder.there(self, seal)]
        )
        return Folder.fetched(self, table, names)

    def rejects_of(self, tables: Iterable[str]) -> list[Path]:
        files = [file for table in tables for seal in self.seals(table) for file in self.files(seal)[1:]]
        self._fetch([file for file in files if not file[0].is_file()])
        return [path for path, _ in files]

    def _fetch(self, files: list[tuple[Path, str]]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda file: self._fetch_one(*file), files))

    def _fetch_one(self, path: Path, sha: str) -> None:
        name = self.object_of(path, sha)
        self.store.download(name, path)
        if sha256(path) != sha:
            path.unlink()
            raise Corrupt(f"{self.where}/{name} is not as it was sealed",
                          todo="delete it and give the same command again: its shard is made anew")  # fmt: skip
        self._sound.add(name)

    def bring(self) -> None:
        for table in TABLES:
            self.fetched(table)
        for grows in GROW:
            self.sync(self.root / grows)

    def there(self, seal: Seal) -> bool:
        if seal.table not in self._listed:
            self._listed[seal.table] = self.store.list(seal.table)
        found = self._listed[seal.table].get(self.object_of(*self.files(seal)[0]))
        return found is not None and found.size == seal.bytes

    def whole(self, seal: Seal) -> bool:
        """Of the bytes in the store; a process reads an object once. What is broken here is brought again."""
        for path, sha in self.files(seal):
            name = self.object_of(path, sha)
            if name not in self._sound and self.store.sha256(name) != sha:
                return False
            self._sound.add(name)
            if path.is_file() and sha256(path) != sha:
                path.unlink()
        return True

    # From here to there -----------------------------------------------------------------------------------------------

    def write(self, path: Path, text: str) -> None:
        self.lease.check()
        self.store.write(str(path.relative_to(self.root)), text.encode())
        write_text(path, text)

    def write_card(self, card: dict[str, Any]) -> None:
        if not (self.root / f".{GENERATION}").exists():
            self._begin_generation()
        Folder.write_card(self, card)

    def put(self, seal: Seal) -> None:
        self.lease.check()
        for path, sha in self.files(seal):
            name = self.object_of(path, sha)
            if not self.store.has(name):
                self.store.upload(path, name)
                if sha256(path) != sha:
                    raise StorageError(f"{path} changed while it was sent", todo="give the same command again")
            self._sound.add(name)
        Folder.put(self, seal)

    def unseal(self, table: str, shard: str) -> None:
        self.store.delete(f"seals/{table}/{shard}.json")
        Folder.unseal(self, table, shard)

    def sync(self, under: Path) -> None:
        there = self._there(under)
        longer = [name for name, info in there.items() if info.size > self._size(name)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda name: self.store.download(name, self.root / name), longer))
        if self.to_run:
            self._send(under, there)

    def _send(self, under: Path, there: dict[str, Any]) -> None:
        grown = (p for p in under.rglob("*") if p.is_file() and p.suffix != ROWS and not p.name.startswith("."))
        for path in sorted(grown):
            name = str(path.relative_to(self.root))
            if name not in there or self._size(name) > there[name].size:
                self.store.upload(path, name)

    def _there(self, under: Path) -> dict[str, Any]:
        """What grows there; the sealed rows of the table of events stand beside them."""
        listed = self.store.list(str(under.relative_to(self.root)))
        return {name: info for name, info in listed.items() if not name.endswith(ROWS)}

    def _size(self, name: str) -> int:
        path = self.root / name
        return path.stat().st_size if path.is_file() else -1

    @contextmanager
    def shared(self, under: Path) -> Iterator[None]:
        self.sync(under)
        try:
            with meanwhile(lambda: self._send(under, self._there(under)), SHARE_S):
                yield
        finally:
            self._send(under, self._there(under))

    def publish(self) -> None:
        """After a withdrawal, with the run in hand: the store holds what is here and nothing else.

        Stages go from the last to the first: cut short, it finds the seed where it began and does all again. Another
        generation begins, so that no other machine's longer version of what was cut ever comes back.
        """
        if (tombstones := self.root / TOMBSTONES).exists():
            self.write(tombstones, tombstones.read_text(encoding="utf-8"))
        for grows in GROW:
            for name in self._there(self.root / grows):
                self.store.delete(name)
            self._send(self.root / grows, {})
        self._begin_generation()
        for table in reversed(TABLES):
            for name in self.store.list(f"seals/{table}"):
                if not (self.root / name).exists():
                    self.store.delete(name)
            for seal in self.seals(table):
                if self.store.read(f"seals/{table}/{seal.shard}.json") != seal_text(seal).encode():
                    self.put(seal)

    def _begin_generation(self) -> None:
        name = uuid.uuid4().hex
        self.store.write(GENERATION, name.encode())
        write_text(self.root / f".{GENERATION}", name)

    # Who has it in hand -----------------------------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        with Folder.locked(self), self.lease.held():
            self.recall()
            self.sweep()
            yield
            self.sweep()

    def sweep(self) -> None:
        """Sees all seals anew, then deletes what none names: what killed workers left, and what was replaced."""
        there = [name for name in self.store.list() if name.partition("/")[0] in TABLES]
        self.refresh()  # after the list: what was sealed meanwhile is not on it, or named
        named = {name for table in TABLES for name in self.objects(table)}
        for name in set(there) - named:
            self.store.delete(name)

    def _refuse_strangers(self) -> bool:
        names = {name.strip("/") for name in self.store.list(deep=False)}
        if names - {"lock"} and self.card.name not in names:
            raise RunMismatch(f"{self.where} is not empty and not a run: it holds {', '.join(sorted(names)[:5])}",
                              todo="choose a new or empty place with --out")  # fmt: skip
        return True
