"""What is expected of rows: counted twice, kept, and able to hold the release and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DoubleType, FloatType, StringType, TimestampType

from ceasefire.cli.main import exit_code_of
from ceasefire.events.verdicts import FUTURE_TOLERANCE
from ceasefire.pipelines.clock import tick_rows
from ceasefire.pipelines.decide import decide_closed, decide_window
from ceasefire.pipelines.holding import tick_for_mended
from ceasefire.pipelines.quality import (
    CHECKED_TABLES,
    check_window,
    each,
    examine_window,
    failed_windows,
    held_results,
    held_windows,
    is_checked,
)
from ceasefire.pipelines.release import release_at, release_due
from ceasefire.pipelines.run import run
from ceasefire.pipelines.summary import summaries
from ceasefire.pipelines.workspace import Workspace
from ceasefire.quality.expectations import (
    FUTURE_SECONDS,
    Expectation,
    checked_columns,
    expectations_of,
    unexpected_counts,
)
from ceasefire.quality.suites import suite_counts
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, Write, append_once, read_table, rows_of
from ceasefire.tables import (
    CLOCK_TICKS,
    DECISION_RUNS,
    DECISIONS,
    QUALITY_RESULTS,
    SEND_QUEUE,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
    WITHHELD_SENDS,
    DeltaTable,
)
from small_brand import FIRST_CLOSE, SECOND_CLOSE, corner, run_small_brand, run_until, write_brand, write_events


@pytest.fixture(scope="module")
def ran(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small brand after two windows that nobody examined."""
    return run_small_brand(spark, tmp_path_factory.mktemp("ran"))[0]


def spoiled(kind: DataType) -> list[Column]:
    """Values that are wrong in one way or another, and some that are not."""
    missing = F.lit(None).cast(kind)
    if isinstance(kind, StringType):
        return [missing, F.lit("no such word"), F.lit("")]
    if isinstance(kind, DoubleType | FloatType):
        return [missing, *(F.lit(float(one)).cast(kind) for one in ("nan", "inf", "-inf", "-2", "2", "0", "1e9"))]
    if isinstance(kind, TimestampType):
        return [missing, F.lit("1970-01-01").cast(kind)]
    return [missing, *(F.lit(one).cast(kind) for one in (-5, 0, 1, 2_000_000_000))]


