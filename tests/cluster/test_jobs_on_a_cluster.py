from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.pipelines.clock import tick_rows
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import append_once, read_table, rows_of
from ceasefire.tables import ALL_TABLES, CLOCK_TICKS, DECISIONS, EVENTS, RECONCILIATION
from small_brand import FIRST_CLOSE, SECOND_CLOSE, corner, run_small_brand, write_brand, write_events
from standalone import Cluster

FOR_A_HANDFUL = {
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Settings for a hundred rows, on which it takes longer to prepare a plan than to work it off."""
CHAIN = ("ingest_events", "build_features", "decide", "release_sends")
ENDED_BY_SIGTERM = 128 + signal.SIGTERM
"""What a JVM ends with then."""
GRACE = timedelta(minutes=30)
BY_THE_WALL = ("ingested_at", "started_at", "released_at", "checked_at", "pinned_at", "held_at", "looked_at")
"""Columns that tell when something was done, by the clock of whoever did it."""


def settings_of(folder: Path) -> list[str]:
    """The arguments of a job that works under folder/lake, with settings for so few rows."""
    write_brand(folder / "conf")
    write_events(folder / "events")
    few = json.dumps(FOR_A_HANDFUL)
    text = f"root: {folder}/lake\nconf: {folder}/conf\nevents: {folder}/events\nspark: {few}\n"
    (folder / "settings.yaml").write_text(text, "utf-8")
    return ["--settings", str(folder / "settings.yaml")]


def said_and_done(job: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Exit code and lines of a job that ends by itself."""
    said, _ = job.communicate(timeout=300)
    return job.returncode, said.splitlines()


def worked(job: subprocess.Popen[str]) -> dict[str, Any]:
    """What a running job tells of its next batch that had something to do."""
    assert job.stdout is not None
    said = []
    for line in job.stdout:
        said.append(line)
        if not line.startswith("{"):
            continue
        record: dict[str, Any] = json.loads(line)
        if record["event"] == "batch" and record["lag_seconds"] is not None:
            return record
    raise AssertionError(f"the job has ended; it said {said}")


def contents(workspace: Workspace) -> dict[str, list[str]]:
    """The rows of every table, in no order, without what the wall's clock had to say."""
    found = {}
    for table in ALL_TABLES:
        rows = rows_of(read_table(workspace.lake, table).drop(*BY_THE_WALL))
        found[table.name] = sorted(json.dumps(_without_place(row), default=str, sort_keys=True) for row in rows)
    return found


def _without_place(row: dict[str, Any]) -> dict[str, Any]:
    return {name: Path(value).name if name == "source_file" else value for name, value in row.items()}


def slots_of(workspace: Workspace, close: datetime) -> list[datetime]:
    decided = read_table(workspace.lake, DECISIONS).where(
        (F.col("window_end") == F.lit(close)) & F.col("outcome").eqNullSafe("send")
    )
    return sorted(row["slot_at"] for row in rows_of(decided.select("treatment.slot_at").distinct()))


def test_four_jobs_on_a_cluster_leave_the_tables_that_a_run_in_one_process_leaves(
    spark: SparkSession, cluster: Cluster, tmp_path: Path
) -> None:
    # given a brand run by one process, and the same brand for jobs whose executors have no package but what they get
    (tmp_path / "run").mkdir()
    (tmp_path / "jobs").mkdir()
    by_run, _ = run_small_brand(spark, tmp_path / "run")
    arguments = settings_of(tmp_path / "jobs")
    by_jobs = corner(spark, tmp_path / "jobs")
    no_package = subprocess.run(
        [str(cluster.python), "-c", "import ceasefire.pipelines"], capture_output=True, check=False
    )
    assert b"No module named 'ceasefire.pipelines'" in no_package.stderr

    # when all four run there at once, and this test is their clock for two windows
    jobs = {name: cluster.submit(name, *arguments) for name in CHAIN}
    try:
        worked(jobs["ingest_events"])
        for close in (FIRST_CLOSE, SECOND_CLOSE):
            number = int(close.timestamp()) // 60
            append_once(by_jobs.lake, CLOCK_TICKS, tick_rows([(close + GRACE, close)], is_live=False), "close", number)
            worked(jobs["build_features"])
            waiting = worked(jobs["decide"])["outcomes"]["send"]
            slots = [(slot, None) for slot in slots_of(by_jobs, close)]
            append_once(by_jobs.lake, CLOCK_TICKS, tick_rows(slots, is_live=False), "slots", number)
            while waiting:
                done = worked(jobs["release_sends"])
                waiting -= sum(done["queued"].values()) + sum(done["withheld"].values())
    finally:
        for job in jobs.values():
            job.send_signal(signal.SIGTERM)
        for job in jobs.values():
            job.communicate(timeout=120)

    # then all ran until they were asked to end, and every table holds what the run left
    assert [job.returncode for job in jobs.values()] == [ENDED_BY_SIGTERM] * 4
    found, expected = contents(by_jobs), contents(by_run)
    # what is checked after each batch of release depends on how many batches there were
    checks = [json.loads(one) for one in found.pop(RECONCILIATION.name)]
    assert len(expected.pop(RECONCILIATION.name)) >= len(checks) > 0
    assert all(check["holds"] for check in checks)
    # a run ticks at every slot that a send can have, this test's clock at those that they have
    assert set(found.pop(CLOCK_TICKS.name)) < set(expected.pop(CLOCK_TICKS.name))
    assert found == expected


def test_a_job_that_is_asked_to_end_ends_well_and_nothing_is_half_written(
    spark: SparkSession, cluster: Cluster, tmp_path: Path
) -> None:
    arguments = settings_of(tmp_path)
    job = cluster.submit("ingest_events", *arguments)
    assert job.stdout is not None
    # as soon as the first batch is told of, more comes; the job is asked to end while it takes that in
    for line in job.stdout:
        if json.loads(line)["event"] == "batch":
            break
    write_events(tmp_path / "events" / "again")
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=120)

    again = said_and_done(cluster.submit("ingest_events", *arguments, "--once"))

    assert again[0] == 0
    workspace = corner(spark, tmp_path)
    counts = {table.name: read_table(workspace.lake, table).count() for table in ALL_TABLES}
    line_count = len((tmp_path / "events" / "events.jsonl").read_text("utf-8").splitlines())
    assert counts["events"] + counts["quarantined_events"] == 2 * line_count
    # all of the second file repeats the first
    assert counts["events"] == len(rows_of(read_table(workspace.lake, EVENTS).select("event_key").distinct()))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"master": "sparkle"},
            "Spark did not start on the master of spark-submit (SparkException: Could not parse Master URL",
        ),
        (
            {"driver": Path(sys.executable), "with_package": False},
            "ingest_events stopped: executors have no module 'ceasefire'; ",
        ),
    ],
)
def test_what_a_cluster_lacks_is_one_sentence(
    given: dict[str, Any], sentence: str, cluster: Cluster, tmp_path: Path
) -> None:
    code, lines = said_and_done(cluster.submit("ingest_events", *settings_of(tmp_path), "--once", **given))

    assert code != 0
    assert lines[-1].startswith(sentence)
    assert not any("Traceback" in line for line in lines)
