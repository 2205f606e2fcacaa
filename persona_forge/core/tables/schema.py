"""A table: a name, a version, a sentence, and its columns with a sentence each, on Arrow types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from persona_forge.core.errors import ForgeError


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: pa.DataType
    says: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`key` names the column that other tables refer to; `pa.Table`s of it are made by `conform`."""

    name: str
    version: int
    says: str
    key: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def schema(self) -> pa.Schema:
        fields = [pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns]
        return pa.schema(fields, metadata={"table": f"{self.name}.v{self.version}"})

    def empty(self) -> pl.DataFrame:
        frame = pl.from_arrow(self.schema().empty_table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def frame(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Rows as dictionaries (every column given) to a frame of exactly this table."""
        frame = pl.from_arrow(pa.Table.from_pylist(rows, schema=self.schema()))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def conform(self, frame: pl.DataFrame) -> pa.Table:
        """The frame as an Arrow table of exactly this schema.

        Raises ForgeError for a column that is missing, unknown or of another type, or that has a null and may not.
        """
        given, wanted = set(frame.columns), set(self.names)
        if given != wanted:
            raise ForgeError(
                f"{self.name}: missing columns {sorted(wanted - given)}, unknown columns {sorted(given - wanted)}",
                allowed=", ".join(self.names),
            )
        table = frame.select(self.names).to_arrow()
        for column in self.columns:
            if not column.nullable and table[column.name].null_count:
                raise ForgeError(f"{self.name}.{column.name} has nulls, and may have none")
        try:
            return table.cast(self.schema())
        except pa.ArrowInvalid as error:
            raise ForgeError(f"{self.name}: {self._misfits(table)}: {error}") from error

    def _misfits(self, table: pa.Table) -> str:
        """The columns whose type is another."""
        pairs = ((c.name, table[c.name].type, c.type) for c in self.columns)
        return ", ".join(f"{name} is {given} and not {wanted}" for name, given, wanted in pairs if given != wanted)

    def json(self) -> dict[str, Any]:
        """What schemas/<name>.v<version>.json holds."""
        columns = [
            {"name": c.name, "type": str(c.type), "nullable": c.nullable, "description": c.says} for c in self.columns
        ]
        return {
            "table": self.name,
            "version": self.version,
            "description": self.says,
            "key": self.key,
            "columns": columns,
        }


text = pa.string()
real = pa.float64()
count = pa.int32()
category = pa.dictionary(pa.int32(), pa.string())


def rows(**fields: pa.DataType) -> pa.DataType:
    """A list of structs."""
    return pa.list_(pa.struct(list(fields.items())))
