"""What did not come through."""

from __future__ import annotations

from persona_forge.core.tables.schema import Column, Table, text

REJECTS = Table(
    "rejects",
    1,
    "One row that a stage could not use, and why.",
    "row_id",
    (
        Column("stage", text, "The stage that rejected it."),
        Column("row_id", text, "The row: an id, or file and line where there was none yet."),
        Column("seed_id", text, "The seed behind it, where one is known.", nullable=True),
        Column("reason", text, "A short fixed word, to count by."),
        Column("detail", text, "What exactly was wrong."),
        Column("raw", text, "The row itself, where there is something to keep.", nullable=True),
    ),
)
