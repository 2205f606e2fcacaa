"""Files that hold a card, or pretend to, made byte by byte."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from persona_forge.personas.readers.cards import read_card
from persona_forge.personas.readers.png import SIGNATURE
from persona_forge.personas.readers.record import Record

Card = dict[str, Any]
V1: Card = {
    "name": "Ann",
    "description": "{{char}} bakes bread in a small town.",
    "personality": "Patient with {{user}}.",
    "scenario": "It is raining.",
    "first_mes": "Good morning.",
    "mes_example": "<START>\n{{user}}: hi\n{{char}}: hello",
}
V2: Card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {
    **V1, "creator_notes": "", "system_prompt": "", "post_history_instructions": "", "alternate_greetings": ["Yes?"],
    "tags": [], "creator": "bo", "character_version": "", "extensions": {"theirs": {"depth": 4}},
    "character_book": {"extensions": {}, "entries": [{
        "keys": ["oven"], "content": "@@depth 2\nIt smokes.", "extensions": {}, "enabled": True, "insertion_order": 1,
    }]},
}}  # fmt: skip
V3: Card = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {
    **V2["data"], "nickname": "Annie", "group_only_greetings": [], "creation_date": 0,
    "assets": [{"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}],
}}  # fmt: skip


def chunk(kind: bytes, body: bytes, *, crc: int | None = None, length: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body) if length is None else length) + kind + body + struct.pack(">I", checksum)


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
PIXEL = chunk(b"IDAT", zlib.compress(b"\0\0"))
END = chunk(b"IEND", b"")


def picture(before: bytes = b"", after: bytes = b"", *, header: bytes = HEADER) -> bytes:
    return SIGNATURE + header + before + PIXEL + after + END


def packed(card: Card) -> bytes:
    return base64.b64encode(json.dumps(card).encode())


def text_chunk(how: str, keyword: bytes, text: bytes) -> bytes:
    if how == "tEXt":
        return chunk(b"tEXt", keyword + b"\0" + text)
    if how == "zTXt":
        return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))
    if how == "iTXt":
        return chunk(b"iTXt", keyword + b"\0\0\0en\0Karte\0" + text)
    return chunk(b"iTXt", keyword + b"\0\1\0\0\0" + zlib.compress(text))


def archive(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return out.getvalue()


def read_one(path: Path, content: bytes | str | Card | None = None) -> Record:
    if isinstance(content, dict):
        content = json.dumps(content)
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (record,) = read_card(path)
    return record
