"""Cards that are damaged or made to harm: each is a complaint that names the place, cheaply."""

from __future__ import annotations

import base64
import json
import os
import stat
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from card_files import END, HEADER, V2, archive, chunk, packed, picture, read_one, text_chunk

from persona_forge.personas.readers.charx import LARGEST_DIRECTORY
from persona_forge.personas.readers.png import LARGEST_TEXT, MOST_CHUNKS, SIGNATURE

GOOD = text_chunk("tEXt", b"chara", packed(V2))
JSON = json.dumps(V2).encode()


def held(text: bytes) -> bytes:
    return picture(text_chunk("tEXt", b"chara", text))


def bomb(how: str) -> bytes:
    """Text that inflates to 4 GB, in 4 MB: the same piece over and over."""
    stream, zeros = zlib.compressobj(9), bytes(1 << 20)
    first, again = (stream.compress(zeros) + stream.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    body = first + again * 4095 + stream.flush()
    head = b"chara\0\0" if how == "zTXt" else b"chara\0\1\0\0\0"
    return picture(chunk(how.encode(), head + body))


def complaint_and_peak(path: Path, content: bytes) -> tuple[str, int]:
    path.write_bytes(content)
    del content
    tracemalloc.start()
    record = read_one(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert record.data is None
    assert record.where == path.name
    return record.complaint, peak


@pytest.mark.parametrize("how", ["zTXt", "iTXt"])
def test_a_picture_that_inflates_to_gigabytes_is_refused_at_a_limit(tmp_path: Path, how: str) -> None:
    complaint, peak = complaint_and_peak(tmp_path / "bomb.png", bomb(how))
    assert complaint == f"chunk '{how}' at byte 33: inflates to more than {LARGEST_TEXT} bytes"
    assert peak < 4 * LARGEST_TEXT


def test_pixels_are_never_decoded(tmp_path: Path) -> None:
    vast = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0))
    record = read_one(tmp_path / "vast.png", picture(GOOD, header=vast))
    assert record.data is not None
    assert record.data["card"] == V2


def test_a_picture_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = picture(GOOD)
    for size in range(0, len(whole) - 1, 37):
        complaint, _ = complaint_and_peak(tmp_path / "cut.png", whole[:size])
        assert "no PNG" in complaint or "cut off at byte" in complaint or "the file ends at" in complaint, complaint


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no PNG: its first bytes are others"),
        (b"GIF89a" + GOOD, "no PNG: its first bytes are others"),
        (SIGNATURE + GOOD + HEADER + END, "no PNG: b'tEXt' is chunk 1"),
        (picture(), "a picture without a card: no text under ccv3 or chara"),
        (picture(text_chunk("tEXt", b"Comment", packed(V2))), "a picture without a card"),
        (picture(chunk(b"tEXt", b"chara\0" + packed(V2), crc=7)), "chunk 'tEXt' at byte 33: its checksum is wrong"),
        (picture(chunk(b"tEXt", b"chara\0e30=", length=2**32 - 1)), "claims 4294967295 bytes, and the file ends at"),
        (picture(chunk(b"tEXt", b"chara\0e30=", length=3)), "the chunk "),
        (picture(text_chunk("tEXt", b"chara", b"e" * LARGEST_TEXT)), "bytes is no card"),
        (picture(chunk(b"zTXt", b"chara\0\0rubbish")), "chunk 'zTXt' at byte 33: Error -3"),
        (picture(chunk(b"zTXt", b"chara\0\0" + zlib.compress(packed(V2))[:-9])), "chunk 'zTXt' at byte 33: cut off"),
        (picture(chunk(b"zTXt", b"chara\0\7" + zlib.compress(packed(V2)))), "compressed in an unknown way"),
        (picture(chunk(b"zTXt", b"chara")), "compressed in an unknown way"),
        (picture(chunk(b"iTXt", b"chara\0\0")), "not laid out as iTXt is"),
        (picture(chunk(b"tEXt", b"x") * MOST_CHUNKS + GOOD), f"more than {MOST_CHUNKS} chunks"),
        (held(b"%%% rubbish %%%"), "chunk 'tEXt' at byte 33: no base64"),
        (held(b"e3"[:1]), "no base64"),
        (held(b""), "Expecting value"),
        (held(base64.b64encode(b"\xff\xfe{")), "'utf-8' codec can't decode byte 0xff"),
    ],
    ids=lambda v: v[:40] if isinstance(v, str) else "",
)
def test_a_damaged_picture_is_a_complaint_with_its_place(tmp_path: Path, content: bytes, complaint: str) -> None:
    assert complaint in complaint_and_peak(tmp_path / "bad.png", content)[0]


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return archive(("card.json", JSON), ("card.json", b"{}"))


def with_flag(content: bytes, offset: int, flag: int) -> bytes:
    """A byte of the member's entry in the directory set to something else."""
    at = content.rindex(b"PK\x01\x02") + offset
    return content[:at] + bytes([flag]) + content[at + 1 :]


