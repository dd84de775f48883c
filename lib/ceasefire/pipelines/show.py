"""Rows of a table, for people who look."""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions as F

from ceasefire.errors import UsageError
from ceasefire.pipelines.persons import ids_of_person
from ceasefire.storage.lake import Lake, read_table, rows_of
from ceasefire.tables import DeltaTable


def show_rows(lake: Lake, table: DeltaTable, pseudonym: str | None, limit: int) -> list[dict[str, Any]]:
    """The first rows of a table by its keys, of one customer if asked, under all ids of the person.

    Raises:
        UsageError: the table is not about customers.
    """
    rows = read_table(lake, table)
    if pseudonym is not None:
        if "customer_id" not in rows.columns:
            raise UsageError(f"table {table.name} has no customers ({table.grain}); leave --customer out")
        rows = rows.where(F.col("customer_id").isin(ids_of_person(lake, pseudonym)))
    return rows_of(rows.orderBy(*table.keys).limit(limit))
