"""Lines of a text file, none of them held whole when it is too long, and what a text looks like that is not UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from persona_forge.personas.readers.record import LONGEST_ROW

BOM = b"\xef\xbb\xbf"
_WIDE = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_LOOKED_AT = 1000
_HAN = re.compile(r"[\u4e00-\u9fff]")
_TWO_HAN = re.compile(r"[\u4e00-\u9fff]{2}")


def lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """The lines of a file with their sizes, line ends included; of one that is too long, its beginning."""
    with path.open("rb") as f:
        while line := f.readline(LONGEST_ROW + 1):
            size, rest = len(line), line
            while len(rest) > LONGEST_ROW and not rest.endswith(b"\n"):
                rest = f.readline(LONGEST_ROW + 1)
                size += len(rest)
            yield line, size


def text_of(line: bytes, size: int) -> str:
    """The line as text; raises ValueError for one that is too long or not UTF-8."""
    if size > LONGEST_ROW:
        raise ValueError(f"a line of {size} bytes is no seed")
    try:
        return line.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise ValueError(not_utf8(error)) from error


def not_utf8(error: UnicodeDecodeError) -> str:
    text, at = error.object, error.start
    return f"not UTF-8 (byte 0x{text[at]:02x} at {at}): it looks like {encoding_of(text)}"


def wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32 where a text begins like one, else nothing."""
    for mark, name in _WIDE:
        if head.startswith(mark):
            return name
    even, odd = head[:_LOOKED_AT:2].count(0), head[1:_LOOKED_AT:2].count(0)
    return "UTF-16" if even + odd > len(head[:_LOOKED_AT]) / 5 and min(even, odd) * 4 < max(even, odd) else ""


def encoding_of(text: bytes) -> str:
    """What a text that is not UTF-8 looks like, by what its bytes would mean."""
    if wide := wide_encoding(text):
        return wide
    meant = text.decode("gb18030", "replace")
    strange = [c for c in meant if ord(c) > 127]
    # a letter with an accent, taken for half a character, would make a Han character that stands alone
    chinese = len(_HAN.findall(meant)) > 0.6 * len(strange) and bool(_TWO_HAN.search(meant))
    return "GBK (GB18030)" if chinese else "Windows-1252 or another encoding of single bytes"
