"""A window from customers to the ledger, as it runs in production: the pass in Spark, the settlement on the driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ceasefire.arbitration.ledger import SENT_COLUMNS, commitments
from ceasefire.pipelines.decision_pass import PASS_SCHEMA, listed_customers
from ceasefire.pipelines.workspace import BrandAtWork
from ceasefire.tables import DECISIONS, WITHHELD_SENDS, DeltaTable
from unit.pipelines.shop import CLOSE, NOBODY_ORDERED, customers, pass_over, settled, window_from

YEAR = timedelta(days=366)


def decisions_of(
    spark: SparkSession,
    at_work: BrandAtWork,
    rows: Mapping[str, Mapping[str, Any]],
    close: datetime = CLOSE,
    policy: str = "greedy",
    brand_mean_order_minor: float = NOBODY_ORDERED,
    partitions: int | None = None,
) -> DataFrame:
    """The ledger's rows of one window, customers' commitments as they say themselves."""
    told = spark.createDataFrame(customers(at_work, rows))
    if partitions is not None:
        told = told.repartition(partitions, F.xxhash64("customer_id", F.lit(partitions)))
    return _ledger(spark, at_work, told, close, policy, brand_mean_order_minor)


def decisions_after(
    spark: SparkSession,
    at_work: BrandAtWork,
    rows: Mapping[str, Mapping[str, Any]],
    close: datetime,
    earlier: DataFrame,
    withheld: DataFrame | None = None,
) -> DataFrame:
    """The ledger's rows of one window, customers' commitments as the ledger of earlier windows says."""
    told = spark.createDataFrame(customers(at_work, rows)).drop(*SENT_COLUMNS)
    stopped = frame_of(spark, WITHHELD_SENDS, []) if withheld is None else withheld
    sent = commitments(earlier, stopped, since=close - YEAR, before=close)
    joined = told.join(sent, on="customer_id", how="left")
    return _ledger(spark, at_work, joined, close, "greedy", NOBODY_ORDERED)


def candidates_of(decisions: DataFrame) -> DataFrame:
    """One row for each candidate: customer_id and its own columns."""
    return decisions.select("customer_id", F.explode("candidates").alias("candidate")).select(
        "customer_id", "candidate.*"
    )


def frame_of(spark: SparkSession, table: DeltaTable, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    """Rows of a declared table; what a row leaves out is null."""
    return spark.createDataFrame(pa.Table.from_pylist(list(rows), schema=table.arrow_schema), schema=table.schema)


def _ledger(
    spark: SparkSession, at_work: BrandAtWork, told: DataFrame, close: datetime, policy: str, mean: float
) -> DataFrame:
    the_pass = pass_over(at_work, close, mean)
    listed = spark.createDataFrame(listed_customers(at_work.brand.bundle.lists))
    told = told.drop("on_lists").join(listed, on="customer_id", how="left")
    passed = told.mapInArrow(the_pass.batches(), from_arrow_schema(PASS_SCHEMA)).toArrow()
    rows = settled(window_from(the_pass, passed, close), policy)
    return spark.createDataFrame(rows, schema=DECISIONS.schema)
