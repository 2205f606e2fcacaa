"""What a file is: found from its first bytes, and from its name only where these leave it open.

What is found is said aloud, because a guess at columns is a guess; where nothing fits, the error says what was seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers import personachat
from persona_forge.personas.readers.delimited import DELIMITERS, header
from persona_forge.personas.readers.fields import NAMES, Fields, fields_of, shortened
from persona_forge.personas.readers.json_rows import DECODER, values, whole_lines
from persona_forge.personas.readers.lines import BOM, wide_encoding

FORMATS = {
    "jsonl": "JSON lines",
    "json": "JSON",
    "yaml": "YAML",
    "csv": "CSV",
    "parquet": "Parquet",
    "personachat": "PersonaChat's text",
    "card": "a character card",
}
SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".csv": "csv",
    ".tsv": "csv", ".tab": "csv", ".parquet": "parquet", ".png": "card", ".charx": "card",
}  # fmt: skip
"""What a file is whose bytes leave it open; files of other names are not looked for in folders."""
HEAD = 1 << 16
"""Bytes at the beginning of a file by which it is judged."""
FIRST_ROWS = 20
"""Rows of JSON whose keys are taken for columns."""
_MAGIC = ((b"PAR1", "parquet"), (b"\x89PNG\r\n\x1a\n", "card"))
_OTHERS = (
    (b"\x1f\x8b", "compressed by gzip", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it first"),
    (b"\xfd7zXZ", "compressed by xz", "unpack it first"),
    (b"BZh", "compressed by bzip2", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"PK\x03\x04", "a zip archive or an Office document", "unpack it, or save the sheet as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save the sheet as CSV in UTF-8"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"%PDF", "a PDF", "write its text as JSON lines"),
)
_CARD = re.compile(r'"spec"\s*:\s*"chara_card_v[23]"|"first_mes"\s*:')


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    """A key of FORMATS."""
    says: str
    """What was seen, and what becomes of the columns."""
    columns: tuple[str, ...] = ()
    """Of a table all; of rows of JSON those that the first rows have."""
    fields: Fields | None = None
    """What is made of these columns; None where none looks like the prose."""
    delimiter: str = ""


def detect(path: Path, mapping: Mapping[str, tuple[str, ...]] | None = None, name: str = "") -> Format:
    """Raises SeedsError for what is no source of seeds, OSError for what cannot be opened."""
    mapping = mapping or {}
    if name and name not in FORMATS:
        raise SeedsError(f"there is no format {name!r}", allowed=", ".join(FORMATS))
    if path.exists() and not path.is_file():
        raise SeedsError(f"{path} is no file", todo="name a file, or a folder of files")
    with path.open("rb") as f:
        head = f.read(HEAD)
    name = name or _name(path, head)
    columns, delimiter = _columns(path, name, head)
    fields = fields_of(columns, mapping) if columns else None
    if missing := [c for cs in mapping.values() for c in cs if columns and c not in columns]:
        raise SeedsError(f"{path} has no column {missing[0]!r}", allowed=shortened(columns))
    if columns and fields is None and name in ("csv", "parquet"):
        raise no_prose(path, columns)
    by_suffix = SUFFIXES.get(path.suffix.lower(), name)
    called = f" (though it is called {path.suffix})" if by_suffix[:4] != name[:4] else ""
    apart = f" with {DELIMITERS[delimiter]} between its cells" if delimiter else ""
    made = f": {fields.says(columns)}" if fields else ""
    return Format(name, f"{FORMATS[name]}{called}{apart}{made}", columns, fields, delimiter)


def no_prose(path: Path, columns: tuple[str, ...]) -> SeedsError:
    return SeedsError(
        f"{path}: no column looks like the prose of a persona; it has {shortened(columns)}",
        allowed=f"a column called {', '.join(NAMES['prose'])}",
        todo="say which one it is: persona-forge seeds import … --map prose=COLUMN",
    )


def _name(path: Path, head: bytes) -> str:
    by_suffix = SUFFIXES.get(path.suffix.lower(), "")
    if found := next((name for magic, name in _MAGIC if head.startswith(magic)), ""):
        return found
    if by_suffix in ("card", "parquet") and path.suffix.lower() != ".json":
        return by_suffix  # its reader says what is wrong with it
    for magic, what, todo in _OTHERS:
        if head.startswith(magic):
            raise SeedsError(f"{path} is {what}", allowed=", ".join(FORMATS.values()), todo=todo)
    if wide := wide_encoding(head):
        raise SeedsError(f"{path} looks like {wide}", allowed="UTF-8", todo="save it as UTF-8")
    text = head.removeprefix(BOM).decode("utf-8", "replace").lstrip()
    found = _of_text(path, text, by_suffix)
    if not found:
        raise SeedsError(
            f"{path}: no format of seeds is called {path.suffix or 'by no ending'} and begins with {text[:40]!r}",
            allowed=", ".join(FORMATS.values()), todo="name it with --format, or write JSON lines or CSV",
        )  # fmt: skip
    return found


def _of_text(path: Path, text: str, by_suffix: str) -> str:
    first, _, rest = text.partition("\n")
    if by_suffix == "yaml" or (by_suffix and not text):
        return by_suffix if text else "jsonl"
    if text.startswith(("{", "[")):
        if path.suffix.lower() == ".json" and text.startswith("{") and _CARD.search(_both_ends(path)):
            return "card"
        lines = _whole(first) and (first.startswith("{") or bool(rest.strip()))
        return "jsonl" if lines or (by_suffix == "jsonl" and text.startswith("{")) else "json"
    if personachat.LINE.match(first):
        return "personachat"
    if by_suffix:
        return by_suffix
    delimiter = max(DELIMITERS, key=first.count)
    cells = [c.strip().strip('"') for c in first.split(delimiter)]
    return "csv" if len(cells) > 1 and fields_of(cells, {}) else ""


def _whole(line: str) -> bool:
    """Whether a line is JSON by itself; one that the head does not hold whole may be."""
    try:
        DECODER.decode(line)
    except (ValueError, RecursionError):
        return len(line) > HEAD // 2
    return True


def _both_ends(path: Path) -> str:
    with path.open("rb") as f:
        head = f.read(HEAD)
        f.seek(max(0, path.stat().st_size - HEAD))
        return (head + b"\n" + f.read(HEAD)).decode("utf-8", "replace")


def _columns(path: Path, name: str, head: bytes) -> tuple[tuple[str, ...], str]:
    """The columns of a table and what separates them, or the keys of the first rows."""
    if name == "csv":
        delimiter, found = header(path)
        return tuple(found), delimiter
    if name == "parquet":
        from persona_forge.personas.readers.parquet import parquet_columns

        return tuple(parquet_columns(path)), ""
    if name == "personachat":
        return ("sentences",), ""
    if name in ("jsonl", "json"):
        return tuple(_keys(head.removeprefix(BOM).decode("utf-8", "ignore"), name)), ""
    return (), ""


def _keys(text: str, name: str) -> dict[str, None]:
    """The keys of the rows that stand whole in this beginning of a file."""
    keys: dict[str, None] = {}
    with suppress(ValueError, RecursionError):
        for row in islice(whole_lines(text) if name == "jsonl" else values(StringIO(text)), FIRST_ROWS):
            keys |= dict.fromkeys(row if isinstance(row, dict) else ())
    return keys
