"""From any source to our JSON lines: every record is written as a seed, or to the rejects with its place and reason.

What a row does not say of its licence, its source and its author, the user may say for all of them. Whether a seed is
any good is for `curate` to tell; here it is refused only where it cannot be read or has no text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers import LONGEST_ROW, Mapped, Record, detect, read
from persona_forge.personas.readers.detect import no_prose
from persona_forge.personas.readers.fields import FIELDS

EVERY = 10_000
"""Records after which the user hears how many there were."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of the sources."""

    mapping: Mapped
    format: str
    unsaid: Mapping[str, str]
    """Licence, source and author_kind of rows that do not say it themselves."""


@dataclass(frozen=True, slots=True)
class Imported:
    read: int
    written: int
    rejected: int
    first: str
    """Why the first reject is one."""


def seen(path: Path, wishes: Wishes) -> str:
    """What this file looks like, in a sentence."""
    try:
        found = detect(path, wishes.mapping, wishes.format)
    except SeedsError as error:
        return f"not read: {error.what}"
    if found.columns and found.fields is None:
        raise no_prose(path, found.columns)
    return found.says


def import_seeds(
    files: Sequence[Path], seeds: BinaryIO, rejects: BinaryIO, wishes: Wishes, heard: Callable[[int], None]
) -> Imported:
    """Raises SeedsError where no record can be written at all."""
    total = written = 0
    first = ""
    for total, record in enumerate(read(files, wishes.mapping, wishes.format), 1):
        line, complaint = _line(record, wishes.unsaid)
        if complaint:
            first = first or f"{record.where}: {complaint}"
            rejects.write(_json({"where": record.where, "reason": complaint, "raw": record.raw}))
        else:
            written += 1
            seeds.write(line)
        if total % EVERY == 0:
            heard(total)
    if not written:
        raise SeedsError(f"none of the {total} records can be used" + (f"; the first: {first}" if first else ""),
                         todo="mend the source, or say with --map which columns are which")  # fmt: skip
    return Imported(total, written, total - written, first)


def _line(record: Record, unsaid: Mapping[str, str]) -> tuple[bytes, str]:
    """The line to write, or the complaint."""
    if record.data is None:
        return b"", record.complaint
    prose = record.data.get("prose")
    if not isinstance(prose, str) or not prose.strip():
        return b"", f"no text to be the prose; it has {', '.join(record.data)[:200] or 'nothing'}"
    row = {**record.data}
    for field, value in {"source": record.source, "licence": "unknown", "author_kind": "unknown", **unsaid}.items():
        if row.get(field) in (None, ""):
            row[field] = value
    try:
        line = _json({field: row.pop(field) for field in FIELDS if field in row} | row)
    except RecursionError:
        return b"", "nested too deep"
    return line, f"a row of {len(line)} bytes is no seed" if len(line) > LONGEST_ROW else ""


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"
