"""Which closes a run settles and a stream makes due, whatever the clock shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.config.brand import BrandSettings
from ceasefire.errors import UsageError
from ceasefire.pipelines.clock import Tick, Ticked, planned_ticks
from ceasefire.pipelines.due_closes import Known, reason_to_wait, refuse_ahead, refuse_no_close, whole_closes
from unit.pipelines.shop import shop

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)
NEVER = Ticked(None, None)


def settings(max_gap: str = "3d", zone: str = "UTC") -> BrandSettings:
    window = {"at": "06:00", "grace": "30m", "max_gap": max_gap}
    return shop([], decision_window=window, time_zone=zone).brand.settings


SHOP = settings()


def played(
    start: Ticked, instants: Iterable[datetime], newest_event: Callable[[], datetime | None], accepts_gap: bool = False
) -> tuple[list[Tick], Ticked]:
    """What a clock that shows these instants writes, and how far it comes."""
    ticks, ticked = [], start
    for instant in instants:
        due, ticked = planned_ticks(ticked, instant, SHOP, True, newest_event, accepts_gap)
        ticks += due
    return ticks, ticked


def closes_of(ticks: list[Tick]) -> list[datetime]:
    return [close for _, close in ticks if close is not None]


# A run


@pytest.mark.parametrize(("option", "first", "until"), [("--from", SIX, None), ("--until", None, SIX)])
def test_a_run_refuses_an_instant_ahead_of_the_clock_by_the_name_of_its_option(
    option: str, first: datetime | None, until: datetime | None
) -> None:
    now = SIX - timedelta(microseconds=1)

    with pytest.raises(UsageError, match=rf"^{option} 2026-03-02T06:00:00\+00:00 lies ahead of the clock, which shows"):
        refuse_ahead(first, until, now)
    refuse_ahead(first, until, SIX)


def test_of_two_options_that_lie_ahead_both_are_named() -> None:
    with pytest.raises(UsageError, match=r"^--from .*; --until .* lies ahead"):
        refuse_ahead(SIX, SIX + DAY, SIX - DAY)


def test_no_run_settles_a_close_before_its_grace_is_over_whatever_it_is_told() -> None:
    until, ready = SIX + DAY, SIX + DAY + 30 * MINUTE

    assert whole_closes(SIX, None, until, ready - MINUTE, SHOP) == []
    assert whole_closes(SIX, None, until, ready, SHOP) == [SIX + DAY]
    assert whole_closes(None, SIX, until, ready - MINUTE, SHOP) == [SIX]
    assert whole_closes(None, None, until, ready - MINUTE, SHOP) == [SIX]


def test_a_run_closes_all_that_is_due_after_an_outage_however_long() -> None:
    assert len(whole_closes(SIX, None, SIX + 40 * DAY, SIX + 50 * DAY, SHOP)) == 40


def test_a_first_close_that_is_none_is_refused_with_the_close_before_it() -> None:
    with pytest.raises(UsageError, match=r"--from .* is no close .* before it is 2026-03-02T06:00:00\+00:00"):
        refuse_no_close(SIX + HOUR, SHOP)


@given(
    st.integers(0, 60).map(lambda days: SIX + days * DAY),
    st.timedeltas(-60 * DAY, 60 * DAY),
    st.timedeltas(-60 * DAY, 60 * DAY),
)
def test_every_close_that_a_run_settles_has_come_with_its_grace(
    newest: datetime, end: timedelta, now: timedelta
) -> None:
    closes = whole_closes(newest, None, SIX + end, SIX + now, SHOP)

    assert all(newest < close <= SIX + end and close + 30 * MINUTE <= SIX + now for close in closes)


# A stream


def test_a_clock_that_jumps_ahead_closes_nothing_and_says_so_with_what_to_do() -> None:
    now = SIX + 41 * DAY + HOUR

    ticks, ticked = played(
        Ticked(SIX, SIX), (now + second * timedelta(seconds=1) for second in range(120)), lambda: SIX
    )

    assert ticks == []
    assert ticked.window_end == SIX
    assert "41 days with 41 windows, more than `decision_window.max_gap: 3d` allows" in ticked.waits
    assert "--accept-gap" in ticked.waits
    assert "`ceasefire run`" in ticked.waits


def test_a_clock_that_steps_a_day_at_each_look_stops_before_the_next_event_could_be_too_late() -> None:
    steps = (SIX + HOUR + number * DAY for number in range(33))

    ticks, ticked = played(NEVER, steps, lambda: SIX)

    assert closes_of(ticks)[-1] - SIX <= timedelta(days=30)
    assert "the newest event is of Mon 2026-03-02 06:00 UTC, more than `late_horizon: 30d`" in ticked.waits


def test_a_clock_that_is_put_right_goes_on_where_it_was_and_tells_so_once() -> None:
    before = Ticked(SIX + HOUR, SIX)
    _, jumped = played(before, [SIX + 41 * DAY], lambda: SIX)

    ticks, ticked = played(jumped, [SIX + 2 * HOUR, SIX + DAY + HOUR], lambda: SIX)

    assert jumped.waits
    assert [close for _, close in ticks] == [None, SIX + DAY]
    assert ticked.waits == ""
    assert ticked.told_at == SIX + 2 * HOUR


def test_a_clock_that_showed_a_later_time_and_was_put_right_ticks_on_at_once() -> None:
    two_days_ahead = Ticked(SIX + 2 * DAY, SIX + 2 * DAY)

    ticks, _ = played(two_days_ahead, [SIX + HOUR, SIX + HOUR + MINUTE, SIX + HOUR + 15 * MINUTE], lambda: SIX)

    assert ticks == [(SIX + HOUR, None), (SIX + HOUR + 15 * MINUTE, None)]


def test_an_accepted_gap_closes_what_was_due_then_and_a_later_jump_waits_again() -> None:
    now = SIX + 7 * DAY + HOUR
    ticks, ticked = played(Ticked(SIX, SIX), [now], lambda: now, accepts_gap=True)
    assert closes_of(ticks) == [SIX + number * DAY for number in range(1, 8)]

    later, waiting = played(ticked, [now + 20 * DAY], lambda: now, accepts_gap=True)

    assert later == []
    assert waiting.waits


def test_what_is_accepted_at_the_start_says_nothing_of_a_jump_that_comes_later() -> None:
    _, ticked = played(Ticked(SIX, SIX), [SIX + HOUR], lambda: SIX, accepts_gap=True)

    ticks, waiting = played(ticked, [SIX + 41 * DAY], lambda: SIX, accepts_gap=True)

    assert ticks == []
    assert waiting.waits


def test_whoever_accepts_that_events_are_old_is_not_asked_again_every_day() -> None:
    start = SIX + 3_000 * DAY

    ticks, _ = played(NEVER, (start + HOUR + number * DAY for number in range(20)), lambda: SIX, accepts_gap=True)

    assert closes_of(ticks) == [start + number * DAY for number in range(20)]


def test_while_it_waits_it_tells_and_asks_for_events_once_in_a_quarter_of_an_hour() -> None:
    asked: list[datetime] = []
    ticked, told = Ticked(SIX, SIX), set()
    for second in range(0, 3600, 10):
        now = SIX + 41 * DAY + second * timedelta(seconds=1)
        _, ticked = planned_ticks(ticked, now, SHOP, True, lambda now=now: asked.append(now))  # type: ignore[misc]
        told.add(ticked.told_at)

    assert len(asked) == len(told) == 4


def test_events_that_come_again_let_a_quiet_brand_go_on() -> None:
    known = Known(SIX, SIX - 40 * DAY)
    now = SIX + DAY + HOUR

    assert reason_to_wait([SIX + DAY], known, now, SHOP)
    assert reason_to_wait([SIX + DAY], Known(SIX, SIX), now, SHOP) == ""


def test_a_first_window_far_from_every_event_waits_for_a_person_too() -> None:
    far = datetime(2030, 1, 1, 7, tzinfo=UTC)

    ticks, ticked = played(NEVER, [far], lambda: SIX)
    assert ticks == []
    assert "set it right" in ticked.waits

    accepted, _ = played(NEVER, [far], lambda: SIX, accepts_gap=True)
    assert len(closes_of(accepted)) == 1


def test_the_gap_is_counted_in_local_days_and_not_in_hours() -> None:
    # three days over the end of summer time are 73 hours
    berlin = settings(zone="Europe/Berlin")
    before, after = datetime(2026, 10, 23, 4, tzinfo=UTC), datetime(2026, 10, 26, 5, tzinfo=UTC)
    assert after - before == 73 * HOUR

    assert reason_to_wait([after], Known(before, before), after + HOUR, berlin) == ""


@pytest.mark.parametrize(("max_gap", "waits"), [("6d", True), ("7d", False)])
def test_a_declared_gap_is_what_an_outage_may_last(max_gap: str, waits: bool) -> None:
    closes = [SIX + number * DAY for number in range(1, 8)]
    now = closes[-1] + HOUR

    assert bool(reason_to_wait(closes, Known(SIX, now), now, settings(max_gap))) is waits
