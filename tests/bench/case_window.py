"""One more window of `run`, a day after another: seconds of each stage, commits and Spark jobs."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from bench.checksums import checksum_of
from bench.generators import AS_OF, KEY, OPENING_EVENTS, World, happenings, natural_id, write_lines
from bench.harness import Case, Load, Meter, Output
from bench.workshop import AS_SPARK_COMES, LINEAGE_BATCHES, copy_of, log_rows, refusals_in, workspace_at
from ceasefire.addresses import AddressRules, normalised
from ceasefire.events.personal_values import ADDRESSES
from ceasefire.ids import address_key, customer_id
from ceasefire.pipelines.run import run
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.session import local_session
from ceasefire.storage.lake import append_once, create_tables, read_table
from ceasefire.tables import (
    ALL_TABLES,
    CONTACT_REFUSALS,
    CONTACTS_VAULT,
    CUSTOMER_ADDRESSES,
    DECISIONS,
    EVENTS,
    INGEST_BATCHES,
    QUERY_EPOCHS,
)

NEXT_CLOSE = AS_OF + timedelta(days=1)
EVENTS_PER_CUSTOMER = 10
NEWS_PER_CUSTOMER = 0.15
MANY = 500_000
"""From so many customers on, the session is as spark-submit would make it: more memory, and plans that are compiled."""

_DAY = 86_400_000_000
STAGES = ("opening the tables", "reading events", "features", "decisions", "release")


def prepare(folder: Path, load: Load) -> None:
    """A log and its vault, a window that is settled over it, and the lines of the day after."""
    world = World(load.count, load.count * EVENTS_PER_CUSTOMER, load.shape)
    rows = log_rows(world)
    pq.write_table(rows, folder / "log.parquet")
    pq.write_table(refusals_in(rows), folder / "refusals.parquet")
    write_lines(folder / "inbox", news(load, seed=1, day=-1), "before", 1)
    with _session(load) as spark:
        workspace = _workspace(spark, folder / "lake", folder)
        create_tables(workspace.lake, ALL_TABLES)
        batches = {
            "ingest_batch": list(range(LINEAGE_BATCHES)),
            "ingested_at": [AS_OF] * LINEAGE_BATCHES,
            "late_before": [None] * LINEAGE_BATCHES,
            "row_count": [load.count * EVENTS_PER_CUSTOMER // LINEAGE_BATCHES] * LINEAGE_BATCHES,
        }
        append_once(workspace.lake, INGEST_BATCHES, pa.table(batches, schema=INGEST_BATCHES.arrow_schema), "log", 0)
        append_once(workspace.lake, EVENTS, spark.read.parquet(str(folder / "log.parquet")), "log", 0)
        vault = contacts(load.count)
        append_once(workspace.lake, CONTACTS_VAULT, vault, "log", 0)
        append_once(workspace.lake, CUSTOMER_ADDRESSES, addresses_in(vault), "log", 0)
        refusals = spark.read.parquet(str(folder / "refusals.parquet"))
        append_once(workspace.lake, CONTACT_REFUSALS, refusals, "log", 0)
        # The log was written at once, as if by an ingest that is gone; what comes now is numbered after it.
        gone = {"query": ["ingest_events"], "epoch": [0], "started_at": [AS_OF]}
        append_once(workspace.lake, QUERY_EPOCHS, pa.table(gone, schema=QUERY_EPOCHS.arrow_schema), "log", 0)
        run(replace(workspace, new_epoch=True), str(folder / "inbox"), AS_OF, AS_OF, lambda what: None, as_of_slot=True)
    for name in ("log", "refusals"):
        (folder / f"{name}.parquet").unlink()
    write_lines(folder / "inbox", news(load, seed=2, day=0), "after", 4)


def news(load: Load, seed: int, day: int) -> pa.Table:
    """What customers did on one day, counted from AS_OF; nobody registers."""
    count = round(load.count * NEWS_PER_CUSTOMER)
    events = happenings(World(load.count, load.count * OPENING_EVENTS + count, load.shape, seed))
    done = events.filter(pc.invert(pc.is_in(events["event_type"], pa.array(["registered", "consent_changed"]))))
    within_day = done["event_at"].cast(pa.int64()).to_numpy() % _DAY
    at = int(AS_OF.timestamp()) * 1_000_000 + day * _DAY + within_day
    instants = pa.array(at.astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))
    return done.set_column(done.schema.get_field_index("event_at"), "event_at", instants)


def contacts(customers: int) -> pa.Table:
    """The vault's rows of these customers, as ingest of their registrations would have left them."""
    set_at = AS_OF - timedelta(days=100)
    ids = [natural_id(one) for one in range(customers)]
    columns = {
        "customer_id": [customer_id(KEY, one) for one in ids],
        "natural_id": ids,
        "email": [f"c{one}@example.invalid" for one in range(customers)],
        "email_set_at": [set_at] * customers,
        "phone": [f"+49-30-{one:07d}" if one % 4 else None for one in range(customers)],
        "phone_set_at": [set_at if one % 4 else None for one in range(customers)],
        "push_token": [None] * customers,
        "push_token_set_at": [None] * customers,
    }
    columns |= {f"{kind}_key": [_key_of(kind, text) for text in columns[kind]] for kind in ADDRESSES}
    return pa.table(columns, schema=CONTACTS_VAULT.arrow_schema)


