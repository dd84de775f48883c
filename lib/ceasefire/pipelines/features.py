"""At a close: everybody's features as of it, from a snapshot of the log and its tail, then the signal to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ceasefire.config.units import instant_micros
from ceasefire.errors import UsageError
from ceasefire.features.packed import unnested
from ceasefire.history.packing import packed_histories, with_tail
from ceasefire.pipelines.persons import histories_as_of
from ceasefire.pipelines.programs import Programs
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.windows import closed_windows, decided_windows, epoch_minutes, newest_batch
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import (
    Lake,
    append_once,
    follow_table,
    overwrite,
    read_table,
    replace_where,
    rows_of,
    together,
)
from ceasefire.tables import (
    CLOCK_TICKS,
    CUSTOMER_HISTORY,
    EVENTS,
    INGEST_BATCHES,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
    DeltaTable,
    column,
)

FOLD_AT_SHARE = 0.1
"""The tail is folded into the snapshot when it has grown past this share of the log."""
KEPT_CLOSES = 3

_PROFILE_FIELDS = {"profile_name": "name", "profile_value": "value", "profile_at": "set_at"}


def start_features(workspace: Workspace, once: bool) -> Follower:
    """Follow the clock; a tick that makes a window due closes it."""

    return start_follower(workspace, follow_table(workspace.lake, CLOCK_TICKS), "build_features", close_due, once)


def close_due(workspace: Workspace, ticks: DataFrame, batch_id: int) -> Figures | None:
    """Close the windows that a batch of ticks makes due.

    Returns:
        How long after the newest close its features were there; None when no window was due.
    """
    due = ticks.where(F.col("window_end").isNotNull()).select("window_end")
    windows = sorted({row["window_end"] for row in rows_of(due)})
    for window_end in windows:
        close_window(workspace, window_end)
    return Figures((workspace.clock.now() - windows[-1]).total_seconds()) if windows else None


def close_window(workspace: Workspace, window_end: datetime) -> None:
    """Write everybody's features as of a close, then the close itself; a window that is closed stays as it is.

    Raises:
        UsageError: the window is older than the newest closed one, and was never closed.
        What the wait for its turn raises.
    """
    lake = workspace.lake
    closes = closed_windows(lake)
    if window_end in closes:
        return
    if closes and window_end < closes[-1]:
        raise UsageError(
            f"cannot close the window of {window_end.isoformat()}: {closes[-1].isoformat()} is closed already, "
            "and windows close in order"
        )
    decided, through_batch, folded_through = together(
        (
            lambda: max((one.window_end for one in decided_windows(lake)), default=None),
            lambda: newest_batch(lake, EVENTS, "ingest_batch"),
            lambda: newest_batch(lake, CUSTOMER_HISTORY, "through_batch"),
        )
    )
    channels = tuple(workspace.brand.settings.channels)
    of_ids = history_through(workspace, through_batch, folded_through)
    histories = histories_as_of(lake, of_ids, window_end, through_batch, channels)
    table = features_table(workspace.programs)
    rows = histories_for(workspace.programs, histories).mapInArrow(
        features_as_of(workspace.programs, window_end), from_arrow_schema(workspace.programs.window_schema)
    )
    replace_where(lake, table, rows, _replaced(window_end, closes, decided))
    mean = F.col("own_mean_order_minor")
    (counted,) = rows_of(
        read_table(lake, WINDOW_FEATURES)
        .where(F.col("window_end") == F.lit(window_end))
        .agg(
            F.count("*").alias("customer_count"),
            # Of a customer whose amounts are all unknown there is no mean; other unknown ones count as the mean.
            F.sum(F.when(mean.isNotNull(), F.col("own_order_count"))).alias("orders"),
            F.sum(mean * F.col("own_order_count")).alias("spend"),
        )
    )
    close = {
        "window_end": [window_end],
        "through_batch": [through_batch],
        "customer_count": [counted["customer_count"]],
        "mean_order_minor": [counted["spend"] / counted["orders"] if counted["orders"] else None],
    }
    rows_of_close = pa.table(close, schema=WINDOW_CLOSES.arrow_schema)
    with workspace.turn(window_end):
        append_once(lake, WINDOW_CLOSES, rows_of_close, "close", epoch_minutes(window_end))


def history_through(workspace: Workspace, through_batch: int, folded_through: int) -> DataFrame:
    """Everybody's history of what arrived up to a batch: the snapshot, and the tail if there is one.

    When the tail has grown past a share of the log it is folded into the snapshot first; a fold changes no feature.

    Args:
        workspace: the brand at work.
        through_batch: the last batch to know.
        folded_through: the last batch in the snapshot, -1 when there is none.
    """
    lake = workspace.lake
    snapshot = read_table(lake, CUSTOMER_HISTORY)
    if through_batch <= folded_through:
        return snapshot
    tail_events = read_table(lake, EVENTS).where(
        (F.col("ingest_batch") > folded_through) & (F.col("ingest_batch") <= through_batch)
    )
    tail = packed_histories(tail_events, workspace.brand.settings.address_kinds)
    whole = tail if folded_through < 0 else with_tail(snapshot.drop("through_batch"), tail)
    if not _tail_is_large(lake, folded_through, through_batch):
        return whole
    overwrite(lake, CUSTOMER_HISTORY, whole.withColumn("through_batch", F.lit(through_batch).cast("bigint")))
    return read_table(lake, CUSTOMER_HISTORY)


def features_as_of(
    programs: Programs, as_of: datetime
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: packed histories in, a row of features for each customer with a past out."""
    schema = programs.window_schema
    as_of_micros = instant_micros(as_of)

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield features_of_batch(programs, history_lists(programs, batch), as_of, as_of_micros, schema)

    return work


