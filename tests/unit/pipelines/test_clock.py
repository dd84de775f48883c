"""The clock of a stream: which ticks are due, however it was started, stopped and put off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.config.brand import DecisionWindow
from ceasefire.pipelines.clock import TICK_EVERY, Tick, Ticked, due_ticks, next_close, quarter_of, tick_rows
from wall_clocks import clock_of

ZONE = "America/New_York"
WINDOW = DecisionWindow.model_validate({"at": "06:00", "grace": "30m"})
MONDAY_SIX = datetime(2026, 3, 2, 11, tzinfo=UTC)  # 06:00 in New York
DAY = timedelta(days=1)
NEVER = Ticked(None, None)

instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda one: one.replace(tzinfo=UTC))
waits = st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), min_size=1, max_size=12)


def after(ticked: Ticked, ticks: list[Tick]) -> Ticked:
    closes = [close for _, close in ticks if close is not None]
    return Ticked(ticks[-1][0] if ticks else ticked.at, closes[-1] if closes else ticked.window_end)


def test_a_window_is_due_when_its_grace_is_over_and_not_before() -> None:
    yesterday = Ticked(MONDAY_SIX, MONDAY_SIX - DAY)

    early = due_ticks(yesterday, MONDAY_SIX + timedelta(minutes=29), WINDOW, ZONE)
    late = due_ticks(yesterday, MONDAY_SIX + timedelta(minutes=30), WINDOW, ZONE)

    assert [close for _, close in early] == [None]
    assert late == [(MONDAY_SIX + timedelta(minutes=30), MONDAY_SIX)]


def test_a_clock_that_never_ticked_makes_the_newest_window_due_and_no_older_one() -> None:
    now = MONDAY_SIX + timedelta(hours=5)

    assert due_ticks(NEVER, now, WINDOW, ZONE) == [(now, MONDAY_SIX)]


def test_while_there_is_nothing_to_decide_about_it_only_shows_the_time() -> None:
    now = MONDAY_SIX + timedelta(hours=5)

    assert due_ticks(NEVER, now, WINDOW, ZONE, may_close=False) == [(now, None)]
    assert due_ticks(Ticked(now, None), now + timedelta(seconds=1), WINDOW, ZONE, may_close=False) == []


def test_windows_that_were_missed_are_due_in_order_and_all_as_of_now() -> None:
    now = MONDAY_SIX + timedelta(hours=5)

    ticks = due_ticks(Ticked(MONDAY_SIX - 3 * DAY, MONDAY_SIX - 3 * DAY), now, WINDOW, ZONE)

    assert [close for _, close in ticks] == [MONDAY_SIX - 2 * DAY, MONDAY_SIX - DAY, MONDAY_SIX]
    assert [at - now for at, _ in ticks] == [number * timedelta.resolution for number in range(3)]


def test_between_closes_it_ticks_once_in_each_quarter_of_an_hour() -> None:
    ticked, ticks = Ticked(MONDAY_SIX + timedelta(minutes=40), MONDAY_SIX), []
    for second in range(40 * 60, 3 * 3600, 7):
        due = due_ticks(ticked, MONDAY_SIX + timedelta(seconds=second), WINDOW, ZONE)
        ticked = after(ticked, due)
        ticks += due

    assert all(close is None for _, close in ticks)
    assert [quarter_of(at) for at, _ in ticks] == [MONDAY_SIX + TICK_EVERY * number for number in range(3, 12)]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Eucla", "Asia/Kolkata", "Pacific/Chatham", ZONE])
def test_every_whole_local_hour_begins_a_quarter(zone: str) -> None:
    for day in range(0, 365, 13):
        hour = datetime(2026, 1, 1, 8, tzinfo=clock_of(zone)) + day * DAY
        assert quarter_of(hour.astimezone(UTC)) == hour


@given(instants, waits)
def test_however_it_is_woken_every_window_is_due_exactly_once_and_in_order(
    start: datetime, waits: list[timedelta]
) -> None:
    ticked, closes, now = NEVER, [], start
    for wait in waits:
        now += wait
        due = due_ticks(ticked, now, WINDOW, ZONE)
        assert all(now <= at < now + timedelta(milliseconds=1) for at, _ in due)
        ticked = after(ticked, due)
        closes += [close for _, close in due if close is not None]

    # one for each local day, none left out
    days = [close.astimezone(clock_of(ZONE)).date() for close in closes]
    assert days == [days[0] + number * DAY for number in range(len(days))]
    # and none that is over is missing
    assert closes[-1] + timedelta(minutes=30) <= now < closes[-1] + timedelta(days=1, hours=1, minutes=30)


def test_the_next_close_is_told_across_the_change_to_summer_time() -> None:
    saturday_noon = datetime(2026, 3, 7, 17, tzinfo=UTC)

    assert next_close(saturday_noon, WINDOW, ZONE) == datetime(2026, 3, 8, 10, tzinfo=UTC)


def test_rows_say_whether_the_clock_showed_the_present() -> None:
    rows = tick_rows([(MONDAY_SIX, None)], is_live=True).to_pylist()

    assert rows == [{"tick_at": MONDAY_SIX, "window_end": None, "is_live": True}]
