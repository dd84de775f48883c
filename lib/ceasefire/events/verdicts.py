"""What becomes of each parsed row: an event, or a row in quarantine with its reasons."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ceasefire.events.personal_values import ADDRESSES
from ceasefire.tables import EVENTS, QUARANTINED_EVENTS
from ceasefire.vocabulary import RejectReason

FUTURE_TOLERANCE = timedelta(minutes=10)

_NOT_IN_RAW = {"source_file", "source_block", "source_row", "reasons", "raw", "natural_id", "payload_hash"}


def annotate_verdicts(
    parsed: DataFrame, known: DataFrame, ingested_at: datetime, late_before: datetime | None
) -> DataFrame:
    """Add to the reasons of each row what only the log and the clock can tell.

    Args:
        parsed: one row for each input line, `parsing.PARSED_SCHEMA`.
        known: event_key and known_payload_hash of the events that earlier batches brought, each key once.
        ingested_at: instant of the batch; what happened later than that and a tolerance is future.
        late_before: what happened before it is too late; None before the first close.

    Returns:
        The same rows. Of the well-formed rows of one key that are neither future nor too late, the first by
        position is the event; the others repeat it, and a key that the log knows is repeated by all of them. A
        repeated event is `duplicate` and nothing else, however late it comes.
    """
    well_formed = F.size("reasons") == 0
    is_future = F.col("event_at") > F.lit(ingested_at + FUTURE_TOLERANCE)
    is_too_late = F.lit(False) if late_before is None else F.col("event_at") < F.lit(late_before)
    # What is rejected itself repels nobody: the corrected row may stand beside it, or come in the next batch.
    on_time = well_formed & ~is_future & ~is_too_late
    of_one_key = Window.partitionBy("event_key").orderBy(~on_time, "source_file", "source_block", "source_row")
    repeats = parsed.join(known, on="event_key", how="left").withColumns(
        {
            "first_payload_hash": F.coalesce("known_payload_hash", F.first("payload_hash").over(of_one_key)),
            "repeats_in_batch": F.first(on_time).over(of_one_key) & (F.row_number().over(of_one_key) > 1),
        }
    )
    seen_before = well_formed & (F.col("known_payload_hash").isNotNull() | F.col("repeats_in_batch"))
    same_payload = F.col("payload_hash") == F.col("first_payload_hash")
    verdict = (
        F.when(seen_before & same_payload, _reason(RejectReason.DUPLICATE))
        .when(seen_before, _reason(RejectReason.CONFLICT))
        .when(well_formed & is_future, _reason(RejectReason.FUTURE))
        .when(well_formed & is_too_late, _reason(RejectReason.TOO_LATE))
        .otherwise(F.col("reasons"))
    )
    return repeats.withColumn("reasons", verdict).select(*parsed.columns)


def is_event() -> Column:
    """Nothing speaks against the row."""
    return F.size("reasons") == 0


def keep_events(judged: DataFrame, ingest_batch: int, ingested_at: datetime) -> DataFrame:
    """The rows that become events."""
    stamped = judged.where(is_event()).withColumns(
        {
            "ingest_batch": F.lit(ingest_batch).cast("bigint"),
            "ingested_at": F.lit(ingested_at),
            "_extra": F.col("extra"),
        }
    )
    return stamped.select(*(one.name for one in EVENTS.columns))


def keep_rejected(judged: DataFrame, ingest_batch: int, ingested_at: datetime) -> DataFrame:
    """The rows that go to quarantine. Those that only the log or the clock rejected are written out anew, inert."""
    inert = [F.col(name) for name in judged.columns if name not in (*_NOT_IN_RAW, *ADDRESSES)]
    stamped = judged.where(~is_event()).withColumns(
        {
            "ingest_batch": F.lit(ingest_batch).cast("bigint"),
            "ingested_at": F.lit(ingested_at),
            "raw": F.coalesce("raw", F.to_json(F.struct(*inert))),
        }
    )
    return stamped.select(*(one.name for one in QUARANTINED_EVENTS.columns))


def _reason(reason: RejectReason) -> Column:
    return F.array(F.lit(reason.value))
