"""Parsed rows as frames, and what is said of them, by event id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ceasefire.events.blocks import BLOCK_SCHEMA, parse_blocks
from ceasefire.events.contract import Contract
from ceasefire.events.parsing import PARSED_SCHEMA, parse_lines
from unit.events.event_rows import CONTRACT

LINE = pa.schema([("value", pa.string()), ("source_file", pa.string()), ("source_block", pa.int64())])


def parsed_rows(spark: SparkSession, lines: Sequence[str], contract: Contract = CONTRACT) -> DataFrame:
    """One parsed row for each line; all of them stand in one file in this order."""
    rows = pa.Table.from_batches(parse_lines(contract)([_batch(lines)]))
    return spark.createDataFrame(rows, schema=PARSED_SCHEMA)


def parsed_blocks(spark: SparkSession, lines: Sequence[str], rows_of_block: int = 4) -> DataFrame:
    """The same rows in blocks of so many."""
    batches = [_batch(lines).slice(start, rows_of_block) for start in range(0, len(lines), rows_of_block)]
    blocks = pa.Table.from_batches(parse_blocks(CONTRACT)(batches))
    return spark.createDataFrame(blocks, schema=BLOCK_SCHEMA)


def _batch(lines: Sequence[str]) -> pa.RecordBatch:
    return pa.record_batch([list(lines), ["a.jsonl"] * len(lines), [0] * len(lines)], schema=LINE)


def by_row(frame: DataFrame, *columns: str) -> dict[int, tuple[Any, ...]]:
    """These columns of each row, by the row's place in the file."""
    rows: list[Mapping[str, Any]] = frame.select("source_row", *columns).toArrow().to_pylist()
    assert len({row["source_row"] for row in rows}) == len(rows)
    return {
        row["source_row"]: tuple(row[name] for name in columns)
        for row in sorted(rows, key=lambda row: row["source_row"])
    }
