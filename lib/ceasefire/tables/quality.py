"""What was expected of the rows of a window, and what they were."""

from __future__ import annotations

from pyspark.sql.types import BooleanType, LongType, StringType, TimestampType

from ceasefire.tables.declaration import DeltaTable, column

QUALITY_RESULTS = DeltaTable(
    name="quality_results",
    grain="one expectation of one table at one check of a window; the newest check of a window counts",
    columns=(
        column("window_end", TimestampType(), "UTC instant of the close"),
        column("check_number", LongType(), "0 for the check that follows the decision, then counted on"),
        column("table_name", StringType(), "the table whose rows were looked at"),
        column("expectation", StringType(), "kind and columns"),
        column("reason", StringType(), "what would go wrong if it did not hold, for people"),
        column("is_critical", BooleanType(), "whether nothing of the window is released while it does not hold"),
        column("row_count", LongType(), "rows looked at"),
        column("unexpected_count", LongType(), "rows for which it does not hold"),
    ),
    keys=("window_end", "check_number", "table_name", "expectation"),
    skip_by=("window_end",),
)
