"""JSON lines, and JSON that is no lines: an array of rows, or rows one after another, each over several lines.

A broken line costs itself alone. In an array nobody can tell where a broken row ends: what follows it is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from math import isinf
from pathlib import Path
from typing import Any, TextIO

from persona_forge.personas.readers.lines import lines, text_of
from persona_forge.personas.readers.record import LONGEST_ROW, Record, no_number, row_record, unread


def _finite(digits: str) -> float:
    number = float(digits)
    return no_number(digits) if isinf(number) else number


DECODER = json.JSONDecoder(parse_constant=no_number, parse_float=_finite)
"""For what can be written as JSON again."""
_BETWEEN = re.compile(r"[\s,]*")
_CHUNK = 1 << 16


def json_lines(path: Path) -> Iterator[Record]:
    for number, (line, size) in enumerate(lines(path), 1):
        line = line.strip()
        if not line:
            continue
        where = f"{path.name}:{number}"
        try:
            text = text_of(line, size)
            row = DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            yield unread(path, where, str(error), line)
        else:
            # an escape may be half a character, which no file in UTF-8 can hold
            yield row_record(path, where, row, "" if "\\u" in text else text)


def json_values(path: Path) -> Iterator[Record]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as f:  # bytes that are not UTF-8 cost their row
            for number, row in enumerate(values(f), 1):
                yield row_record(path, f"{path.name}#{number}", row)
    except (ValueError, RecursionError) as error:
        yield unread(path, f"{path.name}#{number + 1}", f"{error}; what follows is not read")


def values(f: TextIO) -> Iterator[Any]:
    """The values of an array, or those that simply follow each other; raises ValueError where one is broken."""
    text, chunk, ended = f.read(_CHUNK).lstrip(), _CHUNK, False
    array = text.startswith("[")
    at = int(array)
    while True:
        problem, at = "the file ends within the array", _end(_BETWEEN.match(text, at))
        if array and text.startswith("]", at):
            return
        if at < len(text):
            try:
                value, end = DECODER.raw_decode(text, at)
                if end < len(text) or ended:
                    yield value
                    at, chunk = end, _CHUNK
                    continue
            except json.JSONDecodeError as error:
                problem = error.msg
        elif ended and not array:
            return
        if ended:
            raise ValueError(problem)
        if len(text) - at > LONGEST_ROW:
            raise ValueError(f"{problem}, in a row that does not end within {LONGEST_ROW} characters")
        more = f.read(chunk)
        text, at, chunk, ended = text[at:] + more, 0, 2 * chunk, not more


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def whole_lines(text: str) -> Iterator[Any]:
    """The values of those lines that are JSON."""
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):
            yield DECODER.decode(line)
