"""How far the clock of a stream has come, as its table says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from ceasefire.pipelines.clock import Ticked, newest_ticks, tick_rows
from ceasefire.storage.lake import append_once, create_tables
from ceasefire.tables import CLOCK_TICKS
from small_brand import FIRST_CLOSE, corner

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
