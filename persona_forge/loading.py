"""Reading a run: rows for training, answers to SQL. What `import persona_forge` offers, and all that a trainer needs.

    import persona_forge

    for row in persona_forge.load("my-dataset", "utterances", split="train", shuffle=7, decode=True):
        samples, rate = row["audio"]

Only sealed shards are read, so a run may be in progress; it is read as it was when `load` was called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from persona_forge.dataset.folder import Folder
from persona_forge.dataset.loader import Rows
from persona_forge.dataset.opening import existing
from persona_forge.dataset.pieces import source

if TYPE_CHECKING:
    import pyarrow as pa


def load(
    path: str | Path | Folder,
    table: str = "utterances",
    *,
    split: str | None = None,
    columns: Sequence[str] | None = None,
    shuffle: int | str | None = None,
    buffer: int = 1024,
    rank: int = 0,
    world: int = 1,
    decode: bool = False,
) -> Rows:
    """The rows of a table, for one rank of a training job.

    `table` is any table of the run, or `utterances`: clips with what was measured and checked beside them. `split` is
    train, validation or test; none: all. `columns` are the columns to read, in this order; none: all.

    Rows are dictionaries; audio is {"bytes": FLAC, "path": a name}, or with `decode` a pair: samples (float32, shape
    (n,), full scale ±1) and their rate in Hz. `.batches()` gives Arrow record batches, `.torch()` a torch dataset,
    `.hf()` a datasets.IterableDataset.

    With `shuffle`, a key, row groups are read in a random order and rows are mixed in a buffer of at least `buffer` of
    them (as many as a row group holds, where that is more): the same order for the same key on every machine. Ranks
    and workers read disjoint shares, of which no two differ by more than a row; `state_dict()` of the result says where
    it is, and `load_state_dict` goes on from there, also with other ranks and workers than before.

    Raises Misuse for a table, split, column or rank that cannot be, RunMismatch where there is no run.
    """
    return Rows(
        source(_run(path), table, split, columns), shuffle=shuffle, buffer=buffer, rank=rank, world=world, decode=decode
    )


def query(path: str | Path | Folder, sql: str) -> pa.Table:
    """The answer to one SELECT over the tables and views of a run, as an Arrow table.

    Raises Misuse for any other statement and for one that DuckDB refuses, RunMismatch where there is no run.
    """
    from persona_forge.dataset.catalog import query as answer

    return answer(_run(path), sql)


def _run(path: str | Path | Folder) -> Folder:
    return path if isinstance(path, Folder) else existing(path)
