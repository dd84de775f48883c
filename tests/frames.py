"""Rows of a frame held against those a story expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chispa import assert_df_equality
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType


def assert_same_rows(found: DataFrame, expected: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> None:
    """Hold these columns of a frame against rows, whatever the order of both.

    Args:
        found: the frame.
        expected: a tuple a row.
        columns: what to look at; a field of a struct as `struct.field`.
    """
    looked_at = found.select(*columns)
    # Whether a column can be null is the plan's guess; an expected null must not fail before it is shown as a diff.
    schema = StructType([StructField(one.name, one.dataType, True) for one in looked_at.schema])
    wanted = found.sparkSession.createDataFrame(list(expected), schema)
    assert_df_equality(looked_at, wanted, ignore_row_order=True, ignore_nullable=True, underline_cells=True)
