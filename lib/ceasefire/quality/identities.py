"""What must be equal, whatever happened: counted on the tables, apart from the code that writes them.

Each function gives one row of counts, since on small data a query costs more than what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

LONGEST_WAIT = timedelta(days=3)
"""A slot lies less than so long behind its window's close."""


@dataclass(frozen=True)
class Identity:
    """Two counts that must be equal."""

    name: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.expected == self.found


def intake_counts(batches: DataFrame, events: DataFrame, quarantined: DataFrame) -> DataFrame:
    """Input rows and what became of them, over all batches but the newest, which may be under way.

    Returns:
        One row: batch_count, and agreeing_count, the batches whose rows = events + quarantined rows.
    """
    written = reduce(
        DataFrame.unionByName, (one.select("ingest_batch", F.lit(1).alias("row")) for one in (events, quarantined))
    )
    per_batch = written.groupBy("ingest_batch").agg(F.sum("row").alias("written"))
    compared = batches.select("ingest_batch", "row_count").join(per_batch, on="ingest_batch", how="left")
    newest = F.max("ingest_batch").alias("newest")
    agrees = F.col("row_count") == F.coalesce("written", F.lit(0))
    rows = compared.groupBy().agg(
        newest, F.collect_list(F.struct("ingest_batch", agrees.alias("agrees"))).alias("batches")
    )
    settled = F.filter("batches", lambda one: one["ingest_batch"] < F.col("newest"))
    return rows.select(
        F.size(settled).alias("batch_count"),
        F.size(F.filter(settled, lambda one: one["agrees"])).alias("agreeing_count"),
    )


def intake_identities(counts: Mapping[str, Any]) -> list[Identity]:
    """Input rows = events + quarantined rows, batch by batch."""
    return [
        Identity("batches = batches whose rows = events + quarantined", counts["batch_count"], counts["agreeing_count"])
    ]


def ledger_counts(decisions: DataFrame, since: datetime) -> DataFrame:
    """What the decisions of windows from an instant on come to.

    Returns:
        One row: decision_count, distinct_count (customer, lane, window), explained_count (every loser has a reason,
        and none but a winner has none), candidate_count, winner_count, loser_count, and newest, the last decided
        window.
    """
    recent = decisions.where(F.col("window_end") >= F.lit(since))
    unexplained = F.size(F.filter("candidates", lambda one: one["reason_code"].isNull()))
    winners = F.when(F.col("outcome") == "send", 1).otherwise(0)
    return recent.agg(
        F.count("*").alias("decision_count"),
        F.count_distinct("customer_id", "lane", "window_end").alias("distinct_count"),
        _total(F.when(unexplained == winners, 1).otherwise(0)).alias("explained_count"),
        _total(F.size("candidates")).alias("candidate_count"),
        _total(winners).alias("winner_count"),
        _total(F.size("candidates") - unexplained).alias("loser_count"),
        F.max("window_end").alias("newest"),
    )


def ledger_identities(counts: Mapping[str, Any], counted_by_runs: int) -> list[Identity]:
    """At most one decision for each customer, lane and window; candidates = winners + losers, each with its reason."""
    return [
        Identity("decisions = customers, lanes and windows", counts["decision_count"], counts["distinct_count"]),
        Identity("decisions counted by runs = decisions", counted_by_runs, counts["decision_count"]),
        Identity(
            "candidates = winners + losers", counts["candidate_count"], counts["winner_count"] + counts["loser_count"]
        ),
        Identity("decisions = decisions explained", counts["decision_count"], counts["explained_count"]),
    ]


def release_counts(
    decisions: DataFrame, queue: DataFrame, withheld: DataFrame, events: DataFrame, since: datetime
) -> DataFrame:
    """What became of the sends of windows from an instant on.

    Returns:
        One row: decided_count, queued_count, withheld_count, waiting_count, distinct_queued_count, all of these
        windows' sends; undecided_count and erased_count, sends queued from that instant on without a decision, and to
        customers who had asked to be erased by the time of their release.
    """
    # A slot can lie behind the next close, so what is queued from `since` on may be an earlier window's.
    known = decisions.where((F.col("outcome") == "send") & (F.col("window_end") >= F.lit(since - LONGEST_WAIT)))
    is_recent = (F.col("window_end") >= F.lit(since)).cast("int")
    erasures = events.where(F.col("event_type") == "erasure_requested")
    asked = erasures.groupBy("customer_id").agg(F.min("event_at").alias("asked_at"))
    queued = queue.where(F.col("not_before_at") >= F.lit(since)).join(asked, on="customer_id", how="left")
    had_asked = F.coalesce(F.col("asked_at") <= F.col("released_at"), F.lit(False)).cast("int")
    one, none = F.lit(1), F.lit(0)
    marks = reduce(
        DataFrame.unionByName,
        (
            known.select(
                "treatment.send_id", _marks(known=one, decided=is_recent, queued=none, withheld=none, erased=none)
            ),
            queued.select("send_id", _marks(known=none, decided=none, queued=one, withheld=none, erased=had_asked)),
            withheld.where(F.col("withheld_at") >= F.lit(since)).select(
                "send_id", _marks(known=none, decided=none, queued=none, withheld=one, erased=none)
            ),
        ),
    )
    fates = ("known", "decided", "queued", "withheld", "erased")
    sends = marks.groupBy("send_id").agg(*(F.sum(f"marks.{fate}").alias(fate) for fate in fates))
    is_decided, is_queued = F.col("decided") > 0, F.col("queued") > 0
    is_waiting = is_decided & (F.col("queued") + F.col("withheld") == 0)
    return sends.agg(
        _total("decided").alias("decided_count"),
        _total(F.when(is_decided, F.col("queued"))).alias("queued_count"),
        _total(F.when(is_decided, F.col("withheld"))).alias("withheld_count"),
        _total(F.when(is_waiting, one)).alias("waiting_count"),
        _total(F.when(is_decided & is_queued, one)).alias("distinct_queued_count"),
        _total(F.when(is_queued & (F.col("known") == 0), one)).alias("undecided_count"),
        _total(F.when(F.col("erased") > 0, one)).alias("erased_count"),
    )


def release_identities(counts: Mapping[str, Any]) -> list[Identity]:
    """Decided = queued + withheld + waiting; queue rows are distinct, decided, and nobody's who asked to be erased."""
    accounted = counts["queued_count"] + counts["withheld_count"] + counts["waiting_count"]
    return [
        Identity("decided sends = queued + withheld + waiting", counts["decided_count"], accounted),
        Identity("queue rows = distinct send ids", counts["queued_count"], counts["distinct_queued_count"]),
        Identity("queued without a decision = 0", 0, counts["undecided_count"]),
        Identity("queued after a request for erasure = 0", 0, counts["erased_count"]),
    ]


def _marks(**marks: Column) -> Column:
    return F.struct(*(mark.alias(name) for name, mark in marks.items())).alias("marks")


def _total(of: Column | str) -> Column:
    return F.coalesce(F.sum(of), F.lit(0))
