"""SQL over a run reads that run and nothing else, and writes nothing."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_runs import command, made, sealed, settings, typed

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import TABLES
from persona_forge.dataset import catalog
from persona_forge.dataset.answers import answer
from persona_forge.dataset.catalog import query
from persona_forge.dataset.folder import Folder
from persona_forge.pipeline import PIPELINE

HOSTILE = (
    "COPY personas TO '{out}/x.parquet'",
    "COPY (SELECT 1) TO '{out}/x.csv'",
    "EXPLAIN ANALYZE COPY personas TO '{out}/x.parquet'",
    "EXPLAIN SELECT 1",
    "SELECT 1; COPY personas TO '{out}/x.parquet'",
    "SELECT 1; SELECT 2",
    "",
    ";",
    "-- SELECT 1",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "INSTALL httpfs",
    "LOAD httpfs",
    "ATTACH '{out}/x.db'",
    "ATTACH ':memory:' AS other",
    "DETACH memory",
    "USE memory",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO x(a) AS a + 1",
    "CREATE SECRET x (TYPE s3)",
    "INSERT INTO personas SELECT * FROM personas",
    "UPDATE seeds SET prose = ''",
    "DELETE FROM seeds",
    "DROP VIEW personas",
    "ALTER TABLE seeds RENAME TO other",
    "EXPORT DATABASE '{out}/x'",
    "IMPORT DATABASE '{out}/x'",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN TRANSACTION",
    "PREPARE x AS SELECT 1",
    "WITH x AS (DELETE FROM seeds RETURNING *) SELECT * FROM x",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('{out}/../outside.txt')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    "SELECT * FROM read_json('/proc/self/environ')",
    "SELECT getenv('HOME')",
    "SELECT * FROM query('COPY personas TO ''{out}/x.parquet''')",
    "SELECT * FROM here",
    "SELECT no_such_column FROM seeds",
    "SELECT CAST(prose AS INT) FROM seeds",
    "SELECT error('no')",
    "no SQL at all",
    "COPY (SELECT * FROM seeds) TO '{out}/seeds/g000.parquet'",
    "COPY seeds FROM '/etc/passwd'",
    "ATTACH '/etc/passwd' AS other (TYPE sqlite)",
    "SELECT 1; ATTACH '{out}/x.db'",
    "INSTALL '{out}/x.duckdb_extension'",
    "LOAD '{out}/x.duckdb_extension'",
    "PRAGMA lock_configuration = false",
    "PRAGMA export_database('{out}/x')",
    "SET allowed_directories = ['/']",
    "SET memory_limit = '1TB'",
    "SET temp_directory = '{out}'",
    "SET VARIABLE x = getenv('HOME')",
    "MERGE INTO seeds USING seeds s ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE seeds",
    "CREATE OR REPLACE VIEW seeds AS SELECT 1",
    "COMMENT ON VIEW seeds IS 'x'",
    "EXPLAIN ANALYZE INSERT INTO seeds SELECT * FROM seeds",
    "EXECUTE x",
    "SELECT * FROM read_csv('../outside.txt')",
    "SELECT * FROM read_text('{out}/seeds/../../outside.txt')",
    "SELECT * FROM read_text('{out}/link.txt')",
    "SELECT * FROM read_text('{out}/linked/outside.txt')",
    "SELECT * FROM read_text('{out}/log.jsonl')",
    "SELECT * FROM read_text('{out}/**')",
    "SELECT * FROM read_parquet('{out}/*/*.parquet')",
    "SELECT * FROM read_parquet('{out}/linked.parquet')",
    "SELECT * FROM glob('{out}/../*')",
    "SELECT * FROM read_csv_auto('/dev/stdin')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('{out}/../other.parquet')",
    "SELECT * FROM read_blob('file:///etc/passwd')",
    "SELECT * FROM read_duckdb('{out}/x.db')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM sqlite_scan('/etc/passwd', 'x')",
    "SELECT nextval('x')",
)


@pytest.fixture(scope="module")
def besieged(_finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a file outside, and links in it that lead there."""
    root = tmp_path_factory.mktemp("besieged")
    (root / "outside.txt").write_text("secret", encoding="utf-8")
    run = Path(shutil.copytree(_finished, root / "run"))
    shutil.copy(run / "seeds" / "g000.parquet", root / "other.parquet")
    (run / "link.txt").symlink_to(root / "outside.txt")
    (run / "linked.parquet").symlink_to(root / "other.parquet")
    (run / "linked").symlink_to(root)
    return run


@pytest.mark.parametrize("statement", HOSTILE)
def test_a_statement_that_is_no_plain_select_of_this_run_is_refused(besieged: Path, statement: str) -> None:
    here = pq.read_table(besieged / "seeds" / "g000.parquet")
    before, files = sealed(besieged), sorted(besieged.rglob("*"))
    assert here.num_rows == 10  # a table in a variable is not to be had either
    with pytest.raises(Misuse) as error:
        query(Folder(besieged), statement.format(out=besieged))
    assert error.value.exit_code == 2
    assert "seeds, families, quotas, weights, cover, personas" in error.value.todo
    assert (sealed(besieged), sorted(besieged.rglob("*"))) == (before, files)


