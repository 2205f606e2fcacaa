"""CSV, TSV and the like: a line of column names, then a row a line, or several lines where a cell has line ends.

A cell is text and nothing else: `=HYPERLINK(…)` is read as it stands. Where a row is broken (a quote that never closes,
too many cells, bytes that are not UTF-8) its first line alone is a complaint, and reading goes on with the next one.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers.lines import lines, text_of
from persona_forge.personas.readers.record import LONGEST_ROW, Record, unread

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}


class _Lines:
    """Lines for the csv module; those of the row that is being read are kept, to be read again if it is none."""

    def __init__(self, path: Path) -> None:
        self._numbered = ((number, line, size) for number, (line, size) in enumerate(lines(path), 1))
        self._waiting: deque[tuple[int, bytes, int]] = deque()
        self.row: list[tuple[int, bytes, int]] = []
        self._held = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, line, size = self._waiting.popleft() if self._waiting else next(self._numbered)
        self._held = size + (self._held if self.row else 0)
        self.row.append((number, line, size))
        if len(self.row) > 1 and self._held > LONGEST_ROW:
            raise ValueError(f"a row of more than {LONGEST_ROW} bytes is no seed")
        if b"\0" in line:
            raise ValueError("a NUL byte, which no text has")
        return text_of(line, size)

    def first(self) -> tuple[int, bytes]:
        """The number and text of the row's first line; the lines after it wait to be read again."""
        number, line, _ = self.row[0]
        self._waiting.extendleft(reversed(self.row[1:]))
        return number, line


def table(path: Path, delimiter: str) -> Iterator[Record]:
    source = _Lines(path)
    rows = csv.reader(source, delimiter=delimiter, strict=True)
    columns: list[str] = []
    while True:
        source.row.clear()
        try:
            cells = next(rows)
            if not cells:
                continue
            if not columns:
                columns = names(path, cells)
                continue
            if len(cells) != len(columns):
                raise ValueError(f"{len(cells)} cells under {len(columns)} columns")
        except StopIteration:
            return
        except (csv.Error, ValueError) as error:
            hint = ": is a quote never closed?" if len(source.row) > 1 else ""
            number, line = source.first()
            yield unread(path, f"{path.name}:{number}", f"{error}{hint}", line.rstrip(b"\r\n"))
        else:
            raw = b"".join(line for _, line, _ in source.row).decode().rstrip("\r\n")
            yield Record(f"{path.name}:{source.row[0][0]}", path.stem, dict(zip(columns, cells, strict=True)), "", raw)


def header(path: Path) -> tuple[str, list[str]]:
    """The delimiter and the column names; raises SeedsError where the first line does not hold them."""
    try:
        line = next((text for text in (text_of(*found) for found in lines(path)) if text.strip()), "")
        delimiter = max(DELIMITERS, key=line.count)
        cells = next(filter(None, csv.reader(_Lines(path), delimiter=delimiter, strict=True)), [])
    except (csv.Error, ValueError) as error:
        raise SeedsError(f"{path}: the line of column names cannot be read: {error}",
                         todo="begin the table with a line of column names, in UTF-8") from error  # fmt: skip
    return delimiter, names(path, cells)


def names(path: Path, cells: list[str]) -> list[str]:
    found = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    if twice := [name for name, times in Counter(found).items() if times > 1]:
        raise SeedsError(f"{path}: two columns are called {twice[0][:40]!r}", todo="rename one of them")
    return found
