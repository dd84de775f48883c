"""The four jobs and the clock in one process: drain the input, close every due window, release, end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from pyspark.sql import functions as F

from ceasefire.arbitration.slots import possible_slots
from ceasefire.config.schedule import last_close_at_or_before, window_closes
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.errors import UsageError
from ceasefire.pipelines.clock import Tick, tick_rows
from ceasefire.pipelines.decide import start_decide
from ceasefire.pipelines.features import start_features
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.release import start_release
from ceasefire.pipelines.streams import Follower
from ceasefire.pipelines.turns import NotItsTurnError, Turns
from ceasefire.pipelines.windows import closed_windows, epoch_minutes, newest_close
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import append_once, create_tables, read_table, rows_of
from ceasefire.storage.topics import Topic
from ceasefire.tables import ALL_TABLES, CLOCK_TICKS, EVENTS

TOLD_AHEAD = 2
"""So many windows are told to be ready at a time: while one is decided and released, the features of the next can be
worked out."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Ran:
    """What a run did, that of earlier runs not counted.

    Attributes:
        closes: which it settled.
        taken_in: how many rows of input are `events` now, and how many are `quarantined`.
        damaged: files that were read only as far as they can be.
    """

    closes: tuple[datetime, ...]
    taken_in: Mapping[str, int]
    damaged: tuple[str, ...] = ()


def nothing() -> None:
    """What is done before the windows when nothing is."""


def run(
    workspace: Workspace,
    source: str | Topic,
    first: datetime | None,
    until: datetime | None,
    progress: Progress,
    before_windows: Callable[[], None] = nothing,
    examine: bool = False,
) -> Ran:
    """Take in everything at `source`, close and decide every due window in order, and release at each slot.

    Args:
        workspace: the brand at work.
        source: folder, file or topic of events.
        first: first close, when nothing is closed yet; None: the newest whole one alone.
        until: no close after it; None: the last whole close at or before the newest event. It never bounds ingest.
        progress: told in a few words what is being done.
        before_windows: done once everything is taken in and nothing of it is decided.
        examine: whether the rows of the first window and of the last are checked before anything of them is released.

    Raises:
        UsageError: there is no such source, or `first` is no close, or lies before the newest one; or an earlier run
            ended amid a window that is not the first of these.
    """
    lake = workspace.lake
    progress("opening the tables")
    create_tables(lake, ALL_TABLES)
    taken_in: Counter[str] = Counter()
    damaged: Counter[str] = Counter()

    def count(query: str, batch_id: int, figures: Figures) -> None:
        taken_in.update(figures.counts.get("intake", {}))
        damaged.update(figures.counts.get("damaged", {}))
        workspace.report(query, batch_id, figures)

    ingest = start_ingest(replace(workspace, report=count), source, once=True)
    progress("reading events")
    ingest.finish()
    before_windows()
    closes = due_closes(workspace, first, until)
    if examine:
        workspace = replace(workspace, is_examined=frozenset((*closes[:1], *closes[-1:])).__contains__)
    followers: dict[str, Follower] = {}
    turns = Turns()
    try:
        followers["features"] = start_features(replace(workspace, turn=turns.turn), once=False)
        followers["decide"] = start_decide(workspace, once=False)
        followers["release"] = start_release(workspace, once=False)
        # A run that was interrupted may have left the newest window decided and not released.
        begun = newest_close(lake)
        if begun is not None:
            _settle(workspace, followers, begun, None, "finishing the newest window", progress)
            # Until this run had the locks, another one may have closed some.
            closes = [close for close in closes if close > begun]
        _announce(workspace, closes, begun)
        for number, close in enumerate(closes, start=1):
            label = f"window {number} of {len(closes)}"
            progress(f"{label}: features")
            turns.call(close, followers["features"].has_ended)
            later = next(iter(closes[number - 1 + TOLD_AHEAD :]), None)
            _settle(workspace, followers, close, later, label, progress)
        # Who is stopped within a batch has to repeat it, and Spark prints a thousand lines about the interruption.
        turns.end()
        with suppress(NotItsTurnError):  # a run that was interrupted may have told of windows behind our last
            followers["features"].drain()
        for name in ("decide", "release"):
            followers[name].drain()
    finally:
        turns.end()
        for follower in followers.values():
            follower.stop()
    return Ran(tuple(closes), taken_in, tuple(damaged))


