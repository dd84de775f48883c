"""What becomes of each parsed row: an event, or a row in quarantine with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import LongType, StructField, StructType, TimestampType

from ceasefire.arrow import batch_of
from ceasefire.consent import SAYS_CONSENT
from ceasefire.events.blocks import BLOCK_ID, Rejected, are_well_formed, events_in, others_in, take_rows
from ceasefire.events.parsing import PARSED_SCHEMA, ROW_ID
from ceasefire.events.personal_values import ADDRESSES
from ceasefire.ids import hash64
from ceasefire.tables import EVENTS, QUARANTINED_EVENTS
from ceasefire.vocabulary import EventType, RejectReason

FUTURE_TOLERANCE = timedelta(minutes=10)

_POSITION = ("source_file", "source_block", "source_row")
_READ_BY_VERDICTS = (ROW_ID, *_POSITION, "reasons", "event_key", "payload_hash", "event_at", "is_opt_out")
_HASHES_SCHEMA = StructType([StructField("key_hash", LongType()), StructField("event_at", TimestampType())])
_SUSPECTS_SCHEMA = StructType(
    [
        StructField(BLOCK_ID, LongType()),
        StructField("key_hash", LongType()),
        *(PARSED_SCHEMA[name] for name in _READ_BY_VERDICTS),
    ]
)
_KEYS_SCHEMA = StructType(
    [
        StructField("key_hash", LongType()),
        StructField("row_count", LongType()),
        StructField("first_at", TimestampType()),
        StructField("last_at", TimestampType()),
    ]
)
_TOTALS_SCHEMA = StructType(
    [
        StructField("row_count", LongType()),
        StructField("well_formed_count", LongType()),
        StructField("newest_at", TimestampType()),
    ]
)
_STATEMENTS = tuple(kind.value for kind in SAYS_CONSENT)
_SAID_BESIDES = (
    "attributes",
    "extra",
    *ADDRESSES,
    *(f"{kind}_key" for kind in ADDRESSES),
    *("category", "product_id", "order_id", "quantity_milli", "amount_minor", "send_id", "referrer"),
)
"""What a profile, an order or a response says besides a no."""
_NOT_IN_RAW = {ROW_ID, *_POSITION, "reasons", "raw", "natural_id", "payload_hash", "statement", "refusal"} | {
    *("repairs", "is_opt_out", "unread_keys"),
}


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
        repeated event is `duplicate` and nothing else, however late it comes. An opt-out is neither future nor too
        late: `keep_events` lets it count from its arrival on.
    """
    well_formed = is_event()
    is_timed = ~F.col("is_opt_out")
    is_future = is_timed & F.coalesce(_is_future("event_at", ingested_at), F.lit(False))
    is_too_late = is_timed & F.coalesce(_is_too_late("event_at", late_before), F.lit(False))
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


def batch_keys(blocks: DataFrame) -> DataFrame:
    """The batch by the hashes of its keys: key_hash, row_count, first_at and last_at; under null all that is no event.

    A number is a quarter of a key's size, and quicker to look up. Two keys of one hash only mean suspects too many.
    They are counted in Arrow: nearly each row is a key of its own, and Spark's aggregation takes thrice the time then.

    Args:
        blocks: of the batch, `blocks.BLOCK_SCHEMA`.
    """
    hashes = take_rows(blocks, _hashes, _HASHES_SCHEMA)
    return hashes.repartition("key_hash").mapInArrow(_count_keys, _KEYS_SCHEMA)


def _hashes(rows: pa.RecordBatch, _: Rejected) -> pa.RecordBatch:
    return pa.record_batch([_key_hashes(rows), rows["event_at"]], names=_HASHES_SCHEMA.names)


def _key_hashes(rows: pa.RecordBatch) -> pa.Array:
    """What `_key_hash` says of the well-formed rows, null of the others."""
    pairs = zip(rows["event_key"].to_pylist(), are_well_formed(rows).to_pylist(), strict=True)
    return pa.array([hash64(key) if is_sound else None for key, is_sound in pairs], pa.int64())


