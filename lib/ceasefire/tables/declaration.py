"""A table is declared once: what a row means, its columns with meaning and unit, its keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from ceasefire.errors import CheckFailedError


@dataclass(frozen=True)
class Column:
    """One column: its meaning and unit; not null unless said."""

    name: str
    type: DataType
    meaning: str
    nullable: bool = False


def column(name: str, data_type: DataType, meaning: str, nullable: bool = False) -> Column:
    """A declared column."""
    return Column(name, data_type, meaning, nullable)


def struct(*columns: Column) -> StructType:
    """The type of a nested row; its fields are nullable in storage, since Delta refuses nested NOT NULL."""
    return StructType([StructField(one.name, one.type, True) for one in columns])


@dataclass(frozen=True)
class DeltaTable:
    """One declared table.

    Attributes:
        name: folder under ROOT/<brand>.
        grain: what one row is.
        columns: in order.
        keys: columns that together are unique.
        partition_by: columns whose values make folders.
        append_only: rows are never changed, so deletion vectors stay off and other engines can read it.
        skip_by: columns whose least and greatest value Delta keeps for each file, so that readers skip files by them;
            to keep those of every column is a fifth of what a row costs. For tables that are created from now on.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    append_only: bool = True
    skip_by: tuple[str, ...] = ()

    @property
    def schema(self) -> StructType:
        """The Spark schema. Stored columns are nullable, as Delta cannot add a not-null column to a table in use."""
        return StructType([StructField(one.name, one.type, True) for one in self.columns])

    @property
    def arrow_schema(self) -> pa.Schema:
        """The same for rows that the driver makes."""
        return to_arrow_schema(self.schema, timezone="UTC")

    def with_columns(self, more: Iterable[Column]) -> DeltaTable:
        """The same table with further columns, for those that a brand declares."""
        return replace(self, columns=(*self.columns, *more))


def conform(frame: DataFrame, table: DeltaTable) -> DataFrame:
    """The frame with the declared columns in their order.

    Raises:
        CheckFailedError: it lacks a column, has one too many, or one of another type; all of it at once.
    """
    declared = {one.name for one in table.columns}
    problems = misfits(frame.schema, table)
    problems += [f"{name}: not declared" for name in frame.columns if name not in declared]
    if problems:
        raise CheckFailedError(f"not fit for table '{table.name}' ({table.grain}): {'; '.join(problems)}")
    return frame.select(*(one.name for one in table.columns))


def misfits(schema: StructType, table: DeltaTable) -> list[str]:
    """What a schema lacks to hold the declared columns, one phrase for each column; further columns do not matter."""
    found = {one.name: one.dataType for one in schema.fields}
    problems = []
    for one in table.columns:
        if one.name not in found:
            problems.append(f"{one.name}: missing")
        elif _shape(found[one.name]) != _shape(one.type):
            problems.append(f"{one.name}: is {found[one.name].simpleString()}, declared {one.type.simpleString()}")
    return problems


def _shape(data_type: DataType) -> str:
    # Nullability inside arrays and structs is Spark's guess; the names and types are what must agree.
    if isinstance(data_type, StructType):
        return f"struct<{','.join(f'{one.name}:{_shape(one.dataType)}' for one in data_type.fields)}>"
    if isinstance(data_type, ArrayType):
        return f"array<{_shape(data_type.elementType)}>"
    if isinstance(data_type, MapType):
        return f"map<{_shape(data_type.keyType)},{_shape(data_type.valueType)}>"
    return data_type.simpleString()
