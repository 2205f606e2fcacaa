"""How large the pages of a Parquet file are, by its footer and by the page headers themselves.

Both are Thrift structs in the compact protocol (parquet-format: FileMetaData, PageHeader), and read here because a
footer may lie about sizes, and because pyarrow ends the whole process over some footers when it is asked for a column's
metadata. Nothing is decompressed. Raises ValueError where what stands there is no Parquet.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

LARGEST_FOOTER = 8 << 20
"""Bytes."""
MOST = 1 << 62
"""No place in a file, and no size, is as large."""
_ROW_GROUPS, _COLUMNS, _METADATA = 4, 1, 3
"""Fields of FileMetaData, RowGroup and ColumnChunk."""
_SIZE, _DATA, _DICTIONARY = 7, 9, 11
"""Fields of ColumnMetaData: compressed bytes in all, where data pages begin, where the dictionary page."""
_KIND, _DECOMPRESSED, _COMPRESSED = 1, 2, 3
"""Fields of PageHeader."""
_DICTIONARY_PAGE = 2
_DEEPEST = 16

Struct = dict[int, Any]
"""A Thrift struct: of its fields, by number, the integers, the structs, and the lists of structs."""


def pages(f: BinaryIO) -> Iterator[list[tuple[int, int]]]:
    """Of each row group, for every column: the bytes of its largest page and of its dictionary page, decompressed."""
    for group in _list(_footer(f), _ROW_GROUPS):
        columns = []
        for column in _list(group, _COLUMNS):
            chunk = column.get(_METADATA)
            if not isinstance(chunk, dict):
                raise ValueError("a column without the place of its pages")
            begin = min(_number(chunk, _DATA), _number(chunk, _DICTIONARY) if chunk.get(_DICTIONARY) else MOST)
            found = list(_sizes(f, begin, begin + _number(chunk, _SIZE)))
            largest = max((size for _, size in found), default=0)
            columns.append((largest, max((size for kind, size in found if kind == _DICTIONARY_PAGE), default=0)))
        yield columns


def _list(struct: Struct, field: int) -> list[Struct]:
    value = struct.get(field, [])
    if not isinstance(value, list):
        raise ValueError("the footer is none")
    return value


def _number(struct: Struct, field: int) -> int:
    value = struct.get(field)
    if not isinstance(value, int) or not 0 <= value < MOST:
        raise ValueError("no page begins where the footer says so")
    return value


def _footer(f: BinaryIO) -> Struct:
    size = f.seek(0, os.SEEK_END)
    f.seek(max(0, size - 8))
    length = int.from_bytes(f.read(4), "little")
    if length > min(size - 8, LARGEST_FOOTER):
        raise ValueError(f"a footer of {length} bytes is not read")
    f.seek(size - 8 - length)
    return _struct(io.BytesIO(f.read(length)))


def _sizes(f: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The kind and decompressed size of every page of a column chunk."""
    size = f.seek(0, os.SEEK_END)
    while begin < end:
        if not 0 <= begin < size:
            raise ValueError(f"the footer speaks of a page at byte {begin}, and the file has {size}")
        f.seek(begin)
        header = _struct(f)
        yield _number(header, _KIND), _number(header, _DECOMPRESSED)
        begin = f.tell() + _number(header, _COMPRESSED)


def _struct(f: BinaryIO, depth: int = 0) -> Struct:
    found: Struct = {}
    field = 0
    while (head := _byte(f)) & 15:
        field = field + (head >> 4) if head >> 4 else _integer(f)
        if (value := _value(f, head & 15, depth)) is not None:
            found[field] = value
    return found


def _value(f: BinaryIO, kind: int, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("structs that have no end")
    if kind in (4, 5, 6):
        return _integer(f)
    if kind == 12:
        return _struct(f, depth + 1)
    if kind == 9:
        head = _byte(f)
        count = head >> 4 if head >> 4 < 15 else _unsigned(f)
        inner = head & 15
        values = (_value(f, 3 if inner in (1, 2) else inner, depth + 1) for _ in range(count))
        return [value for value in values if isinstance(value, dict)]
    if kind in (3, 7, 8):
        size = {3: 1, 7: 8}.get(kind) or _unsigned(f)
        if size > LARGEST_FOOTER or len(f.read(size)) < size:
            raise ValueError(f"{size} bytes within a struct, and the file has no more of them")
    elif kind not in (1, 2):  # neither footers nor page headers have sets or maps
        raise ValueError("what stands in the place of a struct is none")
    return None


def _integer(f: BinaryIO) -> int:
    number = _unsigned(f)
    return number >> 1 ^ -(number & 1)


def _unsigned(f: BinaryIO) -> int:
    number = shift = 0
    while True:
        byte = _byte(f)
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number
        if shift > 63:
            raise ValueError("a number that has no end")


def _byte(f: BinaryIO) -> int:
    if not (byte := f.read(1)):
        raise ValueError("the file ends within a struct")
    return byte[0]
