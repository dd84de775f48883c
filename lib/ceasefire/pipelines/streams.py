"""Queries that hand each micro-batch to a function, and give back its error as it was raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from ceasefire.errors import CheckFailedError
from ceasefire.runtime.failures import cause_of
from ceasefire.storage.lake import Lake

BatchFunction = Callable[[DataFrame, int], None]


@dataclass
class Follower:
    """One running query and the error that stopped it, if one did."""

    name: str
    query: StreamingQuery
    failures: list[Exception] = field(default_factory=list)

    def drain(self) -> None:
        """Work off everything that is there now.

        Raises:
            The error that the batch function raised; a CheckFailedError for what Spark itself could not do.
        """
        self._watched(self.query.processAllAvailable)

    def finish(self) -> None:
        """Wait until the query ends: after one round with `once`, else when it is stopped."""
        self._watched(lambda: self.query.awaitTermination())

    def stop(self) -> None:
        """End the query; a batch under way is repeated at the next start."""
        self.query.stop()

    def _watched(self, wait: Callable[[], object]) -> None:
        try:
            wait()
        except (PySparkException, Py4JError) as error:
            if self.failures:
                raise self.failures[-1] from None
            raise CheckFailedError(f"{self.name} stopped: {cause_of(error)}") from error


def start_follower(lake: Lake, stream: DataFrame, name: str, work: BatchFunction, once: bool) -> Follower:
    """Start a query that calls `work` for each micro-batch, with its checkpoint beside the tables.

    Args:
        lake: whose brand the checkpoint belongs to.
        stream: what to follow.
        name: of the query and its checkpoint.
        work: called with each batch and its id; a repeated batch comes with the same id.
        once: end when the input is drained, instead of going on.
    """
    failures: list[Exception] = []

    def watched(batch: DataFrame, batch_id: int) -> None:
        try:
            work(batch, batch_id)
        except Exception as error:
            failures.append(error)
            raise

    writer = stream.writeStream.queryName(f"{lake.brand}_{name}").foreachBatch(watched)
    writer = writer.option("checkpointLocation", lake.path("_checkpoints", name))
    if once:
        writer = writer.trigger(availableNow=True)
    return Follower(name, writer.start(), failures)
