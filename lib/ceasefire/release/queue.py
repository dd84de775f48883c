"""Rows of the queue and of what was withheld, from sends with their verdict."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.tables import SEND_QUEUE, WITHHELD_SENDS


def cleared(flagged: DataFrame, known_through: int) -> DataFrame:
    """The sends that may go: rows of send_queue, released at the tick that judged them.

    Args:
        flagged: sends with the gate's verdict.
        known_through: last ingest batch that the gate knew.
    """
    may_go = flagged.where(F.col("withheld_reason").isNull() & ~F.col("waits")).withColumns(
        {
            "merge_fields": F.col("attributes"),
            "not_before_at": F.col("slot_at"),
            "released_at": F.col("tick_at"),
            "local_day": F.col("local_date").cast("bigint"),
            "window_end": F.col("as_of"),
            "consent_at": F.col("yes_at"),
            "known_through": F.lit(known_through).cast("bigint"),
        }
    )
    return may_go.select(*(one.name for one in SEND_QUEUE.columns))


def withheld(flagged: DataFrame) -> DataFrame:
    """The sends that may not: rows of withheld_sends."""
    stopped = flagged.where(F.col("withheld_reason").isNotNull()).withColumns(
        {
            "reason": F.col("withheld_reason"),
            "caused_by": F.col("withheld_by"),
            "withheld_at": F.col("tick_at"),
        }
    )
    return stopped.select(*(one.name for one in WITHHELD_SENDS.columns))
