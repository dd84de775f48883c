"""The send queue as topics, one for each channel: a copy that follows the table, whatever the broker does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.config.kafka import Broker
from ceasefire.errors import EnvironmentMissingError, UsageError
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.failures import cause_of
from ceasefire.storage.lake import follow_table, rows_of
from ceasefire.storage.mirror import send_json
from ceasefire.storage.topics import SEND_ID, publish, published_since, require_topics
from ceasefire.tables import SEND_QUEUE

CLOCKS_APART = timedelta(minutes=10)
"""How far the broker's clock may lag behind the one that released a send."""

_MESSAGES = "topic string, key string, value string, send_id string"


def start_queue_topics(workspace: Workspace, once: bool) -> Follower:
    """Follow the send queue, and publish each send under its customer's key with its send_id.

    The table is the truth and waits for nobody: while the broker is away, sends are queued as ever, and they go when
    it is back. A send of which the broker knows is not published again.

    Raises:
        UsageError: no such topics are named.
        EnvironmentMissingError: the broker does not answer, or lacks a topic; said before anything is started.
    """
    lake, broker = workspace.lake, workspace.broker
    if broker is None or broker.queues is None:
        raise UsageError("the settings name no topics for the queues; give kafka.servers and kafka.queues")
    prefix = f"{broker.queues}.{lake.brand}."
    require_topics(lake.spark, broker, [prefix + channel for channel in workspace.brand.settings.channels])

    def hand_over(_: Workspace, sends: DataFrame, batch_id: int) -> None:
        try:
            publish_sends(sends, broker, prefix, workspace.clock.now())
        except (PySparkException, Py4JError) as error:
            raise EnvironmentMissingError(
                f"sends cannot be published at {broker.servers}: {cause_of(error)}; "
                f"they stand in {SEND_QUEUE.name}, and go at the next start"
            ) from error

    return start_follower(workspace, follow_table(lake, SEND_QUEUE), "mirror_queues", hand_over, once)


def publish_sends(sends: DataFrame, broker: Broker, prefix: str, now: datetime) -> None:
    """Publish those of a batch of send_queue of which no earlier attempt stands in the topics.

    A customer's sends keep the order of their slots: they have one key and so one partition, and one task writes them.

    Args:
        sends: rows of send_queue.
        broker: where they go.
        prefix: of the topics' names; the channel follows.
        now: the instant of the clock that releases sends.
    """
    topic = F.concat(F.lit(prefix), "channel")
    (batch,) = rows_of(sends.agg(F.min("released_at").alias("since"), F.collect_set(topic).alias("topics")))
    if not batch["topics"]:
        return
    # Nothing is published before it is released, unless a run is ahead of the clock.
    since = batch["since"] - CLOCKS_APART if batch["since"] <= now else None
    published = published_since(sends.sparkSession, broker, batch["topics"], since)
    fresh = sends.join(published.distinct(), on=SEND_ID, how="left_anti").select(*sends.columns)
    in_order = fresh.repartition("customer_id").sortWithinPartitions("not_before_at", SEND_ID)
    messages = in_order.mapInArrow(as_messages(prefix), _MESSAGES)
    header = F.struct(F.lit(SEND_ID).alias("key"), F.col(SEND_ID).cast("binary").alias("value"))
    publish(messages.select("topic", "key", "value", F.array(header).alias("headers")), broker)


def as_messages(prefix: str) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` that makes of each send its topic, key, value and send_id."""

    def convert(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sends = batch.to_pylist()
            columns = {
                "topic": [prefix + send["channel"] for send in sends],
                "key": [send["customer_id"] for send in sends],
                "value": [send_json(send) for send in sends],
                SEND_ID: [send[SEND_ID] for send in sends],
            }
            yield pa.RecordBatch.from_pydict({name: pa.array(one, pa.string()) for name, one in columns.items()})

    return convert
