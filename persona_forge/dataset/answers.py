"""The answer to a query, written as a table for people, or as CSV, JSON or Parquet for programs.

JSON is one array with a row a line; bytes are hex in CSV and JSON, and a count in a table for people.
"""

from __future__ import annotations

import csv
import json
import math
from decimal import Decimal
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from persona_forge.core.errors import Misuse
from persona_forge.dataset.catalog import query
from persona_forge.dataset.folder import Folder

FORMATS = ("table", "csv", "json", "parquet")
WIDEST = 60
"""Characters of a cell in a table for people."""


def answer(folder: Folder, sql: str, form: str, to: TextIO) -> None:
    if form not in FORMATS:
        raise Misuse(f"unknown format {form!r}", allowed=", ".join(FORMATS))
    if form == "parquet" and to.isatty():
        raise Misuse("a terminal cannot show Parquet", todo="send it to a file: … --format parquet > answer.parquet")
    rows = query(folder, sql)
    if form == "parquet":
        pq.write_table(rows, to.buffer)
    elif form == "json":
        lines = (json.dumps(_plain(row), ensure_ascii=False, default=str) for row in rows.to_pylist())
        to.write("[" + ",\n ".join(lines) + "]\n")
    elif form == "csv":
        writer = csv.writer(to, lineterminator="\n")
        writer.writerow(rows.column_names)
        writer.writerows([_cell(v) for v in row.values()] for row in rows.to_pylist())
    else:
        _table(rows, to)


def _table(rows: pa.Table, to: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows.column_names:
        table.add_column(name, overflow="fold")
    for row in rows.to_pylist():
        cells = [f"{len(v)} bytes" if isinstance(v, bytes) else _cell(v) for v in row.values()]
        table.add_row(*(c if len(c) <= WIDEST else c[: WIDEST - 1] + "…" for c in cells))
    width = None if to.isatty() else 200
    Console(file=to, highlight=False, markup=False, width=width).print(table)


def _cell(value: object) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return json.dumps(plain, ensure_ascii=False, default=str) if isinstance(plain, dict | list) else str(plain)


def _plain(value: object) -> object:
    """What JSON can say: bytes as hex, whole decimals (DuckDB's sums) as integers, no number that is none."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
