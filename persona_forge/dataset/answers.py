"""The answer to a query, written as a table for people, or as CSV, JSON lines or Parquet for programs."""

from __future__ import annotations

import json
import sys
from typing import TextIO

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
    relation = query(folder, sql)
    rows = relation.to_arrow_table()
    if form == "parquet":
        pq.write_table(rows, sys.stdout.buffer)
    elif form == "json":
        to.writelines(json.dumps(row, ensure_ascii=False, default=_plain) + "\n" for row in rows.to_pylist())
    elif form == "csv":
        _csv(rows.column_names, rows.to_pylist(), to)
    else:
        _table(rows.column_names, rows.to_pylist(), to)


def _csv(names: list[str], rows: list[dict[str, object]], to: TextIO) -> None:
    import csv

    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(v) for v in row.values()] for row in rows)


def _table(names: list[str], rows: list[dict[str, object]], to: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = [_cell(v) for v in row.values()]
        table.add_row(*(c if len(c) <= WIDEST else c[: WIDEST - 1] + "…" for c in cells))
    width = None if to.isatty() else 200
    Console(file=to, highlight=False, markup=False, width=width).print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return str(_plain(value)) if isinstance(value, bytes) else str(value)


def _plain(value: object) -> object:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
