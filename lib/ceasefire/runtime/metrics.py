"""One listener for all queries of a session: what Spark measures of a batch, and what the batch tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Condition
from typing import Any
from uuid import UUID

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from ceasefire.runtime.figures import Figures

Record = Mapping[str, Any]
Sink = Callable[[Record], None]
Report = Callable[[str, int, Figures], None]

LAST_RECORDS_SECONDS = 10
"""Spark tells of a batch some time after it has ended."""


class BatchListener(StreamingQueryListener):
    """Hands on a record of each batch that had rows.

    A record holds `event` (batch), `query`, `batch` (its id), `at` (when it began), `rows`, `seconds`, `lag_seconds`
    (None when there was nothing to be behind of), and a map for everything that the query counted, by kind.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._told: dict[tuple[str, int], Figures] = {}
        self._running: set[UUID] = set()
        self._ended = Condition()

    def report(self, query: str, batch_id: int, figures: Figures) -> None:
        """Told by a batch, at its end, what it came to; Spark's own measures of it come later."""
        self._told[query, batch_id] = figures

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        """A query has started."""
        with self._ended:
            self._running.add(event.runId)
        self._hand_on({"event": "started", "query": event.name, "at": event.timestamp})

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """A batch has ended, or there was none."""
        progress = event.progress
        figures = self._told.pop((progress.name or "", progress.batchId), Figures())
        if progress.numInputRows:
            self._hand_on(
                {
                    "event": "batch",
                    "query": progress.name,
                    "batch": progress.batchId,
                    "at": progress.timestamp,
                    "rows": progress.numInputRows,
                    "seconds": progress.batchDuration / 1000,
                    "lag_seconds": figures.lag_seconds,
                    **figures.counts,
                }
            )

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """A query has ended, and all of it has been told; its error is told by whoever waits for it."""
        with self._ended:
            self._running.discard(event.runId)
            self._ended.notify_all()

    def wait_until_all_is_told(self) -> None:
        """Wait until Spark has told of all that ended queries did, but not for ever."""
        with self._ended:
            self._ended.wait_for(lambda: not self._running, LAST_RECORDS_SECONDS)

    def _hand_on(self, record: Record) -> None:
        to_all(self._sinks)(record)


def to_all(sinks: Sequence[Sink]) -> Sink:
    """Return a sink that hands each record to all of these."""

    def hand_on(record: Record) -> None:
        for sink in sinks:
            sink(record)

    return hand_on


@contextmanager
def listening(spark: SparkSession, sinks: Sequence[Sink]) -> Iterator[Report]:
    """Hand a record of each batch of a session's queries to every sink; gives what batches report their figures to."""
    listener = BatchListener(sinks)
    spark.streams.addListener(listener)
    try:
        yield listener.report
    finally:
        # A JVM that has gone listens to nobody any more.
        with suppress(Py4JError, PySparkException, OSError):
            if not spark.streams.active:
                listener.wait_until_all_is_told()
            spark.streams.removeListener(listener)
