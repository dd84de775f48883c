"""The wall clock, handed in wherever somebody needs to know what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""


@dataclass(frozen=True)
class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that asks


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for replays and tests.

    Attributes:
        instant: what it shows; any aware instant, shown in UTC.

    Raises:
        ValueError: when the instant has no time zone.
    """

    instant: datetime

    def __post_init__(self) -> None:
        if self.instant.tzinfo is None:
            raise ValueError(f"a clock needs an aware instant, got {self.instant.isoformat()}")

    def now(self) -> datetime:
        """The instant it was given, in UTC."""
        return self.instant.astimezone(UTC)
