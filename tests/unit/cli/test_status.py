"""The line by which a stream shows itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ceasefire.cli.status import StreamStatus

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)


def batch(query: str, lag: float | None, **counts: dict[str, int]) -> dict[str, Any]:
    return {"event": "batch", "query": f"corner_{query}", "lag_seconds": lag, **counts}


def test_it_adds_up_what_became_of_rows_customers_and_sends() -> None:
    status = StreamStatus("corner")
    status.take(batch("ingest_events", 3, intake={"events": 1_200, "quarantined": 2}))
    status.take(batch("ingest_events", 2, intake={"events": 4, "quarantined": 0}))
    status.take(batch("decide", 1_900, outcomes={"send": 5, "silence": 7}, losses={"duration_lock": 3}))
    status.take(batch("release_sends", 7_300, queued={"email": 3, "sms": 1}, withheld={"expired": 1}))

    line = status.line(NOW, NOW + timedelta(hours=3, minutes=12), "Tue 06:00")

    assert line == (
        "events 1,204 (2 rejected) · decided 5 sends, 7 silent · queued 4, withheld 1 · "
        "behind: events 2 s, decisions 31 min 40 s, release 2 h 1 min · next close Tue 06:00, in 3 h 12 min"
    )


def test_before_anything_has_come_it_says_so() -> None:
    line = StreamStatus("corner").line(NOW, NOW + timedelta(seconds=9), "Tue 06:00")

    assert "behind: nothing yet" in line
    assert line.endswith("in 9 s")


def test_what_is_no_batch_counts_for_nothing() -> None:
    status = StreamStatus("corner")

    status.take({"event": "started", "query": "corner_decide"})

    assert not status.counts


def test_what_a_person_has_to_see_to_stands_first_until_it_is_seen_to() -> None:
    status = StreamStatus("corner")
    status.take({"event": "waiting", "query": "corner_clock", "says": "waiting, nothing is closed: why"})
    status.take(batch("release_sends", 9, held={"failed": 2}))

    line = status.line(NOW, NOW + timedelta(seconds=9), "Tue 06:00")
    assert line.startswith(
        "waiting, nothing is closed: why · 2 windows held by their check (`ceasefire check`) · events 0"
    )

    status.take({"event": "going_on", "query": "corner_clock", "says": ""})
    status.take(batch("release_sends", 9))
    assert status.line(NOW, NOW + timedelta(seconds=9), "Tue 06:00").startswith("events 0")
