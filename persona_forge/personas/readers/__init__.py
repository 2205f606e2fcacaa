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
"""Characters; a longer line is no seed."""


@dataclass(frozen=True, slots=True)
class Record:
    where: str
    """File and line or number of the document."""
    source: str
    """The file's name without its ending: the source of seeds that name none."""
    data: dict[str, Any] | None
    complaint: str = ""
    raw: str = ""


def seed_files(paths: Iterable[Path]) -> list[Path]:
    """The files of seeds among these files and folders; raises SeedsError where there is none to read."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            if not found:
                raise SeedsError(f"no seeds in the folder {path}", allowed="files ending in " + ", ".join(SUFFIXES))
            files += found
        elif not path.exists():
            raise SeedsError(f"there is no seed file {path}", todo="check the path given with --seeds or [seeds] paths")
        elif path.suffix not in SUFFIXES:
            raise SeedsError(f"{path}: seeds cannot be read from a {path.suffix or 'nameless'} file",
                             allowed=", ".join(SUFFIXES))  # fmt: skip
        else:
            files.append(path)
    return files


def read(files: Iterable[Path]) -> Iterator[Record]:
    """Every record of these files, in order; raises SeedsError for a file that cannot be opened."""
    for path in files:
        try:
            yield from (_json_lines(path) if path.suffix == ".jsonl" else _yaml(path))
        except OSError as error:
            raise SeedsError(f"the seed file {path} cannot be read: {error.strerror}") from error


def _json_lines(path: Path) -> Iterator[Record]:
    with path.open("rb") as f:
        for number, line in enumerate(f, 1):
            where = f"{path.name}:{number}"
            if not line.strip():
                continue
            try:
                if len(line) > LONGEST_ROW:
                    raise ValueError(f"a line of {len(line)} bytes is no seed")
                yield _record(where, path, json.loads(line.decode("utf-8")))
            except ValueError as error:  # also UnicodeDecodeError and JSONDecodeError
                yield Record(where, path.stem, None, str(error), line[:2000].decode("utf-8", "replace"))


def _yaml(path: Path) -> Iterator[Record]:
    import yaml

    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        yield Record(path.name, path.stem, None, " ".join(str(error).split()))
        return
    rows = [row for d in documents for row in (d if isinstance(d, list) else [d]) if row is not None]
    for number, row in enumerate(rows, 1):
        yield _record(f"{path.name}#{number}", path, row)


def _record(where: str, path: Path, row: Any) -> Record:
    raw = json.dumps(row, ensure_ascii=False)
    if not isinstance(row, dict):
        return Record(where, path.stem, None, f"a seed is an object, not {type(row).__name__}", raw)
    return Record(where, path.stem, row, "", raw)
