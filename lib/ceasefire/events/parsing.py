"""The contract applied to batches of input lines: Arrow batches in, Arrow batches out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, BooleanType, LongType, StringType, StructField, StructType, TimestampType

from ceasefire.events.contract import Contract, ParsedRow, parse_row
from ceasefire.tables.intake import STATEMENT, TEXT_MAP
from ceasefire.vocabulary import RejectReason

ROW_ID = "row_id"
"""A number that tells one row of a batch from all others; of one parse alone, and in no table."""

PARTITION_SHIFT = 33
"""Above so many bits a row's number has its partition, as with Spark's own `monotonically_increasing_id`."""

DAMAGED_BLOCK = -1
"""The block of the row that is no line of its file, but says that the rest of it cannot be read."""

_ARROW_TEXT_MAP = pa.map_(pa.string(), pa.string())
_ARROW_TYPES: dict[str, pa.DataType] = {
    "reasons": pa.list_(pa.string()),
    "event_at": pa.timestamp("us", tz="UTC"),
    "quantity_milli": pa.int64(),
    "amount_minor": pa.int64(),
    "attributes": _ARROW_TEXT_MAP,
    "extra": _ARROW_TEXT_MAP,
    "statement": to_arrow_schema(StructType([StructField("statement", STATEMENT)])).field(0).type,
    "repairs": pa.list_(pa.string()),
    "is_opt_out": pa.bool_(),
    "unread_keys": pa.list_(pa.string()),
}
_SPARK_TYPES = {
    "reasons": ArrayType(StringType()),
    "event_at": TimestampType(),
    "quantity_milli": LongType(),
    "amount_minor": LongType(),
    "attributes": TEXT_MAP,
    "extra": TEXT_MAP,
    "statement": STATEMENT,
    "repairs": ArrayType(StringType()),
    "is_opt_out": BooleanType(),
    "unread_keys": ArrayType(StringType()),
}
_FIELDS = tuple(one.name for one in fields(ParsedRow))
_values = attrgetter(*_FIELDS)
_GIVEN = (ROW_ID, "source_file", "source_block")

ARROW_SCHEMA = pa.schema(
    [(ROW_ID, pa.int64()), ("source_file", pa.string()), ("source_block", pa.int64()), ("source_row", pa.int64())]
    + [(name, _ARROW_TYPES.get(name, pa.string())) for name in _FIELDS]
)
PARSED_SCHEMA = StructType(
    [
        StructField(ROW_ID, LongType()),
        StructField("source_file", StringType()),
        StructField("source_block", LongType()),
        StructField("source_row", LongType()),
        *(StructField(name, _SPARK_TYPES.get(name, StringType())) for name in _FIELDS),
    ]
)
"""One row for each input line: its number, its position, and the fields of `contract.ParsedRow`."""

BatchFunction = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def parse_lines(contract: Contract) -> BatchFunction:
    """The function for `mapInArrow` that reads lines: text, file, byte offset of the block, in this order.

    Lines of one block of a file reach one task in the order of the file, so that counting them tells the row.
    """

    def parse(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _spare_imports()
        block: tuple[str, int] | None = None
        read: Callable[[str, Contract], ParsedRow] = parse_row
        row_number = 0
        task = TaskContext.get()
        next_id = (0 if task is None else task.partitionId()) << PARTITION_SHIFT
        for batch in batches:
            lines, files, starts = batch.columns
            numbers: list[int] = []
            rows: list[tuple[Any, ...]] = []
            for text, place in zip(_texts(lines), zip(files.to_pylist(), starts.to_pylist(), strict=True), strict=True):
                if place != block:
                    block, row_number = place, 0
                    read = damaged_file if place[1] == DAMAGED_BLOCK else parse_row
                row_number += 1
                numbers.append(row_number)
                # Of a bare tuple the collector of garbage soon knows that it holds nothing to look after.
                rows.append(_values(read(text, contract)))
            if rows:
                ids = pa.array(range(next_id, next_id + len(rows)), pa.int64())
                next_id += len(rows)
                yield _batch(ids, files, starts, numbers, rows)

    return parse


def damaged_file(why: str, contract: Contract) -> ParsedRow:
    """The row that stands for the rest of a file which cannot be read."""
    return ParsedRow({RejectReason.DAMAGED_FILE}, raw=why)


@cache
def _spare_imports() -> None:
    """Take all that is imported out of the rounds of the garbage collector: they are a tenth of the time of a row."""
    gc.freeze()


def _texts(lines: pa.Array) -> Iterator[str]:
    # Spark hands a file's bytes on as text, whatever they are. What is no UTF-8 becomes halves of surrogate pairs,
    # which the contract finds corrupt.
    for line in lines.cast(pa.binary()).to_pylist():
        yield (line or b"").decode(errors="surrogateescape")


def _batch(
    ids: pa.Array, files: pa.Array, starts: pa.Array, numbers: list[int], rows: list[tuple[Any, ...]]
) -> pa.RecordBatch:
    columns: dict[str, Any] = dict(zip(_FIELDS, zip(*rows, strict=True), strict=True))
    columns["reasons"] = [sorted(one) if one else () for one in columns["reasons"]]
    for name in ("attributes", "extra"):
        columns[name] = [None if one is None else list(one.items()) for one in columns[name]]
    columns["source_row"] = numbers
    arrays = [pa.array(columns[one.name], type=one.type) for one in ARROW_SCHEMA if one.name not in _GIVEN]
    return pa.RecordBatch.from_arrays([ids, files, starts, *arrays], schema=ARROW_SCHEMA)
