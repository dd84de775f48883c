"""The time-zone database that counts: that of the package `tzdata`, on the driver and on every executor.

`zoneinfo` by itself asks the operating system's files first, Spark asks Java's; each of the three can be of another
year. So every local time is worked out in Python, and every zone is made by `zone_named`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: TID251

import tzdata

RELEASE: str = tzdata.IANA_VERSION
"""The database's release as IANA names it, as in 2026f."""

PACKAGE_VERSION: str = tzdata.__version__
"""The version of the package, as in 2026.6."""

_PACKAGE = files("tzdata")
_NO_PLACES = frozenset(("EST", "HST", "MST", "Factory"))
"""Names of the database for clocks without summer time, of which people mean others; and a clock that was never set."""


class _PackagedZone(ZoneInfo):
    """A zone that is pickled by its name: what another process makes of it comes from the package there."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        assert self.key is not None, "zone_named gives each zone its name"
        return zone_named, (self.key,)


@cache
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name, by the rules of the package.

    Raises:
        ZoneInfoNotFoundError: the name is none of `known_zones`.
    """
    if name not in known_zones():
        raise ZoneInfoNotFoundError(
            f"no time zone {name!r} in the package tzdata {PACKAGE_VERSION}; allowed: IANA names"
        )
    with _PACKAGE.joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return _PackagedZone.from_file(rules, key=name)


@cache
def known_zones() -> frozenset[str]:
    """The zones that a customer can live in.

    Without `EST`, `HST` and `MST`: the database lists them as clocks of Panama, Honolulu and Phoenix, which have no
    summer time.
    """
    return frozenset(read_lines("zones")) - _NO_PLACES


def read_lines(*path: str) -> list[str]:
    """The lines of a text file of the package, without comments and empty ones."""
    lines = _PACKAGE.joinpath(*path).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
