"""Cards inside pictures: the text chunks of a PNG or APNG that hold one, read and written.

A card stands under the keyword `chara` (V1, V2) or `ccv3` (V3) in a tEXt, zTXt or iTXt chunk, anywhere among the
others. The chunks are walked from length to length (PNG, third edition, section 5); pixels are never decoded, and what
is compressed is inflated up to a limit. A file that is cut off, or a card whose checksum is wrong, is refused: half a
card is no card. Raises ValueError with the place in the file.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORDS = ("ccv3", "chara")
"""The first of these that a picture has is its card."""
MOST_CHUNKS = 1 << 16
LARGEST_TEXT = 16 << 20
"""Bytes of a card's text, as it stands and inflated."""
LONGEST_KEYWORD = 79
_TEXT = (b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True, slots=True)
class Chunk:
    kind: bytes
    at: int
    """Where its length stands."""
    length: int
    """Bytes of its data, which length and kind precede and a checksum follows."""
    keyword: str
    """Of a text chunk, in lower case."""

    @property
    def holds_card(self) -> bool:
        return self.keyword in KEYWORDS

    def __str__(self) -> str:
        return f"chunk {self.kind.decode('latin-1')!r} at byte {self.at}"


def chunks(picture: BinaryIO) -> Iterator[Chunk]:
    """Every chunk up to the last, IEND."""
    size = picture.seek(0, os.SEEK_END)
    picture.seek(0)
    if picture.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("no PNG: its first bytes are others")
    at = len(SIGNATURE)
    for number in range(MOST_CHUNKS):
        picture.seek(at)
        head = picture.read(8)
        if len(head) < 8:
            raise ValueError(f"cut off at byte {size}, before the last chunk")
        length, kind = struct.unpack(">I4s", head)
        if (number == 0) != (kind == b"IHDR"):
            raise ValueError(f"no PNG: {kind!r} is chunk {number + 1}")
        if at + 12 + length > size:
            raise ValueError(f"the chunk {kind!r} at byte {at} claims {length} bytes, and the file ends at {size}")
        opening = picture.read(min(length, LONGEST_KEYWORD + 1)) if kind in _TEXT else b""
        yield Chunk(kind, at, length, opening.partition(b"\0")[0].decode("latin-1").lower())
        if kind == b"IEND":
            return
        at += 12 + length
    raise ValueError(f"more than {MOST_CHUNKS} chunks")


def card_in(picture: BinaryIO) -> tuple[Chunk, bytes]:
    """The chunk that holds the card, and its text."""
    held = [chunk for chunk in chunks(picture) if chunk.holds_card]
    for keyword in KEYWORDS:
        for chunk in held:
            if chunk.keyword == keyword:
                return chunk, _text(picture, chunk)
    raise ValueError(f"a picture without a card: no text under {' or '.join(KEYWORDS)}")


def _text(picture: BinaryIO, chunk: Chunk) -> bytes:
    if chunk.length > LARGEST_TEXT:
        raise ValueError(f"{chunk}: a text of {chunk.length} bytes is no card")
    picture.seek(chunk.at + 8)
    body, checksum = picture.read(chunk.length), picture.read(4)
    if zlib.crc32(chunk.kind + body) != int.from_bytes(checksum, "big"):
        raise ValueError(f"{chunk}: its checksum is wrong, so the card is damaged")
    _, _, text = body.partition(b"\0")
    if chunk.kind == b"tEXt":
        return text
    if chunk.kind == b"zTXt":
        return _inflated(chunk, text[:1], text[1:])
    packed, method, rest = text[:1], text[1:2], text[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(rest) < 3 or packed not in (b"\0", b"\1"):
        raise ValueError(f"{chunk}: not laid out as iTXt is")
    return _inflated(chunk, method, rest[2]) if packed == b"\1" else rest[2]


def _inflated(chunk: Chunk, method: bytes, packed: bytes) -> bytes:
    if method != b"\0":
        raise ValueError(f"{chunk}: compressed in an unknown way")
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(packed, LARGEST_TEXT)
    except zlib.error as error:
        raise ValueError(f"{chunk}: {error}") from error
    if not stream.eof:
        why = "cut off" if len(text) < LARGEST_TEXT else f"inflates to more than {LARGEST_TEXT} bytes"
        raise ValueError(f"{chunk}: {why}")
    return text


def write_card(picture: BinaryIO, out: BinaryIO, texts: Mapping[str, bytes]) -> None:
    """Copies a picture, with these texts under their keywords in place of the cards that it holds.

    They stand before the pixels, where readers find them that go no further.
    """
    out.write(SIGNATURE)
    for number, chunk in enumerate(chunks(picture)):
        if not chunk.holds_card:
            picture.seek(chunk.at)
            left = chunk.length + 12
            while left:
                piece = picture.read(min(left, 1 << 20))
                out.write(piece)
                left -= len(piece)
        if number == 0:
            for keyword, text in texts.items():
                out.write(_chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def drawn(bits: int) -> bytes:
    """A small picture in two colours that is another for other bits: five by five squares, left as right."""
    cells, width, height, square = 5, 200, 300, 40
    hue = bits >> 32
    colours = bytes((hue & 127, hue >> 8 & 127, hue >> 16 & 127, 244, 241, 234))
    rows = [
        b"\0" + bytes(bits >> (5 * row + min(column, cells - 1 - column)) & 1
                      for column in range(cells) for _ in range(square))
        for row in range(cells + 2)
    ]  # fmt: skip
    pixels = b"".join(rows[min(y // square, cells + 1)] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts)
