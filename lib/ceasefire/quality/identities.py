"""What must be equal, whatever happened: counted on the tables, with Spark, from outside the code that writes them."""

from __future__ import annotations

from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def intake_identities(batches: DataFrame, events: DataFrame, quarantined: DataFrame) -> DataFrame:
    """Input rows = events + quarantined rows, for every batch but the newest, which may be under way.

    Returns:
        One row: identity, expected, found.
    """
    written = reduce(
        DataFrame.unionByName,
        (table.groupBy("ingest_batch").agg(F.count("*").alias("written")) for table in (events, quarantined)),
    )
    settled = batches.join(
        batches.agg(F.max("ingest_batch").alias("newest")), on=F.col("ingest_batch") < F.col("newest"), how="inner"
    )
    summed = written.groupBy("ingest_batch").agg(F.sum("written").alias("written"))
    compared = settled.select("ingest_batch", "row_count").join(summed, on="ingest_batch", how="left")
    agreeing = F.when(F.col("row_count") == F.coalesce("written", F.lit(0)), F.lit(1)).otherwise(F.lit(0))
    return _identity(
        compared,
        "batches whose input rows = events + quarantined rows",
        F.count("*"),
        F.coalesce(F.sum(agreeing), F.lit(0)),
    )


def ledger_identities(decisions: DataFrame, runs: DataFrame, since: datetime) -> DataFrame:
    """What the decisions of windows from an instant on must satisfy.

    Returns:
        A row each: identity, expected, found. At most one decision for each customer, lane and window; as many
        decisions as their runs counted; candidates = winners + losers, each loser with exactly one reason.
    """
    recent = decisions.where(F.col("window_end") >= F.lit(since))
    unexplained = F.size(F.filter("candidates", lambda one: one["reason_code"].isNull()))
    winners = F.when(F.col("outcome") == "send", F.lit(1)).otherwise(F.lit(0))
    decided_windows = recent.select("window_end").distinct()
    counted = runs.join(decided_windows, on="window_end", how="left_semi")
    return reduce(
        DataFrame.unionByName,
        (
            _identity(
                recent,
                "decisions = customers, lanes and windows decided",
                F.count("*"),
                F.count_distinct("customer_id", "lane", "window_end"),
            ),
            _identity(
                counted.select(F.col("customer_count").alias("expected"), F.lit(0).alias("found")).unionByName(
                    recent.select(F.lit(0).cast("bigint").alias("expected"), F.lit(1).alias("found"))
                ),
                "decisions that runs counted = decisions",
                F.coalesce(F.sum("expected"), F.lit(0)),
                F.coalesce(F.sum("found"), F.lit(0)),
            ),
            _identity(
                recent,
                "decisions whose losers all have a reason and whose winner has none",
                F.count("*"),
                F.coalesce(F.sum(F.when(unexplained == winners, 1).otherwise(0)), F.lit(0)),
            ),
        ),
    )


def release_identities(
    decisions: DataFrame, queue: DataFrame, withheld: DataFrame, events: DataFrame, since: datetime
) -> DataFrame:
    """What the sends of windows from an instant on must satisfy once a tick has been worked off.

    Returns:
        A row each: identity, expected, found. Decided sends = queued + withheld + waiting; queue rows = distinct
        send ids; nothing is queued that was not decided; nobody is queued who had asked to be erased.
    """
    sends = decisions.where((F.col("outcome") == "send") & (F.col("window_end") >= F.lit(since)))
    decided = sends.select(F.col("treatment.send_id").alias("send_id"))
    ours = queue.where(F.col("not_before_at") >= F.lit(since))
    stopped = withheld.where(F.col("withheld_at") >= F.lit(since))
    fates = ours.select("send_id", F.lit("queued").alias("fate")).unionByName(
        stopped.select("send_id", F.lit("withheld").alias("fate"))
    )
    fated = decided.join(fates, on="send_id", how="left")
    undecided = ours.join(decisions.select(F.col("treatment.send_id").alias("send_id")), on="send_id", how="left_anti")
    erasures = events.where(F.col("event_type") == "erasure_requested").select("customer_id", "event_at")
    erased = ours.join(erasures, on="customer_id", how="inner").where(F.col("event_at") <= F.col("released_at"))
    return reduce(
        DataFrame.unionByName,
        (
            _identity(fated, "decided sends = queued + withheld + waiting", F.count_distinct("send_id"), F.count("*")),
            _identity(ours, "queue rows = distinct send ids", F.count("*"), F.count_distinct("send_id")),
            _identity(undecided, "queued without a decision = 0", F.lit(0).cast("bigint"), F.count("*")),
            _identity(erased, "queued after a request for erasure = 0", F.lit(0).cast("bigint"), F.count("*")),
        ),
    )


def _identity(rows: DataFrame, name: str, expected: Column, found: Column) -> DataFrame:
    counted = rows.agg(expected.cast("bigint").alias("expected"), found.cast("bigint").alias("found"))
    return counted.select(F.lit(name).alias("identity"), "expected", "found")
