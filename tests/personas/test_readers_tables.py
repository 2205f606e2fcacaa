from __future__ import annotations

import csv
import datetime
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.personas.readers import Record, read

PROSE = "I mend clocks in a cellar."
OTHER = "I keep bees on the roof."


def records(path: Path, content: str | bytes) -> list[Record]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read([path]))


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=12)


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8), delimiter=st.sampled_from(",\t;|"))
def test_what_csv_writes_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("prose", "note"), *((f"p{a}", b) for a, b in rows)])
    found = records(tmp_path_factory.mktemp("csv") / "a.csv", out.getvalue())
    assert [r.data for r in found] == [{"prose": f"p{a}", "note": b} for a, b in rows]


def test_a_row_is_known_by_its_first_line(tmp_path: Path) -> None:
    found = records(tmp_path / "a.csv", f'\ufeffname,persona\r\n\r\nMo,"one\r\ntwo"\r\nLi,{OTHER}\r\n')
    assert [(r.where, r.data, r.raw) for r in found] == [
        ("a.csv:3", {"name": "Mo", "prose": "one\r\ntwo"}, 'Mo,"one\r\ntwo"'),
        ("a.csv:5", {"name": "Li", "prose": OTHER}, f"Li,{OTHER}"),
    ]


def test_our_own_rows_come_in_a_table_too(tmp_path: Path) -> None:
    limits = [{"trigger": "noise", "threshold": "twice", "reaction": "leaves", "recovery": "tea"}]
    out = io.StringIO()
    csv.writer(out).writerows([("prose", "emotional_limits", "opinions", "age"), (PROSE, json.dumps(limits), "", "")])
    (found,) = records(tmp_path / "a.csv", out.getvalue())
    assert found.data == {"prose": PROSE, "emotional_limits": limits, "age": ""}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (b"x,y,z", "3 cells under 2 columns"),
        (b"x", "1 cells under 2 columns"),
        (b'Mo,"never closed', "is a quote never closed?"),
        (b'Mo,"closed" early', "',' expected after '\"'"),
        (b"Mo,\x00", "a NUL byte, which no text has"),
        ("Mo,修钟表的人住在地下室".encode("gb18030"), "it looks like GBK (GB18030)"),
        ("Mo,café".encode("latin-1"), "it looks like Windows-1252"),
        (b"Mo," + b"x" * 200_000, "field larger than field limit"),
        (b"Mo," + b"x" * (1 << 20), "is no seed"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_broken_row_costs_itself_alone(tmp_path: Path, row: bytes, complaint: str) -> None:
    found = records(
        tmp_path / "a.csv", f"name,prose\na,{PROSE}\n".encode() + row + f"\nb,{OTHER}\nc,{OTHER}\n".encode()
    )
    assert [(r.where, r.data and r.data["name"]) for r in found] == [
        ("a.csv:2", "a"), ("a.csv:3", None), ("a.csv:4", "b"), ("a.csv:5", "c")
    ]  # fmt: skip
    assert complaint in found[1].complaint
    assert 0 < len(found[1].raw) <= 2000


def test_a_cell_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    cells = ["=HYPERLINK(1)", "+1+1", "@SUM(A1)", "-2", "1e9", "\u202ereversed\u202c", "NULL", "true"]
    found = records(tmp_path / "a.csv", "persona\n" + "".join(f"{c}\n" for c in cells))
    assert [r.data for r in found] == [{"prose": c} for c in cells]


def parquet(path: Path, **columns: Any) -> list[Record]:
    pq.write_table(pa.table(columns), path)
    return list(read([path]))


def test_a_parquet_row_is_a_record(tmp_path: Path) -> None:
    found = parquet(tmp_path / "a.parquet", persona=[PROSE, OTHER], uuid=["u1", "u2"], age=[59, None])
    assert [(r.where, r.source, r.data) for r in found] == [
        ("a.parquet#1", "a", {"prose": PROSE, "seed_id": "u1", "age": 59}),
        ("a.parquet#2", "a", {"prose": OTHER, "seed_id": "u2", "age": None}),
    ]


def test_nested_and_odd_values_of_parquet_are_kept_as_json(tmp_path: Path) -> None:
    (found,) = parquet(
        tmp_path / "a.parquet",
        persona=[["I ski.", "I cook."]],
        tags=[[{"k": "a", "n": [1, 2]}]],
        image=[b"\x00\xff"],
        born=[datetime.date(1990, 1, 2)],
        cost=[Decimal("1.50")],
        nothing=[float("nan")],
    )
    assert found.data == {
        "prose": "I ski. I cook.", "persona": ["I ski.", "I cook."], "tags": [{"k": "a", "n": [1, 2]}],
        "image": "AP8=", "born": "1990-01-02", "cost": "1.50", "nothing": None,
    }  # fmt: skip


@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=("Cs",)), max_size=9), st.integers(0, 9)), min_size=1
    ),
    group=st.integers(1, 4),
    page=st.sampled_from([1, 1 << 20]),
    version=st.sampled_from(["1.0", "2.0"]),
    dictionary=st.booleans(),
    compression=st.sampled_from(["none", "snappy", "zstd"]),
)
def test_parquet_is_read_however_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]], group: int, page: int, version: str,
    dictionary: bool, compression: str,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("pq") / "a.parquet"
    table = pa.table({"prose": [f"p{a}" for a, _ in rows], "x": [a for a, _ in rows], "n": [n for _, n in rows]})
    pq.write_table(
        table, path, row_group_size=group, data_page_size=page, data_page_version=version, use_dictionary=dictionary,
        compression=compression, write_page_checksum=page == 1,
    )  # fmt: skip
    assert [r.data for r in read([path])] == [{"prose": f"p{a}", "x": a, "n": n} for a, n in rows]


