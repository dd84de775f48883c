"""Writes that look at what a table holds while others write to it: repeated when one of them was faster."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ceasefire.storage.conflicts import until_written
from ceasefire.storage.lake import Lake, Write, stored_table
from ceasefire.tables import DeltaTable, conform


def insert_new(lake: Lake, table: DeltaTable, rows: DataFrame | pa.Table) -> None:
    """Append the rows whose key the table does not hold; whoever writes them too, each stands there once.

    To readers that follow the table it is an append.

    Args:
        lake: where.
        table: a table with one key.
        rows: at most one for each key.
    """
    key = table.keys[0]
    frame = rows if isinstance(rows, DataFrame) else lake.spark.createDataFrame(rows, schema=table.schema)
    new = conform(frame, table).alias("new")

    def insert() -> None:
        merge = stored_table(lake, table).alias("old").merge(new, F.col(f"old.{key}") == F.col(f"new.{key}"))
        merge.whenNotMatchedInsertAll().execute()

    _written(lake, table, insert)


def update_rows(lake: Lake, table: DeltaTable, condition: Column, values: Mapping[str, Column]) -> int:
    """Set columns of the rows for which a condition holds, and return how many there were."""
    count = _count(lake, table, condition)
    if count:
        _written(lake, table, lambda: stored_table(lake, table).update(condition, dict(values)))
    return count


def delete_rows(lake: Lake, table: DeltaTable, condition: Column) -> int:
    """Delete the rows for which a condition holds, and return how many there were; older versions still hold them."""
    count = _count(lake, table, condition)
    if count:
        _written(lake, table, lambda: stored_table(lake, table).delete(condition))
    return count


def _written(lake: Lake, table: DeltaTable, write: Callable[[], object]) -> None:
    lake.observe(Write(table.name, done=False))
    until_written(write, f"table {table.name} in {lake.path()}")
    lake.observe(Write(table.name, done=True))


def _count(lake: Lake, table: DeltaTable, condition: Column) -> int:
    return int(stored_table(lake, table).toDF().where(condition).count())
