"""What the tables say of windows: which are closed, and which are decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import functions as F

from ceasefire.storage.lake import Lake, read_table, remembered, rows_of
from ceasefire.tables import DECISION_RUNS, WINDOW_CLOSES, DeltaTable


@dataclass(frozen=True)
class DecidedWindow:
    """What everybody asks of a row of decision_runs.

    Attributes:
        window_end: its close.
        is_examined: whether its rows are to be checked before anything of it is released.
        decision_count: rows that it has, or is to have, in the ledger.
    """

    window_end: datetime
    is_examined: bool
    decision_count: int


def closed_windows(lake: Lake) -> list[datetime]:
    """Every close, in order."""

    def read() -> list[datetime]:
        return sorted(row["window_end"] for row in rows_of(read_table(lake, WINDOW_CLOSES).select("window_end")))

    return remembered(lake, "closed windows", [WINDOW_CLOSES], read)


def newest_close(lake: Lake) -> datetime | None:
    """The close of the newest closed window; None before the first."""
    return max(closed_windows(lake), default=None)


def decided_windows(lake: Lake) -> list[DecidedWindow]:
    """Every window that is decided, or of which at least the pins are written; one for each row that says so."""

    def read() -> list[DecidedWindow]:
        decision_count = F.col("customer_count") + F.col("transactional_count")
        rows = read_table(lake, DECISION_RUNS).select(
            "window_end", "is_examined", decision_count.alias("decision_count")
        )
        return [DecidedWindow(**row) for row in rows_of(rows)]

    return remembered(lake, "decided windows", [DECISION_RUNS], read)


def newest_batch(lake: Lake, table: DeltaTable, column: str) -> int:
    """The last batch that a table knows of, -1 when it is empty."""

    def ask() -> int:
        (found,) = rows_of(read_table(lake, table).agg(F.max(column).alias("newest")))
        return -1 if found["newest"] is None else int(found["newest"])

    return remembered(lake, f"newest {column} in {table.name}", [table], ask)


def epoch_minutes(instant: datetime) -> int:
    """Not every zone closes on a UTC hour, but all on a minute."""
    return int(instant.timestamp()) // 60
