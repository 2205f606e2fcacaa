"""Files that are broken, or made to harm: each costs what is broken and nothing else, and memory stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_runs import typed

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers import read, seed_files

PROSE = "I mend clocks in a cellar."
ROW = json.dumps({"persona": PROSE})
MB = 1 << 20
MOST = 350
"""MB of memory that a whole import may take; what was asked for is 500."""
IMPORT = """
import sys
from persona_forge.cli import main
try:
    main()
finally:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print("PEAK", int(peak.split()[1]) // 1024, file=sys.stderr)
"""


def imported(source: Path, *words: str) -> tuple[str, list[dict[str, Any]], int]:
    """What an import of this file says, what it wrote and rejected, and the MB that its process took at most."""
    to = source.with_name("seeds.jsonl")
    line = [sys.executable, "-c", IMPORT, "seeds", "import", str(source), "--to", str(to), *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    source.unlink()
    rejects = to.with_name("seeds.jsonl.rejects.jsonl")
    rows = []
    for path in (p for p in (to, rejects) if p.exists()):
        with path.open(encoding="utf-8") as f:
            rows += [json.loads(line) for line in f if len(line) < 10_000]
    return done.stdout + done.stderr, rows, int(done.stderr.rsplit("PEAK ", 1)[1])


def big(path: Path, before: str, what: bytes, after: str, times: int = 200) -> Path:
    with path.open("wb") as f:
        f.write(before.encode())
        for _ in range(times):
            f.write(what)
        f.write(after.encode())
    return path


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


@linux
@pytest.mark.parametrize(
    ("name", "before", "what", "after", "complaint"),
    [
        ("a.jsonl", f'{ROW}\n{{"persona": "', b"x" * MB, f'"}}\n{ROW}\n', "a line of 2097152"),
        ("a.jsonl", f"{ROW}\n", b"[" * MB, f"\n{ROW}\n", "a line of 2097152"),
        ("a.csv", f"persona\n{PROSE}\n", b"x" * MB, f"\n{PROSE}\n", "a line of 2097152"),
        ("a.csv", f'persona\n{PROSE}\n{PROSE}\n"never', b"x" * 99_999 + b"\n", "", "is a quote never closed?"),
        ("a.json", f"[{ROW}, {ROW}, {{", b'"a": [],' * (MB // 8), "}]", "does not end within 1048576 characters"),
        (
            "a.txt",
            f"1 your persona: {PROSE}\n2 your persona: ",
            b"x" * MB,
            f"\n1 your persona: {PROSE}\n",
            "is no seed",
        ),
    ],
    ids=["a string", "brackets", "a cell", "a quote", "an object", "a sentence"],
)
def test_two_hundred_megabytes_without_an_end_are_not_held(
    tmp_path: Path, name: str, before: str, what: bytes, after: str, complaint: str
) -> None:
    said, rows, peak = imported(big(tmp_path / name, before, what, after, 200 * MB // len(what)))
    assert [r["prose"] for r in rows if "prose" in r][:2] == [PROSE, PROSE]
    assert complaint in next(r["reason"] for r in rows if "reason" in r)
    assert peak < MOST, said


@linux
def test_yaml_of_a_million_values_is_not_held(tmp_path: Path) -> None:
    path = big(tmp_path / "a.yaml", f"prose: {PROSE}\n---\n[", b"{},", "]", 1_000_000)
    said, rows, peak = imported(path)
    assert "a document of more than 100000 values is not read" in rows[1]["reason"]
    assert (len(rows), peak < MOST) == (2, True), said


def written_elsewhere(path: Path, values: str, **options: Any) -> Path:
    """A Parquet file of these values, written by another process, which may take the memory that it needs."""
    code = f"""
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table({{"persona": {values}}}), {str(path)!r}, compression="zstd", **{options})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.stat().st_size < MB
    return path