def broken_in_every_way(frame: DataFrame) -> DataFrame:
    """The rows, and for each column and each way to be wrong two rows that are."""
    parts = [frame]
    for field in frame.schema.fields:
        parts += [frame.limit(2).withColumn(field.name, value) for value in spoiled(field.dataType)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return whole.localCheckpoint(eager=True)


def words_of_the_page(workspace: Workspace) -> str:
    return " ".join(Path(workspace.lake.path("quality.html")).read_text("utf-8").split())


@pytest.mark.parametrize("table", CHECKED_TABLES, ids=lambda one: one.name)
def test_the_native_pass_and_great_expectations_count_the_same_whatever_is_wrong(
    table: DeltaTable, ran: Workspace
) -> None:
    types = ran.programs.feature_types
    expectations = expectations_of(table, types)
    frame = broken_in_every_way(checked_columns(table, read_table(ran.lake, table), types))

    native, by_suite = unexpected_counts(frame, expectations), suite_counts(frame, expectations)

    assert native == by_suite
    assert native[0] == frame.count()
    # so that no expectation is compared on rows that all meet it
    assert [name for name, count in native[1].items() if not count] == []
    assert len(native[1]) == len(expectations)


def test_rows_that_the_program_wrote_meet_every_expectation_and_the_check_is_kept(ran: Workspace) -> None:
    results = check_window(ran, FIRST_CLOSE)

    assert [one["expectation"] for one in results if one["unexpected_count"]] == []
    assert {one["table_name"] for one in results} == {table.name for table in CHECKED_TABLES}
    assert all(one["row_count"] > 0 for one in results)
    assert sorted(rows_of(read_table(ran.lake, QUALITY_RESULTS)), key=str) == sorted(results, key=str)
    assert held_windows(ran.lake) == []
    assert f"All {len(results)} expectations hold." in " ".join(
        Path(ran.lake.path("quality.html")).read_text("utf-8").split()
    )


def test_what_lies_ahead_of_its_arrival_is_judged_alike_by_intake_and_by_checks() -> None:
    assert timedelta(seconds=FUTURE_SECONDS) == FUTURE_TOLERANCE


def test_every_seventh_window_is_one_in_seven_and_of_none_is_none() -> None:
    days = [FIRST_CLOSE + timedelta(days=one) for one in range(70)]

    assert sum(map(each(7), days)) == 10
    assert not any(map(each(0), days))


def a_failed_check(close: datetime) -> pa.Table:
    """As a critical expectation leaves it that three rows do not meet."""
    broken = Expectation(DECISIONS.name, expectations_of(DECISIONS, {})[0].kind, ("customer_id",), "for a test", True)
    row = {
        "window_end": close,
        "check_number": 0,
        "table_name": broken.table,
        "expectation": broken.name,
        "reason": broken.reason,
        "is_critical": True,
        "row_count": 12,
        "unexpected_count": 3,
    }
    return pa.Table.from_pylist([row], schema=QUALITY_RESULTS.arrow_schema)


def sends_of(workspace: Workspace, close: datetime) -> DataFrame:
    sends = (F.col("window_end") == F.lit(close)) & (F.col("outcome") == "send")
    return read_table(workspace.lake, DECISIONS).where(sends).select(F.col("treatment.send_id").alias("id"))


def test_a_failed_check_holds_the_release_of_its_window_and_nothing_else_until_the_next_check(
    spark: SparkSession, ran: Workspace, tmp_path: Path
) -> None:
    # given a first window whose check has failed
    write_brand(tmp_path / "conf")
    events = str(write_events(tmp_path / "events"))
    workspace = corner(spark, tmp_path)
    append_once(workspace.lake, QUALITY_RESULTS, a_failed_check(FIRST_CLOSE), "check", 0)

    # when it is run, then it is decided, nothing of it is queued or withheld, and the summary says why
    run(workspace, events, FIRST_CLOSE, FIRST_CLOSE, lambda what: None, as_of_slot=True)
    assert not read_table(workspace.lake, DECISIONS).where("outcome = 'send'").isEmpty()
    assert read_table(workspace.lake, SEND_QUEUE).isEmpty()
    assert read_table(workspace.lake, WITHHELD_SENDS).isEmpty()
    (summary,) = summaries(workspace, [FIRST_CLOSE])
    assert [one["unexpected_count"] for one in summary["unexpected"]] == [3]

    # when it is checked again and all is well, then a replayed clock that closes the next window releases nothing
    assert {one["check_number"] for one in check_window(workspace, FIRST_CLOSE)} == {1}
    assert held_windows(workspace.lake) == []
    closing = tick_rows([(SECOND_CLOSE, SECOND_CLOSE)], is_live=False)
    assert release_at(workspace, spark.createDataFrame(closing), 99) is None
    assert read_table(workspace.lake, SEND_QUEUE).isEmpty()

    # but the next slot brings everything to where it belongs, once, judged as of then: a day late, nobody hears from us
    # who would not have in time, and what is withheld besides has its reason
    run(workspace, events, None, SECOND_CLOSE, lambda what: None, as_of_slot=True)
    later = read_table(workspace.lake, CLOCK_TICKS).where(F.col("tick_at") > F.lit(SECOND_CLOSE))
    (found_at,) = rows_of(later.where("window_end IS NULL").agg(F.min("tick_at").alias("slot")))
    first_slot = found_at["slot"]
    ids = [one["id"] for one in rows_of(sends_of(workspace, FIRST_CLOSE))]
    (late, late_withheld), (in_time, in_time_withheld) = (
        [
            rows_of(read_table(one.lake, table).where(F.col("send_id").isin(ids)))
            for table in (SEND_QUEUE, WITHHELD_SENDS)
        ]
        for one in (workspace, ran)
    )
    assert sorted(one["send_id"] for one in (*late, *late_withheld)) == sorted(ids) != []
    assert {one["released_at"] for one in late} | {one["withheld_at"] for one in late_withheld} == {first_slot}
    queued = {one["send_id"] for one in late}
    assert queued < {one["send_id"] for one in in_time}
    assert all(one["expires_at"] >= first_slot for one in late)
    stopped_in_time, stopped = (
        {(one["send_id"], one["reason"]) for one in rows} for rows in (in_time_withheld, late_withheld)
    )
    assert stopped_in_time < stopped
    # or of two messages that would leave together the newer goes
    of_no_event = {"expired", "duration_lock"}
    assert all(one["caused_by"] is not None or one["reason"] in of_no_event for one in late_withheld)


def test_a_window_that_is_decided_while_release_looks_for_held_ones_is_not_released(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = run_until(Write(DECISION_RUNS.name, done=False), spark, tmp_path, examine=True)

    def look_and_be_overtaken(lake: Lake) -> list[datetime]:
        held = held_windows(lake)
        (close,) = rows_of(read_table(lake, WINDOW_CLOSES))
        decide_window(replace(workspace, is_examined=lambda window_end: True), close)
        return held

    monkeypatch.setattr("ceasefire.pipelines.release.held_windows", look_and_be_overtaken)

    assert release_due(workspace, [SECOND_CLOSE], SECOND_CLOSE, 99) is None
    assert held_windows(workspace.lake) == [FIRST_CLOSE]
    assert read_table(workspace.lake, SEND_QUEUE).isEmpty()


def test_between_the_decisions_of_a_window_and_their_check_nothing_of_it_is_released(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a run that ends when a window's decisions are written, and their check has not begun
    workspace = run_until(Write(DECISIONS.name, done=True), spark, tmp_path, examine=True)

    # when all its slots have come, and it is an hour at which mail may go, then nothing leaves
    in_hours = SECOND_CLOSE + timedelta(hours=4)
    assert held_windows(workspace.lake) == [FIRST_CLOSE]
    assert release_due(workspace, [in_hours], in_hours, 99) is None
    assert read_table(workspace.lake, SEND_QUEUE).isEmpty()

    # but who repeats the decision takes the check, whatever it checks itself, and all of it goes
    assert decide_closed(workspace, read_table(workspace.lake, WINDOW_CLOSES), 0) is None
    assert is_checked(workspace.lake, FIRST_CLOSE)
    assert held_windows(workspace.lake) == []
    assert release_due(workspace, [in_hours], in_hours, 99) is not None
    assert not read_table(workspace.lake, SEND_QUEUE).isEmpty()


def test_rows_that_are_broken_are_found_and_the_command_says_so_and_ends_with_one(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace, _ = run_small_brand(spark, tmp_path)
    table = workspace.lake.path(DECISIONS.name)
    newest = f"window_end = '{SECOND_CLOSE.isoformat()}' AND outcome = 'send'"
    spark.sql(f"UPDATE delta.`{table}` SET value_micros = -5 WHERE {newest}")
    broken = read_table(workspace.lake, DECISIONS).where("value_micros < 0").count()
    capfd.readouterr()

    code = exit_code_of(["check", "--conf", str(tmp_path / "conf"), "--root", str(tmp_path / "lake")])

    said = capfd.readouterr()
    on_hold, sentence = said.err.splitlines()
    assert on_hold.startswith("1 customer is on hold for marketing: ceasefire holds")
    assert code == 1
    assert sentence.startswith(
        f"release of {SECOND_CLOSE.isoformat()} is held: decisions: between marketing_value_micros: {broken} of "
    )
    assert broken > 0
    assert "window_features" in said.out
    assert held_windows(workspace.lake) == [SECOND_CLOSE]
    assert "Release is held:" in words_of_the_page(workspace)


def live_tick(spark: SparkSession, at: datetime) -> DataFrame:
    return spark.createDataFrame(tick_rows([(at, None)], is_live=True))


def test_a_check_that_an_error_ends_holds_its_window_by_name_until_it_is_mended_and_what_expires_ends_so(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a decided window, and a file of its features that cannot be read when it is to be checked
    workspace = run_until(Write(DECISIONS.name, done=True), spark, tmp_path, examine=True)
    files = list(Path(workspace.lake.path(WINDOW_FEATURES.name)).glob("*.parquet"))
    for file in files:
        file.rename(file.with_suffix(".away"))

    # then the decision goes on, and the window is held with the error's own words
    assert decide_closed(workspace, read_table(workspace.lake, WINDOW_CLOSES), 0) is None
    (result,) = held_results(workspace.lake)
    assert result["window_end"] == FIRST_CLOSE
    assert any(file.name in result["reason"] for file in files)
    assert held_windows(workspace.lake) == failed_windows(workspace.lake) == [FIRST_CLOSE]

    # and every tick says so; what expires meanwhile ends as expired or for another reason, the rest waits
    told: list[Mapping[str, Any]] = []
    figures = release_at(replace(workspace, notice=told.append), live_tick(spark, SECOND_CLOSE), 50)
    assert figures is not None
    assert figures.counts["held"] == {"failed": 1}
    assert [(one["event"], one["window_end"]) for one in told] == [("held", FIRST_CLOSE)]
    assert "`ceasefire check`" in told[0]["says"]
    expired = read_table(workspace.lake, DECISIONS).where(F.col("treatment.expires_at") < F.lit(SECOND_CLOSE))
    over = {one["send_id"] for one in rows_of(expired.select("treatment.send_id"))}
    assert {one["send_id"] for one in rows_of(read_table(workspace.lake, WITHHELD_SENDS))} == over != set()
    assert read_table(workspace.lake, SEND_QUEUE).isEmpty()
    assert not tick_for_mended(workspace)

    # when it is mended and checked again, then a tick is written for it, and the rest is released, once
    for file in files:
        file.with_suffix(".away").rename(file)
    assert not any(one["unexpected_count"] for one in examine_window(workspace, FIRST_CLOSE) if one["is_critical"])
    at = SECOND_CLOSE + timedelta(hours=9)
    later = replace(workspace, clock=FixedClock(at))
    assert tick_for_mended(later)
    ticks = read_table(workspace.lake, CLOCK_TICKS).where("is_live")
    figures = release_at(later, ticks, 51)
    assert figures is not None
    assert "held" not in figures.counts
    assert not read_table(workspace.lake, SEND_QUEUE).isEmpty()
    assert not tick_for_mended(later)