def _count_keys(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = list(batches)
    if rows:
        counted = pa.Table.from_batches(rows).group_by("key_hash")
        keys = counted.aggregate([([], "count_all"), ("event_at", "min"), ("event_at", "max")])
        named = keys.select(["key_hash", "count_all", "event_at_min", "event_at_max"])
        yield from named.rename_columns(_KEYS_SCHEMA.names).to_batches()


def batch_totals(keys: DataFrame, now: datetime) -> DataFrame:
    """Parts that add up to the batch: row_count, well_formed_count, and newest_at of what has happened by now.

    They are added up in Arrow: of each row and sum, Spark asks its settings anew whether the sum may change.

    Args:
        keys: as `batch_keys` finds them.
        now: what happened later says nothing of how new the batch is.
    """
    totals = to_arrow_schema(_TOTALS_SCHEMA, timezone="UTC")

    def add_up(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            has_happened = pc.less_equal(batch["last_at"], pa.scalar(now, batch["last_at"].type))
            total = {
                "row_count": pc.sum(batch["row_count"]),
                "well_formed_count": pc.sum(batch["row_count"].filter(batch["key_hash"].is_valid())),
                "newest_at": pc.max(batch["last_at"].filter(has_happened)),
            }
            yield batch_of({name: pa.array([part.as_py()], part.type) for name, part in total.items()}, totals)

    return keys.mapInArrow(add_up, _TOTALS_SCHEMA)


def known_keys(log: DataFrame, keys: DataFrame, spread: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """What the log knows of the keys of a batch: event_key and known_payload_hash, and a rare stranger.

    Args:
        log: event_key, payload_hash of events.
        keys: of the batch, as `batch_keys` finds them.
        spread: how a set of hashes travels to where the log lies; a broadcast while it is small.
    """
    # The log's own hashes are worked out in the join: as a column, each of its rows would be written once more.
    known = log.join(spread(keys.select("key_hash")), _key_hash() == F.col("key_hash"), "left_semi")
    return known.select("event_key", F.col("payload_hash").alias("known_payload_hash"))


def doubtful_keys(keys: DataFrame, known: DataFrame, ingested_at: datetime, late_before: datetime | None) -> DataFrame:
    """The hashes (key_hash) of those keys of a batch that the batch itself, the log or the clock may speak against.

    Args:
        keys: of the batch, as `batch_keys` finds them.
        known: as `known_keys` finds it.
        ingested_at: instant of the batch.
        late_before: what happened before it is too late.
    """
    speaks_against = (
        (F.col("row_count") > 1) | _is_future("last_at", ingested_at) | _is_too_late("first_at", late_before)
    )
    of_events = keys.where(F.col("key_hash").isNotNull() & speaks_against)
    return of_events.select("key_hash").union(known.select(_key_hash()))


def keep_suspects(blocks: DataFrame, doubtful: DataFrame) -> DataFrame:
    """Only the well-formed rows of these keys, and only what the verdict reads of them, with the BLOCK_ID of each.

    With a row come all well-formed rows of its key, so that the verdicts on these rows are the verdicts on the batch.

    Args:
        blocks: of the batch, `blocks.BLOCK_SCHEMA`.
        doubtful: as `doubtful_keys` finds it.
    """
    suspects = take_rows(blocks, _well_formed, _SUSPECTS_SCHEMA)
    return suspects.join(doubtful, on="key_hash", how="left_semi").drop("key_hash")


def _well_formed(rows: pa.RecordBatch, _: Rejected) -> pa.RecordBatch:
    block_id = pa.repeat(rows[ROW_ID][0], len(rows))
    arrays = [block_id, _key_hashes(rows), *(rows[name] for name in _READ_BY_VERDICTS)]
    return pa.record_batch(arrays, names=_SUSPECTS_SCHEMA.names).filter(are_well_formed(rows))


def is_event() -> Column:
    """Nothing speaks against the row."""
    return F.size("reasons") == 0


def keep_events(blocks: DataFrame, ingest_batch: int, ingested_at: datetime, late_before: datetime | None) -> DataFrame:
    """The rows of judged blocks that are events, as the log has them.

    An opt-out that says no instant, one to come, or one that is too late counts from its arrival on, and says so among
    its repairs.
    """
    log = EVENTS.arrow_schema

    def take(rows: pa.RecordBatch, rejected: Rejected) -> pa.RecordBatch:
        events = with_arrivals(events_in(rows, rejected), ingested_at, late_before)
        columns = {name: events[name] for name in events.schema.names} | {"_extra": events["extra"]}
        for name, value in (("ingest_batch", ingest_batch), ("ingested_at", ingested_at)):
            columns[name] = pa.repeat(pa.scalar(value, log.field(name).type), len(events))
        return batch_of({name: columns[name] for name in log.names}, log)

    return take_rows(blocks, take, EVENTS.schema)


def with_arrivals(events: pa.RecordBatch, ingested_at: datetime, late_before: datetime | None) -> pa.RecordBatch:
    """Return the same events, with opt-outs that cannot count from their own instant at that of their arrival.

    Those are opt-outs of no instant, of one to come, or of one that is too late. Of a profile, an order or a
    response only its no is kept then.
    """
    if not pc.any(events["is_opt_out"]).as_py():
        return events
    happened_at, kind = events["event_at"], events.schema.field("event_at").type
    has_none = pc.is_null(happened_at)
    is_future = pc.fill_null(pc.greater(happened_at, pa.scalar(ingested_at, kind)), False)
    is_too_late = pc.and_(has_none, False)
    if late_before is not None:
        is_too_late = pc.fill_null(pc.less(happened_at, pa.scalar(late_before, kind)), False)
    moved = pc.and_(events["is_opt_out"], pc.or_(has_none, pc.or_(is_future, is_too_late)))
    if not pc.any(moved).as_py():
        return events
    arrived = pa.repeat(pa.scalar(ingested_at, kind), len(events))
    repairs: list[list[str] | None] = events["repairs"].to_pylist()
    for row in pc.indices_nonzero(moved).to_pylist():
        more = [RejectReason.FUTURE.value] if is_future[row].as_py() else []
        more += [RejectReason.TOO_LATE.value] if is_too_late[row].as_py() else []
        repairs[row] = sorted({*(repairs[row] or ()), *more})
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["event_at"] = pc.if_else(moved, arrived, happened_at)
    columns["repairs"] = pa.array(repairs, events.schema.field("repairs").type)
    is_other = pc.invert(pc.is_in(events["event_type"], value_set=pa.array(_STATEMENTS)))
    reduced = pc.and_(moved, is_other)
    columns["event_type"] = pc.if_else(reduced, EventType.OPTED_OUT.value, events["event_type"])
    # Of a null index the value is null, of every type.
    kept = pc.if_else(reduced, None, pa.array(range(len(events)), pa.int64()))
    for name in _SAID_BESIDES:
        columns[name] = columns[name].take(kept)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=events.schema)


def keep_rejected(blocks: DataFrame, ingest_batch: int, ingested_at: datetime) -> DataFrame:
    """The rows of judged blocks that are no events, for quarantine.

    What only the log or the clock rejected is written anew, inert.
    """
    others = take_rows(blocks, others_in, PARSED_SCHEMA)
    inert = [F.col(name) for name in others.columns if name not in (*_NOT_IN_RAW, *ADDRESSES)]
    stamped = others.withColumns(
        {
            "ingest_batch": F.lit(ingest_batch).cast("bigint"),
            "ingested_at": F.lit(ingested_at),
            "raw": F.coalesce("raw", F.to_json(F.struct(*inert))),
        }
    )
    return stamped.select(*(one.name for one in QUARANTINED_EVENTS.columns))


def _is_future(instant: str, ingested_at: datetime) -> Column:
    return F.col(instant) > F.lit(ingested_at + FUTURE_TOLERANCE)


def _is_too_late(instant: str, late_before: datetime | None) -> Column:
    return F.lit(False) if late_before is None else F.col(instant) < F.lit(late_before)


def _key_hash() -> Column:
    return F.xxhash64("event_key")


def _reason(reason: RejectReason) -> Column:
    return F.array(F.lit(reason.value))