def features_of_batch(
    programs: Programs,
    histories: pa.RecordBatch,
    as_of: datetime,
    as_of_micros: int,
    schema: pa.Schema,
    everybody: bool = False,
) -> pa.RecordBatch:
    """One row for each customer with any event before as_of, or for everybody: base features, then derived ones.

    Histories are as `history_lists` makes them.
    """
    values = programs.base.values(histories, as_of_micros)
    values |= programs.derived.values(values, histories.num_rows)
    window_ends = pa.repeat(pa.scalar(as_of, pa.timestamp("us", tz="UTC")), histories.num_rows)
    columns = {"customer_id": histories.column("customer_id"), "window_end": window_ends, **values}
    rows = pa.RecordBatch.from_arrays([columns[one.name] for one in schema], schema=schema)
    return rows if everybody else rows.filter(pa.array(programs.base.has_events(histories, as_of_micros)))


def histories_for(programs: Programs, histories: DataFrame) -> DataFrame:
    """Only the nested columns of packed histories that the features of a brand read, for `history_lists`."""
    # Whole: Spark takes longer to pick fields out of lists, row by row, than to ship all of them.
    return histories.select("customer_id", *sorted({column for column, _ in _nested_fields(programs).values()}))


def history_lists(programs: Programs, histories: pa.RecordBatch) -> pa.RecordBatch:
    """What `histories_for` selected, with each field that the features of a brand read as a list of its own."""
    return unnested(histories, _nested_fields(programs))


def features_table(programs: Programs) -> DeltaTable:
    """The declaration of window_features with the features of a brand."""
    spark_types = from_arrow_schema(programs.window_schema)
    declared = [column(name, spark_types[name].dataType, "a feature", True) for name in programs.feature_types]
    return WINDOW_FEATURES.with_columns(declared)


def _nested_fields(programs: Programs) -> dict[str, tuple[str, str]]:
    return {
        name: ("profile", _PROFILE_FIELDS[name]) if name in _PROFILE_FIELDS else ("events", name)
        for name in programs.history_columns
    }


def _tail_is_large(lake: Lake, folded_through: int, through_batch: int) -> bool:
    batches = read_table(lake, INGEST_BATCHES).where(F.col("ingest_batch") <= through_batch)
    in_tail = F.when(F.col("ingest_batch") > folded_through, F.col("row_count"))
    (grown,) = rows_of(batches.agg(F.sum(in_tail).alias("tail"), F.sum("row_count").alias("all")))
    return bool(grown["tail"] > FOLD_AT_SHARE * grown["all"])


def _replaced(window_end: datetime, closes: list[datetime], decided: datetime | None) -> str:
    """Our own predicate: this close, and closes older than the kept ones that decide has behind it."""
    this_close = f"window_end = {_timestamp(window_end)}"
    if len(closes) < KEPT_CLOSES or decided is None:
        return this_close
    return f"{this_close} OR window_end < {_timestamp(min(closes[-(KEPT_CLOSES - 1)], decided))}"


def _timestamp(instant: datetime) -> str:
    return f"TIMESTAMP '{instant.isoformat()}'"
