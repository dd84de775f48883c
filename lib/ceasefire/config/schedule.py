"""When a brand's decision windows close, and what a zone's clock shows: exact across DST changes and skipped days."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from ceasefire.config.units import LocalHours, instant_micros, instant_of
from ceasefire.time_zones import zone_named

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MICROS_PER_SECOND = 1_000_000
_DAY = timedelta(days=1)


def day_number(day: date) -> int:
    """Days from 1970-01-01 to a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def local_time(instant: int, zone: str) -> datetime:
    """What a zone's clock shows at an instant, given in microseconds UTC."""
    return instant_of(instant).astimezone(zone_named(zone))


def clock_hour_at(day: date, hour: int, zone: str) -> int | None:
    """The first instant, in microseconds UTC, at which a zone's clock shows hour:00 on a day.

    None where it never does, since the clock was put forward over that hour or over the whole day.
    """
    wall = datetime.combine(day, time(hour))
    at = instant_micros(wall.replace(tzinfo=zone_named(zone)))
    return at if local_time(at, zone).replace(tzinfo=None) == wall else None


def next_slot(ready_at: int, zone: str, hours: LocalHours) -> int:
    """The first whole local hour inside a channel's hours at or after an instant; both in microseconds UTC.

    An hour that the clock skips is no slot; one that it shows twice counts at its first occurrence.
    """
    day = local_time(ready_at, zone).date()
    while True:
        for hour in range(hours.first, hours.end):
            at = clock_hour_at(day, hour, zone)
            if at is not None and at >= ready_at:
                return at
        day += _DAY


def first_allowed(instant: int, zone: str, hours: LocalHours) -> int:
    """The instant itself where the clock shows one of a channel's hours, else the next slot; microseconds UTC."""
    if hours.first <= local_time(instant, zone).hour < hours.end:
        return instant
    return next_slot(instant, zone, hours)


def window_closes(after: int | None, until: int, hour: int, zone: str) -> list[int]:
    """The closes of daily windows past `after` and up to and including `until`, ascending.

    A window closes once on each local calendar day, at hour:00 of the zone's clock. Where that hour is skipped it
    closes at the first instant after the gap, where it is repeated at its first occurrence; a day that the zone
    leaves out altogether closes nothing.

    Args:
        after: microseconds UTC, excluded; None when nothing has closed yet: then only the newest close counts.
        until: microseconds UTC, included.
        hour: 0 to 23.
        zone: IANA name.
    """
    if after is None:
        return [last_close_at_or_before(until, hour, zone)]
    # One day more: a clock that is put back over midnight shows the earlier date after the close of the later one.
    first = local_time(after, zone).date()
    last = local_time(until, zone).date() + _DAY
    closes = (_close_of(first + count * _DAY, hour, zone) for count in range((last - first).days + 1))
    return [close for close in closes if close is not None and after < close <= until]


def last_close_at_or_before(instant: int, hour: int, zone: str) -> int:
    """The newest close of a daily window at or before an instant; both in microseconds UTC."""
    day = local_time(instant, zone).date() + _DAY
    while True:
        close = _close_of(day, hour, zone)
        if close is not None and close <= instant:
            return close
        day -= _DAY


def _close_of(day: date, hour: int, zone: str) -> int | None:
    at = clock_hour_at(day, hour, zone)
    if at is not None:
        return at
    end = _end_of_gap(datetime.combine(day, time(hour)), zone)
    day_exists = day in (local_time(end - 1, zone).date(), local_time(end, zone).date())
    return end if day_exists else None


def _end_of_gap(wall: datetime, zone: str) -> int:
    """The first instant after the gap that a wall time of a zone lies in, microseconds UTC."""
    # Of a time in a gap, fold 0 reads the offset from before the change and so lands past it, fold 1 the reverse.
    inside = wall.replace(tzinfo=zone_named(zone))
    before = instant_micros(inside.replace(fold=1)) // _MICROS_PER_SECOND
    past = instant_micros(inside.replace(fold=0)) // _MICROS_PER_SECOND

    def offset(second: int) -> timedelta | None:
        return local_time(second * _MICROS_PER_SECOND, zone).utcoffset()

    seconds = range(before, past + 1)
    offset_before = offset(before)
    changed = bisect_left(seconds, True, key=lambda second: offset(second) != offset_before)
    return seconds[changed] * _MICROS_PER_SECOND


def local_text(zone: str) -> Callable[[datetime], str]:
    """A function from an instant to what the clock of a zone shows."""
    return lambda instant: instant.astimezone(zone_named(zone)).strftime("%a %Y-%m-%d %H:%M %Z")
