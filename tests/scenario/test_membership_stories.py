"""Customers enter and leave segments, some of them by time alone, and each move names the comparison that flipped."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.pipelines.memberships import membership_changes
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake
from ceasefire.tables import MEMBERSHIP_TRANSITIONS, SEGMENT_MEMBERSHIPS, WINDOW_FEATURES
from frames import assert_same_rows
from unit.pipelines.shop import CLOSE, campaign, customers, pass_over, passed_here, shop

NEXT_CLOSE = CLOSE + timedelta(days=1)
FEATURES = [
    {
        "name": "days_known",
        "unit": "days",
        "description": "d",
        "from": {"event": "registered"},
        "aggregate": "days_since",
    },
    {"name": "orders", "unit": "orders", "description": "d", "from": {"event": "order"}, "aggregate": "count"},
]
SEGMENTS = [
    {"id": "new", "rule": "days_known < 7 AND orders = 0"},
    {"id": "buyers", "rule": "orders >= 1"},
]
SHOP = shop([campaign("welcome", audience={"any": ["new"]})], features=FEATURES, segments=SEGMENTS)


def test_each_move_between_two_closes_names_the_comparison_that_flipped(spark: SparkSession, tmp_path: Path) -> None:
    # given at the first close two are new, and one known for long
    monday: dict[str, Any] = {
        "by time": {"days_known": 6.5, "orders": 0},
        "by buying": {"days_known": 2.0, "orders": 0},
        "settled": {"days_known": 400.0, "orders": 3},
    }
    # when a day passes, in which one buys and another comes for the first time
    tuesday: dict[str, Any] = {
        "by time": {"days_known": 7.5, "orders": 0},
        "by buying": {"days_known": 3.0, "orders": 1},
        "settled": {"days_known": 401.0, "orders": 3},
        "stranger": {"days_known": 0.5, "orders": 0},
    }
    workspace = Workspace(Lake(spark, str(tmp_path), "shop"), SHOP, FixedClock(NEXT_CLOSE))
    for close, rows in ((CLOSE, monday), (NEXT_CLOSE, tuesday)):
        features = spark.createDataFrame(customers(SHOP, rows)).select("customer_id", "days_known", "orders")
        table = features.withColumn("window_end", F.lit(close))
        table.write.format("delta").mode("append").save(workspace.lake.path(WINDOW_FEATURES.name))
    nobody = SEGMENT_MEMBERSHIPS.arrow_schema.empty_table()
    the_pass = pass_over(SHOP)
    first = membership_changes(workspace, SHOP, nobody, passed_here(the_pass, customers(SHOP, monday)), CLOSE)

    second = membership_changes(
        workspace, SHOP, first.memberships, passed_here(the_pass, customers(SHOP, tuesday)), NEXT_CLOSE
    )

    moves = spark.createDataFrame(second.transitions, schema=MEMBERSHIP_TRANSITIONS.schema)
    assert_same_rows(
        moves.select("customer_id", "direction", "segment_id", F.explode_outer("criteria").alias("flipped")),
        [
            ("by time", "leave", "new", "days_known < 7", "days_known = 6.5", "days_known = 7.5"),
            ("by time", "enter", "in_no_other_segment", None, None, None),
            ("by buying", "leave", "new", "orders = 0", "orders = 0", "orders = 1"),
            ("by buying", "enter", "buyers", "orders >= 1", "orders = 0", "orders = 1"),
            # nothing flipped for whoever was not seen before
            ("stranger", "enter", "new", None, None, None),
        ],
        ["customer_id", "direction", "segment_id", "flipped.criterion", "flipped.old_values", "flipped.new_values"],
    )
    # and whoever stayed keeps the day on which they entered
    stayed = spark.createDataFrame(second.memberships, schema=SEGMENT_MEMBERSHIPS.schema)
    assert_same_rows(
        stayed.select("customer_id", F.explode("segments").alias("held")),
        [
            ("by time", "in_no_other_segment", NEXT_CLOSE),
            ("by buying", "buyers", NEXT_CLOSE),
            ("settled", "buyers", CLOSE),
            ("stranger", "new", NEXT_CLOSE),
        ],
        ["customer_id", "held.segment_id", "held.entered_at"],
    )
