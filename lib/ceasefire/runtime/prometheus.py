"""The same figures as a page for Prometheus; needs the package's extra of that name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.metrics import Record, Sink

_BATCH_KEYS = ("event", "query", "batch", "at", "rows", "seconds", "lag_seconds")


@contextmanager
def prometheus_page(port: int) -> Iterator[Sink]:
    """Serve /metrics on a port, and give the sink that feeds it.

    Series: ceasefire_rows_total, ceasefire_batches_total, ceasefire_batch_seconds_total and ceasefire_lag_seconds by
    query, ceasefire_outcomes_total by query, what was counted, and kind, and ceasefire_waiting by query: 1 while it
    waits for a person.

    Raises:
        EnvironmentMissingError: the extra is not installed, or the port is taken.
    """
    try:
        from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
    except ImportError:
        raise EnvironmentMissingError(
            "metrics for Prometheus need the package prometheus-client; install ceasefire[prometheus]"
        ) from None
    registry = CollectorRegistry()
    rows = Counter("ceasefire_rows", "Input rows", ("query",), registry=registry)
    batches = Counter("ceasefire_batches", "Batches", ("query",), registry=registry)
    seconds = Counter("ceasefire_batch_seconds", "Seconds that batches took", ("query",), registry=registry)
    lag = Gauge("ceasefire_lag_seconds", "How far behind the newest batch was", ("query",), registry=registry)
    outcomes = Counter("ceasefire_outcomes", "What became of things", ("query", "counted", "kind"), registry=registry)

    waiting = Gauge("ceasefire_waiting", "1 while a query waits for a person", ("query",), registry=registry)

    def feed(record: Record) -> None:
        if record["event"] in ("waiting", "going_on"):
            waiting.labels(record["query"]).set(record["event"] == "waiting")
        if record["event"] != "batch":
            return
        query = record["query"]
        rows.labels(query).inc(record["rows"])
        batches.labels(query).inc()
        seconds.labels(query).inc(record["seconds"])
        if record["lag_seconds"] is not None:
            lag.labels(query).set(record["lag_seconds"])
        for counted, kinds in record.items():
            if counted not in _BATCH_KEYS:
                for kind, count in kinds.items():
                    outcomes.labels(query, counted, kind).inc(count)

    try:
        server, thread = start_http_server(port, registry=registry)
    except OSError as error:
        raise EnvironmentMissingError(
            f"cannot serve metrics on port {port}: {error.strerror}; choose another"
        ) from None
    try:
        yield feed
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
