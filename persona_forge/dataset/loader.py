"""Rows of a run for training: shared by readers, shuffled, and resumed at the very row.

A pass reads piece after piece (`pieces`), in the global order and the shares that `order` defines, with one window of
rows in memory. Where a pass stands is a few numbers: the spans of the order that were left when this leg began, who of
how many readers this is, and how many rows it has taken since.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_forge.core.errors import Corrupt, Misuse, RunMismatch, Uninstalled
from persona_forge.core.ids import canonical, digest
from persona_forge.dataset.order import Numbers, Order, Spans, length, remaining, share
from persona_forge.dataset.pieces import Source

if TYPE_CHECKING:
    from datasets import IterableDataset

Row = dict[str, Any]
State = dict[str, Any]
Held = dict[int, pa.Table]
"""Pieces in memory, by their place in the order."""

AUDIO = "audio"

ROWS_AT_ONCE = 256
"""Rows that are made of Arrow at once."""
PARTS = 64
"""Shares that `hf` offers to whoever reads in parallel."""


class Rows:
    """What `persona_forge.load` returns: an iterable of rows that knows where it is.

    Every `for` begins a new pass, but for the first one after `load_state_dict`, which goes on from there.
    """

    def __init__(
        self, source: Source, *, shuffle: int | str | None, buffer: int, rank: int, world: int, decode: bool
    ) -> None:
        if world < 1 or not 0 <= rank < world:
            raise Misuse(f"rank {rank} of world {world}", allowed="world of at least 1, and rank from 0 to world - 1")
        if buffer < 1:
            raise Misuse(f"buffer {buffer}", allowed="1 row or more")
        self.source, self.decode, self.epoch = source, decode, 0
        self._shuffle, self._reader, self._readers = shuffle, rank, world
        self._pieces = source.pieces()
        self._window = max([buffer, *(piece.rows for piece in self._pieces)])
        self._left: Spans = ((0, self._total),)
        self._taken = 0
        self._resume: list[State] | None = None
        self._goes_on = False

    def __len__(self) -> int:
        """Rows of a whole pass for this rank: those of any two ranks differ by one at most."""
        return length(((0, self._total),), self._window, self._reader, self._readers)

    def __iter__(self) -> Iterator[Row]:
        """Rows as dictionaries, column → value; see `persona_forge.load`."""
        self._begin()
        return self._each()

    def _each(self) -> Iterator[Row]:
        names = self.source.columns
        for held, nth, at in self._parcels(ROWS_AT_ONCE):
            light = _picked(held, nth, at, [c for c in names if c != AUDIO])
            columns = {c: _plain(light[c]).to_pylist() for c in light.column_names}
            if AUDIO in names:  # out of its piece without a copy in between: it is nearly all of a row
                sounds = {n: held[n][AUDIO].chunk(0) for n in np.unique(nth).tolist()}
                columns[AUDIO] = [sounds[n][i] for n, i in zip(nth.tolist(), at.tolist(), strict=True)]
            for values in zip(*(columns[c] for c in names), strict=True):
                row = dict(zip(names, values, strict=True))
                if AUDIO in row:
                    audio = row[AUDIO].as_py()
                    row[AUDIO] = decoded(audio) if self.decode else audio
                self._taken += 1
                yield row

    def batches(self, rows: int = 1024) -> Iterator[pa.RecordBatch]:
        """The same rows in the same order as Arrow record batches of at most so many; audio stays as it is stored."""
        self._begin()
        return self._batches(rows)

    def _batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        for held, nth, at in self._parcels(rows):
            self._taken += len(at)
            yield _picked(held, nth, at, self.source.columns).combine_chunks().to_batches()[0]

    def set_epoch(self, epoch: int) -> None:
        """Another order for another pass (shuffled alone); call it before the pass begins, on every rank."""
        self.epoch = epoch

    def state_dict(self) -> State:
        """Where the pass is, after the last row or batch given: JSON values, about 200 bytes."""
        self._settle()
        return {"of": self._of, "epoch": self.epoch, "left": [list(span) for span in self._left],
                "reader": self._reader, "readers": self._readers, "taken": self._taken}  # fmt: skip

    def load_state_dict(self, state: object) -> None:
        """Makes the next pass go on where a pass was.

        Given this reader's own state, the same rows follow in the same order. Given the states of all ranks (in a list,
        or whatever holds them, such as the state of torchdata's StatefulDataLoader), the rows that nobody took are
        shared anew among as many ranks and workers as there are now. One rank's state stands for all of them, where all
        ranks have taken as many rows. Raises RunMismatch if the rows, their split or their order are others than then.
        """
        states = list(_states(state))
        if not states:
            raise Misuse("this is no state of a loader", allowed="what state_dict returned, or a list of such")
        self.epoch = states[0]["epoch"]
        if any(s["of"] != self._of or s["left"] != states[0]["left"] for s in states):
            todo = "load the run, table and split as they were, with the same shuffle and buffer"
            raise RunMismatch("this state belongs to other rows, or to another order of them", todo=todo)
        self._resume = states

    def part(self, worker: int, workers: int) -> Rows:
        """The share of one of several workers of this rank, as an iterable of its own."""
        part = self._again(self._reader * workers + worker, self._readers * workers)
        part._resume = self._resume
        return part

    def torch(self) -> Any:
        """A torch IterableDataset, shared among DataLoader workers; torchdata's StatefulDataLoader resumes it."""
        try:
            from persona_forge.dataset.torch_rows import TorchRows
        except ImportError as error:
            raise Uninstalled("torch is not installed", todo="pip install torch torchdata") from error
        return TorchRows(self)

    def hf(self) -> IterableDataset:
        """A `datasets.IterableDataset` of this rank's rows, in shards; its audio column has the Audio feature."""
        try:
            from datasets import DatasetInfo, Features, IterableDataset
            from datasets.iterable_dataset import ArrowExamplesIterable
        except ImportError as error:
            raise Uninstalled("datasets is not installed", todo="pip install datasets") from error
        parts = list(range(min(PARTS, max(1, len(self._pieces)))))
        # from Arrow, for which `from_generator` has no door: rows would be encoded anew, which needs torchcodec
        found = ArrowExamplesIterable(_tables_of, {"rows": self, "part": parts, "parts": len(parts)})
        return IterableDataset(found, DatasetInfo(features=Features.from_arrow_schema(self.source.schema())))

    # How a pass goes --------------------------------------------------------------------------------------------------

    @property
    def _total(self) -> int:
        return sum(piece.rows for piece in self._pieces)

    @property
    def _order(self) -> Order:
        counts = tuple(piece.rows for piece in self._pieces)
        if self._shuffle is None:
            return Order(counts, self._window)
        return Order(counts, self._window, digest("load", str(self._shuffle), str(self.epoch)))

    @property
    def _of(self) -> str:
        """A digest of all that the global order depends on, but the epoch."""
        s = self.source
        return digest("load", canonical([s.table, s.split, sorted(s.shards.items()), self._shuffle, self._window]))

    def _again(self, reader: int, readers: int) -> Rows:
        """The same rows, read by another of another number of readers, from the beginning."""
        other = Rows.__new__(Rows)
        other.__dict__.update(
            self.__dict__, _reader=reader, _readers=readers, _left=((0, self._total),), _taken=0, _goes_on=False
        )
        return other

    def _begin(self) -> None:
        """A pass begins: from the start, or where a state that was loaded says."""
        self._settle()
        if not self._goes_on:
            self._left, self._taken = ((0, self._total),), 0
        self._goes_on = False

    def _settle(self) -> None:
        """Takes up the state that was loaded, now that it is known which reader of how many this is."""
        states, self._resume = self._resume, None
        if states is None:
            return
        self._goes_on = True
        here = {s["reader"]: s["taken"] for s in states}
        self._left, readers = tuple((a, b) for a, b in states[0]["left"]), states[0]["readers"]
        if readers == self._readers and self._reader in here:
            self._taken = here[self._reader]
            return
        taken = {r: here[r] if r in here else here[min(here) + r % len(here)] for r in range(readers)}
        self._left, self._taken = remaining(self._left, self._window, taken, readers), 0

    def _parcels(self, most: int) -> Iterator[tuple[Held, Numbers, Numbers]]:
        """What this reader has still to read, at most so many rows at a time: row `at[i]` of the piece `nth[i]`."""
        order, held = self._order, Held()
        for start, stop in share(self._left, self._window, self._reader, self._readers, self._taken):
            for low in range(start, stop, most):
                high = min(low + most, stop)
                near = order.near(low, high)
                held = {nth: held[nth] for nth in near if nth in held}
                nth, at = order.rows(low, high)
                for n in np.unique(nth).tolist():
                    if n not in held:
                        held[n] = self.source.read(self._pieces[order.pieces[n]])
                yield held, nth, at


