"""The features of a window are worked out while the one before it is decided, and it is closed after its release."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Condition

import pytest
from pyspark.sql import SparkSession

from ceasefire.errors import UsageError
from ceasefire.pipelines.clock import tick_rows
from ceasefire.pipelines.run import run
from ceasefire.pipelines.windows import closed_windows
from ceasefire.storage.lake import Write, append_once, read_table
from ceasefire.tables import (
    CLOCK_TICKS,
    DECISION_RUNS,
    DECISIONS,
    RECONCILIATION,
    SEND_QUEUE,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
)
from small_brand import (
    FIRST_CLOSE,
    SECOND_CLOSE,
    PowerCutError,
    Undisturbed,
    corner,
    cut_power_at,
    fingerprints,
    run_small_brand,
    write_events,
)

PATIENCE_S = 300


class SlowDecisions:
    """Decides nothing of the first window before the features of the second stand; keeps the order of all writes."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.changed = Condition()

    def __call__(self, write: Write) -> None:
        with self.changed:
            if write.table == DECISION_RUNS.name:
                self.changed.wait_for(lambda: self.done(WINDOW_FEATURES.name) >= 2, PATIENCE_S)
            self.writes.append(write)
            self.changed.notify_all()

    def done(self, table: str) -> int:
        """How often a table has been written."""
        return self.writes.count(Write(table, done=True))


def test_a_window_waits_with_its_features_for_the_release_of_the_one_before_it(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # given decisions about the first window that take until the features of the second stand
    order = SlowDecisions()

    # when both windows are run
    workspace, ran = run_small_brand(spark, tmp_path, order)

    # then the second is closed only when the first has been released and counted
    assert len(ran.closes) == 2
    tables = [one.table for one in order.writes if one.done]
    _, second_features = _written(tables, WINDOW_FEATURES.name)
    first_close, second_close = _written(tables, WINDOW_CLOSES.name)
    decided, queued, counted = (tables.index(one.name) for one in (DECISIONS, SEND_QUEUE, RECONCILIATION))
    assert first_close < second_features < decided < queued < counted < second_close
    # and what is decided does not depend on it
    assert fingerprints(workspace.lake) == undisturbed.fingerprints


def test_of_a_window_whose_release_fails_the_next_one_is_not_closed(spark: SparkSession, tmp_path: Path) -> None:
    # given a release that dies when the features of the next window stand
    slow = SlowDecisions()

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


@pytest.mark.parametrize(("begun", "first"), [(SECOND_CLOSE, FIRST_CLOSE), (FIRST_CLOSE, SECOND_CLOSE)])
def test_a_window_that_an_interrupted_run_has_begun_is_neither_overtaken_nor_left_behind(
    spark: SparkSession, tmp_path: Path, begun: datetime, first: datetime
) -> None:
    # given a run that ended before it closed the window that it had begun
    workspace = corner(spark, tmp_path)
    events = str(write_events(tmp_path / "events"))
    append_once(workspace.lake, CLOCK_TICKS, tick_rows([(begun, begun)], is_live=False), "close", 0)

    # when the next one is to begin with another, then it closes nothing and says what to do
    what_to_do = rf"has begun the one of {begun:%Y-%m-%d}T\S+ where .* of {first:%Y-%m-%d}T\S+: go on with the --from"
    with pytest.raises(UsageError, match=what_to_do):
        run(workspace, events, first, SECOND_CLOSE, lambda what: None, as_of_slot=True)
    assert closed_windows(workspace.lake) == []


def test_a_run_ends_before_a_window_that_an_interrupted_one_has_begun(spark: SparkSession, tmp_path: Path) -> None:
    # given a run that ended while it decided its first window, of two
    workspace = corner(spark, tmp_path)
    events = str(write_events(tmp_path / "events"))
    cut = replace(workspace.lake, observe=cut_power_at(Write(DECISION_RUNS.name, done=False)))
    with pytest.raises(PowerCutError):
        run(replace(workspace, lake=cut), events, FIRST_CLOSE, SECOND_CLOSE, lambda what: None, as_of_slot=True)

    # when the next one is to go no further, then it finishes the first and leaves the second open
    assert run(workspace, events, None, FIRST_CLOSE, lambda what: None, as_of_slot=True).closes == ()
    assert closed_windows(workspace.lake) == [FIRST_CLOSE]
    assert not read_table(workspace.lake, SEND_QUEUE).isEmpty()


def test_a_run_without_a_window_ends_between_batches(spark: SparkSession, tmp_path: Path) -> None:
    # given a brand, and no event
    workspace = corner(spark, tmp_path)
    (tmp_path / "events").mkdir()

    # when it is run
    ran = run(workspace, str(tmp_path / "events"), None, None, lambda what: None, as_of_slot=True)

    # then each of its followers has ended the batch that it had begun
    assert ran.closes == ()
    for query in ("build_features", "decide", "release_sends"):
        checkpoint = Path(workspace.lake.path("_checkpoints", query))
        assert _batches(checkpoint / "offsets") == _batches(checkpoint / "commits") != []


def _batches(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.glob("[0-9]*"))


def _written(tables: list[str], name: str) -> list[int]:
    return [at for at, table in enumerate(tables) if table == name]