@pytest.mark.parametrize(("statement", "says"), [
    ("WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x", "stopped after 0.5 s"),
    ("SELECT sum(a.i * b.i) FROM range(1000000) a(i), range(1000000) b(i)", "stopped after 0.5 s"),
    ("SELECT list(i::VARCHAR || repeat('x', 1000)) FROM range(100000000) t(i)", "needs more than 4GB of memory"),
])  # fmt: skip
def test_a_query_without_end_is_stopped_and_says_so(
    finished: Path, monkeypatch: pytest.MonkeyPatch, statement: str, says: str
) -> None:
    if "memory" in says:
        monkeypatch.setattr(catalog, "MEMORY", "200MB")
        says = says.replace("4GB", "200MB")
    with pytest.raises(Misuse, match=says):
        query(Folder(finished), statement, patience_s=60 if "memory" in says else 0.5)


def test_the_questions_of_the_readme_are_answered(finished: Path) -> None:
    asked = tomllib.loads((Path(catalog.__file__).parent / "questions.toml").read_text(encoding="utf-8"))["question"]
    answers = {q["asks"]: query(Folder(finished), q["sql"]).num_rows for q in asked}
    assert len(answers) == 10
    assert [asks for asks, rows in answers.items() if not rows] == [
        "What was rejected, and why?"
    ]  # a small run of the scripted engine rejects nothing


@pytest.mark.parametrize(("statement", "rows"), [
    ("SELECT count(*) AS n FROM utterances WHERE part = 'turn' AND meas_rate > 0 AND qc_asr = 'deaf/deaf'", [{"n": 8}]),
    ("WITH x AS (SELECT 1 AS a) SELECT a + 1 AS b FROM x;", [{"b": 2}]),
    ("FROM seeds SELECT count(*) AS n", [{"n": 10}]),
    ("SELECT count(*) AS n FROM personas p JOIN scenes s USING (persona_id)", [{"n": 4}]),
    ("SELECT count(*) AS n FROM rejects", [{"n": 0}]),
])  # fmt: skip
def test_a_select_is_answered(finished: Path, statement: str, rows: list[dict[str, object]]) -> None:
    assert query(Folder(finished), statement).to_pylist() == rows


def test_every_table_is_there_before_it_has_rows(tmp_path: Path, seeds: Path) -> None:
    made(tmp_path / "run", settings(seeds, personas__rows=50), PIPELINE[:1])
    for name in (*TABLES, "utterances"):
        [row] = query(Folder(tmp_path / "run"), f"SELECT count(*) AS n FROM {name}").to_pylist()
        assert row == {"n": 10 if name == "seeds" else 0}


def test_json_is_one_array_whose_numbers_are_numbers(finished: Path) -> None:
    out = io.StringIO()
    asked = (
        "SELECT sum(2) AS s, 1.5::DECIMAL(3,1) AS d, 'nan'::DOUBLE AS x, NULL AS e, '\\x00\\xFF'::BLOB AS b, "
        "[1, 2] AS l, {'k': '字'} AS m, DATE '2026-01-02' AS t FROM range(3)"
    )
    answer(Folder(finished), asked, "json", out)
    assert json.loads(out.getvalue()) == [
        {"s": 6, "d": 1.5, "x": None, "e": None, "b": "00ff", "l": [1, 2], "m": {"k": "字"}, "t": "2026-01-02"}
    ]


def test_no_rows_are_an_empty_array_and_a_header(finished: Path) -> None:
    nothing = "SELECT seed_id, prose FROM seeds WHERE false"
    assert typed("sql", finished, nothing, "--json").stdout == "[]\n"
    assert typed("sql", finished, nothing, "--format", "csv").stdout == "seed_id,prose\n"


def test_csv_has_a_header_and_quotes_what_needs_it(finished: Path) -> None:
    said = typed("sql", finished, "SELECT 'a,\"b\"' AS x, 2 AS y, NULL AS z", "--format", "csv")
    assert said.stdout == 'x,y,z\n"a,""b""",2,\n'


def test_parquet_comes_on_standard_output(finished: Path) -> None:
    words = command("sql", finished, "SELECT seed_id FROM seeds ORDER BY ALL", "--format", "parquet")
    raw = subprocess.run(words, capture_output=True, check=True).stdout
    assert pq.read_table(io.BytesIO(raw))["seed_id"].to_pylist()[0] == "en-baker"


def test_a_table_for_people_cuts_long_cells_and_counts_bytes(finished: Path) -> None:
    said = typed("sql", finished, "SELECT repeat('long', 50) AS words, audio.bytes AS sound FROM utterances LIMIT 1")
    header, row = said.stdout.splitlines()
    assert header.split() == ["words", "sound"]
    assert row.startswith("long" * 14)
    assert "…" in row
    assert row.split()[-1] == "bytes"


def test_an_unknown_format_names_those_there_are(finished: Path) -> None:
    said = typed("sql", finished, "SELECT 1", "--format", "xml")
    assert (said.returncode, said.stderr) == (
        2, "persona-forge: unknown format 'xml'\n  allowed: table, csv, json, parquet\n"
    )  # fmt: skip