@linux
def test_a_parquet_page_that_swells_is_refused_before_it_does(tmp_path: Path) -> None:
    said, rows, peak = imported(written_elsewhere(tmp_path / "a.parquet", '["x" * (70 << 20)]', use_dictionary=False))
    assert "pages of 73400" in said
    assert "are not held in memory; write it with smaller pages" in said
    assert (rows, peak < MOST) == ([], True), said


@linux
def test_a_parquet_value_that_is_repeated_is_not_multiplied(tmp_path: Path) -> None:
    values = 'pa.array(["x" * (20 << 20)]).dictionary_encode().take(pa.array([0] * 100))'
    said, _, peak = imported(written_elsewhere(tmp_path / "a.parquet", values, dictionary_pagesize_limit=64 * MB))
    assert "a row of 20971520 characters is no seed" in said
    assert peak < MOST, said


def footer(path: Path) -> bytes:
    data = path.read_bytes()
    return data[-8 - int.from_bytes(data[-8:-4], "little") :]


def test_a_parquet_footer_that_lies_is_found_out(tmp_path: Path) -> None:
    small, large, lie = (tmp_path / f"{name}.parquet" for name in ("small", "large", "lie"))
    pq.write_table(pa.table({"persona": [PROSE] * 3}), small, compression="none", use_dictionary=False)
    rows = [f"{n} {PROSE}" for n in range(100_000)]
    pq.write_table(pa.table({"persona": rows}), large, compression="none", use_dictionary=False)
    lie.write_bytes(small.read_bytes()[: -len(footer(small))] + footer(large))
    found = list(read([lie]))
    assert found[-1].data is None
    assert "what follows is not read" in found[-1].complaint
    assert len(found) < 10


def test_a_parquet_footer_that_miscounts_its_rows_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"persona": [PROSE] * 20}), path)
    data, counted, lied = path.read_bytes(), b"\x16\x28", b"\x16\x2a"  # an i64 field: 20, and 21
    at = data.index(counted, len(data) - len(footer(path)))
    path.write_bytes(data[:at] + lied + data[at + 2 :])
    found = list(read([path]))
    assert [r.data for r in found] == [{"prose": PROSE}] * 20 + [None]
    assert found[-1].complaint == "the footer tells of 21 rows, and there are 20; what follows is not read"


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_parquet_file_that_was_cut_off_is_said(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"persona": [f"{n} {PROSE}" for n in range(1000)]}), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(SeedsError, match="cannot be read as Parquet"):
        seed_files([path])
    assert [(r.where, r.data) for r in read([path])] == [("a.parquet", None)]


def test_a_parquet_file_with_one_wrong_byte_anywhere_ends_in_records(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"persona": [f"{n} {PROSE}" for n in range(20)], "n": [None, 2] * 10, "tags": [["a"], []] * 10}
    pq.write_table(pa.table(columns), path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 2):  # one of these would end the process, were pyarrow asked for a column's metadata
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert 1 <= len(list(read([path]))) <= 21


def test_one_broken_line_of_ten_thousand_costs_itself(tmp_path: Path) -> None:
    source, to = tmp_path / "a.jsonl", tmp_path / "seeds.jsonl"
    source.write_text("".join('{"persona": "cut\n' if n == 7301 else f"{ROW}\n" for n in range(1, 10_001)))
    assert typed("seeds", "import", source, "--to", to).returncode == 0
    assert len(to.read_text().splitlines()) == 9999
    (reject,) = map(json.loads, (tmp_path / "seeds.jsonl.rejects.jsonl").read_text().splitlines())
    assert (reject["where"], reject["raw"]) == ("a.jsonl:7301", '{"persona": "cut')
    assert reject["reason"].startswith("Unterminated string")


