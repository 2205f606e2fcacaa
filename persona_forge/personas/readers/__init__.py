"""From files of seeds to records, one at a time: what a row says, and where it stands.

A record that cannot be read is still a record, with the complaint instead of data: it becomes a reject, and the rows
after it go through. Formats: JSON lines and YAML; in either, a row may be ours (`prose`), a list of sentences
(PersonaChat: `sentences`), or one line (`persona`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persona_forge.core.errors import SeedsError

SUFFIXES = (".jsonl", ".yaml", ".yml")
LONGEST_ROW = 1 << 20
"""Bytes; a longer line is no seed, and is passed over without being held."""
LARGEST_YAML = 16 << 20
"""Bytes; YAML is read whole, and slowly."""
SHOWN = 2000
"""How much of a row that cannot be read is kept."""


@dataclass(frozen=True, slots=True)
class Record:
    where: str
    """File and line or number of the document."""
    source: str
    """The file's name without its ending: the source of seeds that name none."""
    data: dict[str, Any] | None
    """JSON values alone."""
    complaint: str = ""
    raw: str = ""


def seed_files(paths: Iterable[Path]) -> list[Path]:
    """The files of seeds among these files and folders; raises SeedsError where there is none to read."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not found:
                raise SeedsError(f"no seeds in the folder {path}", allowed="files ending in " + ", ".join(SUFFIXES))
            files += found
        elif not path.exists():
            raise SeedsError(f"there is no seed file {path}", todo="check the path given with --seeds or [seeds] paths")
        elif path.suffix.lower() not in SUFFIXES:
            raise SeedsError(f"{path}: seeds cannot be read from a {path.suffix or 'nameless'} file",
                             allowed=", ".join(SUFFIXES))  # fmt: skip
        else:
            files.append(path)
    return files


def read(files: Iterable[Path]) -> Iterator[Record]:
    """Every record of these files, in order; raises SeedsError for a file that cannot be opened."""
    for path in files:
        try:
            yield from (_json_lines(path) if path.suffix.lower() == ".jsonl" else _yaml(path))
        except OSError as error:
            raise SeedsError(f"the seed file {path} cannot be read: {error.strerror}") from error


def _json_lines(path: Path) -> Iterator[Record]:
    for number, (line, size) in enumerate(_lines(path), 1):
        where = f"{path.name}:{number}"
        if not line:
            continue
        try:
            if size > LONGEST_ROW:
                raise ValueError(f"a line of {size} bytes is no seed")
            yield _record(where, path, json.loads(line.decode("utf-8-sig"), parse_constant=_no_number))
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
            yield Record(where, path.stem, None, str(error), line[:SHOWN].decode("utf-8", "replace"))


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """The lines of a file with their sizes; of one that is too long, its beginning."""
    with path.open("rb") as f:
        while line := f.readline(LONGEST_ROW + 1):
            size, rest = len(line), line
            while len(rest) > LONGEST_ROW and not rest.endswith(b"\n"):
                rest = f.readline(LONGEST_ROW + 1)
                size += len(rest)
            yield line.strip(), size


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _yaml(path: Path) -> Iterator[Record]:
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """Without aliases: a short one may stand for gigabytes."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError(f"{self.peek_event().start_mark}: aliases are not read, write the text out")
            return super().compose_node(parent, index)

    number = 0
    try:
        if (size := path.stat().st_size) > LARGEST_YAML:
            raise ValueError(f"a YAML file of {size} bytes is not read, write it as JSON lines")
        for document in yaml.load_all(path.read_text(encoding="utf-8-sig"), Plain):
            for row in document if isinstance(document, list) else [document]:
                if row is not None:
                    number += 1
                    yield _record(f"{path.name}#{number}", path, row)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield Record(f"{path.name}#{number + 1}", path.stem, None, " ".join(str(error).split()))


def _record(where: str, path: Path, row: Any) -> Record:
    try:
        raw = json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
        raw.encode()
    except (TypeError, ValueError) as error:  # a YAML key that is a date, a number that is none, half a character
        return Record(where, path.stem, None, f"no JSON in UTF-8: {error}", ascii(row)[:SHOWN])
    if not isinstance(row, dict):
        return Record(where, path.stem, None, f"a seed is an object, not {type(row).__name__}", raw[:SHOWN])
    return Record(where, path.stem, json.loads(raw), "", raw)