def due_closes(workspace: Workspace, first: datetime | None, until: datetime | None) -> list[datetime]:
    """The closes that a run has to settle: after the newest closed one, in order."""
    lake, settings = workspace.lake, workspace.brand.settings
    hour, zone = settings.decision_window.at, settings.time_zone
    newest = newest_close(lake)
    (last_event,) = rows_of(read_table(lake, EVENTS).agg(F.max("event_at").alias("event_at")))
    if last_event["event_at"] is None:
        return []
    if first is not None and last_close_at_or_before(instant_micros(first), hour, zone) != instant_micros(first):
        nearest = instant_of(last_close_at_or_before(instant_micros(first), hour, zone))
        raise UsageError(
            f"--from {first.isoformat()} is no close of this brand; windows close at {hour:02d}:00 {zone}, "
            f"the one before it is {nearest.isoformat()}"
        )
    end = instant_micros(until if until is not None else last_event["event_at"])
    if newest is not None:
        _refuse_gap_before(workspace, first, newest)
        after: int | None = instant_micros(newest)
    else:
        after = None if first is None else instant_micros(first) - 1
    return [instant_of(close) for close in window_closes(after, end, hour, zone)]


def _refuse_gap_before(workspace: Workspace, first: datetime | None, newest: datetime) -> None:
    if first is None or first >= newest:
        return
    if first not in closed_windows(workspace.lake):
        raise UsageError(
            f"--from {first.isoformat()} lies before the newest closed window, {newest.isoformat()}, and was never "
            "closed; windows close in order: leave --from out to go on, or use another --root"
        )


def _announce(workspace: Workspace, closes: Sequence[datetime], newest: datetime | None) -> None:
    """Tell that the first windows of a run are ready, unless a run before told it and came no further."""
    if not closes:
        return
    lake, window_end = workspace.lake, F.col("window_end")
    is_open = window_end.isNotNull() if newest is None else window_end > F.lit(newest)
    ticks = read_table(lake, CLOCK_TICKS).where(is_open)
    told = sorted({row["window_end"] for row in rows_of(ticks.select("window_end"))})
    for begun, close in zip(told, closes, strict=False):
        if begun != close:
            # One that is told and not ours would be closed together with ours, and released after it or never; one of
            # ours that comes before it would wait for ever.
            raise UsageError(
                f"windows close in order, and an earlier run has begun the one of {begun.isoformat()} where this run "
                f"would close that of {close.isoformat()}: go on with the --from and the `decision_window` of that "
                "run, or choose another folder with --root"
            )
    first = closes[len(told) : TOLD_AHEAD]
    if first:
        rows = tick_rows([_ready(workspace, close) for close in first], is_live=False)
        append_once(lake, CLOCK_TICKS, rows, "close", epoch_minutes(first[-1]))


def _ready(workspace: Workspace, close: datetime) -> Tick:
    """The tick that makes a window due."""
    return instant_of(instant_micros(close) + workspace.brand.settings.decision_window.grace.micros), close


def _settle(
    workspace: Workspace,
    followers: Mapping[str, Follower],
    close: datetime,
    later: datetime | None,
    label: str,
    progress: Progress,
) -> None:
    """Decide a closed window and release it, and tell that a later one is ready."""
    progress(f"{label}: decisions")
    # All slots that a send can have are known beforehand; those that they have would be read out of the ledger.
    ready_at, _ = _ready(workspace, close)
    hours = (one.hours for one in workspace.brand.settings.channels.values())
    ticks: list[Tick] = [(instant_of(slot), None) for slot in possible_slots(instant_micros(ready_at), hours)]
    if later is not None:
        ticks.append(_ready(workspace, later))
    followers["decide"].drain()
    progress(f"{label}: release")
    append_once(workspace.lake, CLOCK_TICKS, tick_rows(ticks, is_live=False), "slots", epoch_minutes(close))
    followers["release"].drain()
