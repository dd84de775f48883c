"""What the demo tells after its windows, read back from the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.pipelines.summary import summaries
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import read_table, rows_of
from ceasefire.tables import CONTACTS_VAULT, DECISIONS, SEND_QUEUE, WITHHELD_SENDS
from ceasefire.time_zones import zone_named
from ceasefire.vocabulary import WINDOW_LANE, MessageClass


@dataclass(frozen=True)
class DemoReport:
    """Figures over the windows of a demo.

    Attributes:
        windows: one row each, as `summaries`.
        most_messages_a_day: the largest number of queued marketing sends of one customer on one local day.
        sent: send_id of every queued send.
        queue_sizes: queued sends by channel.
        losses: losing candidates by reason.
        withheld: withheld sends by reason.
        customer: natural id of the customer whose story is told: the one that most campaigns wanted.
        story: its decisions on marketing, oldest first.
    """

    windows: list[dict[str, Any]]
    most_messages_a_day: int
    sent: frozenset[str]
    queue_sizes: dict[str, int]
    losses: dict[str, int]
    withheld: dict[str, int]
    customer: str
    story: list[dict[str, Any]]


def demo_report(workspace: Workspace, closes: Sequence[datetime]) -> DemoReport:
    """The figures of these windows."""
    lake = workspace.lake
    windows = summaries(workspace, closes)
    decisions = read_table(lake, DECISIONS).where(F.col("window_end").isin(list(closes)))
    sends = decisions.where(F.col("outcome") == "send").select(F.col("treatment.send_id").alias("send_id"))
    queue = read_table(lake, SEND_QUEUE).join(sends, on="send_id", how="left_semi")
    stopped = read_table(lake, WITHHELD_SENDS).join(sends, on="send_id", how="left_semi")
    zone = zone_named(workspace.brand.settings.time_zone)
    marketing = queue.where(F.col("class") == MessageClass.MARKETING.value).select("customer_id", "not_before_at")
    sends_a_day = Counter(
        (row["customer_id"], row["not_before_at"].astimezone(zone).date()) for row in rows_of(marketing)
    )
    losses: dict[str, int] = {}
    for window in windows:
        for reason, count in window["losses"].items():
            losses[reason] = losses.get(reason, 0) + count
    customer, story = _story(workspace, decisions.where(F.col("lane") == WINDOW_LANE))
    return DemoReport(
        windows=windows,
        most_messages_a_day=max(sends_a_day.values(), default=0),
        sent=frozenset(queue.select("send_id").toArrow()["send_id"].to_pylist()),
        queue_sizes=_counts(queue, "channel"),
        losses=dict(sorted(losses.items(), key=lambda one: -one[1])),
        withheld=_counts(stopped, "reason"),
        customer=customer,
        story=story,
    )


def _counts(rows: DataFrame, by: str) -> dict[str, int]:
    counted = rows_of(rows.groupBy(by).count().orderBy(F.desc("count"), by))
    return {row[by]: row["count"] for row in counted}


def _story(workspace: Workspace, decisions: DataFrame) -> tuple[str, list[dict[str, Any]]]:
    in_dates = F.filter("candidates", lambda one: F.coalesce(one["reason_code"], F.lit("")) != "outside_dates")
    wanting = F.size(F.array_distinct(F.transform(in_dates, lambda one: one["campaign_id"])))
    busiest = (
        decisions.groupBy("customer_id")
        .agg(
            F.sum(F.when(F.col("outcome") == "send", 1).otherwise(0)).alias("sends"),
            F.sum(wanting).alias("wanting"),
        )
        .orderBy(F.desc(F.col("sends") > 0), F.desc("wanting"), "customer_id")
        .limit(1)
    )
    story = rows_of(
        decisions.join(busiest.select("customer_id"), on="customer_id", how="left_semi").orderBy("window_end")
    )
    if not story:
        return "", []
    mine = F.col("customer_id") == story[0]["customer_id"]
    (contact,) = rows_of(read_table(workspace.lake, CONTACTS_VAULT).where(mine).select("natural_id"))
    return contact["natural_id"], story
