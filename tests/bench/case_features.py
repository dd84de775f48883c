"""Everybody's features at a close: the engine's pass, Spark SQL and DuckDB, each over the same events, into nothing.

The engine reads the snapshot of packed histories that it keeps; the others read the log's rows.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from bench.brand import DUCKDB, SPARK, features_sql, write_brand
from bench.checksums import checksum_of, checksum_of_folder
from bench.generators import AS_OF, World
from bench.harness import Bound, Case, Load, Meter, Output
from bench.workshop import AS_SPARK_COMES, log_rows, workspace_at
from ceasefire.history.packing import packed_histories
from ceasefire.pipelines.features import features_as_of, histories_for
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.session import local_session

EVENTS_PER_CUSTOMER = 25
FILES = 8
WARMING_EVENTS = 500_000
"""Java compiles what it has seen often, and of a job that made features at many closes it has seen everything: after
5,000 events the Arrow pass still takes an eighth more."""
THREADS = 2


def prepare(folder: Path, load: Load) -> None:
    """For the load and for warming: the log's rows as parquet, and the snapshot made of them as a Delta table."""
    for name, count in (("work", load.count), ("warming", WARMING_EVENTS)):
        rows = log_rows(World(max(1, count // EVENTS_PER_CUSTOMER), count, load.shape))
        (folder / name / "events").mkdir(parents=True)
        for number, start in enumerate(range(0, len(rows), -(-len(rows) // FILES))):
            part = rows.slice(start, -(-len(rows) // FILES))
            pq.write_table(part, folder / name / "events" / f"{number}.parquet")
    address_kinds = load_brand(write_brand(folder / "conf"), {}).brand.settings.address_kinds
    with local_session("bench", {"spark.driver.memory": "3g"}) as spark:
        for name in ("work", "warming"):
            events = spark.read.parquet(str(folder / name / "events"))
            histories = packed_histories(events, address_kinds).repartition(FILES, "customer_id")
            histories.write.format("delta").save(str(folder / name / "histories"))


def engine(prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """The snapshot through the Arrow pass."""
    with local_session("bench", {}) as spark:
        workspace = workspace_at(spark, scratch / "lake", scratch / "conf")
        _into_nothing(_features(workspace, prepared / "warming"))
        with meter.measured():
            _into_nothing(_features(workspace, prepared / "work"))
        return _output(_features(workspace, prepared / "work").drop("window_end"), scratch, load, meter)


def spark_sql(prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """One aggregation over the log's rows."""
    with local_session("bench", AS_SPARK_COMES) as spark:
        _into_nothing(_by_sql(spark, prepared / "warming"))
        with meter.measured():
            _into_nothing(_by_sql(spark, prepared / "work"))
        return _output(_by_sql(spark, prepared / "work"), scratch, load, meter)


def by_duckdb(prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """The same aggregation by DuckDB; its result is read through, batch by batch, and dropped."""
    with duckdb.connect(config={"threads": THREADS}) as connection:
        for _ in _batches(connection, prepared / "warming"):
            pass
        with meter.measured():
            for _ in _batches(connection, prepared / "work"):
                pass
        table = pa.Table.from_batches(_batches(connection, prepared / "work"))
    return Output(checksum_of(table, ("customer_id",)), _figures(load, meter))


def _features(workspace: Workspace, folder: Path) -> DataFrame:
    histories = workspace.lake.spark.read.format("delta").load(str(folder / "histories"))
    schema = from_arrow_schema(workspace.programs.window_schema)
    return histories_for(workspace.programs, histories).mapInArrow(features_as_of(workspace.programs, AS_OF), schema)


def _by_sql(spark: SparkSession, folder: Path) -> DataFrame:
    spark.read.parquet(str(folder / "events")).createOrReplaceTempView("log")
    return spark.sql(features_sql(SPARK, "log"))


def _batches(connection: duckdb.DuckDBPyConnection, folder: Path) -> pa.RecordBatchReader:
    files = f"read_parquet('{folder / 'events'}/*.parquet')"
    log = f"(SELECT * REPLACE (epoch_us(event_at) AS event_at) FROM {files})"
    return connection.execute(features_sql(DUCKDB, log)).fetch_record_batch(100_000)


def _into_nothing(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


def _output(features: DataFrame, scratch: Path, load: Load, meter: Meter) -> Output:
    features.write.parquet(str(scratch / "features"))
    return Output(checksum_of_folder(scratch / "features", ("customer_id",)), _figures(load, meter))


def _figures(load: Load, meter: Meter) -> dict[str, float]:
    return {"events a CPU second": load.count / meter.cpu_s}


CASE = Case(
    name="features",
    question="Everybody's features at a close: from the snapshot by the Arrow pass, or from the log's rows by SQL.",
    counts={"S": 250_000, "M": 5_000_000, "L": 10_000_000},
    unit="events",
    prepare=prepare,
    contenders={"Arrow pass": engine, "Spark SQL": spark_sql, f"DuckDB, {THREADS} threads": by_duckdb},
    bounds=(Bound("Arrow pass", "Spark SQL", 0.5), Bound("Arrow pass", f"DuckDB, {THREADS} threads", 0.9)),
    equal=(("Arrow pass", "Spark SQL", f"DuckDB, {THREADS} threads"),),
)
