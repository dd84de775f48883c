"""Whatever write a run dies at, the next one ends where an undisturbed run would have."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ceasefire.storage.lake import Write
from small_brand import RUN_TABLES, PowerCutError, Undisturbed, fingerprints, run_small_brand

MAX_STARTS = 30


class Interrupter:
    """Cuts the power right after the first write to each table: it is committed, and nobody has been told."""

    def __init__(self) -> None:
        self.cut_after: list[str] = []

    def __call__(self, write: Write) -> None:
        if write.done and write.table not in self.cut_after:
            self.cut_after.append(write.table)
            raise PowerCutError(write.table)


def test_a_run_cut_at_every_write_in_turn_ends_like_an_undisturbed_one(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # when a run is cut after the first write to each table, and started again each time
    power_cuts = Interrupter()
    for _ in range(MAX_STARTS):
        try:
            disturbed, _ = run_small_brand(spark, tmp_path / "disturbed", power_cuts)
            break
        except PowerCutError:
            continue
    else:
        pytest.fail(f"not done after {MAX_STARTS} starts; cut after {power_cuts.cut_after}")

    # then every table was cut at
    assert sorted(power_cuts.cut_after) == RUN_TABLES
    # and nothing is lost, nothing doubled
    expected, found = undisturbed.fingerprints, fingerprints(disturbed.lake)
    assert {name: count for name, (count, _) in found.items()} == {name: count for name, (count, _) in expected.items()}
    assert found == expected


def test_running_again_into_the_same_root_adds_nothing(spark: SparkSession, undisturbed: Undisturbed) -> None:
    workspace, again = run_small_brand(spark, undisturbed.folder)

    assert undisturbed.window_count == 2
    assert again.closes == ()
    assert fingerprints(workspace.lake) == undisturbed.fingerprints
