"""Queries that hand each micro-batch to a function, and give back its error as it was raised."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Event

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from ceasefire.errors import CheckFailedError, EnvironmentMissingError
from ceasefire.pipelines.epochs import begin_epoch
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.failures import cause_of
from ceasefire.runtime.figures import Figures
from ceasefire.storage.locks import QueryLock, hold_query

LAST_BATCH_SECONDS = 20
"""Who asks a process to end takes it away by force after half a minute, as a rule."""

NOBODY_ASKS = Event()
"""What a query that ends by itself is told to wait for besides."""

BatchFunction = Callable[[Workspace, DataFrame, int], Figures | None]
"""Called with the brand on the batch's own session, the batch and its id; a repeated batch comes with the same id."""


@dataclass
class Follower:
    """One running query and the error that stopped it, if one did.

    Attributes:
        name: of the query.
        query: Spark's own.
        lock: held as long as it runs.
        failures: of its batches, the last one last.
        at_rest: called now and then while the query has taken in everything that is there.
    """

    name: str
    query: StreamingQuery
    lock: QueryLock
    failures: list[Exception] = field(default_factory=list)
    at_rest: Callable[[], None] | None = None

    def drain(self) -> None:
        """Work off everything that is there now.

        Raises:
            The error that the batch function raised. For what Spark itself could not do, a CheckFailedError, or an
            EnvironmentMissingError if a broker is away.
        """
        self._watched(self.query.processAllAvailable)
        self._rest()

    def finish(self, stop: Event = NOBODY_ASKS) -> None:
        """Wait until the query has ended by itself, or is asked to; a batch that is under way then is given its time.

        Raises:
            As `drain`.
        """
        try:
            while not self.has_ended(1):
                if stop.is_set():
                    self.settle()
                    return
        finally:
            self.stop()

    def has_ended(self, seconds: int = 0) -> bool:
        """Wait so long for the end of the query; whether it has ended by itself.

        Raises:
            As `drain`.
        """
        ended: list[bool] = []

        def wait() -> None:
            # To wait for no time is not allowed.
            if seconds or not self.query.isActive:
                ended.append(bool(self.query.awaitTermination(seconds or 1)))

        self._watched(wait)
        has_ended = ended == [True]
        if has_ended or not self.query.status["isDataAvailable"]:
            self._rest()
        return has_ended

    def _rest(self) -> None:
        if self.at_rest is not None:
            self.at_rest()

    def settle(self) -> None:
        """Wait for the end of a batch that is under way, but not for ever: it would be repeated at the next start.

        Raises:
            As `drain`.
        """
        for _ in range(LAST_BATCH_SECONDS):
            if not (self.query.isActive and self.query.status["isTriggerActive"]) or self.has_ended(1):
                return

    def stop(self) -> None:
        """End the query; a batch under way is repeated at the next start."""
        try:
            self.query.stop()
        finally:
            self.lock.release()

    def _watched(self, wait: Callable[[], object]) -> None:
        try:
            wait()
        except (PySparkException, Py4JError) as error:
            failure = self.failures[-1] if self.failures else error
            if not isinstance(failure, PySparkException | Py4JError):
                raise failure from None
            cause = cause_of(failure)
            kind = EnvironmentMissingError if isinstance(cause, EnvironmentMissingError) else CheckFailedError
            raise kind(f"{self.name} stopped: {cause}") from error


@dataclass(frozen=True)
class Followers:
    """Queries that belong to one job: they are waited for together, and end together."""

    followers: tuple[Follower, ...]

    @property
    def query(self) -> StreamingQuery:
        """The first of the queries."""
        return self.followers[0].query

    def drain(self) -> None:
        """Work off everything that is there now.

        Raises:
            As `Follower.drain`.
        """
        for follower in self.followers:
            follower.drain()

    def finish(self, stop: Event = NOBODY_ASKS) -> None:
        """Wait until all have ended by themselves, or one has failed, or they are asked to end.

        Raises:
            As `Follower.drain`.
        """
        try:
            while True:
                # All are asked: the failure of none goes unheard behind another that goes on.
                ended = [follower.has_ended(1) for follower in self.followers]
                if all(ended):
                    return
                if stop.is_set():
                    for follower in self.followers:
                        follower.settle()
                    return
        finally:
            self.stop()

    def stop(self) -> None:
        """End the queries; a batch under way is repeated at the next start."""
        with ExitStack() as stack:
            for follower in self.followers:
                stack.callback(follower.stop)


def start_follower(workspace: Workspace, stream: DataFrame, name: str, work: BatchFunction, once: bool) -> Follower:
    """Start a query that calls `work` for each micro-batch, with its checkpoint beside the tables.

    Args:
        workspace: the brand at work; its lake holds the checkpoint.
        stream: what to follow.
        name: of the query and its checkpoint.
        work: what is done with a batch.
        once: end when the input is drained, instead of going on.

    Raises:
        AlreadyRunningError: another process runs this query on this root.
        LostCheckpointError: the query has worked here before, its checkpoint is gone, and nobody said to start over.
    """
    lake = workspace.lake
    lock = hold_query(lake.local_folder, name)
    try:
        epoch = begin_epoch(workspace, name)
        failures: list[Exception] = []

        def watched(batch: DataFrame, batch_id: int) -> None:
            try:
                epoch.record()
                here = replace(lake, spark=batch.sparkSession, epoch=epoch.number)
                figures = work(replace(workspace, lake=here), batch, batch_id)
                if figures is not None:
                    workspace.report(query_name(lake.brand, name), batch_id, figures)
            except BaseException as error:
                ended = f"{name} stopped: {error!r} ended its batch"
                failures.append(error if isinstance(error, Exception) else CheckFailedError(ended))
                # Py4J answers for an Exception alone: of anything else the query would not hear, and wait for ever.
                # And of few words: in a long text Spark looks for a sign that it was interrupted until its stack
                # overflows, and prints all of that stack. The error itself stays as it was raised.
                raise CheckFailedError(str(cause_of(failures[-1]))) from None

        writer = stream.writeStream.queryName(query_name(lake.brand, name)).foreachBatch(watched)
        writer = writer.option("checkpointLocation", lake.path("_checkpoints", name))
        if once:
            writer = writer.trigger(availableNow=True)
        return Follower(name, writer.start(), lock, failures)
    except BaseException:
        lock.release()
        raise


def query_name(brand: str, name: str) -> str:
    """What Spark calls a brand's query, as its listeners and pages show it."""
    return f"{brand}_{name}"
