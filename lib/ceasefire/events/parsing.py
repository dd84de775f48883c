"""The contract applied to batches of input lines: Arrow batches in, Arrow batches out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from operator import attrgetter, itemgetter
from typing import Any

import pyarrow as pa
from pyspark.sql.types import ArrayType, LongType, StringType, StructField, StructType, TimestampType

from ceasefire.events.contract import Contract, ParsedRow, parse_row
from ceasefire.tables.intake import TEXT_MAP

_ARROW_TEXT_MAP = pa.map_(pa.string(), pa.string())
_ARROW_TYPES: dict[str, pa.DataType] = {
    "reasons": pa.list_(pa.string()),
    "event_at": pa.timestamp("us", tz="UTC"),
    "quantity_milli": pa.int64(),
    "amount_minor": pa.int64(),
    "attributes": _ARROW_TEXT_MAP,
    "extra": _ARROW_TEXT_MAP,
}
_SPARK_TYPES = {
    "reasons": ArrayType(StringType()),
    "event_at": TimestampType(),
    "quantity_milli": LongType(),
    "amount_minor": LongType(),
    "attributes": TEXT_MAP,
    "extra": TEXT_MAP,
}
_FIELDS = tuple(one.name for one in fields(ParsedRow))
_POSITION = ("source_file", "source_block", "source_row")

ARROW_SCHEMA = pa.schema(
    [("source_file", pa.string()), ("source_block", pa.int64()), ("source_row", pa.int64())]
    + [(name, _ARROW_TYPES.get(name, pa.string())) for name in _FIELDS]
)
PARSED_SCHEMA = StructType(
    [
        StructField("source_file", StringType()),
        StructField("source_block", LongType()),
        StructField("source_row", LongType()),
        *(StructField(name, _SPARK_TYPES.get(name, StringType())) for name in _FIELDS),
    ]
)
"""One row for each input line: its position, and the fields of `contract.ParsedRow`."""

BatchFunction = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def parse_lines(contract: Contract) -> BatchFunction:
    """The function for `mapInArrow` that reads lines: text, file, byte offset of the block, in this order.

    Lines of one block of a file reach one task in the order of the file, so that counting them tells the row.
    """

    def parse(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        block: tuple[str, int] | None = None
        row_number = 0
        for batch in batches:
            lines, files, starts = batch.columns
            positions: list[tuple[str, int, int]] = []
            rows: list[ParsedRow] = []
            for text, file, start in zip(_texts(lines), files.to_pylist(), starts.to_pylist(), strict=True):
                if (file, start) != block:
                    block, row_number = (file, start), 0
                row_number += 1
                positions.append((file, start, row_number))
                rows.append(parse_row(text, contract))
            yield _batch(positions, rows)

    return parse


def _texts(lines: pa.Array) -> Iterator[str]:
    # Spark hands a file's bytes on as text, whatever they are. What is no UTF-8 becomes halves of surrogate pairs,
    # which the contract finds corrupt.
    for line in lines.cast(pa.binary()).to_pylist():
        yield (line or b"").decode(errors="surrogateescape")


def _batch(positions: list[tuple[str, int, int]], rows: list[ParsedRow]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {
        name: list(map(itemgetter(place), positions)) for place, name in enumerate(_POSITION)
    }
    columns |= {name: list(map(attrgetter(name), rows)) for name in _FIELDS}
    columns["reasons"] = list(map(sorted, columns["reasons"]))
    for name in ("attributes", "extra"):
        columns[name] = [None if one is None else list(one.items()) for one in columns[name]]
    arrays = [pa.array(columns[one.name], type=one.type) for one in ARROW_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=ARROW_SCHEMA)
