"""Which combinations of values stand in the rows, and how often each value does: one pass over the personas' files.

Rows come in blocks, one language at a time, as a bit table: a line of bits a value, a bit a row. Values stand together
in a row where the AND of their lines is not zero. A combination is open until some row is its witness; only the open
ones are looked for in the next block. A withheld dimension (null) has no bit, and is no witness of anything.

Memory is one block and the open combinations, for any number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from persona_forge.core.errors import Corrupt
from persona_forge.space.ontology import LANGUAGE, LANGUAGES, Ontology

Bits = npt.NDArray[np.uint64]
"""[value, word]: a bit a row."""
Tuples = npt.NDArray[np.int32]
"""[tuple, its values]: numbers of a `Numbering`."""

BLOCK = 2**18
"""Rows read at a time."""
FIRST_WORDS = 64
"""Words of a block looked at first; most combinations are found there, and each further look is at twice as many."""
CELLS = 2**18
"""Words that one AND makes, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class Numbering:
    """Every value of every dimension as one number, in the order of the ontology's file."""

    values: Mapping[str, tuple[str, ...]]

    @cached_property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Number → dimension and value."""
        return tuple((name, value) for name, values in self.values.items() for value in values)

    @cached_property
    def number(self) -> dict[tuple[str, str], int]:
        return {name: i for i, name in enumerate(self.names)}

    def of(self, dimension: str) -> Tuples:
        return np.array([self.number[dimension, value] for value in self.values[dimension]], np.int32)

    def product(self, dimensions: Sequence[str]) -> Tuples:
        """Every choice of one value in each of these dimensions."""
        axes = np.meshgrid(*map(self.of, dimensions), indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    def tuples(self, t: int) -> Tuples:
        """Every choice of one value in each of any t dimensions."""
        scopes = [self.product(scope) for scope in combinations(self.values, t)]
        return np.concatenate([np.empty((0, t), np.int32), *scopes])


def numbering(ontology: Ontology) -> Numbering:
    return Numbering({d.name: d.names for d in ontology.dimensions})


@dataclass
class Seen:
    """What the rows of one language hold."""

    combinations: int
    open: Tuples
    """Combinations without a witness."""
    counts: dict[tuple[str, ...], npt.NDArray[np.int64]]
    """For some dimensions: rows a choice, in the order of `Numbering.product`."""
    rows: int = 0


@dataclass
class Witnesses:
    seen: dict[str, Seen]
    """Language → what its rows hold."""
    strays: Counter[tuple[str, str]]
    """Dimension and value → rows with a value that the ontology does not know."""


def look(files: Iterable[Path], values: Numbering, t: int, counted: Iterable[tuple[str, ...]] = ()) -> Witnesses:
    """One pass over the files; `counted` names the dimensions, or sets of them, whose choices are counted."""
    every = values.tuples(t)
    products = {scope: values.product(scope) for scope in {*((name,) for name in values.values), *counted}}
    zeros = {scope: np.zeros(len(product), np.int64) for scope, product in products.items()}
    found = Witnesses({language: Seen(len(every), every, dict(zeros)) for language in LANGUAGES}, Counter())
    for file in files:
        for language, rows, bits in _blocks(file, values, found.strays):
            seen = found.seen[language]
            seen.rows += rows
            seen.open = _still_open(bits, seen.open)
            for scope, product in products.items():
                seen.counts[scope] = seen.counts[scope] + _count(bits, product)
    return found


def _blocks(path: Path, values: Numbering, strays: Counter[tuple[str, str]]) -> Iterator[tuple[str, int, Bits]]:
    """Language, number of rows and bit table of each block."""
    wanted = [LANGUAGE, *values.values]
    try:
        with pq.ParquetFile(path, read_dictionary=wanted) as file:
            if missing := sorted(set(wanted) - set(file.schema_arrow.names)):
                raise Corrupt(f"{path} lacks the columns {', '.join(missing)}", todo="see `persona-forge verify`")
            for batch in file.iter_batches(BLOCK, columns=wanted):
                languages = _codes(batch, LANGUAGE, LANGUAGES, strays)
                codes = {name: _codes(batch, name, known, strays) for name, known in values.values.items()}
                for i, language in enumerate(LANGUAGES):
                    its = languages == i
                    if rows := int(its.sum()):
                        tables = [_bits(codes[name][its], len(known)) for name, known in values.values.items()]
                        yield language, rows, np.concatenate(tables)
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(f"{path} cannot be read: {error}") from error


def _codes(batch: Any, name: str, known: Sequence[str], strays: Counter[tuple[str, str]]) -> npt.NDArray[np.int16]:
    """The place of each row's value among those known; -1 for null, and for a value that is not known."""
    column = batch.column(name)
    place = {value: i for i, value in enumerate(known)}
    written = column.dictionary.to_pylist()
    table = np.array([*(place.get(value, -1) for value in written), -1], np.int16)
    codes: npt.NDArray[np.int32] = column.indices.cast(pa.int32()).fill_null(len(written)).to_numpy()
    for i, value in enumerate(written):
        if value not in place and (rows := int((codes == i).sum())):
            strays[name, str(value)] += rows
    return np.take(table, codes)


def _bits(codes: npt.NDArray[np.int16], size: int) -> Bits:
    packed = np.packbits(codes == np.arange(size, dtype=np.int16)[:, None], axis=1)
    whole = np.zeros((size, -(-codes.shape[0] // 64) * 8), np.uint8)
    whole[:, : packed.shape[1]] = packed
    return whole.view(np.uint64)


def _still_open(bits: Bits, tuples: Tuples) -> Tuples:
    start, width = 0, FIRST_WORDS
    while start < bits.shape[1] and len(tuples):
        part = np.ascontiguousarray(bits[:, start : start + width])
        present = np.asarray(part.any(axis=1))
        seen = np.asarray(present[tuples].all(axis=1))  # one by one; most of those still open fail here already
        together = [both.any(axis=1) for both in _together(part, tuples[seen])]
        seen[seen] = np.concatenate([np.empty(0, bool), *together])
        tuples = tuples[~seen]
        start, width = start + width, 2 * width
    return tuples


def _count(bits: Bits, tuples: Tuples) -> npt.NDArray[np.int64]:
    counts = [np.bitwise_count(both).sum(axis=1, dtype=np.int64) for both in _together(bits, tuples)]
    return np.concatenate(counts)


def _together(bits: Bits, tuples: Tuples) -> Iterator[Bits]:
    """The rows in which all values of a tuple stand, some tuples at a time."""
    step = max(1, CELLS // bits.shape[1])
    for start in range(0, len(tuples), step):
        first, *others = tuples[start : start + step].T
        both = bits[first]
        for other in others:
            both &= bits[other]
        yield both
