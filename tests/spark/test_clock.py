"""How far the clock of a stream has come, and what a batch of its ticks releases, also late or for the second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ceasefire.pipelines.clock import Tick, Ticked, newest_ticks, tick_rows
from ceasefire.pipelines.release import release_at, release_due
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import Write, append_once, create_tables, read_table, rows_of
from ceasefire.tables import CLOCK_TICKS, DECISIONS, RECONCILIATION, SEND_QUEUE, WITHHELD_SENDS
from small_brand import FIRST_CLOSE, PowerCutError, corner, cut_power_at, run_until

HOUR = timedelta(hours=1)
IDENTITIES = 9


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
    told: list[Tick] = [(slot, None) for slot in (*slots, slots[-1] + 24 * HOUR)]

    # when the present lies before the first slot, then nothing happens
    assert release_at(workspace, ticks_of(spark, told, slots[0] - HOUR / 4), 0) is None
    assert fates_of(workspace) == []

    # and when it has come to the first slot, then what becomes of that one's sends
    assert release_at(workspace, ticks_of(spark, told, slots[0]), 1) is not None
    reached = rows_of(sends.where(F.col("treatment.slot_at") == F.lit(slots[0])).select("treatment.send_id"))
    assert fates_of(workspace) == sorted((row["send_id"], slots[0]) for row in reached) != []

    # and nothing is left to do a quarter of an hour later
    assert release_at(workspace, ticks_of(spark, told, slots[0] + HOUR / 4), 2) is None


@pytest.mark.parametrize("is_live", [True, False])
def test_a_batch_that_finds_sends_late_and_ends_before_it_has_counted_them_counts_when_it_is_repeated(
    spark: SparkSession, tmp_path: Path, is_live: bool
) -> None:
    # given sends whose slots lie behind the first tick, and a power cut when they are queued and nothing is counted
    workspace = run_until(Write(DECISIONS.name, done=True), spark, tmp_path, examine=False)
    (last,) = rows_of(read_table(workspace.lake, DECISIONS).agg(F.max("treatment.slot_at").alias("slot_at")))
    ticks = [last["slot_at"] + HOUR, last["slot_at"] + 2 * HOUR]
    now = ticks[-1] if is_live else None
    cut = replace(workspace, lake=replace(workspace.lake, observe=cut_power_at(Write(RECONCILIATION.name, done=False))))
    with pytest.raises(PowerCutError):
        release_due(cut, ticks, now, 3)
    fates = fates_of(workspace)
    assert {judged_at for _, judged_at in fates} == {now or ticks[0]}
    assert read_table(workspace.lake, RECONCILIATION).isEmpty()

    # when the batch is repeated, then all identities are there, each once, and the sends are as they were
    for _ in range(2):
        assert release_due(workspace, ticks, now, 3) is None
        identities = rows_of(read_table(workspace.lake, RECONCILIATION))
        assert len({one["identity"] for one in identities}) == len(identities) == IDENTITIES
        assert all(one["holds"] for one in identities)
        assert fates_of(workspace) == fates


def ticks_of(spark: SparkSession, told: list[Tick], live: datetime) -> DataFrame:
    """A batch of what a replay has told and one tick that shows the present."""
    return spark.createDataFrame(
        pa.concat_tables([tick_rows(told, is_live=False), tick_rows([(live, None)], is_live=True)])
    )


def fates_of(workspace: Workspace) -> list[tuple[str, datetime]]:
    """Of each send that is queued or withheld: its id, and when it was judged."""
    queued = read_table(workspace.lake, SEND_QUEUE).select("send_id", F.col("released_at").alias("at"))
    withheld = read_table(workspace.lake, WITHHELD_SENDS).select("send_id", F.col("withheld_at").alias("at"))
    return sorted((row["send_id"], row["at"]) for row in rows_of(queued.union(withheld)))
