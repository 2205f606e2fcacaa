"""A run's folder: where every file of it stands.

run.json                       what run this is: key, settings, engines chosen
ontology.toml                  the trait space it was made under
<table>/<shard>.parquet        rows
rejects/<stage>/<shard>.parquet
seals/<table>/<shard>.json     written last: a shard without a seal is not there
replies/<stage>/<shard>/       what language models answered, as it arrived
events/                        what annotators decided on this run
tombstones.jsonl, exports.jsonl  what was withdrawn, and what left before (see ledger)
log.jsonl                      times and attempts: what a seal may not hold
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pyarrow import parquet

from persona_forge.core.errors import RunMismatch, StorageError
from persona_forge.core.tables import TABLES
from persona_forge.dataset.journal import pending, settle
from persona_forge.dataset.seals import Seal, read_seal, seal_text
from persona_forge.dataset.shards import mending, sha256, write_text

FORMAT = 1
CARD = ("config", "engines", "ingredients", "ontology", "stages")
"""What run.json holds."""


@dataclass(frozen=True, slots=True)
class Folder:
    root: Path

    @property
    def where(self) -> str:
        """What users call it: its path, or its address in an object store."""
        return str(self.root)

    @property
    def absolute(self) -> str:
        """As `where`, for other processes."""
        return str(self.root.resolve())

    @property
    def card(self) -> Path:
        return self.root / "run.json"

    @property
    def lock(self) -> Path:
        return self.root / ".lock"

    @property
    def ontology(self) -> Path:
        return self.root / "ontology.toml"

    def rows(self, table: str, shard: str) -> Path:
        return self.root / table / f"{shard}.parquet"

    def rejects(self, stage: str, shard: str) -> Path:
        return self.root / "rejects" / stage / f"{shard}.parquet"

    def seal(self, table: str, shard: str) -> Path:
        return self.root / "seals" / table / f"{shard}.json"

    def replies(self, stage: str, shard: str) -> Path:
        return self.root / "replies" / stage / shard

    def names(self, table: str) -> list[str]:
        """The sealed shards of a table, in order."""
        return sorted(p.stem for p in (self.root / "seals" / table).glob("*.json") if not p.name.startswith("."))

    def seals(self, table: str) -> list[Seal]:
        return [read_seal(self.seal(table, name)) for name in self.names(table)]

    def sha256_of(self, file: str) -> str | None:
        """The sha256 that the seal of <table>/<shard> names; None where it is not sealed."""
        path = self.seal(*file.split("/"))
        return read_seal(path).sha256 if path.exists() else None

    def scan(self, table: str, shards: list[str] | None = None) -> pl.LazyFrame:
        """The sealed rows of a table (or of some of its shards), lazily; an empty frame where there is none."""
        names = self.names(table) if shards is None else shards
        if not names:
            return TABLES[table].empty().lazy()
        paths = self.fetched(table, names)
        if table == "personas":  # each shard has its own dictionary of seeds
            text = pl.col("seed_id").cast(pl.String)
            parts = [pl.scan_parquet(path, glob=False).with_columns(text) for path in paths]
            return pl.concat(parts, how="vertical_relaxed")
        return pl.scan_parquet(paths, glob=False)

    def fetched(self, table: str, shards: list[str] | None = None) -> list[Path]:
        """The files of these shards (all that are sealed), on this disk."""
        return [self.rows(table, name) for name in (self.names(table) if shards is None else shards)]

    def rejects_of(self, tables: Iterable[str]) -> list[Path]:
        """The files of rejects that the seals of these tables name."""
        seals = [seal for table in tables for seal in self.seals(table) if seal.rejects_sha256]
        return [self.rejects(seal.stage, seal.shard) for seal in seals]

    def open(self, table: str, shard: str) -> Any:
        """A sealed shard as a pyarrow.parquet.ParquetFile, wherever it lies."""
        return parquet.ParquetFile(self.rows(table, shard), memory_map=True)  # audio is copied once less

    def files(self, seal: Seal) -> list[tuple[Path, str]]:
        """The files of a seal with their sha256."""
        files = [(self.rows(seal.table, seal.shard), seal.sha256)]
        if seal.rejects_sha256:
            files.append((self.rejects(seal.stage, seal.shard), seal.rejects_sha256))
        return files

    def whole(self, seal: Seal) -> bool:
        """Whether the files of a seal hold the bytes it names."""
        return all(path.is_file() and sha256(path) == sha for path, sha in self.files(seal))

    def there(self, seal: Seal) -> bool:
        """As `whole`, at a glance: the rows have the size that the seal names."""
        path = self.rows(seal.table, seal.shard)
        return path.is_file() and path.stat().st_size == seal.bytes

    def write(self, path: Path, text: str) -> None:
        """A small file of the run: whole or not there."""
        write_text(path, text)

    def put(self, seal: Seal) -> None:
        """Seals a shard whose files are written."""
        self.write(self.seal(seal.table, seal.shard), seal_text(seal))

    def unseal(self, table: str, shard: str) -> None:
        """Takes a shard back: the seal first, so that nothing half-gone is ever taken for whole."""
        seal = read_seal(self.seal(table, shard))
        self.seal(table, shard).unlink()
        self.rows(table, shard).unlink(missing_ok=True)
        self.rejects(seal.stage, shard).unlink(missing_ok=True)

    def read_card(self) -> dict[str, Any]:
        """run.json; raises RunMismatch where the folder is not a run.

        A withdrawal that was cut short is finished first.
        """
        if pending(self.root):
            with self.locked():
                pass
        if not self.card.is_file():
            raise RunMismatch(f"{self.where} is not a run: there is no run.json in it",
                              todo="name the folder that `persona-forge run --out` was given")  # fmt: skip
        try:
            card = json.loads(self.card.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StorageError(f"{self.card} cannot be read: {error}") from error
        if not isinstance(card, dict) or card.get("format") != FORMAT:
            raise RunMismatch(f"{self.card} is not of this version", allowed=f'"format": {FORMAT}')
        if missing := [key for key in CARD if key not in card]:
            raise StorageError(f"{self.card} is damaged: it lacks {', '.join(missing)}")
        return card

    def write_card(self, card: dict[str, Any]) -> None:
        self.write(
            self.card, json.dumps({"format": FORMAT, **card}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        )

    def recall(self) -> None:
        """Sees run.json and ontology.toml as other machines have written them: here there are none."""

    def bring(self) -> None:
        """Everything that is sealed, on this disk: here it is."""

    def publish(self) -> None:
        """Makes an object store what was changed here behind its back: here there is none."""

    def refresh(self, *tables: str) -> None:
        """Sees what other machines have sealed since, of these tables or of all: here there are none."""

    def sync(self, under: Path) -> None:
        """Exchanges files that only grow with other machines: here there are none."""

    @contextmanager
    def shared(self, under: Path) -> Iterator[None]:
        """While it lasts, what grows in this folder of the run is exchanged with other machines."""
        yield

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time decides what is done here; what a killed one left is finished or swept away.

        Raises RunMismatch for a folder that is not empty and not a run. A folder in which no run was begun is left as
        it was found, or not at all.
        """
        found = self._refuse_strangers()
        with mending(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = self.lock.open("a+")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                handle.seek(0)
                raise RunMismatch(
                    f"{self.root} is in use by process {handle.read().strip() or 'unknown'}",
                    todo="wait for it, or stop it; then give the same command again",
                ) from error
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            for leftover in self.root.rglob(".*.tmp"):
                leftover.unlink(missing_ok=True)
            settle(self.root)
            try:
                yield
            finally:
                if not self.card.is_file():
                    self.lock.unlink(missing_ok=True)
                    if not found:
                        self.root.rmdir()

    def _refuse_strangers(self) -> bool:
        """Whether the folder is there; raises RunMismatch if it is something else than a run or empty."""
        todo = "choose a new or empty folder with --out"
        if not self.root.exists():
            return False
        if not self.root.is_dir():
            raise RunMismatch(f"{self.root} is a file and not a folder", todo=todo)
        with mending(self.root):
            names = sorted(p.name for p in self.root.iterdir())
        strangers = [n for n in names if n != self.lock.name and not n.endswith(".tmp")]
        if strangers and not self.card.is_file():
            raise RunMismatch(f"{self.root} is not empty and not a run: it holds {', '.join(strangers[:5])}", todo=todo)
        return True
