from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.schedule import clock_hour_at, day_number, last_close_at_or_before, local_time, window_closes
from wall_clocks import clock_of

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Nuuk",
    "Africa/Cairo",
    "Pacific/Apia",
    "America/St_Johns",
    "UTC",
)
NEAR_A_CHANGE = (
    datetime(2024, 3, 10, tzinfo=UTC),
    datetime(2024, 11, 3, tzinfo=UTC),
    datetime(2024, 3, 31, tzinfo=UTC),
    datetime(2024, 10, 27, tzinfo=UTC),
    datetime(2024, 10, 6, tzinfo=UTC),
    datetime(2024, 4, 7, tzinfo=UTC),
    datetime(2024, 4, 26, tzinfo=UTC),
    datetime(2011, 12, 30, tzinfo=UTC),
    datetime(2010, 11, 7, tzinfo=UTC),
)


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_a_window_closes_every_day_at_the_same_hour_of_the_brands_clock_though_the_offset_changes() -> None:
    closes = window_closes(utc("2024-03-09T12:00"), utc("2024-03-12T00:00"), 6, "America/New_York")

    assert closes == [utc("2024-03-10T10:00"), utc("2024-03-11T10:00")]


def test_the_lower_bound_is_excluded_and_the_upper_one_included() -> None:
    first, second = utc("2024-01-10T06:00"), utc("2024-01-11T06:00")

    assert window_closes(first, second, 6, "UTC") == [second]
    assert window_closes(first, second - 1, 6, "UTC") == []


def test_before_anything_has_closed_only_the_newest_close_counts() -> None:
    assert window_closes(None, utc("2024-01-11T05:59"), 6, "UTC") == [utc("2024-01-10T06:00")]


def test_an_hour_that_the_clock_skips_closes_at_the_first_instant_after_the_gap() -> None:
    closes = window_closes(utc("2024-03-09T12:00"), utc("2024-03-11T12:00"), 2, "America/New_York")

    assert closes == [utc("2024-03-10T07:00"), utc("2024-03-11T06:00")]


def test_a_skipped_hour_at_the_end_of_a_day_closes_that_day_at_midnight() -> None:
    # Nuuk went from 22:59:59 to midnight on the evening of that Saturday.
    closes = window_closes(utc("2024-03-30T12:00"), utc("2024-04-01T12:00"), 23, "America/Nuuk")

    assert [local_time(close, "America/Nuuk").strftime("%d %H:%M") for close in closes] == ["31 00:00", "31 23:00"]


def test_an_hour_that_comes_twice_closes_once_at_its_first_occurrence() -> None:
    closes = window_closes(utc("2024-11-02T12:00"), utc("2024-11-03T23:00"), 1, "America/New_York")

    assert closes == [utc("2024-11-03T05:00")]


def test_a_day_that_a_zone_leaves_out_closes_nothing() -> None:
    closes = window_closes(utc("2011-12-28T00:00"), utc("2011-12-31T12:00"), 6, "Pacific/Apia")

    assert [local_time(close, "Pacific/Apia").date().day for close in closes] == [28, 29, 31]


def test_a_close_counts_though_the_clock_goes_back_over_midnight_to_the_day_before() -> None:
    # St. John's went from one past midnight back to 23:01 of the day before.
    midnight, half_an_hour_later = utc("2010-11-07T02:30"), utc("2010-11-07T03:00")

    assert local_time(half_an_hour_later, "America/St_Johns").date().day == 6
    assert window_closes(midnight - 1, half_an_hour_later, 0, "America/St_Johns") == [midnight]
    assert last_close_at_or_before(half_an_hour_later, 0, "America/St_Johns") == midnight


def test_a_half_hour_gap_moves_the_close_by_half_an_hour() -> None:
    # Lord Howe goes from 01:59:59 to 02:30.
    closes = window_closes(utc("2024-10-05T00:00"), utc("2024-10-06T00:00"), 2, "Australia/Lord_Howe")

    assert [local_time(close, "Australia/Lord_Howe").strftime("%d %H:%M") for close in closes] == ["06 02:30"]


def test_a_close_that_is_due_this_very_instant_is_the_last_one() -> None:
    close = utc("2024-06-01T10:00")

    assert last_close_at_or_before(close, 6, "America/New_York") == close
    assert last_close_at_or_before(close - 1, 6, "America/New_York") == utc("2024-05-31T10:00")


def test_a_clock_never_shows_an_hour_that_it_skips() -> None:
    assert clock_hour_at(date(2024, 3, 10), 2, "America/New_York") is None
    assert clock_hour_at(date(2024, 3, 10), 3, "America/New_York") == utc("2024-03-10T07:00")
    assert clock_hour_at(date(2011, 12, 30), 12, "Pacific/Apia") is None


@pytest.mark.parametrize(
    ("day", "number"), [(date(1970, 1, 1), 0), (date(1969, 12, 31), -1), (date(2024, 2, 29), 19782)]
)
def test_days_are_numbered_from_1970(day: date, number: int) -> None:
    assert day_number(day) == number


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    start=st.sampled_from(NEAR_A_CHANGE),
    after=st.integers(-4 * 96, 4 * 96),
    length=st.integers(0, 5 * 96),
)
@settings(max_examples=60)
def test_closes_are_the_first_quarter_hours_at_which_the_clock_reaches_the_hour(
    zone: str, hour: int, start: datetime, after: int, length: int
) -> None:
    quarter = timedelta(minutes=15)
    lower = start + after * quarter
    upper = lower + length * quarter

    # A quarter hour closes a day when it is the first one of which the clock shows that day, at the hour or past it,
    # or a later day: a calendar day that has been on the clock closes at the latest when the clock leaves it.
    expected, seen, closed = [], set(), set()
    moment = lower - timedelta(days=3)
    while moment <= upper:
        shown = moment.astimezone(clock_of(zone))
        seen.add(shown.date())
        for day in sorted(seen - closed):
            if shown.replace(tzinfo=None) >= datetime(day.year, day.month, day.day, hour):
                closed.add(day)
                if lower < moment:
                    expected.append(moment)
        moment += quarter

    closes = window_closes(round(lower.timestamp()) * 1_000_000, round(upper.timestamp()) * 1_000_000, hour, zone)
    assert closes == [round(moment.timestamp()) * 1_000_000 for moment in expected]
