"""What it costs to check, judge and log events, against Spark appending the same lines to a Delta table unread."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

from bench.checksums import checksum_of
from bench.generators import World, happenings, write_lines
from bench.harness import Bound, Case, Load, Meter, Output
from bench.workshop import AS_SPARK_COMES, copy_of, log_rows, workspace_at
from ceasefire.events.blocks import SIDE_TABLES
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.runtime.session import local_session
from ceasefire.storage.lake import append_once, create_tables, read_table
from ceasefire.tables import (
    CONTACTS_VAULT,
    EVENTS,
    INGEST_BATCHES,
    QUARANTINED_EVENTS,
    QUERY_EPOCHS,
    WINDOW_CLOSES,
)
from ceasefire.tables.intake import TEXT_MAP

TABLES = (INGEST_BATCHES, EVENTS, QUARANTINED_EVENTS, CONTACTS_VAULT, *SIDE_TABLES, WINDOW_CLOSES, QUERY_EPOCHS)
EVENTS_PER_CUSTOMER = 50
FILES = 8
TIMES_IN_LOG = 10
REPEATED_EVERY = 100
"""Of the delivery, one event in so many stands in the full log already, and has to be found there."""
WARMING_EVENTS = 20_000

_LINE = StructType(
    [
        *(
            StructField(name, StringType())
            for name in (
                "event_id",
                "brand",
                "customer_id",
                "event_type",
                "event_at",
                "category",
                "product_id",
                "order_id",
                "channel",
                "campaign_id",
                "amount",
            )
        ),
        StructField("quantity", LongType()),
        StructField("attributes", TEXT_MAP),
    ]
)
_COMPARED = ("event_type", "event_at", "category", "product_id", "order_id", "channel", "campaign_id")


def prepare(folder: Path, load: Load) -> None:
    """A delivery, lakes that wait for it, and the same of WARMING_EVENTS, in a folder of their own, to warm up with."""
    for where, count in ((folder, load.count), (folder / "warming", WARMING_EVENTS)):
        _prepare(where, folder / "conf", load.shape, count)


def _prepare(folder: Path, conf: Path, shape: str, count: int) -> None:
    """A delivery; a lake without events; a lake with TIMES_IN_LOG times as many, and some of the delivery's own."""
    delivery = happenings(_world(shape, count))
    write_lines(folder / "inbox", delivery, "d", FILES)
    earlier = delivery.take(list(range(0, len(delivery), REPEATED_EVERY)))
    write_lines(folder / "full_inbox" / "earlier", earlier, "d", 1)
    with local_session("bench", {}) as spark:
        for name in ("empty", "full"):
            create_tables(workspace_at(spark, folder / name, conf).lake, TABLES)
        full = workspace_at(spark, folder / "full", conf)
        for number in range(TIMES_IN_LOG):
            # Their batches are numbered below zero, where no ingest of this lake counts.
            rows = log_rows(World(*_extent(count), shape, seed=number))
            older = pa.array([number - TIMES_IN_LOG] * len(rows), pa.int64())
            rows = rows.set_column(rows.schema.get_field_index("ingest_batch"), "ingest_batch", older)
            pq.write_table(rows, folder / "older.parquet")
            append_once(full.lake, EVENTS, spark.read.parquet(str(folder / "older.parquet")), f"older{number}", 0)
        start_ingest(full, str(folder / "full_inbox"), once=True).finish()
    (folder / "older.parquet").unlink()
    write_lines(folder / "full_inbox", delivery, "d", FILES)


def ingested(log: str, inbox: str, prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """The engine, from files to the log, into a lake that holds what `log` says."""
    copy_of(prepared / log, scratch / "lake")
    copy_of(prepared / "warming" / log, scratch / "warm")
    with local_session("bench", {}) as spark:
        # What a contender is to do, it has done before on fewer rows: repeated events and known customers too.
        warm = workspace_at(spark, scratch / "warm", prepared / "conf")
        start_ingest(warm, str(prepared / "warming" / inbox), once=True).finish()
        workspace = workspace_at(spark, scratch / "lake", prepared / "conf")
        with meter.measured():
            start_ingest(workspace, str(prepared / inbox), once=True).finish()
        mine = read_table(workspace.lake, EVENTS).where(F.col("ingest_batch") >= 0)
        numbers = [F.col("amount_minor"), F.col("quantity_milli")]
        return _output(mine.select(*_COMPARED, *numbers), load, meter)


def appended(prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """Spark reads the JSON by a given schema and appends it as it is."""
    with local_session("bench", AS_SPARK_COMES) as spark:
        _append(spark, prepared / "warming" / "inbox", scratch / "warm")
        with meter.measured():
            _append(spark, prepared / "inbox", scratch / "table")
        stored = spark.read.format("delta").load(str(scratch / "table"))
        minor = (F.col("amount").cast("decimal(18,2)") * 100).cast("bigint").alias("amount_minor")
        milli = (F.col("quantity") * 1000).alias("quantity_milli")
        typed = stored.withColumn("event_at", F.col("event_at").cast("timestamp"))
        return _output(typed.select(*_COMPARED, minor, milli), load, meter)


def _append(spark: SparkSession, lines: Path, table: Path) -> None:
    spark.read.schema(_LINE).json(str(lines)).write.format("delta").mode("append").save(str(table))


def _output(events: DataFrame, load: Load, meter: Meter) -> Output:
    checksum = checksum_of(events.toArrow(), tuple(sorted(events.columns)))
    return Output(checksum, {"CPU µs a line": 1e6 * meter.cpu_s / load.count})


def _extent(count: int) -> tuple[int, int]:
    return max(1, count // EVENTS_PER_CUSTOMER), count


def _world(shape: str, count: int) -> World:
    return World(*_extent(count), shape)


CASE = Case(
    name="ingest",
    question="Check, judge and log lines of input; a plain JSON-to-Delta append by Spark reads them unchecked.",
    counts={"S": 20_000, "M": 200_000, "L": 1_000_000},
    unit="lines",
    prepare=prepare,
    contenders={
        "plain append": appended,
        "ingest": partial(ingested, "empty", "inbox"),
        "ingest, 10x in the log": partial(ingested, "full", "full_inbox"),
    },
    bounds=(Bound("ingest", "plain append", 4.0), Bound("ingest, 10x in the log", "ingest", 1.5)),
    equal=(("plain append", "ingest", "ingest, 10x in the log"),),
)
