"""SQL over the sealed shards: views in an in-memory DuckDB that can read this run and nothing else, and write nothing.

A statement is parsed before it runs: exactly one, and a SELECT. (DuckDB's own read-only settings still let COPY write
into an allowed folder.) Ids are hex text everywhere; `views` has what is asked often.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import REJECTS, TABLES
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.views import VIEWS

TODO = f"tables: {', '.join([*TABLES, *VIEWS])}; DESCRIBE is spelled SELECT * FROM (DESCRIBE table)"


def connect(folder: Folder) -> duckdb.DuckDBPyConnection:
    """A locked connection with a view for every table; tables without rows so far are there, empty."""
    connection = duckdb.connect(":memory:")
    for table in TABLES.values():
        if table is REJECTS:
            paths = folder.rejects_of(TABLES)
        else:
            paths = [folder.rows(table.name, shard) for shard in folder.names(table.name)]
        ids = " REPLACE (lower(hex(persona_id)) AS persona_id)" if table.name == "personas" else ""
        if paths:
            source = f"read_parquet([{', '.join(_quoted(p) for p in paths)}])"
        else:
            source = f"empty_{table.name}"
            connection.register(source, table.schema().empty_table())
        connection.execute(f"CREATE VIEW {table.name} AS SELECT *{ids} FROM {source}")
    for name, sql in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET python_enable_replacements = false")
    connection.execute(f"SET allowed_directories = [{_quoted(folder.root)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(folder: Folder, sql: str) -> pa.Table:
    """The answer to one SELECT; raises Misuse for anything else, and for a statement that DuckDB refuses."""
    connection = connect(folder)
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise Misuse("only one SELECT statement can be run", allowed="SELECT … (also WITH … SELECT)", todo=TODO)
        return connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise Misuse(f"DuckDB refuses the query: {' '.join(str(error).split())[:500]}", todo=TODO) from error


def _quoted(path: Path) -> str:
    return "'" + str(path.resolve()).replace("'", "''") + "'"
