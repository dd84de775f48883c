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

SHOWN_SENDS = 1_000
"""So many sends are told by their ids, and held."""

LONGEST_WAIT = timedelta(days=3)
"""A slot lies less than so long behind its window's close."""


@dataclass(frozen=True)
class Identity:
    """Two counts that must be equal.

    Attributes:
        name: what must be equal.
        expected: left side.
        found: right side.
        send_ids: sends because of which they are not, a few of them; empty where no single send is to blame.
    """

    name: str
    expected: int
    found: int
    send_ids: tuple[str, ...] = ()

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
    since: datetime,
    decisions: DataFrame,
    queue: DataFrame,
    withheld: DataFrame,
    refusals: DataFrame,
    revoked: DataFrame,
) -> DataFrame:
    """What became of the sends of windows from an instant on.

    Args:
        since: the oldest window that matters.
        decisions: rows of the ledger.
        queue: rows of send_queue.
        withheld: rows of withheld_sends.
        refusals: rows of contact_refusals.
        revoked: rows of revoked_sends; what was called back needs no other word.

    Returns:
        One row: decided_count, queued_count, withheld_count, waiting_count, distinct_queued_count, all of these
        windows' sends. Of the sends that were queued or withheld from that instant on: undecided_count and undecided,
        those that nothing decided, and refused_count and refused, those queued against a no that was known then; a few
        of them by their ids.
    """
    # A slot can lie behind the next close, so what is queued from `since` on may be an earlier window's.
    known = decisions.where((F.col("outcome") == "send") & (F.col("window_end") >= F.lit(since - LONGEST_WAIT)))
    is_recent = (F.col("window_end") >= F.lit(since)).cast("int")
    settled = revoked.select("send_id").distinct().withColumn("settled", F.lit(1))
    queued = queue.where(F.col("not_before_at") >= F.lit(since))
    against = queued.alias("q").join(refusals.alias("r"), _went_against_a_no(), how="left_semi")
    one, none = F.lit(1), F.lit(0)
    marks = reduce(
        DataFrame.unionByName,
        (
            known.select(
                "treatment.send_id", _marks(known=one, decided=is_recent, queued=none, withheld=none, refused=none)
            ),
            queued.select("send_id", _marks(known=none, decided=none, queued=one, withheld=none, refused=none)),
            against.select("send_id", _marks(known=none, decided=none, queued=none, withheld=none, refused=one)),
            withheld.where(F.col("withheld_at") >= F.lit(since)).select(
                "send_id", _marks(known=none, decided=none, queued=none, withheld=one, refused=none)
            ),
        ),
    )
    fates = ("known", "decided", "queued", "withheld", "refused")
    sends = marks.groupBy("send_id").agg(*(F.sum(f"marks.{fate}").alias(fate) for fate in fates))
    sends = sends.join(settled, on="send_id", how="left")
    is_decided, is_open = F.col("decided") > 0, F.col("settled").isNull()
    is_waiting = is_decided & (F.col("queued") + F.col("withheld") == 0)
    is_stray = (F.col("known") == 0) & is_open & (F.col("queued") + F.col("withheld") > 0)
    is_refused = (F.col("refused") > 0) & is_open
    return sends.agg(
        _total("decided").alias("decided_count"),
        _total(F.when(is_decided, F.col("queued"))).alias("queued_count"),
        _total(F.when(is_decided, F.col("withheld"))).alias("withheld_count"),
        _total(F.when(is_waiting, one)).alias("waiting_count"),
        _total(F.when(is_decided & (F.col("queued") > 0), one)).alias("distinct_queued_count"),
        _total(F.when(is_stray, one)).alias("undecided_count"),
        _total(F.when(is_refused, one)).alias("refused_count"),
        _some(is_stray).alias("undecided"),
        _some(is_refused).alias("refused"),
    )


def _went_against_a_no() -> Column:
    """A queued send q and a no r of its customer that was known when it went, and that no later yes had taken back."""
    covers = F.col("r.purpose").isin("*", F.col("q.class")) & F.col("r.channel").isin("*", F.col("q.channel"))
    stands = F.col("q.consent_at").isNull() | (F.col("r.said_at") >= F.col("q.consent_at"))
    was_known = F.col("r.ingest_batch") <= F.col("q.known_through")
    is_no = (F.col("r.kind") == "no") & F.col("r.topic").isNull()
    return (F.col("q.customer_id") == F.col("r.customer_id")) & is_no & covers & stands & was_known


def release_identities(counts: Mapping[str, Any]) -> list[Identity]:
    """Decided = queued + withheld + waiting; queue rows are distinct, decided, and against nobody's known no."""
    accounted = counts["queued_count"] + counts["withheld_count"] + counts["waiting_count"]
    return [
        Identity("decided sends = queued + withheld + waiting", counts["decided_count"], accounted),
        Identity("queue rows = distinct send ids", counts["queued_count"], counts["distinct_queued_count"]),
        Identity("sends without a decision = 0", 0, counts["undecided_count"], tuple(counts["undecided"])),
        Identity("queued against a known no = 0", 0, counts["refused_count"], tuple(counts["refused"])),
    ]


def _marks(**marks: Column) -> Column:
    return F.struct(*(mark.alias(name) for name, mark in marks.items())).alias("marks")


def _total(of: Column | str) -> Column:
    return F.coalesce(F.sum(of), F.lit(0))


def _some(is_meant: Column) -> Column:
    """A few ids of the sends that are meant, the first in order."""
    return F.slice(F.sort_array(F.collect_list(F.when(is_meant, F.col("send_id")))), 1, SHOWN_SENDS)