ZH = "我在里弄修钟表，修了四十年，从没迟到过。"


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        (ZH.encode("gb18030"), "GBK (GB18030)"),
        ((ZH + ROW).encode("gb18030"), "GBK (GB18030)"),
        ("Le café est fermé à Noël, l'été aussi.".encode("cp1252"), "Windows-1252 or another encoding of single bytes"),
        ("Über den Dächern".encode("latin-1"), "Windows-1252 or another encoding of single bytes"),
    ],
)
def test_a_line_in_another_encoding_is_said_to_look_like_it(tmp_path: Path, text: bytes, looks: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(f"{ROW}\n".encode() + b'{"persona": "' + text.replace(b'"', b"'") + b'"}\n')
    (tmp_path / "a.yaml").write_bytes(b"prose: " + text.replace(b'"', b"'"))
    for name, place in (("a.jsonl", -1), ("a.yaml", 0)):
        found = list(read([tmp_path / name]))[place]
        assert (found.data, found.complaint.rpartition(": it looks like ")[2]) == (None, looks)


def test_a_direction_override_is_carried_for_the_curator_to_see(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"persona": f"I am \u202enot\u202c {PROSE}"}, ensure_ascii=False))
    assert [r.data for r in read([tmp_path / "a.jsonl"])] == [{"prose": f"I am \u202enot\u202c {PROSE}"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"persona": "x", "a": ' + "[" * 500 + "]" * 500 + "}", ""),
        ('{"persona": "x", "a": ' + "[" * 990 + "]" * 990 + "}", None),
        ('{"persona": "x", "a": 1e999}', "1e999 is no JSON"),
        ('{"persona": "\\ud83d"}', "no JSON in UTF-8"),
        ('{"persona": "x\\u0000y"}', ""),
        ('{"persona": "' + '\\"' * 400_000 + '"}', ""),
        ("persona", "Expecting value"),
    ],
    ids=lambda v: v and v[:30],
)
def test_odd_json_is_written_or_rejected(tmp_path: Path, row: str, reason: str | None) -> None:
    source, to = tmp_path / "a.jsonl", tmp_path / "seeds.jsonl"
    source.write_text(f"{ROW}\n{row}\n")
    assert typed("seeds", "import", source, "--to", to).returncode == 0
    rejects = tmp_path / "seeds.jsonl.rejects.jsonl"
    said = json.loads(rejects.read_text())["reason"] if rejects.exists() else ""
    assert reason is None or (bool(said), reason in said) == (bool(reason), True)
    assert all(r.data for r in read([to]))


def test_cells_that_grow_when_they_are_written_are_measured_again(tmp_path: Path) -> None:
    cells = "\x01" * 100_000
    (tmp_path / "a.csv").write_text(f"persona,{','.join('abcd')}\n{PROSE}{f',{cells}' * 4}\n{PROSE},1,2,3,4\n")
    to = tmp_path / "seeds.jsonl"
    assert typed("seeds", "import", tmp_path / "a.csv", "--to", to).returncode == 0
    (reject,) = map(json.loads, (tmp_path / "seeds.jsonl.rejects.jsonl").read_text().splitlines())
    assert reject["where"] == "a.csv:2"
    assert reject["reason"].endswith("bytes is no seed")
    assert [bool(r.data) for r in read([to])] == [True]


def test_links_in_a_folder_are_read_once_and_never_in_a_circle(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    for path in (folder, outside):
        path.mkdir()
        (path / "a.jsonl").write_text(ROW)
    (folder / "same.jsonl").symlink_to("a.jsonl")
    (folder / "other.jsonl").symlink_to(outside / "a.jsonl")
    (folder / "gone.jsonl").symlink_to("nowhere.jsonl")
    (folder / "self.jsonl").symlink_to("self.jsonl")
    (folder / "circle").symlink_to(folder)
    (folder / "away").symlink_to(outside)
    assert [p.name for p in seed_files([folder])] == ["a.jsonl", "other.jsonl"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_stops_the_import(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(ROW)
    (tmp_path / "a.jsonl").chmod(0)
    said = typed("seeds", "import", tmp_path / "a.jsonl", "--to", tmp_path / "seeds.jsonl")
    assert (said.returncode, "cannot be read: Permission denied" in said.stderr) == (2, True)
