"""The clock of a stream: says which windows are due, and when sends may go, into a table that everything follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa
from pyspark.sql import functions as F

from ceasefire.config.brand import BrandSettings, DecisionWindow
from ceasefire.config.schedule import last_close_at_or_before, window_closes
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.pipelines.due_closes import Known, reason_to_wait
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import Lake, append_once, read_table, remembered, rows_of, table_version
from ceasefire.tables import CLOCK_TICKS, EVENTS

TICK_EVERY = timedelta(minutes=15)
"""A slot is a whole hour of somebody's clock, and every zone is a multiple of this away from UTC."""

Tick = tuple[datetime, datetime | None]
"""When, and the close that it makes due, if it does."""


@dataclass(frozen=True)
class Ticked:
    """How far the clock has come.

    Attributes:
        at: its newest live tick; None before the first.
        window_end: the newest close that it made due; None before the first.
        accepted: what it showed when a person accepted that; None without one.
        waits: why it makes nothing due although the wall clock says so; empty when it does not wait.
        told_at: when it last told that it waits, or goes on.
        newest_event: the newest accepted event when it was last asked for.
    """

    at: datetime | None
    window_end: datetime | None
    accepted: datetime | None = None
    waits: str = ""
    told_at: datetime | None = None
    newest_event: datetime | None = None


def due_ticks(ticked: Ticked, now: datetime, window: DecisionWindow, zone: str, may_close: bool = True) -> list[Tick]:
    """The ticks that are due, in order, all at the present instant: nothing is judged as of a time that has passed.

    Each close whose grace is over is due once, in order, however long the clock stood still; before the first, the
    newest alone. Between closes a tick is due when a quarter of an hour has begun since the newest one.

    Args:
        ticked: how far the clock has come.
        now: the present instant.
        window: when windows close.
        zone: of the brand's clock.
        may_close: whether there is anything to close a window about.
    """
    after = None if ticked.window_end is None else instant_micros(ticked.window_end)
    closes = window_closes(after, instant_micros(now) - window.grace.micros, window.at, zone)
    if closes and may_close:
        # A tick's instant is its key.
        return [(now + number * timedelta.resolution, instant_of(close)) for number, close in enumerate(closes)]
    # A clock that was put right goes on at once, and not only when it comes to where it had been.
    if ticked.at is None or quarter_of(ticked.at) != quarter_of(now):
        return [(now, None)]
    return []


def quarter_of(instant: datetime) -> datetime:
    """The beginning of the quarter of an hour that an instant lies in."""
    return instant - timedelta(microseconds=instant_micros(instant) % (TICK_EVERY // timedelta(microseconds=1)))


def next_close(now: datetime, window: DecisionWindow, zone: str) -> datetime:
    """The first close after an instant."""
    after = last_close_at_or_before(instant_micros(now), window.at, zone)
    return instant_of(window_closes(after, after + 3 * 24 * 3600 * 1_000_000, window.at, zone)[0])


def newest_ticks(workspace: Workspace) -> Ticked:
    """How far the clock has come, as its table says.

    Ticks of a replay tell of slots that may lie ahead of the present: they do not let the clock wait for them.
    """
    (newest,) = rows_of(
        read_table(workspace.lake, CLOCK_TICKS).agg(
            F.max(F.when(F.col("is_live"), F.col("tick_at"))).alias("tick_at"),
            F.max("window_end").alias("window_end"),
        )
    )
    return Ticked(newest["tick_at"], newest["window_end"])


def tick(workspace: Workspace, ticked: Ticked) -> Ticked:
    """Write the ticks that are due now; how far the clock has come then.

    No window closes before anything has happened: a brand's first events may still be on their way. While the clock
    shows a time that `reason_to_wait` does not believe, nothing is written: nothing closes and nothing is released.
    """
    lake, settings, now = workspace.lake, workspace.brand.settings, workspace.clock.now()
    may_close = ticked.window_end is not None or not read_table(lake, EVENTS).isEmpty()
    due, after = planned_ticks(
        ticked, now, settings, may_close, lambda: _newest_event(lake), accepts_gap=workspace.accepts_gap
    )
    if after.told_at != ticked.told_at:
        event = "waiting" if after.waits else "going_on"
        workspace.notice({"event": event, "query": f"{lake.brand}_clock", "at": now, "says": after.waits})
    if due:
        # Versions must grow, and a clock may be set back: the table's own do.
        append_once(lake, CLOCK_TICKS, tick_rows(due, is_live=True), "present", table_version(lake, CLOCK_TICKS))
    return after


def planned_ticks(
    ticked: Ticked,
    now: datetime,
    settings: BrandSettings,
    may_close: bool,
    newest_event: Callable[[], datetime | None],
    accepts_gap: bool = False,
) -> tuple[list[Tick], Ticked]:
    """Return the ticks to write now, none while the clock is not believed, and how far it has come with them.

    Args:
        ticked: how far the clock has come.
        now: what it shows.
        settings: of the brand.
        may_close: whether there is anything to close a window about.
        newest_event: finds the instant of the newest accepted event; asked when a close is due, and while the clock
            waits once in a quarter of an hour.
        accepts_gap: whether a person has accepted what the clock shows at the first look; it says nothing of a later
            jump.
    """
    due = due_ticks(ticked, now, settings.decision_window, settings.time_zone, may_close)
    closes = [close for _, close in due if close is not None]
    if accepts_gap and ticked.accepted is None:
        ticked = replace(ticked, accepted=now)
    is_new_quarter = ticked.told_at is None or quarter_of(ticked.told_at) != quarter_of(now)
    if closes and (not ticked.waits or is_new_quarter):
        ticked = replace(ticked, newest_event=newest_event())
    known = Known(ticked.window_end, ticked.newest_event, ticked.accepted)
    waits = reason_to_wait(closes, known, now, settings)
    if bool(waits) != bool(ticked.waits) or (waits and is_new_quarter):
        ticked = replace(ticked, told_at=now)
    ticked = replace(ticked, waits=waits)
    if waits or not due:
        return [], ticked
    at, window_end = due[-1]
    return due, replace(ticked, at=at, window_end=window_end or ticked.window_end)


def _newest_event(lake: Lake) -> datetime | None:
    """The instant of the newest accepted event."""

    def ask() -> datetime | None:
        (newest,) = rows_of(read_table(lake, EVENTS).agg(F.max("event_at").alias("event_at")))
        found: datetime | None = newest["event_at"]
        return found

    return remembered(lake, "newest event", [EVENTS], ask)


def tick_rows(ticks: list[Tick], is_live: bool) -> pa.Table:
    """Rows of clock_ticks."""
    rows = [{"tick_at": at, "window_end": window_end, "is_live": is_live} for at, window_end in ticks]
    return pa.Table.from_pylist(rows, schema=CLOCK_TICKS.arrow_schema)
