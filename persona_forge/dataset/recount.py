"""Rows, violations and duplicates of the personas, by SQL over their files, in bounded memory.

A violation is counted by relation only where some row breaks any of them. A duplicate is first looked for among 64-bit
hashes of whole rows; the few rows that share one are then compared value by value, so that the count is exact.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from persona_forge.core.errors import Corrupt
from persona_forge.space.ontology import Choice, Ontology

MEMORY = "1GB"
"""What DuckDB may use before it goes to the disk."""


@dataclass(frozen=True, slots=True)
class Violation:
    says: str
    """The relation in the words of the ontology's file."""
    why: str
    rows: int


@dataclass(frozen=True, slots=True)
class Tally:
    rows: dict[str, int]
    """Language → rows."""
    seeds: dict[str, int]
    """Language → seeds that have rows."""
    violations: tuple[Violation, ...]
    duplicates: int
    """Rows whose seed and values all stand in another row too, beyond one each."""
    repeated_ids: int
    """Rows whose id another row has too, beyond one each."""


def recount(files: Sequence[Path], ontology: Ontology) -> Tally:
    if not files:
        return Tally({}, {}, (), 0, 0)
    vector = ["seed_id", *(d.name for d in ontology.dimensions)]
    try:
        with _personas(files) as connection:
            found = connection.execute(
                "SELECT language, count(*), count(DISTINCT seed_id) FROM personas GROUP BY language ORDER BY language"
            ).fetchall()
            return Tally(
                {language: rows for language, rows, _ in found},
                {language: seeds for language, _, seeds in found},
                tuple(_violations(connection, ontology)),
                _twice(connection, vector),
                _twice(connection, ["persona_id"]),
            )
    except duckdb.Error as error:
        raise Corrupt(f"the personas cannot be counted: {' '.join(str(error).split())[:300]}") from error


@contextmanager
def _personas(files: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    paths = ", ".join(_quoted(str(file.resolve())) for file in files)
    with (
        tempfile.TemporaryDirectory() as spill,
        duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": spill}) as connection,
    ):
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"CREATE VIEW personas AS FROM read_parquet([{paths}])")
        yield connection


def _violations(connection: duckdb.DuckDBPyConnection, ontology: Ontology) -> Iterator[Violation]:
    broken = [" OR ".join(f"({_met(choice)})" for choice in relation.forbids) for relation in ontology.relations]
    if not broken:
        return
    counts = ", ".join(f"count(*) FILTER ({b})" for b in broken)
    found = connection.execute(f"SELECT {counts} FROM (FROM personas WHERE {' OR '.join(broken)})").fetchall()[0]
    for relation, rows in zip(ontology.relations, found, strict=True):
        if rows:
            yield Violation(relation.says, relation.why, rows)


def _met(choice: Choice) -> str:
    """True of a row that holds the forbidden choice; null (withheld) is in no choice."""
    return " AND ".join(f'"{d}" IN ({", ".join(map(_quoted, sorted(values)))})' for d, values in choice.items())


def _twice(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> int:
    """Rows that are like another in these columns, beyond one of each kind."""
    listed = ", ".join(f'"{c}"' for c in columns)
    sql = f"""
        WITH shared AS (FROM (SELECT hash({listed}) AS h FROM personas) SELECT h GROUP BY h HAVING count(*) > 1),
        same AS (SELECT count(*) AS n FROM personas WHERE hash({listed}) IN (FROM shared) GROUP BY {listed})
        SELECT coalesce(sum(n - 1), 0) FROM same
    """
    return int(connection.execute(sql).fetchall()[0][0])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