def test_one_parquet_row_that_is_too_long_costs_itself_alone(tmp_path: Path) -> None:
    found = parquet(tmp_path / "a.parquet", persona=[PROSE, "x" * (2 << 20), OTHER])
    assert [r.data for r in found] == [{"prose": PROSE}, None, {"prose": OTHER}]
    assert found[1].complaint == f"a row of {2 << 20} characters is no seed"


PERSONACHAT = """1 your persona: i like to ski.
2 your persona: i have two cats.
3 partner's persona: i am a baker.
4 hi there\thello!
1 your persona: i read a lot.
2 hello\thi\t\ta|b
"""


def test_personachat_text_becomes_a_record_for_each_speaker(tmp_path: Path) -> None:
    found = records(tmp_path / "train.txt", PERSONACHAT)
    assert [(r.where, r.data and r.data["sentences"]) for r in found] == [
        ("train.txt:1", ["i like to ski.", "i have two cats."]),
        ("train.txt:3", ["i am a baker."]),
        ("train.txt:5", ["i read a lot."]),
    ]
    assert found[0].data == {
        "prose": "i like to ski. i have two cats.",
        "sentences": ["i like to ski.", "i have two cats."],
    }


def test_json_arrays_are_read_a_row_at_a_time(tmp_path: Path) -> None:
    rows = [{"act": f"Cook {n}", "prompt": PROSE * n} for n in range(1, 300)]
    found = records(tmp_path / "a.json", json.dumps(rows, indent=1))
    assert [r.data for r in found] == [{"name": r["act"], "prose": r["prompt"]} for r in rows]
    assert found[-1].where == "a.json#299"


def test_a_value_is_not_cut_where_a_piece_of_the_file_ends(tmp_path: Path) -> None:
    found = records(tmp_path / "a.json", json.dumps(list(range(20_000))))
    assert [r.raw for r in found] == [str(n) for n in range(20_000)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f'[{{"persona": "{PROSE}"}}, {{"persona": ', "Expecting value; what follows is not read"),
        (f'[{{"persona": "{PROSE}"}}, ', "the file ends within the array; what follows is not read"),
        (f'[{{"persona": "{PROSE}"}}, {{persona: 1}}, {{"persona": "x"}}]', "Expecting property name"),
        (f'[{{"persona": "{PROSE}"}}, 3]', "a seed is an object, not int"),
        (f'[{{"persona": "{PROSE}"}}, {{"a": 1e999}}]', "1e999 is no JSON"),
        (f'[{{"persona": "{PROSE}"}}, {"[" * 100_000}', "maximum recursion depth"),
        (f'[{{"persona": "{PROSE}"}}, {{"persona": "{"x" * (3 << 20)}"}}]', "does not end within"),
    ],
    ids=lambda v: v[:20],
)  # fmt: skip
def test_json_before_a_broken_row_goes_through(tmp_path: Path, content: str, complaint: str) -> None:
    found = records(tmp_path / "a.json", content)
    assert [r.data for r in found] == [{"prose": PROSE}, None]
    assert (found[1].where, complaint in found[1].complaint) == ("a.json#2", True)