ONE = archive(("card.json", JSON))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no archive, or one that is cut off"),
        (b"PK\x03\x04 rubbish", "no archive, or one that is cut off"),
        (ONE[:-30], "no archive, or one that is cut off"),
        (ONE[:40] + ONE[60:], "a damaged archive"),
        (ONE[:60] + bytes([ONE[60] ^ 255]) + ONE[61:], "a damaged archive"),
        (archive(("assets/card.json", JSON)), "an archive without card.json at its root"),
        (archive(("Card.json", JSON)), "an archive without card.json at its root"),
        (archive(("card.json", JSON), ("../../etc/cron.d/x", b"")), "'../../etc/cron.d/x' has a path that leads out"),
        (archive(("card.json", JSON), ("/etc/passwd", b"")), "'/etc/passwd' has a path that leads out"),
        (archive(("card.json", JSON), ("a\\..\\..\\b", b"")), "has a path that leads out"),
        (archive(("card.json", JSON), ("C:b", b"")), "'C:b' has a path that leads out"),
        (archive((link("card.json"), b"/etc/passwd")), "'card.json' is a link"),
        (archive(("card.json", JSON), (link("assets/x"), b"..")), "'assets/x' is a link"),
        (twice, "'card.json' stands twice"),
        (with_flag(ONE, 8, 1), "'card.json' is encrypted"),
        (with_flag(ONE, 10, 14), "'card.json' is compressed in a way that no card needs"),
        (archive(("card.json", b" " * (9 << 20))), "'card.json' swells from"),
        (archive(("card.json", os.urandom(9 << 20))), "card.json has 9437184 bytes, more than 8388608"),
        (archive(("card.json", JSON), ("assets/x", bytes(64 << 20))), "'assets/x' swells from 65"),
        (archive(("card.json", b"[" * 100_000)), "maximum recursion depth"),
        (archive(*((f"{n:0100}", b"") for n in range(30_000))), "an archive with a directory of 4380000 bytes"),
        (b"PK\x06\x07" + bytes(16) + b"PK\x05\x06" + bytes(18), "a zip64 archive is larger than any card"),
    ],
    ids=lambda v: v[:40] if isinstance(v, str) else "",
)
def test_a_hostile_archive_is_a_complaint(tmp_path: Path, content: bytes, complaint: str) -> None:
    found, peak = complaint_and_peak(tmp_path / "bad.charx", content if isinstance(content, bytes) else content())
    assert complaint in found
    assert peak < 32 << 20 + LARGEST_DIRECTORY


def test_a_member_that_lies_about_its_size_gives_no_more_than_it_claims(tmp_path: Path) -> None:
    content = archive(("card.json", b" " * (64 << 20)))
    entry = content.rindex(b"PK\x01\x02")
    lying = content[: entry + 24] + struct.pack("<I", 1000) + content[entry + 28 :]
    found, peak = complaint_and_peak(tmp_path / "liar.charx", lying)
    assert "a damaged archive: Bad CRC-32" in found
    assert peak < 24 << 20


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "Expecting value"),
        (b'{"name": "A', "Unterminated string"),
        (b"[" * 100_000 + b"]" * 100_000, "maximum recursion depth"),
        (b'{"name": "A", "x": ' + b"[" * 100 + b"]" * 100 + b"}", "nested more than 100 deep"),
        (b'{"name": "A", "description": "b", "x": NaN}', "NaN is no JSON"),
        (b'{"name": "A", "description": "b", "x": 1e999}', "Out of range float"),
        (b'{"name": "A", "description": "\\ud83d"}', "surrogates not allowed"),
        (b'{"name": "A", "n": ' + b"9" * 5000 + b"}", "integer string conversion"),
        ('{"name": "é"}'.encode("latin-1"), "'utf-8' codec can't decode byte 0xe9"),
        (b" " * (8 << 20) + b"{}", "more than 8388608 bytes are no card"),
        (b'[{"name": "A"}]', "a card is an object, not list"),
        (b"null", "a card is an object, not NoneType"),
        (b'{"spec": "lorebook_v3", "data": {"entries": []}}', "it has neither name nor description"),
        (b'{"name": "\\u200b ", "description": "bakes bread"}', "the card names nobody"),
        (b'{"name": 3, "description": "bakes bread"}', "the card names nobody"),
        (b'{"name": "A", "description": "", "scenario": "a ship"}', "description and personality are empty"),
        (b'{"spec": "chara_card_v2", "data": 3}', "it has neither name nor description"),
    ],
    ids=lambda v: v[:40] if isinstance(v, str) else "",
)
def test_what_is_no_card_says_why(tmp_path: Path, content: bytes, complaint: str) -> None:
    assert complaint in complaint_and_peak(tmp_path / "bad.json", content)[0]


MEASURE = """
import sys
from pathlib import Path
from persona_forge.personas.readers.cards import read_card
(record,) = read_card(Path(sys.argv[1]))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss is the parent's too
print(record.complaint, int(peak.split()[1]) >> 10)
"""


def test_the_greediest_card_fits_in_500_mb(tmp_path: Path) -> None:
    path = tmp_path / "greedy.json"
    path.write_bytes(b'{"name": "A", "description": "b", "x": [' + b"{}," * 2_790_000 + b"{}]}")
    said = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True).stdout
    complaint, _, megabytes = said.strip().rpartition(" ")
    assert complaint == ""
    assert int(megabytes) < 500


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    contents = {"a.png": picture(GOOD), "b.png": b"", "c.charx": b"PK", "d.json": b"{", "e.json": JSON}
    found = [read_one(tmp_path / name, content) for name, content in contents.items()]
    assert [record.data is not None for record in found] == [True, False, False, False, True]
