from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.arbitration.slots import local_dates, possible_slots, slots_of, zone_codes
from ceasefire.config.schedule import next_slot
from ceasefire.config.units import LocalHours
from wall_clocks import PACKAGED_ZONES, clock_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYTIME = LocalHours(8, 21)
ALWAYS = LocalHours(0, 24)
CHANGES = {
    "America/New_York": ("2024-03-10", "2024-11-03"),
    "Europe/Berlin": ("2024-03-31", "2024-10-27"),
    "Australia/Lord_Howe": ("2024-10-05", "2024-04-06"),
    "Africa/Cairo": ("2024-04-26", "2024-10-31"),
    "America/Nuuk": ("2024-03-31", "2024-10-27"),
    "Asia/Kolkata": ("2024-03-31",),
    "Asia/Kathmandu": ("2024-03-31",),
    "Pacific/Apia": ("2011-12-30", "2011-09-24"),
    "Asia/Pyongyang": ("2015-08-14", "2018-05-04"),
}


def utc(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("ready", "zone", "slot"),
    [
        ("2024-06-01T10:30", "Europe/Berlin", "2024-06-01T11:00"),
        ("2024-06-01T11:00", "Europe/Berlin", "2024-06-01T11:00"),
        ("2024-06-01T18:00", "Europe/Berlin", "2024-06-01T18:00"),
        ("2024-06-01T18:01", "Europe/Berlin", "2024-06-02T06:00"),
        ("2024-06-01T03:00", "Europe/Berlin", "2024-06-01T06:00"),
        ("2024-06-01T10:30", "Asia/Kolkata", "2024-06-01T10:30"),
        ("2024-06-01T10:31", "Asia/Kolkata", "2024-06-01T11:30"),
        ("2024-06-01T10:31", "Asia/Kathmandu", "2024-06-01T11:15"),
        ("2024-06-01T02:00", "Australia/Lord_Howe", "2024-06-01T02:30"),
        ("2024-12-01T02:00", "Australia/Lord_Howe", "2024-12-01T02:00"),
    ],
)
def test_the_slot_is_the_first_whole_hour_of_the_customers_clock_within_the_channels_hours(
    ready: str, zone: str, slot: str
) -> None:
    assert next_slot(utc(ready), zone, DAYTIME) == utc(slot)


def test_a_slot_stays_at_eight_in_the_morning_when_the_clock_changes() -> None:
    assert next_slot(utc("2024-03-10T02:00"), "America/New_York", DAYTIME) == utc("2024-03-10T12:00")
    assert next_slot(utc("2024-11-03T02:00"), "America/New_York", DAYTIME) == utc("2024-11-03T13:00")


def test_an_hour_that_does_not_exist_is_no_slot() -> None:
    night = LocalHours(2, 3)

    assert next_slot(utc("2024-03-10T06:30"), "America/New_York", night) == utc("2024-03-11T06:00")


def test_an_hour_that_comes_twice_is_a_slot_at_its_first_occurrence_only() -> None:
    night = LocalHours(1, 2)

    assert next_slot(utc("2024-11-03T04:59"), "America/New_York", night) == utc("2024-11-03T05:00")
    assert next_slot(utc("2024-11-03T05:01"), "America/New_York", night) == utc("2024-11-04T06:00")


def test_a_day_that_a_zone_leaves_out_has_no_slots() -> None:
    # Apia went from the evening of the 29th, ten hours behind UTC, straight to the 31st, fourteen ahead.
    assert next_slot(utc("2011-12-30T08:00"), "Pacific/Apia", DAYTIME) == utc("2011-12-30T18:00")


