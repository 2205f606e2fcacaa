"""A record: what one row of a source says and where it stands, or why it cannot be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_ROW = 1 << 20
"""Bytes; a longer row is no seed, and is passed over without being held."""
SHOWN = 2000
"""How much of a row that cannot be read is kept."""


@dataclass(frozen=True, slots=True)
class Record:
    where: str
    """File and line or number of the row."""
    source: str
    """The file's name without its ending: the source of seeds that name none."""
    data: dict[str, Any] | None
    """JSON values alone."""
    complaint: str = ""
    raw: str = ""


def unread(path: Path, where: str, complaint: str, raw: str | bytes = "") -> Record:
    """A record that is a complaint; it keeps the beginning of what stood there."""
    shown = raw[:SHOWN]
    text = shown.decode("utf-8", "replace") if isinstance(shown, bytes) else shown.encode("utf-8", "replace").decode()
    return Record(where, path.stem, None, complaint, text)


def row_record(path: Path, where: str, row: Any, raw: str = "") -> Record:
    """The record of a row; `raw` is how it stands in the file, where that is known to be JSON in UTF-8."""
    try:
        if not raw:
            raw = json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
            raw.encode()
            row = json.loads(raw)
    except (TypeError, ValueError, RecursionError) as error:  # a key that is a date, a number that is none …
        return unread(path, where, f"no JSON in UTF-8: {error}", ascii(row))
    if not isinstance(row, dict):
        return unread(path, where, f"a seed is an object, not {type(row).__name__}", raw)
    return Record(where, path.stem, row, "", raw)


def no_number(name: str) -> Any:
    """For json's `parse_constant`."""
    raise ValueError(f"{name} is no JSON")
