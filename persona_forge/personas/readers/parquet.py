"""Parquet, a batch at a time, within bounds that do not trust the file.

A page of kilobytes may swell to gigabytes, so before anything is decoded all page headers are walked (see pages), and
a file is refused whose pages do not fit in memory together. A value of a dictionary page may be repeated in every row:
the larger these pages, the fewer rows a batch has. Nested values are kept as JSON, bytes in base64, dates and decimals
as text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers.delimited import names
from persona_forge.personas.readers.json_rows import DECODER
from persona_forge.personas.readers.pages import pages
from persona_forge.personas.readers.record import LONGEST_ROW, Record, row_record, unread

LARGEST_PAGES = 64 << 20
"""Bytes of the largest page of every column together, decompressed."""
MOST_ROWS = 256
"""In a batch."""


def parquet_columns(path: Path) -> list[str]:
    """Raises SeedsError for a file that is no Parquet, or not all of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return names(path, pq.read_schema(path).names)
    except (pa.ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise SeedsError(
            f"{path} cannot be read as Parquet: {error}", todo="is it whole? fetch or write it again"
        ) from error


def parquet_rows(path: Path) -> Iterator[Record]:
    import pyarrow as pa

    number = 0
    try:
        for number, row in enumerate(_rows(path), 1):
            yield _record(path, f"{path.name}#{number}", row)
    except (pa.ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        yield unread(path, f"{path.name}#{number + 1}", f"{error}; what follows is not read")


def _record(path: Path, where: str, row: dict[str, Any]) -> Record:
    size = sum(len(value) for value in row.values() if isinstance(value, str | bytes))
    raw = json.dumps(row, ensure_ascii=False, default=_plain) if size <= LONGEST_ROW else ""
    if (size := max(size, len(raw))) > LONGEST_ROW:
        return unread(path, where, f"a row of {size} characters is no seed", raw)
    try:
        return row_record(path, where, DECODER.decode(raw), raw)
    except ValueError as error:  # an infinite number within a list
        return unread(path, where, str(error), raw)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with path.open("rb") as f:
        metadata = pq.read_metadata(f)
        size = _batch_size(f)
        file = pq.ParquetFile(f, metadata=metadata, buffer_size=1 << 16, pre_buffer=False)
        rows = 0
        for batch in file.iter_batches(size, use_threads=False):
            rows += batch.num_rows
            step = 1 if batch.nbytes > LONGEST_ROW else MOST_ROWS
            for at in range(0, batch.num_rows, step):
                yield from ({k: None if v != v else v for k, v in row.items()}  # NaN, which JSON has not
                            for row in batch.slice(at, step).to_pylist())  # fmt: skip
        if rows != metadata.num_rows:
            raise ValueError(f"the footer tells of {metadata.num_rows} rows, and there are {rows}")


def _plain(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _batch_size(f: BinaryIO) -> int:
    """How many rows may be decoded at once; raises ValueError where not even the pages fit."""
    rows = MOST_ROWS
    for columns in pages(f):
        if (size := sum(largest for largest, _ in columns)) > LARGEST_PAGES:
            raise ValueError(f"pages of {size} bytes are not held in memory; write it with smaller pages")
        rows = max(1, min(rows, LARGEST_PAGES // max(1, sum(dictionary for _, dictionary in columns))))
    return rows