@given(
    where=st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days]),
    minutes=st.integers(-2 * 1440, 2 * 1440),
    micros=st.sampled_from([0, 1, 59_999_999]),
    first=st.integers(0, 23),
    length=st.integers(1, 24),
)
@settings(max_examples=100)
def test_a_slot_is_what_walking_the_clock_by_quarter_hours_finds(
    where: tuple[str, str], minutes: int, micros: int, first: int, length: int
) -> None:
    zone, day = where
    hours = LocalHours(first, min(first + length, 24))
    ready = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes, microseconds=micros)

    # All these zones change at quarter hours; starting a day early knows which hours were on the clock before.
    moment = datetime(ready.year, ready.month, ready.day, tzinfo=UTC) - timedelta(days=1)
    shown: set[str] = set()
    while True:
        wall = moment.astimezone(clock_of(zone))
        is_new = f"{wall:%F %R}" not in shown
        shown.add(f"{wall:%F %R}")
        if moment >= ready and is_new and wall.minute == 0 and hours.first <= wall.hour < hours.end:
            break
        moment += timedelta(minutes=15)

    assert next_slot((ready - EPOCH) // timedelta(microseconds=1), zone, hours) == (moment - EPOCH) // timedelta(
        microseconds=1
    )


@pytest.mark.parametrize("day", sorted({day for days in CHANGES.values() for day in days}))
@pytest.mark.parametrize("clock", ["00:00", "04:31", "11:30", "23:59"])
def test_the_slots_that_can_be_are_those_of_all_zones_and_channels(day: str, clock: str) -> None:
    ready, channels = utc(f"{day}T{clock}"), (DAYTIME, ALWAYS, LocalHours(20, 21))

    found = possible_slots(ready, channels)

    of_somebody = {slot for hours in channels for slot in slots_of(ready, PACKAGED_ZONES, "UTC", hours).tolist()}
    assert found == sorted(of_somebody)
    assert len(found) < 200


def test_customers_without_a_known_zone_live_by_the_brands_clock() -> None:
    ready = utc("2024-06-01T03:00")
    zones = ["Asia/Kolkata", None, "Mars/Olympus", "localtime", "../../etc/passwd", "America/New_York", "Asia/Kolkata"]

    berlin, kolkata, york = utc("2024-06-01T06:00"), utc("2024-06-01T03:30"), utc("2024-06-01T12:00")

    expected = [kolkata, berlin, berlin, berlin, berlin, york, kolkata]
    assert slots_of(ready, zones, "Europe/Berlin", DAYTIME).tolist() == expected
    assert slots_of(ready, pa.array(zones), "Europe/Berlin", DAYTIME).tolist() == expected


def test_zones_are_numbered_each_once() -> None:
    codes, names = zone_codes(["Asia/Kolkata", None, "Europe/Berlin", "Asia/Kolkata", "nowhere"], "Europe/Berlin")

    assert [names[code] for code in codes] == [
        "Asia/Kolkata",
        "Europe/Berlin",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Europe/Berlin",
    ]
    assert sorted(names) == ["Asia/Kolkata", "Europe/Berlin"]


def test_no_customers_have_no_slots() -> None:
    assert slots_of(0, [], "Europe/Berlin", ALWAYS).tolist() == []
    assert local_dates(np.empty(0, np.int64), np.empty(0, np.int64), ()).tolist() == []


def test_one_instant_is_two_dates_on_two_clocks() -> None:
    instant = utc("2024-06-01T22:30")

    dates = local_dates(np.array([instant] * 3), np.array([0, 1, 2]), ("Europe/Berlin", "UTC", "America/New_York"))

    assert dates.tolist() == [19876, 19875, 19875]


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(utc("2010-01-01"), utc("2030-01-01"))),
        max_size=30,
    )
)
@settings(max_examples=60)
def test_local_dates_are_those_of_the_zones_own_calendar(rows: list[tuple[str, int]]) -> None:
    zones = sorted(CHANGES)
    instants = np.array([instant for _, instant in rows], np.int64)
    zone_of_row = np.array([zones.index(zone) for zone, _ in rows], np.int64)

    expected = [
        ((EPOCH + timedelta(microseconds=instant)).astimezone(clock_of(zone)).date() - EPOCH.date()).days
        for zone, instant in rows
    ]

    assert local_dates(instants, zone_of_row, zones).tolist() == expected
