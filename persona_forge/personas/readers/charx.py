"""Cards inside archives: a .charx is a zip with card.json at its root and the card's assets beside it.

Nothing is ever extracted to a path. The directory of the archive is measured before it is read, card.json is inflated
up to a limit, and an archive with anything that no honest one has (a path that climbs out, a link, a name twice,
encryption, a member that swells hundreds of times) is refused whole. Raises ValueError.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import BinaryIO, TypeVar

CARD = "card.json"
LARGEST_DIRECTORY = 4 << 20
"""Bytes: some 50,000 members."""
MOST_SWOLLEN = 200
"""How many times a member may be larger than it is packed, once it is larger than SMALL."""
SMALL = 1 << 20
LARGEST_ASSETS = 1 << 30
"""Bytes of all members together when they are copied."""
_END = b"PK\x05\x06"
_END_SIZE = 22
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, struct.error)
"""What zipfile raises, one time or another, for an archive that is damaged or made to harm."""
_T = TypeVar("_T")


def card_in(archive: BinaryIO, most: int) -> bytes:
    """card.json, if it has no more than so many bytes."""

    def read(members: zipfile.ZipFile) -> bytes:
        found = next((m for m in members.infolist() if m.filename == CARD), None)
        if found is None:
            raise ValueError(f"an archive without {CARD} at its root")
        if found.file_size > most:
            raise ValueError(f"{CARD} has {found.file_size} bytes, more than {most}")
        with members.open(found) as f:
            return f.read(most)

    return _opened(archive, read)


def write_card(source: BinaryIO | None, out: BinaryIO, card: bytes) -> None:
    """An archive with this card.json, and with all else that is in the source archive."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo(CARD), card, zipfile.ZIP_DEFLATED)  # ZipInfo: the time of 1980, not of today
        if source is not None:
            _opened(source, lambda members: _copy(members, made))


def _copy(members: zipfile.ZipFile, made: zipfile.ZipFile) -> None:
    others = [m for m in members.infolist() if m.filename != CARD]
    if sum(m.file_size for m in others) > LARGEST_ASSETS:
        raise ValueError(f"assets of more than {LARGEST_ASSETS} bytes")
    for member in others:
        copy = zipfile.ZipInfo(member.filename, member.date_time)
        copy.compress_type, copy.external_attr = member.compress_type, member.external_attr
        with members.open(member) as f, made.open(copy, "w") as to:
            while piece := f.read(1 << 20):
                to.write(piece)


def _opened(archive: BinaryIO, use: Callable[[zipfile.ZipFile], _T]) -> _T:
    _measure(archive)
    try:
        with zipfile.ZipFile(archive) as members:
            names = set[str]()
            for member in members.infolist():
                if trouble := _trouble(member) or ("stands twice" if member.filename in names else ""):
                    raise ValueError(f"the member {member.filename[:200]!r} {trouble}")
                names.add(member.filename)
            return use(members)
    except _BROKEN as error:
        raise ValueError(f"a damaged archive: {error}") from error


def _measure(archive: BinaryIO) -> None:
    """Refuses a directory that would fill the memory, which zipfile reads whole."""
    size = archive.seek(0, os.SEEK_END)
    archive.seek(max(0, size - _END_SIZE - 0xFFFF - 20))  # the longest comment, and what zip64 puts before the end
    tail = archive.read()
    end = len(tail) - _END_SIZE if tail[-_END_SIZE:].startswith(_END) and tail.endswith(b"\0\0") else tail.rfind(_END)
    if end < 0 or len(tail) < end + _END_SIZE:
        raise ValueError("no archive, or one that is cut off")
    if tail[max(0, end - 20) : end].startswith(b"PK\x06\x07"):
        raise ValueError("a zip64 archive is larger than any card")
    (directory,) = struct.unpack_from("<I", tail, end + 12)
    if directory > LARGEST_DIRECTORY:
        raise ValueError(f"an archive with a directory of {directory} bytes is no card")


def _trouble(member: zipfile.ZipInfo) -> str:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.orig_filename or ":" in member.filename:
        return "has a path that leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that no card needs"
    if member.file_size > max(SMALL, MOST_SWOLLEN * member.compress_size):
        return f"swells from {member.compress_size} to {member.file_size} bytes"
    return ""
