"""From lines of input to the log of events; every line ends there or in quarantine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.events.contacts import contacts, is_newer_contact, keep_news, newest_addresses
from ceasefire.events.parsing import PARSED_SCHEMA, parse_lines
from ceasefire.events.verdicts import annotate_verdicts, is_event, keep_events, keep_rejected
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import Lake, append_batch, merge_rows, read_table, rows_of, together
from ceasefire.tables import CONTACTS_VAULT, EVENTS, INGEST_BATCHES, QUARANTINED_EVENTS, WINDOW_CLOSES

MAX_FILES_PER_BATCH = 100
BROADCAST_KEYS = 200_000
"""Up to so many rows of a batch, their keys go to where the log lies, and the log is not shuffled."""

_LINE = StructType([StructField("value", StringType())])


def start_ingest(workspace: Workspace, source: str, once: bool) -> Follower:
    """Follow the files of a folder, or one file.

    Raises:
        UsageError: there is nothing at that path.
    """
    lines = _follow_files(workspace.lake.spark, source)
    return start_follower(workspace, lines, "ingest_events", ingest_batch, once)


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
    # Parsed once and kept: a cached frame that reads the table it is then appended to comes back empty.
    parsed = lines.mapInArrow(parse_lines(workspace.at_work.contract), PARSED_SCHEMA).localCheckpoint(eager=True)
    row_count = parsed.count()
    if row_count == 0:
        return None
    batch_number = lake.batch_number(batch_id)
    ingested_at, late_before = _batch_clock(workspace, batch_number, batch_id, row_count)
    known = _known_events(lake, parsed, row_count, batch_number)
    judged = annotate_verdicts(parsed, known, ingested_at, late_before).localCheckpoint(eager=True)
    events = keep_events(judged, batch_number, ingested_at)
    rejected = keep_rejected(judged, batch_number, ingested_at)
    (accepted,) = rows_of(judged.where(is_event()).agg(F.count("*").alias("count"), F.max("event_at").alias("newest")))
    event_count = accepted["count"]
    writes: list[Callable[[], None]] = []
    if event_count:
        writes.append(lambda: _merge_contacts(lake, judged))
    if event_count < row_count:
        writes.append(lambda: append_batch(lake, QUARANTINED_EVENTS, rejected, "ingest", batch_id))
    together(writes)
    if event_count:
        append_batch(lake, EVENTS, events, "ingest", batch_id)
    _check_counts(lake, batch_number, row_count)
    lag = (ingested_at - accepted["newest"]).total_seconds() if event_count else None
    return Figures(lag, {"intake": {"events": event_count, "quarantined": row_count - event_count}})


def _follow_files(spark: SparkSession, source: str) -> DataFrame:
    folder, pattern = source, "*"
    if "://" not in source:
        path = Path(source)
        if not path.exists():
            raise UsageError(f"no events at {source}; --events names a folder of JSON-lines files, or one such file")
        if path.is_file():
            folder, pattern = str(path.parent), path.name
    reader = spark.readStream.format("text").schema(_LINE).option("pathGlobFilter", pattern)
    reader = reader.option("recursiveFileLookup", "true").option("maxFilesPerTrigger", MAX_FILES_PER_BATCH)
    return reader.load(folder).select(
        "value",
        F.col("_metadata.file_path").alias("source_file"),
        F.col("_metadata.file_block_start").alias("source_block"),
    )


def _batch_clock(
    workspace: Workspace, batch_number: int, batch_id: int, row_count: int
) -> tuple[datetime, datetime | None]:
    """When the batch was first seen, and what was too late then: written before anything that rests on it."""
    lake = workspace.lake
    (closed,) = rows_of(read_table(lake, WINDOW_CLOSES).agg(F.max("window_end").alias("window_end")))
    newest_close = closed["window_end"]
    late_before = None if newest_close is None else newest_close - _horizon(workspace)
    pins = pa.table(
        {
            "ingest_batch": [batch_number],
            "ingested_at": [workspace.clock.now()],
            "late_before": [late_before],
            "row_count": [row_count],
        },
        schema=INGEST_BATCHES.arrow_schema,
    )
    append_batch(lake, INGEST_BATCHES, pins, "ingest", batch_id)
    pinned = rows_of(read_table(lake, INGEST_BATCHES).where(F.col("ingest_batch") == batch_number))
    if len(pinned) != 1 or pinned[0]["row_count"] != row_count:
        raise CheckFailedError(
            f"ingest batch {batch_number} was seen before with other rows; "
            f"its checkpoint does not belong to the tables in {lake.path()}"
        )
    return pinned[0]["ingested_at"], pinned[0]["late_before"]


def _horizon(workspace: Workspace) -> timedelta:
    return timedelta(microseconds=workspace.brand.settings.late_horizon.micros)


def _known_events(lake: Lake, parsed: DataFrame, row_count: int, batch_number: int) -> DataFrame:
    keys = parsed.where(F.col("event_key").isNotNull()).select("event_key").distinct()
    log = read_table(lake, EVENTS).where(F.col("ingest_batch") != batch_number)
    known = log.select("event_key", F.col("payload_hash").alias("known_payload_hash"))
    wanted = F.broadcast(keys) if row_count <= BROADCAST_KEYS else keys
    return known.join(wanted, on="event_key", how="left_semi")


def _merge_contacts(lake: Lake, judged: DataFrame) -> None:
    news = keep_news(contacts(judged), read_table(lake, CONTACTS_VAULT)).localCheckpoint(eager=True)
    if not news.isEmpty():
        merge_rows(lake, CONTACTS_VAULT, news, is_newer_contact(), newest_addresses())


def _check_counts(lake: Lake, batch_number: int, row_count: int) -> None:
    mine = F.col("ingest_batch") == batch_number
    written = sum(together([read_table(lake, table).where(mine).count for table in (EVENTS, QUARANTINED_EVENTS)]))
    if written != row_count:
        raise CheckFailedError(
            f"ingest batch {batch_number}: {row_count} rows came in, {written} stand in {EVENTS.name} and "
            f"{QUARANTINED_EVENTS.name}; the batch is repeated at the next start"
        )
