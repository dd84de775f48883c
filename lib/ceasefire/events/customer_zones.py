"""Time zones as people and their systems write them, as names of the database; or the zone of a phone or a country."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache

import phonenumbers

from ceasefire.time_zones import RELEASE, known_zones, read_lines, zone_named

PHONE_ZONE, COUNTRY_ZONE = "phone", "country"
"""The attributes that can tell where a customer's clock is; what they tell is kept as `vocabulary.derived_zone`."""

_BLANKS = re.compile(r"[\s_]+")
_OFFSET = re.compile(r"(?:utc|gmt)?([+\-\u2212])(\d{1,2})(?::?([0-5]\d))?")
_FARTHEST_EAST, _FARTHEST_WEST = 14 * 60, -12 * 60
_YEAR = datetime(int(RELEASE[:4]), 1, 1, tzinfo=UTC)
_DAYS = [_YEAR + timedelta(days=day) for day in range(2 * 365)]
_MONTHS = _DAYS[::30]


@dataclass(frozen=True)
class ZoneRules:
    """How a brand reads customers' time zones; a plain value, so that it can go to executors.

    Attributes:
        time_zone: the brand's own; its country tells which of several clocks an abbreviation means.
        sources: PHONE_ZONE and COUNTRY_ZONE, as far as they count, the first that tells before the others.
    """

    time_zone: str = "UTC"
    sources: tuple[str, ...] = ()


# Customers of a brand live in few zones, and their systems write each in a few ways.
@lru_cache(maxsize=1 << 12)
def written_zone(text: str, rules: ZoneRules) -> str | None:
    """The zone that a text means, or None where that is not known.

    In this order: a name of the database, whatever its case, blanks and underscores; a Windows name; an offset from
    UTC, as a clock without summer time; an abbreviation, if all zones of the brand's country that use it show the same
    clock, else if all zones of the world do.

    >>> written_zone("asia / tokyo", ZoneRules()), written_zone("Tokyo Standard Time", ZoneRules())
    ('Asia/Tokyo', 'Asia/Tokyo')
    >>> written_zone("GMT+9", ZoneRules()), written_zone("+0530", ZoneRules())
    ('Etc/GMT-9', 'Asia/Kolkata')
    >>> written_zone("EST", ZoneRules("America/Chicago")), written_zone("EST", ZoneRules("Europe/Berlin"))
    ('America/New_York', None)
    """
    if text in known_zones():
        return text
    bare = _bare(text)
    return _names().get(bare) or _zone_at(bare) or _abbreviated_zone(bare, rules)


def zone_of_phone(number: str) -> str | None:
    """The zone of a number in E.164, None where its zones show several clocks or are not known."""
    # The table of prefixes takes a while to load, and most brands do not ask.
    from phonenumbers.timezone import time_zones_for_number

    return _only_clock(time_zones_for_number(phonenumbers.parse(number)))


@lru_cache(maxsize=1 << 10)
def zone_of_country(text: str) -> str | None:
    """The zone of a country of ISO 3166, two letters; None where its zones show several clocks, or it is none."""
    country = text.strip().upper()
    return _only_clock(zone for zone, countries in _places().items() if country in countries)


def _bare(text: str) -> str:
    return _BLANKS.sub("", text).casefold()


@cache
def _names() -> dict[str, str]:
    """Zones by the bare names of the database and of Windows."""
    # Its package looks for the machine's own zone as it is imported.
    from tzlocal.windows_tz import win_tz

    of_windows = {_bare(name): zone for name, zone in win_tz.items()}
    return of_windows | {_bare(zone): zone for zone in known_zones()}


def _zone_at(bare: str) -> str | None:
    """The zone that is always so far from UTC as an offset says; None where no place is."""
    match = _OFFSET.fullmatch(bare)
    if match is None:
        return None
    minutes = (int(match[2]) * 60 + int(match[3] or 0)) * (1 if match[1] == "+" else -1)
    if not _FARTHEST_WEST <= minutes <= _FARTHEST_EAST:
        return None
    if minutes == 0:
        return "Etc/UTC"
    if minutes % 60 == 0:
        # These names count the hours from the zone to UTC, not from UTC to the zone.
        return f"Etc/GMT{-minutes // 60:+d}"
    ahead = timedelta(minutes=minutes)
    fixed = (zone for zone in _places() if _YEAR.astimezone(zone_named(zone)).utcoffset() == ahead)
    return next((zone for zone in fixed if set(_clock(zone)) == {ahead}), None)


def _abbreviated_zone(bare: str, rules: ZoneRules) -> str | None:
    places = _zones_by_abbreviation().get(bare, ())
    countries = _countries_of(rules.time_zone)
    at_home = [zone for zone in places if countries & _countries_of(zone)]
    return _only_clock(at_home) or _only_clock(places)


def _only_clock(zones: Iterable[str]) -> str | None:
    """The first in the order of `_places` of zones that all show the same clock; None where they do not, or of none."""
    known = [zone for zone in zones if zone in known_zones()]
    if len({_clock(zone) for zone in known}) != 1:
        return None
    ranks = _ranks()
    return min(known, key=lambda zone: (ranks.get(zone, len(ranks)), zone))


@cache
def _clock(zone: str) -> tuple[timedelta | None, ...]:
    """How far a zone is ahead of UTC on each day of the database's year and the next."""
    rules = zone_named(zone)
    return tuple(day.astimezone(rules).utcoffset() for day in _DAYS)


@cache
def _zones_by_abbreviation() -> dict[str, list[str]]:
    """The places of which the clock says its name in letters, by what it says, in small letters."""
    found: dict[str, list[str]] = {}
    for zone in _places():
        rules = zone_named(zone)
        for name in {month.astimezone(rules).tzname() or "" for month in _MONTHS}:
            if name.isalpha():
                found.setdefault(name.casefold(), []).append(zone)
    return found


@cache
def _places() -> dict[str, set[str]]:
    """The zones that are places, country by country and in each the largest first, with the countries that they are of.

    Source: zone.tab of the database.
    """
    found: dict[str, set[str]] = {}
    for line in read_lines("zoneinfo", "zone.tab"):
        country, _, zone = line.split("\t")[:3]
        found.setdefault(zone, set()).add(country)
    return found


@cache
def _ranks() -> dict[str, int]:
    return {zone: rank for rank, zone in enumerate(_places())}


def _countries_of(zone: str) -> set[str]:
    """The countries of a zone; of another name of a place those of the place."""
    places = _places()
    return places[zone] if zone in places else places.get(_links().get(zone, zone), set())


@cache
def _links() -> dict[str, str]:
    """What other names of zones stand for."""
    parts = [line.split() for line in read_lines("zoneinfo", "tzdata.zi")]
    return {name: zone for kind, zone, name in (part for part in parts if len(part) == 3) if kind == "L"}
