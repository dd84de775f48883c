"""Time zones as people write them, and what a phone or a country tells of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ceasefire.events.contract import ParsedRow
from ceasefire.events.customer_zones import ZoneRules, written_zone, zone_of_country
from unit.events.event_rows import CONTRACT, parsed, reasons, row

FROM_BOTH = replace(CONTRACT, zones=ZoneRules("America/New_York", ("phone", "country")))
IN_NEW_YORK = replace(CONTRACT, zones=ZoneRules("America/New_York"))


def profile(**attributes: Any) -> dict[str, Any]:
    return row("profile_changed", attributes=attributes)


def zone_and_repairs(found: ParsedRow) -> tuple[str | None, list[str] | None]:
    assert found.attributes is not None
    return found.attributes["time_zone"], found.repairs


@pytest.mark.parametrize("written", ["asia/tokyo", " Asia / Tokyo ", "ASIA/TOKYO", "Tokyo Standard Time", "JST", "jst"])
def test_six_ways_to_write_tokyo_are_tokyo_and_said_to_have_been_read(written: str) -> None:
    assert zone_and_repairs(parsed(profile(time_zone=written))) == ("Asia/Tokyo", ["time_zone_read"])


def test_a_zone_that_is_written_as_its_name_is_no_repair() -> None:
    assert zone_and_repairs(parsed(profile(time_zone="America/New_York"))) == ("America/New_York", None)
    assert zone_and_repairs(parsed(profile(time_zone="Asia/Calcutta"))) == ("Asia/Calcutta", None)


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("GMT+9", "Etc/GMT-9"),
        ("+09:00", "Etc/GMT-9"),
        ("utc + 9", "Etc/GMT-9"),
        ("GMT-05:00", "Etc/GMT+5"),
        ("UTC\u22125", "Etc/GMT+5"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("+0530", "Asia/Kolkata"),
        ("+00:00", "Etc/UTC"),
        ("-03:30", None),
        ("+15", None),
        ("9", None),
    ],
)
def test_an_offset_is_a_clock_without_summer_time_where_the_database_has_such_a_clock(
    written: str, zone: str | None
) -> None:
    assert written_zone(written, ZoneRules("Europe/Berlin")) == zone


@pytest.mark.parametrize(
    ("at_home", "written", "zone"),
    [
        ("America/New_York", "EST", "America/New_York"),
        ("US/Eastern", "EST", "America/New_York"),
        ("America/New_York", "PST", "America/Los_Angeles"),
        ("America/New_York", "MST", None),
        ("America/New_York", "HST", None),
        ("America/Panama", "EST", "America/Panama"),
        ("Europe/Berlin", "EST", None),
        ("Asia/Shanghai", "CST", "Asia/Shanghai"),
        ("Asia/Calcutta", "IST", "Asia/Kolkata"),
        ("America/New_York", "IST", None),
        ("Europe/Berlin", "JST", "Asia/Tokyo"),
    ],
)
def test_an_abbreviation_means_the_one_clock_of_the_brands_country_or_else_of_the_world_that_uses_it(
    at_home: str, written: str, zone: str | None
) -> None:
    assert written_zone(written, ZoneRules(at_home)) == zone


@pytest.mark.parametrize("written", ["Mars/Olympus", "unknown", "   ", "../../etc/passwd", "Tokio", True, 9])
def test_a_zone_that_is_not_understood_is_counted_and_kept_from_being_read(written: object) -> None:
    assert zone_and_repairs(parsed(profile(time_zone=written))) == (None, ["time_zone_unknown"])


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_zone_that_is_taken_back_is_no_repair(nothing: str | None) -> None:
    assert zone_and_repairs(parsed(profile(time_zone=nothing), FROM_BOTH)) == (None, None)


def test_a_phone_and_a_country_tell_their_zones_beside_the_one_that_is_not_understood() -> None:
    found = parsed(profile(time_zone="Tokio", phone="+81-3-5555-0119", country="de"), FROM_BOTH)

    assert found.attributes is not None
    assert {name: found.attributes[name] for name in ("time_zone", "time_zone/phone", "time_zone/country")} == {
        "time_zone": None,
        "time_zone/phone": "Asia/Tokyo",
        "time_zone/country": "Europe/Berlin",
    }


@pytest.mark.parametrize("phone", ["+1 800 555 0101", "+61 412 345 678", "no phone", None])
def test_a_phone_of_several_clocks_or_of_none_takes_back_what_the_one_before_told(phone: str | None) -> None:
    found = parsed(profile(phone=phone), FROM_BOTH)

    assert found.attributes is not None
    assert found.attributes["time_zone/phone"] is None


def test_a_phone_tells_no_zone_of_a_brand_that_does_not_ask() -> None:
    found = parsed(profile(phone="+81-3-5555-0119", country="JP"), IN_NEW_YORK)

    assert found.attributes is not None
    assert sorted(found.attributes) == ["country", "phone"]


def test_no_attribute_may_pass_itself_off_as_a_derived_zone() -> None:
    assert reasons(profile(**{"time_zone/phone": "Asia/Tokyo"})) == ["out_of_range"]


@pytest.mark.parametrize(
    ("country", "zone"),
    [("JP", "Asia/Tokyo"), (" jp ", "Asia/Tokyo"), ("DE", "Europe/Berlin"), ("US", None), ("Japan", None), ("", None)],
)
def test_a_country_tells_its_zone_if_it_has_one_clock(country: str, zone: str | None) -> None:
    assert zone_of_country(country) == zone
