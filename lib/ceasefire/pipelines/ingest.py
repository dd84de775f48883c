"""From lines of input to the log of events; every line ends there or in quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.errors import CheckFailedError
from ceasefire.events.blocks import BLOCK_SCHEMA, SIDE_TABLES, judge_blocks, parse_blocks, rejected_by_block
from ceasefire.events.contacts import (
    IS_STRANGER,
    contacts,
    is_newer_contact,
    keep_news,
    keep_telling,
    newest_addresses,
    without_erased,
)
from ceasefire.events.side_rows import side_rows
from ceasefire.events.verdicts import (
    annotate_verdicts,
    batch_keys,
    batch_totals,
    doubtful_keys,
    is_event,
    keep_events,
    keep_rejected,
    keep_suspects,
    known_keys,
)
from ceasefire.pipelines.damaged_files import read_past_damage
from ceasefire.pipelines.freshness import IntakeLooks
from ceasefire.pipelines.operators import erased_customers
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.windows import newest_close
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.figures import Figures
from ceasefire.storage.event_files import follow_files
from ceasefire.storage.lake import Lake, append_batch, is_empty, merge_rows, read_table, rows_of, together
from ceasefire.storage.topics import Topic, follow_topic, require_topics
from ceasefire.tables import (
    CONSENT_HOLDS,
    CONTACTS_VAULT,
    EVENTS,
    INGEST_BATCHES,
    OPERATOR_ACTIONS,
    QUARANTINED_EVENTS,
    DeltaTable,
)

BROADCAST_HASHES = 2_000_000
"""Up to so many rows of a batch, the hashes of their keys go to where the log lies, and the log is not shuffled."""
BROADCAST_ROWS = 200_000
"""Up to so many rejected rows, they go to where the batch lies, and the batch is not shuffled."""


def event_source(workspace: Workspace, files: str) -> str | Topic:
    """Where events come from: the broker's topic if the settings name one, else these files."""
    broker = workspace.broker
    return files if broker is None or broker.events is None else Topic(broker, broker.events)


def start_ingest(workspace: Workspace, source: str | Topic, once: bool) -> Follower:
    """Follow the files of a folder, or one file, or a topic.

    Raises:
        UsageError: there is nothing at that path.
        EnvironmentMissingError: the broker does not answer, or has no such topic.
    """
    spark = workspace.lake.spark
    if isinstance(source, Topic):
        require_topics(spark, source.broker, [source.name])
        follower = start_follower(workspace, follow_topic(spark, source), "ingest_events", ingest_batch, once)
    else:
        work = read_past_damage(ingest_batch, "ingest_events")
        follower = start_follower(workspace, follow_files(spark, source), "ingest_events", work, once)
    follower.at_rest = IntakeLooks(workspace).record
    return follower


def ingest_batch(workspace: Workspace, lines: DataFrame, batch_id: int) -> Figures | None:
    """Take in one batch of lines (value, source_file, source_block). Repeating it changes nothing.

    The order of writes is what makes that true: first the batch's own clock, then what others wait for, the events
    last; what earlier batches brought is looked up without this one.

    Returns:
        How long after the newest event of the batch it was taken in, and what became of the rows; None without rows.

    Raises:
        CheckFailedError: the rows that arrived are not those that were written.
    """
    lake = workspace.lake
    # Parsed once and kept: a cached frame that reads the table it is then appended to comes back empty. What is kept
    # is worked out by the first query that reads it, which reads all of it: each query has its own price.
    blocks = lines.mapInArrow(parse_blocks(workspace.at_work.contract), BLOCK_SCHEMA).localCheckpoint(eager=False)
    keys = batch_keys(blocks).localCheckpoint(eager=False)
    totals = batch_totals(keys, workspace.clock.now())
    batch_number = lake.batch_number(batch_id)
    pins = read_table(lake, INGEST_BATCHES).where(F.col("ingest_batch") == batch_number)
    sides = blocks.agg(
        *(F.sum(table.name).alias(table.name) for table in SIDE_TABLES), F.collect_list("repairs").alias("repairs")
    )
    newest = newest_close(lake)
    parts, pinned, (side_counts,) = together([partial(rows_of, frame) for frame in (totals, pins, sides)])
    row_count = sum(one["row_count"] for one in parts)
    if not row_count:
        return None
    ingested_at, late_before = _batch_clock(workspace, pinned, newest, batch_id, row_count)
    log = read_table(lake, EVENTS)
    if pinned:
        # A batch that was seen before may be there already.
        log = log.where(F.col("ingest_batch") != batch_number)
    judged, rejected_count = _judged(log, blocks, keys, row_count, ingested_at, late_before)
    event_count = sum(one["well_formed_count"] or 0 for one in parts) - rejected_count
    quarantined = keep_rejected(judged, batch_number, ingested_at)
    writes: list[Callable[[], None]] = []
    if event_count:
        telling = keep_telling(judged, ingested_at, late_before)
        writes.append(lambda: _write_contacts(lake, telling, batch_id))
    for table in SIDE_TABLES:
        if side_counts[table.name] and (event_count or table is CONSENT_HOLDS):
            rows = side_rows(table, judged, batch_number, ingested_at, late_before)
            write = _write_holds if table is CONSENT_HOLDS else partial(_append, table)
            writes.append(partial(write, lake, rows, batch_id))
    if event_count < row_count:
        writes.append(lambda: append_batch(lake, QUARANTINED_EVENTS, quarantined, "ingest", batch_id))
    together(writes)
    if event_count:
        append_batch(lake, EVENTS, keep_events(judged, batch_number, ingested_at, late_before), "ingest", batch_id)
    _check_counts(lake, batch_number, row_count)
    newest_at = max((one["newest_at"] for one in parts if one["newest_at"]), default=None)
    lag = (ingested_at - newest_at).total_seconds() if newest_at else None
    counts: dict[str, Mapping[str, int]] = {"intake": {"events": event_count, "quarantined": row_count - event_count}}
    if side_counts["repairs"]:
        counts["repaired"] = sum((Counter(dict(of_block)) for of_block in side_counts["repairs"]), Counter())
    return Figures(lag, counts)


