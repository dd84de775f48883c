"""The features of a window are worked out while the one before it is released, and it is closed only after that."""

from __future__ import annotations

from pathlib import Path
from threading import Condition

import pytest
from pyspark.sql import SparkSession

from ceasefire.pipelines.run import run
from ceasefire.storage.lake import Write
from ceasefire.tables import RECONCILIATION, SEND_QUEUE, WINDOW_CLOSES, WINDOW_FEATURES, WITHHELD_SENDS
from small_brand import PowerCutError, Undisturbed, corner, fingerprints, run_small_brand

PATIENCE_S = 300


class SlowRelease:
    """Lets nothing out of the first window before the features of the second stand; keeps the order of all writes."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.changed = Condition()

    def __call__(self, write: Write) -> None:
        with self.changed:
            if write.table in (SEND_QUEUE.name, WITHHELD_SENDS.name):
                self.changed.wait_for(lambda: self.done(WINDOW_FEATURES.name) >= 2, PATIENCE_S)
            self.writes.append(write)
            self.changed.notify_all()

    def done(self, table: str) -> int:
        """How often a table has been written."""
        return self.writes.count(Write(table, done=True))


def test_a_window_waits_with_its_features_for_the_release_of_the_one_before_it(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # given a release of the first window that lasts until the features of the second stand
    order = SlowRelease()

    # when both windows are run
    workspace, ran = run_small_brand(spark, tmp_path, order)

    # then the second is closed only when the first has been released and counted
    assert len(ran.closes) == 2
    tables = [one.table for one in order.writes if one.done]
    _, second_features = _written(tables, WINDOW_FEATURES.name)
    first_close, second_close = _written(tables, WINDOW_CLOSES.name)
    queued, counted = tables.index(SEND_QUEUE.name), tables.index(RECONCILIATION.name)
    assert first_close < second_features < queued < counted < second_close
    # and what is decided does not depend on it
    assert fingerprints(workspace.lake) == undisturbed.fingerprints


def test_of_a_window_whose_release_fails_the_next_one_is_not_closed(spark: SparkSession, tmp_path: Path) -> None:
    # given a release that dies when the features of the next window stand
    slow = SlowRelease()

    def dying(write: Write) -> None:
        slow(write)
        if write.table == SEND_QUEUE.name:
            raise PowerCutError(write.table)

    # when the windows are run
    with pytest.raises(PowerCutError):
        run_small_brand(spark, tmp_path, dying)

    # then the second window is not closed, however ready it is
    assert slow.done(WINDOW_FEATURES.name) == 2
    assert slow.done(WINDOW_CLOSES.name) == 1


def test_a_run_without_a_window_ends_between_batches(spark: SparkSession, tmp_path: Path) -> None:
    # given a brand, and no event
    workspace = corner(spark, tmp_path)
    (tmp_path / "events").mkdir()

    # when it is run
    ran = run(workspace, str(tmp_path / "events"), None, None, lambda what: None)

    # then each of its followers has ended the batch that it had begun
    assert ran.closes == ()
    for query in ("build_features", "decide", "release_sends"):
        checkpoint = Path(workspace.lake.path("_checkpoints", query))
        assert _batches(checkpoint / "offsets") == _batches(checkpoint / "commits") != []


def _batches(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.glob("[0-9]*"))


def _written(tables: list[str], name: str) -> list[int]:
    return [at for at, table in enumerate(tables) if table == name]
