"""What the showcase tells of its customers is true of what Spark sends them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from ceasefire.demo.invented_customers import copy_of_brand, fortnight, shipped_world
from ceasefire.pipelines.demo_report import demo_report
from ceasefire.pipelines.explain import explain
from ceasefire.pipelines.run import run
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, read_table, rows_of
from ceasefire.tables import CONTACTS_VAULT, DECISIONS

CUSTOMERS, WINDOWS = 500, 2


def quiet(what: str) -> None:
    """Nobody watches."""


def test_spark_sends_the_very_messages_that_the_invented_customers_react_to(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a world of which the kernels know what happens
    world = shipped_world()
    world = world.model_copy(update={"compared": world.compared.model_copy(update={"customers": CUSTOMERS})})
    copy_of_brand(tmp_path / "conf")
    at_work = load_brand(tmp_path / "conf", {})
    invented = fortnight(world, at_work, WINDOWS, tmp_path / "events")

    # when Spark is handed its events
    lake = Lake(spark, str(tmp_path), "showcase")
    workspace = Workspace(lake, at_work, FixedClock(datetime(2027, 1, 1, tzinfo=UTC)))
    run(workspace, str(tmp_path / "events"), invented.closes[0], invented.closes[-1], quiet, as_of_slot=True)
    report = demo_report(workspace, invented.closes)

    # then it comes to the same messages, and tells of somebody whom several campaigns want
    assert report.sent == invented.sent
    assert len(report.sent) > 100
    assert sum(report.queue_sizes.values()) == len(report.sent)
    assert report.most_messages_a_day == 1
    assert report.losses
    assert len(report.story) == WINDOWS

    # and a refund notice is a row beside marketing, which the explanation of that window tells as well
    notices = read_table(lake, DECISIONS).where("lane = 'transactional/refund_notice' AND outcome = 'send'")
    told = rows_of(notices.join(read_table(lake, CONTACTS_VAULT), on="customer_id").orderBy("decision_id").limit(1))
    assert told
    explanation = explain(workspace, told[0]["natural_id"], told[0]["window_end"])
    assert explanation.decision["lane"] == "window"
    (apart,) = explanation.transactional
    assert apart.decision["decision_id"] == told[0]["decision_id"]
    assert apart.fate.startswith("queued at ")
    assert sum(window["transactional_sends"] for window in report.windows) == notices.count()
