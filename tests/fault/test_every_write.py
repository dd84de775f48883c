"""Whatever write a run dies at, the next one ends where an undisturbed run would have."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ceasefire.storage.lake import Write
from ceasefire.tables import ALL_TABLES
from small_brand import fingerprints, run_small_brand

MAX_STARTS = 60


class PowerCutError(Exception):
    """What a run dies of here."""


class Interrupter:
    """Cuts the power once at each moment of a write that it has not cut at before."""

    def __init__(self) -> None:
        self.cuts: set[Write] = set()

    def __call__(self, write: Write) -> None:
        if write not in self.cuts:
            self.cuts.add(write)
            raise PowerCutError(f"{write.table}, {'after' if write.done else 'before'} the write")


def test_a_run_cut_at_every_write_in_turn_ends_like_an_undisturbed_one(spark: SparkSession, tmp_path: Path) -> None:
    # given a run that nothing disturbs
    undisturbed, _ = run_small_brand(spark, tmp_path / "undisturbed")

    # when another is cut before and after the first write to each table, and started again each time
    cut_at_every_write = Interrupter()
    for _ in range(MAX_STARTS):
        try:
            disturbed, _ = run_small_brand(spark, tmp_path / "disturbed", cut_at_every_write)
            break
        except PowerCutError:
            continue
    else:
        pytest.fail(f"not done after {MAX_STARTS} starts; cut at {sorted(map(str, cut_at_every_write.cuts))}")

    # then every table was cut at, both times
    assert cut_at_every_write.cuts == {Write(table.name, done) for table in ALL_TABLES for done in (False, True)}
    # and nothing is lost, nothing doubled
    expected, found = fingerprints(undisturbed.lake), fingerprints(disturbed.lake)
    assert {name: count for name, (count, _) in found.items()} == {name: count for name, (count, _) in expected.items()}
    assert found == expected


def test_running_again_into_the_same_root_adds_nothing(spark: SparkSession, tmp_path: Path) -> None:
    workspace, first = run_small_brand(spark, tmp_path)
    before = fingerprints(workspace.lake)

    workspace, again = run_small_brand(spark, tmp_path)

    assert len(first.closes) == 3
    assert again.closes == ()
    assert fingerprints(workspace.lake) == before