def addresses_in(vault: pa.Table) -> pa.Table:
    """The settings of addresses that left these rows in the vault."""
    parts = []
    for kind in ADDRESSES:
        known = vault.filter(pc.is_valid(vault[f"{kind}_key"]))
        columns = {
            "customer_id": known["customer_id"],
            "kind": pa.repeat(kind, len(known)),
            "address_key": known[f"{kind}_key"],
            "set_at": known[f"{kind}_set_at"],
            "ingest_batch": pa.repeat(pa.scalar(0, pa.int64()), len(known)),
        }
        schema = CUSTOMER_ADDRESSES.arrow_schema
        parts.append(pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema))
    return pa.concat_tables(parts)


def _key_of(kind: str, text: str | None) -> str | None:
    return None if text is None else address_key(KEY, kind, str(normalised(kind, text, AddressRules())))


def next_window(prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """Take in the day after, close it, decide, release."""
    copy_of(prepared / "lake", scratch / "lake")
    marks: list[tuple[str, float]] = []
    with _session(load) as spark:
        workspace = _workspace(spark, scratch / "lake", prepared)
        jobs, commits = _jobs(spark), _commits(scratch / "lake")
        with meter.measured():
            run(
                workspace,
                str(prepared / "inbox"),
                None,
                NEXT_CLOSE,
                lambda what: marks.append((what, time.perf_counter())),
                as_of_slot=True,
            )
            marks.append(("end", time.perf_counter()))
        figures = dict.fromkeys((f"{stage} s" for stage in (*STAGES, "finishing")), 0.0)
        for (what, begun), (_, ended) in pairwise(marks):
            stage = "finishing" if what.startswith("finishing") else what.rsplit(": ", 1)[-1]
            figures[f"{stage} s"] += ended - begun
        figures |= {"commits": _commits(scratch / "lake") - commits, "jobs": _jobs(spark) - jobs}
        decided = read_table(workspace.lake, DECISIONS).where(F.col("window_end") == F.lit(NEXT_CLOSE))
        table = decided.select("customer_id", "outcome", "reason_code", "value_micros").toArrow()
    return Output(checksum_of(table, ("customer_id",)), figures)


def _session(load: Load) -> AbstractContextManager[SparkSession]:
    return local_session("bench", {"spark.driver.memory": "6g"} | AS_SPARK_COMES if load.count >= MANY else {})


def _workspace(spark: SparkSession, root: Path, folder: Path) -> Workspace:
    return workspace_at(spark, root, folder / "conf")


def _jobs(spark: SparkSession) -> int:
    return int(spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs())


def _commits(lake: Path) -> int:
    return sum(1 for _ in lake.glob("*/*/_delta_log/*[0-9].json"))


CASE = Case(
    name="window",
    question="One more window of a run, with a day's events to take in: nobody to compare with, but where it goes.",
    counts={"S": 2_000, "M": 100_000, "L": 1_000_000},
    unit="customers",
    prepare=prepare,
    contenders={"run": next_window},
)
