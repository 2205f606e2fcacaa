"""What did not come through, and what people decided."""

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

EVENTS = Table(
    "events",
    1,
    "One act of an annotator; nothing is ever changed or taken away, what is undone is undone by another event.",
    "event_id",
    (
        Column("event_id", text, "A hash of all that follows."),
        Column("at", text, "When, in UTC, as ISO 8601 with microseconds."),
        Column("who", text, "The annotator."),
        Column("app", text, "review, compare, listen."),
        Column("on", text, "The row it is about: a seed, a pair, an utterance."),
        Column("seed_id", text, "The seed behind that row."),
        Column("verdict", text, "What was decided, in a fixed word of the app; `undo` takes back the event in detail."),
        Column("detail", text, "JSON: the edit, the reason, the order shown, the event undone."),
        Column("comment", text, "In the annotator's words; may be empty."),
    ),
)
