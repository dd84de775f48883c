"""Topics of Kafka, read and written through Spark alone, so that any session with Kafka's jars can do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader

from ceasefire.config.kafka import Broker
from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.failures import cause_of

MAX_MESSAGES_PER_BATCH = 100_000
GROUP_PREFIX = "ceasefire"
"""What the names of all consumer groups begin with, so that a broker can let them in."""

SEND_ID = "send_id"
"""The header that carries the key by which a receiver knows a repeated send."""

REVOKED_SEND_ID = "revoked_send_id"
"""The header of a message that calls a send back: another one, so that nobody takes it for the send repeated."""

# A broker that is there answers within a second; one that is not must be named within a minute.
_PATIENCE = {
    "kafka.request.timeout.ms": "10000",
    "kafka.default.api.timeout.ms": "15000",
    "fetchOffset.numRetries": "1",
}
_NO_KAFKA = (
    "this Spark session has no jars of Kafka; hand them to spark-submit with --jars: "
    "`python -m ceasefire.runtime.jars --kafka` fetches them"
)
_YEAR_3000_MS = "32503680000000"

_Reader = TypeVar("_Reader", DataFrameReader, DataStreamReader)


@dataclass(frozen=True)
class Topic:
    """A topic of events at a broker."""

    broker: Broker
    name: str


def require_topics(spark: SparkSession, broker: Broker, names: Iterable[str]) -> None:
    """Make sure that the broker answers, lets us in, and has these topics.

    Raises:
        EnvironmentMissingError: it does not, or this session cannot talk to a broker at all; says what to do.
    """
    missing = [name for name in names if not _has_topic(spark, broker, name)]
    if missing:
        raise EnvironmentMissingError(
            f"the broker at {broker.servers} has no topic {', '.join(missing)}; create it, "
            "or correct kafka.events and kafka.queues in the settings"
        )


def follow_topic(spark: SparkSession, topic: Topic) -> DataFrame:
    """The messages of a topic as a stream of lines: value, source_file (topic and partition), source_block (offset).

    It begins with the oldest message that the topic holds, and stops when messages were deleted before it read them.
    """
    reader = _connected(spark.readStream, topic.broker).option("subscribe", topic.name)
    reader = reader.option("startingOffsets", "earliest").option("failOnDataLoss", "true")
    reader = reader.option("maxOffsetsPerTrigger", MAX_MESSAGES_PER_BATCH)
    return reader.load().select(
        F.col("value").cast("string").alias("value"),
        F.concat(F.lit("kafka:"), "topic", F.lit("/"), "partition").alias("source_file"),
        F.col("offset").alias("source_block"),
    )


def published_since(
    spark: SparkSession, broker: Broker, names: Iterable[str], since: datetime | None, header: str = SEND_ID
) -> DataFrame:
    """send_id, taken from this header, of what stands in topics since an instant of the broker's clock, or ever."""
    reader = _connected(spark.read, broker).option("subscribe", ",".join(sorted(names)))
    # What retention takes away while it is read is older than anything that could be published twice.
    reader = reader.option("includeHeaders", "true").option("failOnDataLoss", "false")
    if since is not None:
        reader = reader.option("startingTimestamp", int(since.timestamp() * 1000))
        reader = reader.option("startingOffsetsByTimestampStrategy", "latest")
    headers = reader.load().select(F.explode("headers").alias("header"))
    return headers.where(F.col("header.key") == header).select(F.col("header.value").cast("string").alias(SEND_ID))


def publish(messages: DataFrame, broker: Broker) -> None:
    """Write messages: topic, key, value, headers."""
    writer = messages.write.format("kafka").option("kafka.bootstrap.servers", broker.servers)
    writer.option("includeHeaders", "true").options(**_client_options(broker)).save()


def _has_topic(spark: SparkSession, broker: Broker, name: str) -> bool:
    # From a time that has not come: the broker is asked where the topic ends, and no message is read.
    reader = _connected(spark.read, broker).option("subscribe", name).options(**_PATIENCE)
    reader = reader.option("startingTimestamp", _YEAR_3000_MS).option("startingOffsetsByTimestampStrategy", "latest")
    try:
        reader.load().isEmpty()
    except (PySparkException, Py4JError) as error:
        said = str(error)
        if "UnknownTopicOrPartitionException" in said:
            return False
        if "Failed to find data source: kafka" in said or "DATA_SOURCE_NOT_FOUND" in said:
            raise EnvironmentMissingError(_NO_KAFKA) from error
        raise EnvironmentMissingError(f"{broker.servers}: {cause_of(error)}") from error
    return True


def _connected(reader: _Reader, broker: Broker) -> _Reader:
    connected = reader.format("kafka").option("kafka.bootstrap.servers", broker.servers)
    connected = connected.option("groupIdPrefix", GROUP_PREFIX)
    # A message of a transaction that was given up was never sent.
    return connected.option("kafka.isolation.level", "read_committed").options(**_client_options(broker))


def _client_options(broker: Broker) -> dict[str, str]:
    return {f"kafka.{name}": value for name, value in broker.options.items()}
