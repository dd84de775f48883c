"""One database of time zones, whatever the machine has: held against the data and the code of pytz."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest
import pytz

from ceasefire.config.schedule import next_slot
from ceasefire.config.units import LocalHours, instant_micros, instant_of
from ceasefire.time_zones import RELEASE, known_zones, zone_named
from wall_clocks import shown_by_pytz

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
CHANNELS = (LocalHours(8, 21), LocalHours(10, 20), LocalHours(9, 21), LocalHours(8, 12))
LIB = Path(__file__).parents[3] / "lib"
SLOT_IN_A_FRESH_PROCESS = """
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
before = datetime(2026, 12, 2, 12, tzinfo=UTC).astimezone(ZoneInfo("America/Vancouver"))
from ceasefire.config.schedule import next_slot
from ceasefire.config.units import LocalHours, instant_micros, instant_of
ready = instant_micros(datetime(2026, 12, 2, 12, tzinfo=UTC))
print(before.hour, instant_of(next_slot(ready, "America/Vancouver", LocalHours(10, 20))).isoformat())
"""


def system_of_before(folder: Path) -> str:
    """A system's time zones, of before British Columbia gave up changing its clocks: by those of Los Angeles."""
    place = folder / "America"
    place.mkdir()
    (place / "Vancouver").write_bytes(files("tzdata").joinpath("zoneinfo", "America", "Los_Angeles").read_bytes())
    return str(folder)


def test_a_slot_follows_the_package_on_a_machine_with_older_time_zones(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONTZPATH": system_of_before(tmp_path), "PYTHONPATH": str(LIB)}

    said = subprocess.run(
        [sys.executable, "-c", SLOT_IN_A_FRESH_PROCESS], env=environment, capture_output=True, text=True, check=True
    )

    # then the system's clock says four in the morning, the package's five, and the slot is ten by the package
    assert said.stdout.split() == ["4", "2026-12-02T17:00:00+00:00"]


@pytest.mark.parametrize(
    ("zone", "slot"),
    [
        ("America/Vancouver", "2026-12-02T17:00:00+00:00"),
        ("America/Edmonton", "2026-12-02T16:00:00+00:00"),
        ("America/Winnipeg", "2026-12-02T15:00:00+00:00"),
        ("Africa/Casablanca", "2026-12-02T10:00:00+00:00"),
    ],
)
def test_provinces_and_countries_that_gave_up_changing_their_clocks_in_2026_are_written_to_at_ten(
    zone: str, slot: str
) -> None:
    ready = instant_micros(datetime(2026, 12, 2, 3, tzinfo=UTC))

    assert instant_of(next_slot(ready, zone, LocalHours(10, 20))).isoformat() == slot


@pytest.mark.parametrize("zone", ["America/Vancouver", "Europe/Berlin", "Asia/Kolkata"])
def test_a_zone_goes_to_another_process_by_its_name(zone: str) -> None:
    assert pickle.loads(pickle.dumps(zone_named(zone))) is zone_named(zone)


@pytest.mark.parametrize("name", ["EST", "HST", "MST", "Factory", "localtime", "../zones", "Mars/Olympus", ""])
def test_what_is_no_place_of_the_database_is_no_zone(name: str) -> None:
    assert name not in known_zones()
    with pytest.raises(ZoneInfoNotFoundError, match="IANA names"):
        zone_named(name)


def test_pytz_is_of_the_release_that_it_is_to_bear_out() -> None:
    assert pytz.OLSON_VERSION == RELEASE, "take the releases of pytz and tzdata into the lock together"


@pytest.mark.parametrize("year", [2026, 2027])
def test_no_slot_of_any_zone_is_in_quiet_hours_or_later_than_it_need_be_around_a_change_of_its_clock(year: int) -> None:
    wrong = []
    for zone in one_of_each_clock():
        for change in changes_of(zone, year) or [datetime(year, 6, 1, tzinfo=UTC)]:
            walk = whole_hours(zone, change - DAY, change + 2 * DAY)
            for ready in (change + number * timedelta(hours=7, minutes=1) for number in range(-2, 3)):
                for hours in CHANNELS:
                    slot = instant_of(next_slot(instant_micros(ready), zone, hours))
                    if slot != first_open(walk, ready, hours):
                        wrong.append((zone, ready, hours, slot))

    assert wrong == []


def one_of_each_clock() -> list[str]:
    """One name of each file of rules: names with the same file are the same clock."""
    folder = files("tzdata").joinpath("zoneinfo")
    return sorted({folder.joinpath(*zone.split("/")).read_bytes(): zone for zone in sorted(known_zones())}.values())


def changes_of(zone: str, year: int) -> list[datetime]:
    """The last quarter hours, UTC, before a zone's clock is put forward or back."""

    def ahead(number: int) -> timedelta:
        at = datetime(year, 1, 1, tzinfo=UTC) + number * QUARTER
        return shown_by_pytz(at, zone) - at.replace(tzinfo=None)

    week = 7 * 96
    starts = [start for start in range(0, 53 * week, week) if ahead(start) != ahead(start + week)]
    quarters = [bisect_left(range(start, start + week), True, key=differs_from(ahead, start)) for start in starts]
    return [
        datetime(year, 1, 1, tzinfo=UTC) + (start + quarter - 1) * QUARTER
        for start, quarter in zip(starts, quarters, strict=True)
    ]


def differs_from(ahead: Callable[[int], timedelta], start: int) -> Callable[[int], bool]:
    return lambda number: ahead(number) != ahead(start)


def whole_hours(zone: str, first: datetime, last: datetime) -> list[tuple[datetime, int]]:
    """The instants at which a zone's clock shows a whole hour for the first time, and the hour that it shows."""
    found, shown_before = [], set()
    at = first
    while at <= last:
        shown = shown_by_pytz(at, zone)
        if shown.minute == 0 and shown not in shown_before:
            shown_before.add(shown)
            found.append((at, shown.hour))
        at += QUARTER
    return found


def first_open(walk: list[tuple[datetime, int]], ready: datetime, hours: LocalHours) -> datetime:
    return next(at for at, hour in walk if at >= ready and hours.first <= hour < hours.end)