def _batch_clock(
    workspace: Workspace, pinned: list[dict[str, Any]], newest: datetime | None, batch_id: int, row_count: int
) -> tuple[datetime, datetime | None]:
    """When the batch was first seen, and what was too late then: written before anything that rests on it."""
    lake = workspace.lake
    batch_number = lake.batch_number(batch_id)
    if pinned and pinned[0]["row_count"] != row_count:
        raise CheckFailedError(
            f"ingest batch {batch_number} was seen before with other rows; "
            f"its checkpoint does not belong to the tables in {lake.path()}"
        )
    if pinned:
        return pinned[0]["ingested_at"], pinned[0]["late_before"]
    ingested_at = workspace.clock.now()
    late_before = None if newest is None else newest - _horizon(workspace)
    pin = {"ingested_at": ingested_at, "late_before": late_before, "ingest_batch": batch_number, "row_count": row_count}
    rows = pa.Table.from_pylist([pin], schema=INGEST_BATCHES.arrow_schema)
    append_batch(lake, INGEST_BATCHES, rows, "ingest", batch_id)
    return ingested_at, late_before


def _horizon(workspace: Workspace) -> timedelta:
    return timedelta(microseconds=workspace.brand.settings.late_horizon.micros)


def _judged(
    log: DataFrame,
    blocks: DataFrame,
    keys: DataFrame,
    row_count: int,
    ingested_at: datetime,
    late_before: datetime | None,
) -> tuple[DataFrame, int]:
    """The blocks of the batch with the verdicts on them, and how many well-formed rows the log and the clock reject.

    `log` is without this batch.
    """

    def spread(hashes: DataFrame) -> DataFrame:
        return _spread(hashes, row_count, BROADCAST_HASHES)

    known = known_keys(log, keys, spread).localCheckpoint(eager=False)
    doubtful = doubtful_keys(keys, known, ingested_at, late_before)
    if doubtful.count() == 0:
        return blocks, 0
    verdicts = annotate_verdicts(keep_suspects(blocks, spread(doubtful)), known, ingested_at, late_before)
    # Kept as the known keys are: what it reads is about to be appended to.
    rejected = rejected_by_block(verdicts.where(~is_event())).localCheckpoint(eager=False)
    (found,) = rows_of(rejected.agg(F.sum(F.size("rejected")).alias("rows")))
    rejected_count = found["rows"] or 0
    return judge_blocks(blocks, _spread(rejected, rejected_count, BROADCAST_ROWS)), rejected_count


def _spread(frame: DataFrame, row_count: int, most: int) -> DataFrame:
    return F.broadcast(frame) if row_count <= most else frame


def _write_contacts(lake: Lake, telling: DataFrame, batch_id: int) -> None:
    said = contacts(telling)
    if not is_empty(lake, OPERATOR_ACTIONS):
        said = without_erased(said, erased_customers(lake))
    news = keep_news(said, read_table(lake, CONTACTS_VAULT)).localCheckpoint(eager=False)
    (found,) = rows_of(news.agg(F.count("*").alias("news"), F.count_if(IS_STRANGER).alias("strangers")))
    rows = news.drop(IS_STRANGER)
    if found["strangers"] < found["news"]:
        merge_rows(lake, CONTACTS_VAULT, rows, is_newer_contact(), newest_addresses())
    elif found["news"]:
        # Where nobody is known yet, an append does it, for half of what a MERGE costs.
        append_batch(lake, CONTACTS_VAULT, rows, "ingest", batch_id)


def _append(table: DeltaTable, lake: Lake, rows: DataFrame, batch_id: int) -> None:
    append_batch(lake, table, rows, "ingest", batch_id)


def _write_holds(lake: Lake, rows: DataFrame, batch_id: int) -> None:
    """Add holds that are not there yet: the same row holds nobody twice, also when all input is read again."""
    known = read_table(lake, CONSENT_HOLDS).select("hold_id")
    fresh = rows.dropDuplicates(["hold_id"]).join(known, on="hold_id", how="left_anti").localCheckpoint(eager=False)
    if not fresh.isEmpty():
        _append(CONSENT_HOLDS, lake, fresh.select(*rows.columns), batch_id)


def _check_counts(lake: Lake, batch_number: int, row_count: int) -> None:
    mine = F.col("ingest_batch") == batch_number
    events, quarantined = (
        read_table(lake, one).where(mine).select("ingest_batch") for one in (EVENTS, QUARANTINED_EVENTS)
    )
    written = events.union(quarantined).count()
    if written != row_count:
        raise CheckFailedError(
            f"ingest batch {batch_number}: {row_count} rows came in, {written} stand in {EVENTS.name} and "
            f"{QUARANTINED_EVENTS.name}; the batch is repeated at the next start"
        )
