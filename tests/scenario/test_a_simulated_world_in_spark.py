"""Two speeds, one engine: a simulated world through Spark, and through the kernels alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from ceasefire.pipelines.simulated.chain import as_told_by_kernels, chain_days, unequal_decisions
from ceasefire.pipelines.simulated.days import beginning, capacities, days
from ceasefire.pipelines.simulated.decisions import with_capacities
from ceasefire.pipelines.simulated.policies import Played
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, read_table
from ceasefire.tables import QUARANTINED_EVENTS, RECONCILIATION
from unit.simulation.small_world import brand_at_work, parameters

CUSTOMERS, DAYS, SHARE = 600, 2, 0.10
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def quiet(what: str) -> None:
    """Nobody watches."""


def test_spark_decides_and_sends_what_the_kernels_do_decision_by_decision(spark: SparkSession, tmp_path: Path) -> None:
    # given a world in which much is bought and sent back, messages go hours after their close, and events come late
    told = parameters(CUSTOMERS, DAYS, history_days=20)
    lively = told.customers.model_copy(
        update={
            "buying": told.customers.buying.model_copy(update={"median": 0.1}),
            "time_zones": {"America/Los_Angeles": 1.0},
        }
    )
    told = told.model_copy(
        update={
            "customers": lively,
            "delivery": told.delivery.model_copy(update={"late": 0.05, "repeated": 0.05}),
            "returns": told.returns.model_copy(update={"share": 0.5, "first_day": 0.3, "last_day": 3.0}),
        }
    )
    here = beginning(told, brand_at_work(), 6, CUSTOMERS)
    limited = with_capacities(brand_at_work().brand, capacities(told, CUSTOMERS, SHARE))

    # when the kernels play it, and when Spark does
    alone = list(days(here, Played.GREEDY, limited))
    at_work = replace(brand_at_work(), brand=limited)
    workspace = Workspace(Lake(spark, str(tmp_path / "lake"), "simulation"), at_work, FixedClock(LATER))
    in_spark = list(chain_days(here, workspace, tmp_path / "events", quiet))

    # then every decision is the same, with all its candidates and their reasons, and so is every message that went
    for kernel_day, spark_day in zip(alone, in_spark, strict=True):
        expected = as_told_by_kernels(here, kernel_day)
        assert spark_day.decisions.num_rows == expected.decisions.num_rows > CUSTOMERS / 2
        for name in expected.decisions.column_names:
            assert spark_day.decisions[name].to_pylist() == expected.decisions[name].to_pylist(), name
        assert spark_day.sent == expected.sent
        assert unequal_decisions(spark_day, expected) == 0
    # and there was something to send, and something for the last check to stop
    assert sum(len(one.sent) for one in alone) > DAYS * 20
    assert sum(len(one.decided) - len(one.sent) for one in alone) > 0
    # and Spark lost nothing on the way
    assert read_table(workspace.lake, RECONCILIATION).where("NOT holds").isEmpty()
    rejected = read_table(workspace.lake, QUARANTINED_EVENTS).selectExpr("explode(reasons) AS reason")
    assert {row["reason"] for row in rejected.distinct().collect()} == {"duplicate"}
