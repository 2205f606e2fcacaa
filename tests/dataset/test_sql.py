"""SQL over a run reads that run and nothing else, and writes nothing."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_runs import command, made, sealed, settings, typed

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import TABLES
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
)


@pytest.mark.parametrize("statement", HOSTILE)
def test_a_statement_that_is_no_plain_select_of_this_run_is_refused(finished: Path, statement: str) -> None:
    (finished.parent / "outside.txt").write_text("secret", encoding="utf-8")
    here = pq.read_table(finished / "seeds" / "g000.parquet")
    before, files = sealed(finished), sorted(finished.rglob("*"))
    assert here.num_rows == 10  # a table in a variable is not to be had either
    with pytest.raises(Misuse) as error:
        query(Folder(finished), statement.format(out=finished))
    assert error.value.exit_code == 2
    assert "seeds, families, quotas, weights, cover, personas" in error.value.todo
    assert (sealed(finished), sorted(finished.rglob("*"))) == (before, files)


@pytest.mark.parametrize(("statement", "rows"), [
    ("SELECT count(*) AS n FROM utterances WHERE meas_duration_s > 0 AND qc_asr = 'deaf/deaf'", [{"n": 8}]),
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
