"""SQL over the sealed shards: views in an in-memory DuckDB that can read this run and nothing else, and write nothing.

A statement is parsed before it runs: exactly one, and a SELECT. (DuckDB's own read-only settings still let COPY write
into an allowed folder.) It may read the files that the views name and no others, links that lead out of the folder
least of all; it may use so much memory, no disk, and so much time. Ids are hex text everywhere; `views` has what is
asked often.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Timer

import duckdb
import pyarrow as pa

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import REJECTS, TABLES
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.remote import RemoteFolder
from persona_forge.dataset.views import VIEWS

TODO = f"tables: {', '.join([*TABLES, *VIEWS])}; DESCRIBE is spelled SELECT * FROM (DESCRIBE table)"
MEMORY = "4GB"
PATIENCE_S = 600.0


def connect(folder: Folder, memory: str | None = None) -> duckdb.DuckDBPyConnection:
    """A locked connection with a view for every table; tables without rows so far are there, empty.

    With a limit of `memory`, nothing is put on a disk to stay under it.
    """
    connection = duckdb.connect(":memory:")
    files: list[Path] = []
    for table in TABLES.values():
        source = f"of_{table.name}"
        if isinstance(folder, RemoteFolder):
            connection.register(source, folder.dataset(table))
        elif paths := folder.rejects_of(TABLES) if table is REJECTS else folder.fetched(table.name):
            source = f"read_parquet({_list(paths)})"
            files += paths
        else:
            connection.register(source, table.schema().empty_table())
        ids = " REPLACE (lower(hex(persona_id)) AS persona_id)" if table.name == "personas" else ""
        connection.execute(f"CREATE VIEW {table.name} AS SELECT *{ids} FROM {source}")
    for name, sql in VIEWS.items():
        with suppress(duckdb.BinderException):  # a run of an older version lacks what its tables lack
            connection.execute(f"CREATE VIEW {name} AS {sql}")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET python_enable_replacements = false")
    if memory:
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute("SET temp_directory = ''")
    connection.execute(f"SET allowed_paths = {_list(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(folder: Folder, sql: str, *, patience_s: float = PATIENCE_S) -> pa.Table:
    """The answer to one SELECT; raises Misuse for anything else, and for a statement that DuckDB refuses or stops."""
    connection = connect(folder, MEMORY)
    clock = Timer(patience_s, connection.interrupt)
    clock.daemon = True
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise Misuse("only one SELECT statement can be run", allowed="SELECT … (also WITH … SELECT)", todo=TODO)
        clock.start()
        return connection.sql(sql).to_arrow_table()
    except duckdb.InterruptException as error:
        raise Misuse(f"the query was stopped after {patience_s:g} s", todo=f"ask for less at once; {TODO}") from error
    except duckdb.OutOfMemoryException as error:
        raise Misuse(f"the query needs more than {MEMORY} of memory", todo=f"ask for less at once; {TODO}") from error
    except duckdb.Error as error:
        raise Misuse(f"DuckDB refuses the query: {' '.join(str(error).split())[:500]}", todo=TODO) from error
    finally:
        clock.cancel()
        connection.close()


def _list(paths: list[Path]) -> str:
    return "[" + ", ".join("'" + str(path.resolve()).replace("'", "''") + "'" for path in paths) + "]"
