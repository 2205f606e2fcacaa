from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers import LONGEST_ROW, Record, read, seed_files

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def records(path: Path, content: str | bytes) -> list[Record]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read([path]))


def test_json_lines_are_read_with_their_places(tmp_path: Path) -> None:
    found = records(tmp_path / "mine.jsonl", '{"prose": "One."}\n\n  \n{"prose": "二。"}')
    assert [(r.where, r.source, r.data, r.complaint) for r in found] == [
        ("mine.jsonl:1", "mine", {"prose": "One."}, ""),
        ("mine.jsonl:4", "mine", {"prose": "二。"}, ""),
    ]
    assert found[1].raw == '{"prose": "二。"}'


@given(st.lists(st.dictionaries(st.text("ab", max_size=2), JSON, max_size=3), max_size=4))
def test_whatever_a_json_line_says_is_kept(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    found = records(path, "".join(json.dumps(row) + "\n" for row in rows))
    assert [r.data for r in found] == rows


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"prose": "cut', "Unterminated string"),
        (b"{'prose': 1}", "Expecting property name"),
        ('{"prose": "é"}'.encode("latin-1"), "not UTF-8 (byte 0xe9 at 11): it looks like Windows-1252"),
        (b'["a", "list"]', "a seed is an object, not list"),
        (b"null", "a seed is an object, not NoneType"),
        (b"3", "a seed is an object, not int"),
        (b'{"prose": NaN}', "NaN is no JSON"),
        (b'{"prose": "\\ud83d"}', "no JSON in UTF-8"),
        (b"[" * 100_000, "maximum recursion depth"),
        (b'{"n": ' + b"9" * 5000 + b"}", "integer string conversion"),
        (b'{"prose": "' + b"x" * LONGEST_ROW + b'"}', f"a line of {LONGEST_ROW + 14} bytes is no seed"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_line_that_is_no_seed_is_a_complaint_and_the_rest_goes_through(
    tmp_path: Path, line: bytes, complaint: str
) -> None:
    found = records(tmp_path / "s.jsonl", b'{"prose": "before"}\n' + line + b'\n{"prose": "after"}\n')
    assert [r.data for r in found] == [{"prose": "before"}, None, {"prose": "after"}]
    assert complaint in found[1].complaint
    assert found[1].where == "s.jsonl:2"
    assert 0 < len(found[1].raw) <= 2000


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert records(tmp_path / "s.jsonl", b'\xef\xbb\xbf{"prose": "x"}\n')[0].data == {"prose": "x"}
    assert records(tmp_path / "s.yaml", b"\xef\xbb\xbfprose: x\n")[0].data == {"prose": "x"}


def test_a_huge_line_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as f:
        for _ in range(64):
            f.write(b"x" * (1 << 20))
        f.write(b'\n{"prose": "after"}\n')
    tracemalloc.start()
    found = list(read([path]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [r.data for r in found] == [None, {"prose": "after"}]
    assert found[0].complaint == f"a line of {(64 << 20) + 1} bytes is no seed"
    assert peak < 8 << 20


def test_yaml_documents_and_lists_are_numbered_through(tmp_path: Path) -> None:
    found = records(
        tmp_path / "s.yaml", "prose: one\n---\n- prose: two\n- prose: 三\n---\n# nothing\n---\nprose: four\n"
    )
    assert [(r.where, r.data) for r in found] == [
        ("s.yaml#1", {"prose": "one"}),
        ("s.yaml#2", {"prose": "two"}),
        ("s.yaml#3", {"prose": "三"}),
        ("s.yaml#4", {"prose": "four"}),
    ]


def test_yaml_dates_become_text(tmp_path: Path) -> None:
    assert records(tmp_path / "s.yml", "prose: x\nborn: 1990-01-02\n")[0].data == {"prose": "x", "born": "1990-01-02"}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("prose: [unclosed", "expected ',' or ']'"),
        ("a: &x [lol]\nb: *x\n", "aliases are not read"),
        ("prose: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("prose: *nothing\n", "aliases are not read"),
        ("[" * 3000 + "]" * 3000, "maximum recursion depth"),
    ],
)
def test_yaml_before_a_broken_document_goes_through(tmp_path: Path, document: str, complaint: str) -> None:
    found = records(tmp_path / "s.yaml", f"prose: before\n---\n{document}\n")
    assert [r.data for r in found] == [{"prose": "before"}, None]
    assert complaint in found[1].complaint
    assert found[1].where == "s.yaml#2"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("just words", "a seed is an object, not str"),
        ("prose: .nan", "Out of range float"),
        ("2020-01-01: x", "keys must be str"),
    ],
)
def test_one_yaml_row_that_is_no_seed_does_not_stop_the_others(tmp_path: Path, row: str, complaint: str) -> None:
    found = records(tmp_path / "s.yaml", f"{row}\n---\nprose: after\n")
    assert [r.data for r in found] == [None, {"prose": "after"}]
    assert complaint in found[0].complaint


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert records(tmp_path / "s.jsonl", "") == []
    assert records(tmp_path / "s.yaml", "# nothing here\n") == []


def test_files_of_a_folder_are_found_in_order(tmp_path: Path) -> None:
    (tmp_path / "b" / ".hidden").mkdir(parents=True)
    for name in (
        "z.jsonl",
        "b/a.YAML",
        "README.md",
        "b/c.yml",
        "a.csv",
        "z.jsonl.rejects.jsonl",
        ".b.csv",
        "b/.hidden/x.json",
    ):
        (tmp_path / name).touch()
    found = [str(p.relative_to(tmp_path)) for p in seed_files([tmp_path, tmp_path / "b"])]
    assert found == ["a.csv", "b/a.YAML", "b/c.yml", "z.jsonl"]


def test_a_path_that_holds_no_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeedsError, match=r"no seeds in the folder .*; it has nothing"):
        seed_files([tmp_path])
    with pytest.raises(SeedsError, match="there is no seed file"):
        seed_files([tmp_path / "none.jsonl"])
    (tmp_path / "a.md").write_text("# My seeds\n")
    with pytest.raises(SeedsError, match=r"it has 1 × \.md"):
        seed_files([tmp_path])
    with pytest.raises(SeedsError, match=r"no format of seeds is called \.md and begins with '# My seeds") as caught:
        seed_files([tmp_path / "a.md"])
    assert caught.value.allowed == "JSON lines, JSON, YAML, CSV, Parquet, PersonaChat's text, a character card"


def test_a_file_that_goes_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(SeedsError, match=r"gone\.jsonl cannot be read: No such file"):
        list(read([tmp_path / "gone.jsonl"]))
