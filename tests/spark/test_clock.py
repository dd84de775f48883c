"""How far the clock of a stream has come, as its table says, and what a replay behind it may have told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.pipelines.clock import Ticked, newest_ticks, tick_rows
from ceasefire.pipelines.release import release_due
from ceasefire.storage.lake import Write, append_once, create_tables, read_table, rows_of
from ceasefire.tables import CLOCK_TICKS, DECISIONS, SEND_QUEUE, WITHHELD_SENDS
from small_brand import FIRST_CLOSE, corner, run_until

HOUR = timedelta(hours=1)


def test_slots_ahead_that_a_run_has_told_do_not_let_the_clock_stand_still(spark: SparkSession, tmp_path: Path) -> None:
    # given a clock that showed the present once, and a run behind it that told of a slot half a day later
    lake = corner(spark, tmp_path).lake
    create_tables(lake, (CLOCK_TICKS,))
    append_once(lake, CLOCK_TICKS, tick_rows([(FIRST_CLOSE, None)], is_live=True), "live", 0)
    replayed = [(FIRST_CLOSE + HOUR, FIRST_CLOSE), (FIRST_CLOSE + 12 * HOUR, None)]
    append_once(lake, CLOCK_TICKS, tick_rows(replayed, is_live=False), "run", 0)

    # then it goes on from the present that it showed, and knows of the window
    assert newest_ticks(corner(spark, tmp_path)) == Ticked(FIRST_CLOSE, FIRST_CLOSE)


def test_no_send_goes_before_its_slot_has_come_however_far_ahead_a_run_has_told(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a decided window, and slots up to two days later that a run has told
    workspace = run_until(Write(DECISIONS.name, done=True), spark, tmp_path, examine=False)
    sends = read_table(workspace.lake, DECISIONS).where("outcome = 'send'")
    slots = sorted({row["slot_at"] for row in rows_of(sends.select("treatment.slot_at"))})
    told = [(slot, None) for slot in (*slots, slots[-1] + 24 * HOUR)]
    append_once(workspace.lake, CLOCK_TICKS, tick_rows(told, is_live=False), "run", 0)

    # when the present lies before the first slot, then nothing happens
    before = slots[0] - HOUR / 4
    append_once(workspace.lake, CLOCK_TICKS, tick_rows([(before, None)], is_live=True), "live", 0)
    assert release_due(workspace, before, before, 0) is None
    assert read_table(workspace.lake, SEND_QUEUE).isEmpty()
    assert read_table(workspace.lake, WITHHELD_SENDS).isEmpty()

    # and when it has come to the first slot, then what becomes of that one's sends
    append_once(workspace.lake, CLOCK_TICKS, tick_rows([(slots[0], None)], is_live=True), "live", 1)
    assert release_due(workspace, slots[0], slots[0], 1) is not None
    reached = rows_of(sends.where(F.col("treatment.slot_at") == F.lit(slots[0])).select("treatment.send_id"))
    queued, withheld = (read_table(workspace.lake, one).select("send_id") for one in (SEND_QUEUE, WITHHELD_SENDS))
    assert sorted(map(str, rows_of(queued.union(withheld)))) == sorted(map(str, reached)) != []

    # and nothing is left to do a quarter of an hour later
    assert release_due(workspace, slots[0] + HOUR / 4, slots[0] + HOUR / 4, 2) is None
