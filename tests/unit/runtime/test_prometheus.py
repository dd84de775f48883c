from __future__ import annotations

import socket
import urllib.request
from typing import Any

import pytest

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.prometheus import prometheus_page


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def batch(query: str, rows: int, seconds: float, lag: float | None, **counts: dict[str, int]) -> dict[str, Any]:
    return {
        "event": "batch",
        "query": query,
        "batch": 0,
        "at": "2026-03-02T06:30:00.000Z",
        "rows": rows,
        "seconds": seconds,
        "lag_seconds": lag,
        **counts,
    }


def samples(port: int) -> dict[str, float]:
    """What stands on the page, read as the text format of Prometheus says: a series, a space, a number."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {series: float(number) for series, number in pairs if "_created" not in series}


def test_the_page_adds_up_rows_seconds_and_outcomes_and_shows_the_newest_lag() -> None:
    port = free_port()

    with prometheus_page(port) as feed:
        feed({"event": "started", "query": "corner_decide", "at": "now"})
        feed(batch("corner_ingest_events", 90, 2.5, 7.0, intake={"events": 87, "quarantined": 3}))
        feed(batch("corner_ingest_events", 10, 1.5, 3.0, intake={"events": 10, "quarantined": 0}))
        feed(batch("corner_decide", 1, 4.0, None, losses={"duration_lock": 5}))
        found = samples(port)

    assert found == {
        'ceasefire_rows_total{query="corner_ingest_events"}': 100,
        'ceasefire_rows_total{query="corner_decide"}': 1,
        'ceasefire_batches_total{query="corner_ingest_events"}': 2,
        'ceasefire_batches_total{query="corner_decide"}': 1,
        'ceasefire_batch_seconds_total{query="corner_ingest_events"}': 4,
        'ceasefire_batch_seconds_total{query="corner_decide"}': 4,
        'ceasefire_lag_seconds{query="corner_ingest_events"}': 3,
        'ceasefire_outcomes_total{counted="intake",kind="events",query="corner_ingest_events"}': 97,
        'ceasefire_outcomes_total{counted="intake",kind="quarantined",query="corner_ingest_events"}': 3,
        'ceasefire_outcomes_total{counted="losses",kind="duration_lock",query="corner_decide"}': 5,
    }


def test_a_port_that_is_taken_is_one_sentence_and_one_that_was_left_can_be_had_again() -> None:
    port = free_port()
    with (
        prometheus_page(port),
        pytest.raises(EnvironmentMissingError, match=rf"metrics on port {port}: .*choose another"),
        prometheus_page(port),
    ):
        pass

    with prometheus_page(port):
        assert samples(port) == {}


def test_a_clock_that_waits_for_a_person_is_a_figure_until_it_goes_on() -> None:
    port = free_port()

    with prometheus_page(port) as feed:
        feed({"event": "waiting", "query": "corner_clock", "at": "now", "says": "why"})
        assert samples(port) == {'ceasefire_waiting{query="corner_clock"}': 1}
        feed({"event": "going_on", "query": "corner_clock", "at": "now", "says": ""})
        assert samples(port) == {'ceasefire_waiting{query="corner_clock"}': 0}
