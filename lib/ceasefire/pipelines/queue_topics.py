"""The send queue as topics, one for each channel: a copy that follows the table, whatever the broker does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ceasefire.arrow import batch_of
from ceasefire.config.kafka import Broker
from ceasefire.errors import EnvironmentMissingError, UsageError
from ceasefire.pipelines.operators import erased_customers
from ceasefire.pipelines.streams import BatchFunction, Follower, Followers, start_follower
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.failures import cause_of
from ceasefire.storage.lake import Lake, follow_table, read_table, rows_of
from ceasefire.storage.mirror import revocation_json, send_json
from ceasefire.storage.topics import REVOKED_SEND_ID, SEND_ID, publish, published_since, require_topics
from ceasefire.tables import REVOKED_SENDS, SEND_QUEUE, DeltaTable

CLOCKS_APART = timedelta(minutes=10)
"""How far the broker's clock may lag behind the one that released a send."""

_MESSAGES = pa.schema([(name, pa.string()) for name in ("topic", "key", "value", SEND_ID)])


def start_queue_topics(workspace: Workspace, once: bool) -> Followers:
    """Follow the send queue and what is called back, and publish both under the customer's key.

    The table is the truth and waits for nobody: while the broker is away, sends are queued as ever, and they go when
    it is back. A send of which the broker knows is not published again, one that was called back before it could be
    published is not published at all, and none stands behind its revocation.

    Raises:
        UsageError: no such topics are named.
        EnvironmentMissingError: the broker does not answer, or lacks a topic; said before anything is started.
    """
    lake, broker = workspace.lake, workspace.broker
    if broker is None or broker.queues is None:
        raise UsageError("the settings name no topics for the queues; give kafka.servers and kafka.queues")
    prefix = f"{broker.queues}.{lake.brand}."
    require_topics(lake.spark, broker, [prefix + channel for channel in workspace.brand.settings.channels])
    # Between a look at what is called back and the end of what is published then, nothing else is published.
    turn = Lock()

    def handing_over(table: DeltaTable, write: Callable[[Lake, DataFrame], None]) -> BatchFunction:
        def hand_over(here: Workspace, rows: DataFrame, batch_id: int) -> None:
            try:
                with turn:
                    write(here.lake, rows)
            except (PySparkException, Py4JError) as error:
                raise EnvironmentMissingError(
                    f"sends cannot be published at {broker.servers}: {cause_of(error)}; "
                    f"they stand in {table.name}, and go at the next start"
                ) from error

        return hand_over

    def hand_over_sends(here: Lake, sends: DataFrame) -> None:
        publish_sends(keep_publishable(here, sends), broker, prefix, workspace.clock.now())

    def hand_over_revocations(here: Lake, revocations: DataFrame) -> None:
        publish_revocations(revocations, broker, prefix, workspace.clock.now())

    work = {
        "mirror_queues": (SEND_QUEUE, hand_over_sends),
        "mirror_revocations": (REVOKED_SENDS, hand_over_revocations),
    }
    started: list[Follower] = []
    try:
        for name, (table, write) in work.items():
            batch = handing_over(table, write)
            started.append(start_follower(workspace, follow_table(lake, table), name, batch, once))
    except BaseException:
        Followers(tuple(started)).stop()
        raise
    return Followers(tuple(started))


def keep_publishable(lake: Lake, sends: DataFrame) -> DataFrame:
    """Keep sends that are neither called back nor a customer's who was erased since: the stream still has the address.

    Args:
        lake: where.
        sends: rows of send_queue.
    """
    revoked = read_table(lake, REVOKED_SENDS).select("send_id")
    kept = sends.join(revoked, on="send_id", how="left_anti")
    erased = kept.join(erased_customers(lake), on="customer_id", how="left")
    came_back = F.col("erased_at").isNull() | (F.col("erased_at") < F.col("released_at"))
    return erased.where(came_back).select(*sends.columns)


def publish_sends(sends: DataFrame, broker: Broker, prefix: str, now: datetime) -> None:
    """Publish those of a batch of send_queue of which no earlier attempt stands in the topics.

    A customer's sends keep the order of their slots: they have one key and so one partition, and one task writes them.

    Args:
        sends: rows of send_queue.
        broker: where they go.
        prefix: of the topics' names; the channel follows.
        now: the instant of the clock that releases sends.
    """
    _publish(sends, broker, prefix, now, ("released_at", "not_before_at"), SEND_ID, send_json)


def publish_revocations(revocations: DataFrame, broker: Broker, prefix: str, now: datetime) -> None:
    """Publish those of a batch of revoked_sends of which no earlier attempt stands in the topics.

    Args:
        revocations: rows of revoked_sends.
        broker: where they go.
        prefix: of the topics' names; the channel follows.
        now: the instant of the clock that calls sends back.
    """
    _publish(revocations, broker, prefix, now, ("revoked_at", "revoked_at"), REVOKED_SEND_ID, revocation_json)


def as_messages(
    prefix: str, as_json: Callable[[dict[str, Any]], str] = send_json
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` that makes of each row its topic, key, value and send_id."""

    def convert(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = batch.to_pylist()
            columns = {
                "topic": [prefix + row["channel"] for row in rows],
                "key": [row["customer_id"] for row in rows],
                "value": [as_json(row) for row in rows],
                SEND_ID: [row[SEND_ID] for row in rows],
            }
            yield batch_of({name: pa.array(texts, pa.string()) for name, texts in columns.items()}, _MESSAGES)

    return convert


def _publish(
    rows: DataFrame,
    broker: Broker,
    prefix: str,
    now: datetime,
    instants: tuple[str, str],
    header: str,
    as_json: Callable[[dict[str, Any]], str],
) -> None:
    """Publish rows with send_id, customer_id and channel.

    Args:
        rows: each send at most once.
        broker: where they go.
        prefix: of the topics' names.
        now: the present instant.
        instants: columns with the instant before which a row is not published, and with the one it is ordered by.
        header: that carries its send_id.
        as_json: makes the value of a row.
    """
    made_at, ordered_by = instants
    topic = F.concat(F.lit(prefix), "channel")
    (batch,) = rows_of(rows.agg(F.min(made_at).alias("since"), F.collect_set(topic).alias("topics")))
    if not batch["topics"]:
        return
    # Nothing is published before it is made, unless a run is ahead of the clock.
    since = batch["since"] - CLOCKS_APART if batch["since"] <= now else None
    published = published_since(rows.sparkSession, broker, batch["topics"], since, header)
    fresh = rows.join(published.distinct(), on=SEND_ID, how="left_anti").select(*rows.columns)
    in_order = fresh.repartition("customer_id").sortWithinPartitions(ordered_by, SEND_ID)
    messages = in_order.mapInArrow(as_messages(prefix, as_json), from_arrow_schema(_MESSAGES))
    carried = F.struct(F.lit(header).alias("key"), F.col(SEND_ID).cast("binary").alias("value"))
    publish(messages.select("topic", "key", "value", F.array(carried).alias("headers")), broker)