def _picked(held: Held, nth: Numbers, at: Numbers, names: Sequence[str]) -> pa.Table:
    """These columns of row `at[i]` of piece `nth[i]`, for each i."""
    parts = [_rows(held[n].select(names), at[nth == n]) for n in np.unique(nth).tolist()]
    if len(parts) == 1:
        return parts[0]
    there = np.argsort(np.argsort(nth, kind="stable"), kind="stable")
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks().take(there)


def _rows(table: pa.Table, at: Numbers) -> pa.Table:
    """Copied only where they do not follow each other."""
    return table.slice(at[0], len(at)) if (np.diff(at) == 1).all() else table.take(at)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without its dictionary: Arrow looks values up several times faster than Python asks for them."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _states(found: object) -> Iterator[State]:
    """The states of loaders in a state of something larger."""
    if isinstance(found, dict) and "readers" in found:
        yield found
    elif isinstance(found, dict | list | tuple):
        for inner in found.values() if isinstance(found, dict) else found:
            yield from _states(inner)


def _tables_of(rows: Rows, part: list[int], parts: int) -> Iterator[tuple[str, pa.Table]]:
    """Of some parts, with the names by which datasets counts them."""
    for n in part:
        for count, batch in enumerate(rows.part(n, parts).batches(ROWS_AT_ONCE)):
            yield f"{n}/{count}", pa.Table.from_batches([batch])


def decoded(audio: Mapping[str, Any]) -> tuple[npt.NDArray[np.float32], int]:
    """Samples of a clip's audio value, shape (n,), full scale ±1, and their rate in Hz.

    By miniaudio where it is installed, which takes two thirds of the time, else by soundfile. Raises Corrupt for bytes
    that are no audio, and Uninstalled without either.
    """
    try:
        import miniaudio
    except ImportError:
        return _by_soundfile(audio)
    try:
        found = miniaudio.flac_read_f32(audio["bytes"])
    except miniaudio.DecodeError as error:
        raise Corrupt(f"{audio['path']} is no audio: {error}") from error
    return np.frombuffer(found.samples, np.float32), found.sample_rate


def _by_soundfile(audio: Mapping[str, Any]) -> tuple[npt.NDArray[np.float32], int]:
    try:
        import soundfile
    except ImportError as error:
        raise Uninstalled("decoding needs miniaudio or soundfile", todo="pip install miniaudio") from error
    try:
        return soundfile.read(io.BytesIO(audio["bytes"]), dtype="float32")  # type: ignore[no-any-return]
    except soundfile.LibsndfileError as error:
        raise Corrupt(f"{audio['path']} is no audio: {error}") from error
