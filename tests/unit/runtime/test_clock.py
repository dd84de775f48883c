from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ceasefire.runtime.clock import Clock, FixedClock, WallClock

BERLIN_SUMMER = timezone(timedelta(hours=2))


def test_the_wall_clock_goes_forward_in_utc() -> None:
    clock: Clock = WallClock()

    earlier, later = clock.now(), clock.now()

    assert earlier <= later
    assert earlier.tzinfo is UTC


def test_a_fixed_clock_shows_its_instant_in_utc() -> None:
    clock: Clock = FixedClock(datetime(2026, 6, 1, 8, 0, tzinfo=BERLIN_SUMMER))

    assert clock.now().isoformat() == "2026-06-01T06:00:00+00:00"
    assert clock.now() == clock.now()


def test_a_fixed_clock_refuses_an_instant_without_a_zone() -> None:
    with pytest.raises(ValueError, match="needs an aware instant, got 2026-06-01T08:00:00"):
        FixedClock(datetime(2026, 6, 1, 8, 0))
