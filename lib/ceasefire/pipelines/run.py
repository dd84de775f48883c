"""The four jobs and the clock in one process: drain the input, close every due window, release, end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from pyspark.sql import functions as F

from ceasefire.arbitration.slots import possible_slots
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.errors import UsageError
from ceasefire.pipelines.clock import Tick, tick_rows
from ceasefire.pipelines.decide import start_decide
from ceasefire.pipelines.due_closes import refuse_ahead, refuse_no_close, whole_closes
from ceasefire.pipelines.features import start_features
from ceasefire.pipelines.holding import tick_for_mended
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.pins import pin_key
from ceasefire.pipelines.release import start_release
from ceasefire.pipelines.streams import Follower
from ceasefire.pipelines.turns import NotItsTurnError, Turns
from ceasefire.pipelines.windows import closed_windows, epoch_minutes, newest_close
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import append_once, create_tables, read_table, rows_of, table_version
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
        repaired: how many rows were taken in otherwise than they came, by reason.
    """

    closes: tuple[datetime, ...]
    taken_in: Mapping[str, int]
    damaged: tuple[str, ...] = ()
    repaired: Mapping[str, int] = field(default_factory=dict)


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
    as_of_slot: bool = False,
) -> Ran:
    """Take in everything at `source`, close and decide every due window in order, and release at each slot.

    Args:
        workspace: the brand at work.
        source: folder, file or topic of events.
        first: first close, when nothing is closed yet; None: the newest whole one alone.
        until: no close after it; None: the last whole close at or before the newest event. It never bounds ingest.
            Whatever it says, no window is closed before its grace is over by the clock of the workspace.
        progress: told in a few words what is being done.
        before_windows: done once everything is taken in and nothing of it is decided.
        examine: whether the rows of the first window and of the last are checked before anything of them is released.
        as_of_slot: replay: judge hours and expiry of each send as of its slot, and not as of now. Consent is taken as
            it is known now all the same. For demos, tests and analysts: what lies behind the present must not be sent.

    Raises:
        UsageError: there is no such source, or `first` is no close, or lies before the newest one; or an earlier run
            ended amid a window that is not the first of these; or `first` or `until` lies ahead of the clock.
    """
    lake = workspace.lake
    refuse_ahead(first, until, workspace.clock.now())
    progress("opening the tables")
    create_tables(lake, ALL_TABLES)
    pin_key(workspace)
    taken_in: Counter[str] = Counter()
    damaged: Counter[str] = Counter()
    repaired: Counter[str] = Counter()

    def count(query: str, batch_id: int, figures: Figures) -> None:
        taken_in.update(figures.counts.get("intake", {}))
        damaged.update(figures.counts.get("damaged", {}))
        repaired.update(figures.counts.get("repaired", {}))
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

    def settle(close: datetime, later: datetime | None, label: str) -> None:
        _settle(workspace, followers, close, later, label, progress, as_of_slot)

    try:
        followers["features"] = start_features(replace(workspace, turn=turns.turn), once=False)
        followers["decide"] = start_decide(workspace, once=False)
        followers["release"] = start_release(workspace, once=False)
        # A run that was interrupted may have left the newest window decided and not released.
        begun = newest_close(lake)
        if begun is not None:
            settle(begun, None, "finishing the newest window")
            # Until this run had the locks, another one may have closed some.
            closes = [close for close in closes if close > begun]
        _announce(workspace, closes, begun)
        for number, close in enumerate(closes, start=1):
            label = f"window {number} of {len(closes)}"
            progress(f"{label}: features")
            turns.call(close, followers["features"].has_ended)
            later = next(iter(closes[number - 1 + TOLD_AHEAD :]), None)
            settle(close, later, label)
        tick_for_mended(workspace)
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
    return Ran(tuple(closes), taken_in, tuple(damaged), repaired)


def due_closes(workspace: Workspace, first: datetime | None, until: datetime | None) -> list[datetime]:
    """The closes that a run has to settle: after the newest closed one, in order, and none whose grace is not over."""
    lake, settings = workspace.lake, workspace.brand.settings
    newest = newest_close(lake)
    # An opt-out that counts from its arrival on says nothing of how new the events are.
    as_told = read_table(lake, EVENTS).where(F.col("repairs").isNull() | (F.col("event_at") != F.col("ingested_at")))
    (last_event,) = rows_of(as_told.agg(F.max("event_at").alias("event_at")))
    if last_event["event_at"] is None:
        return []
    if first is not None:
        refuse_no_close(first, settings)
    if newest is not None:
        _refuse_gap_before(workspace, first, newest)
    end = until if until is not None else last_event["event_at"]
    return whole_closes(newest, first, end, workspace.clock.now(), settings)


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
    as_of_slot: bool,
) -> None:
    """Decide a closed window, tell that a later one is ready, and release what may go: now, or as of each slot."""
    lake = workspace.lake
    progress(f"{label}: decisions")
    ready_at, _ = _ready(workspace, close)
    ticks = [] if later is None else [_ready(workspace, later)]
    step, version = "slots", epoch_minutes(close)
    if as_of_slot:
        # All slots that a send can have are known beforehand; those that they have would be read out of the ledger.
        hours = (channel.hours for channel in workspace.brand.settings.channels.values())
        slots = possible_slots(instant_micros(ready_at), hours)
        now = workspace.clock.now()
        ticks += [(instant_of(slot), None) for slot in slots if instant_of(slot) <= now]
        if instant_of(slots[-1]) > now:
            # What lies ahead is told by a later run, which tells all slots of the window once more.
            step, version = "slots so far", epoch_minutes(now)
    followers["decide"].drain()
    progress(f"{label}: release")
    if ticks:
        append_once(lake, CLOCK_TICKS, tick_rows(ticks, is_live=False), step, version)
    if not as_of_slot:
        present = tick_rows([(workspace.clock.now(), None)], is_live=True)
        append_once(lake, CLOCK_TICKS, present, "present", table_version(lake, CLOCK_TICKS))
    followers["release"].drain()
