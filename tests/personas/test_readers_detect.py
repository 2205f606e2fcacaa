from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_forge.core.errors import SeedsError
from persona_forge.personas.readers import detect, read, seed_files

PROSE = "I mend clocks in a cellar."
ROW = json.dumps({"persona": PROSE})
CARD = json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Mo", "description": PROSE}})


@pytest.mark.parametrize(
    ("name", "content", "format", "says"),
    [
        ("a.jsonl", ROW, "jsonl", "JSON lines: lines of personas, as Persona-Hub has them; "
         "prose ← persona; kept besides: nothing"),
        ("a", f"\ufeff\n {ROW}\n{ROW}\n", "jsonl", "JSON lines: lines of personas"),
        ("a.csv", ROW, "jsonl", "JSON lines (though it is called .csv): lines of personas"),
        ("a.json", f"{ROW}\n{ROW}\n", "jsonl", "JSON lines: lines of personas"),
        ("a.json", f"[{ROW}, {ROW}]", "json", "JSON: lines of personas"),
        ("a.jsonl", f"[{ROW},\n{ROW}]", "json", "JSON: lines of personas"),
        ("a.json", json.dumps({"prose": PROSE, "name": "Mo"}, indent=1), "json", "JSON: our own fields; "
         "kept besides: nothing"),
        ("a.json", CARD, "card", "a character card"),
        ("a.json", json.dumps({"name": "Mo", "first_mes": "Hi."}), "card", "a character card"),
        ("a.yaml", f"prose: {PROSE}", "yaml", "YAML"),
        ("a.csv", "Bio;姓名;age\nx;y;3\n", "csv", "CSV with semicolons between its cells: rows of one's own; "
         "name ← 姓名; prose ← Bio; kept besides: age"),
        ("a.tsv", f"act\tprompt\nx\t{PROSE}\n", "csv", "CSV with tabs between its cells: a list of role prompts; "
         "name ← act; prose ← prompt; kept besides: nothing"),
        ("noname", "id,人设\n1,x\n", "csv", "CSV with commas between its cells: rows of one's own; seed_id ← id"),
        ("a.txt", f"1 your persona: {PROSE}\n2 hi\tho\n", "personachat", "PersonaChat's text: lists of sentences"),
        ("a.charx", "PK\x03\x04", "card", "a character card"),
        ("a.jsonl", "not JSON at all", "jsonl", "JSON lines"),
    ],
)  # fmt: skip
def test_a_file_is_known_by_its_content(tmp_path: Path, name: str, content: str, format: str, says: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    found = detect(tmp_path / name)
    assert (found.name, found.says[: len(says)]) == (format, says)


def test_parquet_is_known_whatever_it_is_called(tmp_path: Path) -> None:
    pq.write_table(pa.table({"persona": [PROSE], "age": [3]}), tmp_path / "a.csv")
    found = detect(tmp_path / "a.csv")
    assert (found.name, found.columns) == ("parquet", ("persona", "age"))


@pytest.mark.parametrize(
    ("name", "content", "what", "help"),
    [
        ("a.csv", b"age,city\n3,Bonn\n", "no column looks like the prose of a persona; it has age, city",
         "--map prose=COLUMN"),
        ("a.jsonl.gz", b"\x1f\x8b\x08", "compressed by gzip", "unpack it first"),
        ("a.xlsx", b"PK\x03\x04[Content_Types].xml", "a zip archive or an Office document", "save the sheet as CSV"),
        ("a.csv", b"PK\x03\x04xl/", "a zip archive or an Office document", "save the sheet as CSV"),
        ("a.pdf", b"%PDF-1.7", "a PDF", "JSON lines"),
        ("a.csv", "prose\n我在".encode("utf-16"), "looks like UTF-16", "save it as UTF-8"),
        ("a.jsonl", ROW.encode("utf-16-le"), "looks like UTF-16", "save it as UTF-8"),
        ("a.jsonl", ROW.encode("utf-32"), "looks like UTF-32", "save it as UTF-8"),
        ("a.csv", "姓名,人设\n".encode("gb18030"), "it looks like GBK (GB18030)", "in UTF-8"),
        ("a.csv", b"prose,prose\n", "two columns are called 'prose'", "rename one of them"),
        ("a.parquet", b"PAR1 and no more", "cannot be read as Parquet", "fetch or write it again"),
        ("a.txt", b"Once upon a time", "no format of seeds is called .txt and begins with 'Once upon", "--format"),
    ],
)  # fmt: skip
def test_what_is_no_source_is_refused_with_what_was_seen(
    tmp_path: Path, name: str, content: bytes, what: str, help: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SeedsError) as caught:
        seed_files([tmp_path / name])
    assert what in caught.value.what
    assert help in caught.value.todo


def test_a_file_of_a_folder_that_cannot_be_read_is_one_record_and_the_others_go_through(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age\n3\n")
    (tmp_path / "b.jsonl").write_text(ROW)
    found = list(read(seed_files([tmp_path])))
    assert [(r.where, r.data) for r in found] == [("a.csv", None), ("b.jsonl:1", {"prose": PROSE})]
    assert (
        "no column looks like the prose of a persona; it has age allowed: a column called prose," in found[0].complaint
    )


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(SeedsError, match="is no file"):
        seed_files([tmp_path / "pipe.jsonl"])


def test_a_format_that_is_named_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"bio\n{PROSE}\n")
    assert [r.data for r in read([path], format="csv")] == [{"prose": PROSE}]
    with pytest.raises(SeedsError, match="there is no format 'xml'"):
        detect(path, name="xml")
