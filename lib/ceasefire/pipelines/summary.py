"""What windows came to, from the tables alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from ceasefire.pipelines.quality import newest_results
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import read_table, rows_of
from ceasefire.tables import DECISION_RUNS, DECISIONS, SEND_QUEUE, WITHHELD_SENDS


def summaries(workspace: Workspace, closes: Sequence[datetime]) -> list[dict[str, Any]]:
    """One row for each of these windows: customers, crossfire, sends, what became of them, values, and its check.

    `sends` are of both classes, `transactional_sends` those that are no marketing; `silent` are customers who get no
    marketing.
    `expectations` is how many were looked at, 0 for a window that was not checked; `unexpected` has the results of
    those that do not hold.
    """
    if not closes:
        return []
    lake = workspace.lake
    these = F.col("window_end").isin(list(closes))
    runs = rows_of(read_table(lake, DECISION_RUNS).where(these).orderBy("window_end"))
    sends = (
        read_table(lake, DECISIONS)
        .where(these & (F.col("outcome") == "send"))
        .select("window_end", F.col("treatment.send_id").alias("send_id"))
    )
    fates = {
        name: {
            row["window_end"]: row["count"]
            for row in rows_of(
                sends.join(read_table(lake, table).select("send_id"), on="send_id", how="inner")
                .groupBy("window_end")
                .agg(F.count("*").alias("count"))
            )
        }
        for name, table in (("queued", SEND_QUEUE), ("withheld", WITHHELD_SENDS))
    }
    checked = rows_of(newest_results(lake).where(these))
    return [
        {
            "window_end": run["window_end"],
            "customers": run["customer_count"],
            "in_crossfire": run["crossfire_count"],
            "sends": run["send_count"] + run["transactional_send_count"],
            "transactional_sends": run["transactional_send_count"],
            "queued": fates["queued"].get(run["window_end"], 0),
            "withheld": fates["withheld"].get(run["window_end"], 0),
            "silent": run["customer_count"] - run["send_count"],
            "policy": run["policy"],
            "value_by_policy_micros": dict(run["value_by_policy"]),
            "losses": dict(run["losses"]),
            "models": run["models"],
            "expectations": sum(one["window_end"] == run["window_end"] for one in checked),
            "unexpected": [
                one for one in checked if one["window_end"] == run["window_end"] and one["unexpected_count"]
            ],
        }
        for run in runs
    ]
