"""From files of seeds to records, one at a time: what a row says, and where it stands.

A record that cannot be read is still a record, with the complaint instead of data: it becomes a reject, and the rows
after it go through. A format is one module; `detect` tells them apart, `fields` makes a foreign row's columns ours.
Every reader streams, and holds no more than a row, a batch or a page of what it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers.detect import SUFFIXES, Format, detect
from persona_forge.personas.readers.fields import Fields, fields_of, filled, seed_of
from persona_forge.personas.readers.record import LONGEST_ROW, SHOWN, Record, unread

__all__ = ["LONGEST_ROW", "REJECTS", "SHOWN", "Format", "Record", "detect", "read", "records", "seed_files"]

REJECTS = ".rejects.jsonl"
EVENTS = ".events"
"""How files and folders end that stand beside seeds and are none: what an import refused, what annotators did."""
_MOST_SHAPES = 1000
_LONGEST_SHAPE = 1000
"""Sets of keys whose fields are remembered, and the characters of one."""

Mapped = Mapping[str, tuple[str, ...]]
"""Field → the columns that make it, as the user said."""


def seed_files(paths: Iterable[Path], mapping: Mapped | None = None, format: str = "") -> list[Path]:
    """The files of seeds among these files and folders; raises SeedsError for one that was named and is none."""
    files: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            found = _in_folder(path)
        elif not path.exists():
            raise SeedsError(f"there is no seed file {path}", todo="check the path given with --seeds or [seeds] paths")
        else:
            found = [path]
            try:
                detect(path, mapping, format)
            except OSError as error:
                raise _unreadable(path, error) from error
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _in_folder(folder: Path) -> list[Path]:
    """Links to files are followed, links to folders are not; hidden things and annotators' events are passed over."""
    files = [
        p for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(q.startswith(".") or q.endswith(EVENTS) for q in p.relative_to(folder).parts)
    ]  # fmt: skip
    found = [p for p in files if p.suffix.lower() in SUFFIXES and not p.name.endswith(REJECTS)]
    if not found:
        there = Counter(p.suffix or p.name for p in files)
        seen = ", ".join(f"{n} × {suffix}" for suffix, n in there.most_common(8)) or "nothing"
        raise SeedsError(f"no seeds in the folder {folder}; it has {seen}",
                         allowed="files ending in " + ", ".join(SUFFIXES))  # fmt: skip
    return found


def read(files: Iterable[Path], mapping: Mapped | None = None, format: str = "") -> Iterator[Record]:
    """Every record of these files, in order; raises SeedsError for a file that cannot be opened."""
    for path in files:
        try:
            try:
                found = detect(path, mapping, format)
            except SeedsError as error:  # a file of a folder; one that was named was refused before
                yield unread(path, path.name, " ".join(str(error).split()))
            else:
                yield from records(path, found, mapping)
        except OSError as error:
            raise _unreadable(path, error) from error


def records(path: Path, found: Format, mapping: Mapped | None = None) -> Iterator[Record]:
    """Every record of a file of this format, in our words where its own can be understood."""
    if found.name == "card":
        from persona_forge.personas.readers.cards import read_card

        yield from read_card(path)
        return
    shapes: dict[tuple[str, ...], Fields | None] = {found.columns: found.fields}
    for record in _rows(path, found):
        if record.data is None:
            yield record
            continue
        columns = filled(record.data)
        fields = shapes[columns] if columns in shapes else fields_of(columns, mapping or {})
        if len(shapes) < _MOST_SHAPES and sum(map(len, columns)) < _LONGEST_SHAPE:
            shapes[columns] = fields
        yield _told(record, path, record.data, fields)


def _told(record: Record, path: Path, row: dict[str, Any], fields: Fields | None) -> Record:
    if "first_mes" in row or str(row.get("spec", "")).startswith("chara_card"):
        from persona_forge.personas.readers import cards

        try:
            return Record(record.where, record.source, cards.seed_of(row, {"file": path.name}), "", record.raw)
        except (ValueError, RecursionError) as error:
            return unread(path, record.where, str(error), record.raw)
    if fields is None:
        return record
    return Record(record.where, record.source, seed_of(row, fields), "", record.raw)


def _rows(path: Path, found: Format) -> Iterator[Record]:
    match found.name:
        case "jsonl":
            from persona_forge.personas.readers.json_rows import json_lines

            return json_lines(path)
        case "json":
            from persona_forge.personas.readers.json_rows import json_values

            return json_values(path)
        case "yaml":
            from persona_forge.personas.readers.yaml_rows import yaml_rows

            return yaml_rows(path)
        case "csv":
            from persona_forge.personas.readers.delimited import table

            return table(path, found.delimiter)
        case "parquet":
            from persona_forge.personas.readers.parquet import parquet_rows

            return parquet_rows(path)
        case _:
            from persona_forge.personas.readers.personachat import personachat

            return personachat(path)


def _unreadable(path: Path, error: OSError) -> SeedsError:
    return SeedsError(f"the seed file {path} cannot be read: {error.strerror or error}")
