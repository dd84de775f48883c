"""Clocks for tests, with nothing of ours in them: of the package tzdata, and of pytz with its own data and reader."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo  # noqa: TID251

import pytz

PACKAGED_ZONES = sorted(files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def clock_of(zone: str) -> tzinfo:
    """The clock of a zone by the package's files."""
    with files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=zone)


def shown_by_pytz(at: datetime, zone: str) -> datetime:
    """What the clock of a zone shows at an instant, by the data of pytz."""
    return at.astimezone(pytz.timezone(zone)).replace(tzinfo=None)
