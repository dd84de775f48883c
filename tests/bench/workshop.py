"""Sessions, lakes and tables that cases work with."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from bench.brand import write_brand
from bench.generators import AS_OF, BRAND, KEY, World, happenings, natural_id
from ceasefire.events.side_rows import refusal_columns
from ceasefire.ids import customer_id
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake
from ceasefire.tables import CONTACT_REFUSALS, EVENTS
from ceasefire.vocabulary import EVERY, EventType, MessageClass, RefusalKind

WALL = AS_OF + timedelta(days=2)
AS_SPARK_COMES = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
    "spark.sql.subexpressionElimination.enabled": "true",
    "spark.sql.adaptive.enabled": "true",
    "spark.driver.extraJavaOptions": "-XX:+UseG1GC",
    # What Spark comes to in a heap of 1500 MiB for two cores under that collector: 32 MiB with the array's header.
    "spark.buffer.pageSize": "33554416b",
}
"""References run with what Spark and Java set where the program, whose data is small, sets something else."""
LINEAGE_BATCHES = 10
"""Ingest batches that generated rows of the log are said to have come with."""


def workspace_at(spark: SparkSession, root: Path, conf: Path) -> Workspace:
    """The brand of the benchmarks at work in a lake of its own."""
    if not conf.exists():
        write_brand(conf)
    return Workspace(Lake(spark, str(root), BRAND), load_brand(conf, {}), FixedClock(WALL))


def log_rows(world: World) -> pa.Table:
    """The world's events as rows of the log, under made-up keys; customers bear the pseudonyms that ingest gives."""
    events = happenings(world)
    names = pa.array([customer_id(KEY, natural_id(one)) for one in range(world.customers)], pa.string())
    number = events["number"].to_numpy()
    batch = number % LINEAGE_BATCHES
    columns = {name: events[name] for name in events.schema.names}
    columns |= _said(events)
    columns |= {
        "event_key": _hashes(len(events), world.seed + 1),
        "payload_hash": _hashes(len(events), world.seed + 2),
        "ingest_batch": pa.array(batch),
        "ingested_at": pa.repeat(pa.scalar(AS_OF, pa.timestamp("us", tz="UTC")), len(events)),
        "customer_id": names.take(events["customer"].combine_chunks()),
    }
    schema = EVENTS.arrow_schema
    arrays = [columns.get(one.name, pa.nulls(len(events), one.type)) for one in schema]
    return pa.table([one.cast(field.type) for one, field in zip(arrays, schema, strict=True)], schema=schema)


def refusals_in(rows: pa.Table) -> pa.Table:
    """What ingest keeps beside these rows of the log: one row of CONTACT_REFUSALS for each no."""
    (said,) = rows.filter(pc.is_valid(rows["refusal"])).combine_chunks().to_batches()
    columns = refusal_columns(said) | {"ingest_batch": said["ingest_batch"]}
    schema = CONTACT_REFUSALS.arrow_schema
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)


def copy_of(folder: Path, place: Path) -> Path:
    """A copy of a prepared folder that a run may write to."""
    shutil.copytree(folder, place)
    return place


def _said(events: pa.Table) -> dict[str, pa.Array]:
    """Statement and refusal of each event, null where it says nothing on consent: what ingest reads out of a line."""
    kind, attributes = events["event_type"].combine_chunks(), events["attributes"].combine_chunks()
    is_answer = pc.equal(kind, EventType.CONSENT_CHANGED.value)
    is_plain_no = pc.is_in(kind, pa.array([EventType.UNSUBSCRIBED.value, EventType.COMPLAINED.value]))
    purpose = pc.map_lookup(attributes, "purpose", "first")
    is_yes = pc.and_(is_answer, pc.fill_null(pc.equal(pc.map_lookup(attributes, "granted", "first"), "true"), False))
    parts = {
        "purpose": pc.if_else(is_answer, purpose, MessageClass.MARKETING.value),
        "channel": pc.fill_null(events["channel"].combine_chunks(), EVERY),
        "topic": pa.nulls(len(events), pa.string()),
        "granted": is_yes,
    }
    says = pc.or_(is_answer, is_plain_no)
    kept = EVENTS.arrow_schema.field("statement").type
    statement = pa.StructArray.from_arrays(
        [parts[field.name].cast(field.type) for field in kept], fields=list(kept), mask=pc.invert(says)
    )
    refusal = pc.if_else(pc.and_not(says, is_yes), RefusalKind.NO.value, pa.scalar(None, pa.string()))
    return {"statement": statement, "refusal": refusal}


def _hashes(count: int, seed: int) -> pa.Array:
    """So many texts of 32 hexadecimal digits."""
    digits = np.frombuffer(np.random.default_rng(seed).bytes(16 * count).hex().encode(), dtype="S1")
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * 32).buffers()[1]
    return pa.StringArray.from_buffers(count, offsets, pa.py_buffer(digits.tobytes()))
