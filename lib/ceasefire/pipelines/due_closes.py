"""Which closes may be settled now: none that has not come, and none across a gap that nobody has accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ceasefire.config.brand import BrandSettings
from ceasefire.config.schedule import last_close_at_or_before, local_text, local_time, window_closes
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.errors import UsageError


@dataclass(frozen=True)
class Known:
    """Facts from the tables that tell how far a brand has come, each None before the first.

    Attributes:
        newest_close: close of the newest window that was closed or made due.
        newest_event: instant of the newest accepted event.
        accepted: what the clock showed when a person accepted it, whatever lay between.
    """

    newest_close: datetime | None
    newest_event: datetime | None
    accepted: datetime | None = None


def refuse_ahead(first: datetime | None, until: datetime | None, now: datetime) -> None:
    """Refuse options of a run that name an instant which has not come.

    Args:
        first: `--from`.
        until: `--until`.
        now: the present instant.

    Raises:
        UsageError: with every such option.
    """
    ahead = [
        f"{option} {instant.isoformat()} lies ahead of the clock, which shows {now.isoformat(timespec='seconds')}"
        for option, instant in (("--from", first), ("--until", until))
        if instant is not None and instant > now
    ]
    if ahead:
        raise UsageError(
            "; ".join(ahead) + "; a window is decided once it has closed: name an instant that has passed, leave the "
            "option out, or see to the clock of this machine"
        )


def whole_closes(
    newest: datetime | None, first: datetime | None, end: datetime, now: datetime, settings: BrandSettings
) -> list[datetime]:
    """Return the closes that a run settles, in order, none whose grace is not over.

    Args:
        newest: the newest closed window.
        first: `--from`, the first close while nothing is closed; None: the newest alone.
        end: no close after it: `--until`, or the newest event.
        now: the present instant.
        settings: of the brand.
    """
    window, zone = settings.decision_window, settings.time_zone
    if newest is not None:
        after: int | None = instant_micros(newest)
    else:
        after = None if first is None else instant_micros(first) - 1
    until = min(instant_micros(end), instant_micros(now) - window.grace.micros)
    return [instant_of(close) for close in window_closes(after, until, window.at, zone)]


def refuse_no_close(first: datetime, settings: BrandSettings) -> None:
    """Refuse a `--from` that is no close of the brand.

    Raises:
        UsageError: with the close before it.
    """
    hour, zone = settings.decision_window.at, settings.time_zone
    before = last_close_at_or_before(instant_micros(first), hour, zone)
    if before != instant_micros(first):
        raise UsageError(
            f"--from {first.isoformat()} is no close of this brand; windows close at {hour:02d}:00 {zone}, "
            f"the one before it is {instant_of(before).isoformat()}"
        )


def reason_to_wait(closes: Sequence[datetime], known: Known, now: datetime, settings: BrandSettings) -> str:
    """Say why a stream must not make these closes due; empty when it may.

    The wall clock alone closes nothing beyond what `decision_window.max_gap` allows: it may have jumped, and of a
    window that closed in the future every later event would be too late. Nor does it close a window so far ahead of
    the newest event that the next one could be too late.

    Args:
        closes: that the clock says are due, in order.
        known: how far the brand has come.
        now: what the clock shows.
        settings: of the brand.
    """
    if not closes:
        return ""
    newest, zone = closes[-1], settings.time_zone
    shown, said = local_text(zone)(now), local_text(zone)(newest)
    before = max((close for close in (known.newest_close, known.accepted) if close is not None), default=None)
    max_gap = settings.decision_window.max_gap
    days = 0 if before is None else _local_days(before, newest, zone)
    if before is not None and days > max_gap.count:
        return (
            f"waiting, nothing is closed or released: the clock shows {shown}, and from the newest window that was "
            f"closed ({local_text(zone)(before)}) to the newest due one ({said}) lie {days} days with {len(closes)} "
            f"windows, more than `decision_window.max_gap: {max_gap.text}` allows; if the clock is wrong, set it "
            "right; if this machine was off, stop and start again with --accept-gap, or close them by hand with "
            "`ceasefire run`"
        )
    horizon, event = settings.late_horizon, known.newest_event
    since = event if event is None or known.accepted is None else max(event, known.accepted)
    if event is not None and since is not None and instant_micros(newest) - instant_micros(since) > horizon.micros:
        return (
            f"waiting, nothing is closed or released: the clock shows {shown}, and the newest event is of "
            f"{local_text(zone)(event)}, more than `late_horizon: {horizon.text}` before the due window ({said}); "
            "events that are on their way would be too late after it. If the clock is wrong, set it right; if no "
            "events come, see to their source; if both are right, stop and start again with --accept-gap"
        )
    return ""


def _local_days(start: datetime, end: datetime, zone: str) -> int:
    """Calendar days of a zone from one close to another."""
    first, last = (local_time(instant_micros(one), zone).date() for one in (start, end))
    return (last - first).days
