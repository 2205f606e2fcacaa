from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from persona_forge.core.errors import ForgeError, Misuse, OntologyError
from persona_forge.core.tables import QUOTAS, REJECTS, TABLES, Column, Table, personas
from persona_forge.core.tables.__main__ import described, main, write

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_schema_file_of_every_table_is_exactly_what_the_code_gives(table: Table) -> None:
    path = SCHEMAS / f"{table.name}.v{table.version}.json"
    assert path.exists(), "python -m persona_forge.core.tables schemas"
    assert path.read_text(encoding="utf-8") == described(table), "raise the table's version, then write schemas anew"


def test_there_is_no_schema_file_of_a_table_or_version_that_is_not_there() -> None:
    for path in SCHEMAS.glob("*.json"):
        name, version = path.stem.rsplit(".v", 1)
        assert int(version) <= TABLES[name].version, path.name


def test_a_changed_table_without_a_raised_version_is_refused(tmp_path: Path) -> None:
    assert [p.name for p in write(tmp_path, [QUOTAS])] == ["quotas.v1.json"]
    assert write(tmp_path, [QUOTAS]) == []
    changed = replace(QUOTAS, columns=(*QUOTAS.columns, Column("why", pa.string(), "A reason.")))
    with pytest.raises(Misuse, match=r"versions have not: quotas\.v1\.json"):
        write(tmp_path, [changed])
    assert [p.name for p in write(tmp_path, [replace(changed, version=2)])] == ["quotas.v2.json"]
    assert "why" not in (tmp_path / "quotas.v1.json").read_text(encoding="utf-8")


def test_the_schema_of_personas_tells_of_its_dimension_columns(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    schema = json.loads((tmp_path / "personas.v1.json").read_text(encoding="utf-8"))
    assert [c["name"] for c in schema["columns"]] == ["persona_id", "seed_id", "language", "origin", "split"]
    assert schema["dimension_columns"]["type"] == "dictionary<values=string, indices=int32, ordered=0>"
    assert schema["dimension_columns"]["nullable"] is True


def test_the_schema_writer_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "allowed: python -m persona_forge.core.tables DIR" in capsys.readouterr().err


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_says_what_it_and_each_column_is(table: Table) -> None:
    assert table.key in table.names
    assert len(set(table.names)) == len(table.names)
    assert all(says.endswith((".", ")")) for says in (table.says, *(c.says for c in table.columns)))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_empty_frame_of_any_table_conforms(table: Table) -> None:
    assert table.conform(table.empty()).schema == table.schema()


def test_a_frame_conforms_in_any_order_of_columns() -> None:
    frame = REJECTS.frame([dict.fromkeys(REJECTS.names, "x")])
    assert REJECTS.conform(frame.select(reversed(frame.columns))).column_names == list(REJECTS.names)


def test_conform_names_missing_and_unknown_columns() -> None:
    frame = REJECTS.empty().drop("reason").with_columns(pl.lit("x").alias("why"))
    with pytest.raises(ForgeError) as caught:
        REJECTS.conform(frame)
    assert caught.value.what == "rejects: missing columns ['reason'], unknown columns ['why']"
    assert caught.value.allowed == "stage, row_id, seed_id, reason, detail, raw"


def test_conform_refuses_a_null_where_there_may_be_none() -> None:
    frame = REJECTS.frame([dict.fromkeys(REJECTS.names, "x")])
    assert REJECTS.conform(frame.with_columns(pl.lit(None, pl.String).alias("raw"))).num_rows == 1
    with pytest.raises(ForgeError, match=r"rejects\.reason has nulls"):
        REJECTS.conform(frame.with_columns(pl.lit(None, pl.String).alias("reason")))


def test_conform_says_which_column_has_the_wrong_type() -> None:
    frame = pl.DataFrame([{**dict.fromkeys(QUOTAS.names, "x"), "stop": 1}])
    with pytest.raises(ForgeError, match=r"quotas: .*first is large_string and not int64"):
        QUOTAS.conform(frame)


def test_a_dimension_may_not_bear_the_name_of_a_fixed_column() -> None:
    assert personas({"mood": ("good", "bad")}).names == ("persona_id", "seed_id", "language", "mood", "origin", "split")
    with pytest.raises(OntologyError, match=r"\['seed_id', 'shard'\] are reserved"):
        personas({"shard": ("a",), "mood": ("b",), "seed_id": ("c",)})
