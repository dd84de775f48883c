from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ceasefire.cli.workspaces import session_for
from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.clock import tick_rows
from ceasefire.pipelines.streams import start_follower
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.failures import cause_of
from ceasefire.runtime.session import job_session, lasting_session
from ceasefire.storage.lake import append_once, follow_table
from ceasefire.tables import CLOCK_TICKS
from small_brand import WALL, corner, write_brand

LITTER = {"spark-warehouse", "metastore_db", "derby.log", "artifacts"}


def test_an_instant_comes_back_from_delta_as_it_went_in(spark: SparkSession, tmp_path: Path) -> None:
    written = spark.createDataFrame(
        pa.table({"happened_at": pa.array([datetime(2026, 3, 29, 1, 30, tzinfo=UTC)], pa.timestamp("us", "UTC"))})
    )
    written.write.format("delta").save(str(tmp_path / "events"))

    read = spark.read.format("delta").load(str(tmp_path / "events"))

    assert read.select(F.date_format("happened_at", "yyyy-MM-dd HH:mm")).collect() == [("2026-03-29 01:30",)]
    assert read.toArrow()["happened_at"].to_pylist() == [datetime(2026, 3, 29, 1, 30, tzinfo=UTC)]


def test_a_session_leaves_nothing_in_the_working_directory(spark: SparkSession) -> None:
    spark.sql("CREATE TABLE left_behind (customer_id STRING) USING delta")
    spark.sql("DROP TABLE left_behind")

    assert not LITTER & {entry.name for entry in Path.cwd().iterdir()}
    assert not spark.conf.get("spark.sql.warehouse.dir", "").startswith(Path.cwd().as_uri())


def test_a_running_session_is_taken_as_it_is(spark: SparkSession) -> None:
    assert lasting_session("another", {"spark.sql.session.timeZone": "Asia/Tokyo"}) is spark
    with job_session("a job", {"spark.sql.session.timeZone": "Asia/Tokyo"}) as of_a_job:
        assert of_a_job is spark
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_commands_and_jobs_leave_a_session_running_that_was_there_before(spark: SparkSession, tmp_path: Path) -> None:
    write_brand(tmp_path / "conf")
    with session_for(load_brand(tmp_path / "conf", {}), str(tmp_path)) as workspace:
        assert workspace.lake.spark is spark
    with job_session("a job", {}) as of_a_job:
        assert of_a_job is spark

    assert spark.range(3).count() == 3


def test_an_error_of_ours_in_a_batch_comes_back_as_itself(spark: SparkSession, tmp_path: Path) -> None:
    def refuse(_rows: DataFrame, _batch_id: int) -> None:
        raise CheckFailedError("two rows are lost")

    spark.range(1).write.format("delta").save(str(tmp_path / "rows"))
    rows = spark.readStream.format("delta").load(str(tmp_path / "rows")).writeStream
    query = rows.option("checkpointLocation", str(tmp_path / "checkpoint")).foreachBatch(refuse).start()

    with pytest.raises(Exception, match="two rows are lost") as raised:
        query.processAllAvailable()

    cause = cause_of(raised.value)
    assert (type(cause), str(cause)) == (CheckFailedError, "two rows are lost")


def test_whatever_leaves_a_batch_ends_its_query_and_nobody_waits_for_ever(spark: SparkSession, tmp_path: Path) -> None:
    def leave(_workspace: Workspace, _rows: DataFrame, _batch_id: int) -> None:
        sys.exit(0)

    workspace = corner(spark, tmp_path)
    append_once(workspace.lake, CLOCK_TICKS, tick_rows([(WALL, None)], is_live=False), "test", 0)

    with pytest.raises(CheckFailedError, match=r"^leaver stopped: SystemExit\(0\) ended its batch$"):
        start_follower(workspace, follow_table(workspace.lake, CLOCK_TICKS), "leaver", leave, once=True).finish()


def test_a_worker_runs_this_very_python_and_its_error_comes_back_as_itself(spark: SparkSession) -> None:
    def refuse(_batches: object) -> list[pa.RecordBatch]:
        raise CheckFailedError("a worker fails")

    with pytest.raises(PythonException) as raised:
        spark.range(1).mapInArrow(refuse, "id long").collect()

    cause = cause_of(raised.value)
    assert (type(cause), str(cause)) == (CheckFailedError, "a worker fails")


def test_a_failed_batch_says_nothing_by_itself(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(rows: DataFrame, _batch_id: int) -> None:
        rows.select("no_such_column").collect()

    spark.range(1).write.format("delta").save(str(tmp_path / "rows"))
    rows = spark.readStream.format("delta").load(str(tmp_path / "rows")).writeStream
    query = rows.option("checkpointLocation", str(tmp_path / "checkpoint")).foreachBatch(refuse).start()

    with pytest.raises(Exception, match="no_such_column"):
        query.processAllAvailable()

    assert capfd.readouterr().err == ""
