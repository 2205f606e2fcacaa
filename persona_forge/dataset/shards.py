"""Parquet files that are whole or not there: temporary file, fsync, rename.

The same rows give the same bytes (under one version of the libraries): statistics and row groups depend on the rows
alone, and no time is written. Audio is stored uncompressed and PLAIN, because FLAC is compressed already, with the
metadata by which HF `datasets` decodes it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_forge.core.errors import StorageError
from persona_forge.core.ids import digest
from persona_forge.core.tables import Table

AUDIO_ROW_GROUP_BYTES = 64 * 2**20
"""Row groups of audio stay under 100 MB, as readers of remote files like it."""

PERSONAS: dict[str, Any] = {
    "compression": "uncompressed",
    "statistics": False,
    "row_group_size": 2**18,
    "data_page_size": 2**15,
}
"""Three bytes of four are random ids, and traits are packed in bits: zstd would save a sixth for a quarter more time.
Every value stands in every row group, so statistics would skip nothing; most pages of this size have no null."""


def sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@contextmanager
def mending(path: Path) -> Iterator[None]:
    """Turns the operating system's complaints about storage into one that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            todo = "free some space, or choose another --out; then give the same command again: what is sealed stays"
            raise StorageError(f"no space left while writing {path}", todo=todo) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"{path} cannot be written: {error.strerror}", todo="choose an --out you may write to"
            ) from error
        raise StorageError(f"{path}: {error.strerror or error}") from error


def write_whole(path: Path, fill: Callable[[Path], None]) -> None:
    """`fill` writes a temporary file beside `path`, which takes its place only when it is complete and on the disk."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with mending(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fill(temporary)
            with temporary.open("rb") as f:
                os.fsync(f.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """A new name in a folder outlives a power cut once the folder is synced."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda p: void(p.write_text(text, encoding="utf-8")))


def void(_: object) -> None: ...


def digest_of(frames: Mapping[str, pl.DataFrame]) -> str:
    """Of the rows in these frames and nothing else: Parquet keeps no trace of how they lay in memory."""
    parts: list[str | bytes] = []
    for name in sorted(frames):
        buffer = io.BytesIO()
        pq.write_table(frames[name].rechunk().to_arrow(), buffer, compression="none", write_statistics=False)
        parts += [name, buffer.getvalue()]
    return digest(*parts)


def write_table(path: Path, table: Table, frame: pl.DataFrame) -> tuple[int, str]:
    """Writes the frame as a shard of `table`; returns its size in bytes and its sha256."""
    if table.name == "personas":
        file = io.BytesIO()
        frame.select(table.names).write_parquet(file, **PERSONAS)
        whole = file.getbuffer()
        write_whole(path, lambda p: void(p.write_bytes(whole)))
        return len(whole), hashlib.sha256(whole).hexdigest()
    rows = table.conform(frame)
    write_whole(path, lambda p: _write_arrow(p, rows))
    return path.stat().st_size, sha256(path)


def _write_arrow(path: Path, rows: pa.Table) -> None:
    if "audio" not in rows.column_names:
        pq.write_table(rows, path, compression="zstd")
        return
    # Any other column is small beside the audio: compressed and dictionary-coded as usual.
    features = {"info": {"features": {"audio": {"sampling_rate": 24_000, "_type": "Audio"}}}}
    rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), "huggingface": json.dumps(features)})
    others = [n for n in rows.column_names if n != "audio"]
    per_row = max(1, rows.nbytes // max(1, rows.num_rows))
    pq.write_table(
        rows,
        path,
        compression={
            **dict.fromkeys(_leaves(rows.schema, others), "zstd"),
            "audio.bytes": "none",
            "audio.path": "zstd",
        },
        use_dictionary=_leaves(rows.schema, others),
        write_statistics=_leaves(rows.schema, others),
        row_group_size=max(1, AUDIO_ROW_GROUP_BYTES // per_row),
    )


def _leaves(schema: pa.Schema, names: list[str]) -> list[str]:
    """The Parquet column paths under these columns."""

    def under(path: str, kind: pa.DataType) -> Iterator[str]:
        if pa.types.is_list(kind):
            yield from under(f"{path}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for field in kind:
                yield from under(f"{path}.{field.name}", field.type)
        else:
            yield path

    return [leaf for name in names for leaf in under(name, schema.field(name).type)]
