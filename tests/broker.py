"""A real broker of one node in a process of its own, from jars that are fetched once and verified."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kafka.admin import KafkaAdminClient, NewTopic

from ceasefire.runtime.jar_lock import locked_jars
from ceasefire.runtime.jar_routes import ROUTES
from ceasefire.runtime.jars import cache_folder, verified_jars
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

BROKER_LOCK = Path(__file__).with_name("broker.lock")
MESSAGE_MAX_BYTES = 8 << 20
START_SECONDS = 90
CLUSTER_ID = "cornershopcornershopco"

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
message.max.bytes={message_max_bytes}
replica.fetch.max.bytes={message_max_bytes}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
# A broker that was killed is let in again when its lease has run out.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


@dataclass(frozen=True)
class Message:
    """What a consumer of a topic gets."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Broker:
    """Starts, stops and dies as it is told; what it was given, it keeps in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, controller = _free_ports(2)
        self.servers = f"127.0.0.1:{self.port}"
        self._properties = folder / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(
                port=self.port, controller=controller, logs=folder / "logs", message_max_bytes=MESSAGE_MAX_BYTES
            ),
            "utf-8",
        )
        jars = verified_jars(cache_folder() / "broker", locked_jars(BROKER_LOCK), ROUTES[::-1])
        self._class_path = ":".join(map(str, jars))
        self._process: subprocess.Popen[bytes] | None = None
        with self._said().open("ab") as said:
            format_logs = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties))
            subprocess.run(self._command(*format_logs), check=True, stdout=said, stderr=said)

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it did not come up; names the file that says why.
        """
        with self._said().open("ab") as said:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)), stdout=said, stderr=said
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if _has_ended(self._process) or time.monotonic() > deadline:
                raise RuntimeError(f"the broker did not come up, see {self._said()}")

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def create_topics(self, names: Iterable[str], partitions: int = 2) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.servers)
        admin.create_topics([NewTopic(name, partitions, 1) for name in names])
        admin.close()

    def send(self, topic: str, *messages: tuple[bytes | None, bytes | None]) -> None:
        """Publish keys with values in this order; all of them stand in the topic when it returns."""
        producer = KafkaProducer(bootstrap_servers=self.servers, max_request_size=MESSAGE_MAX_BYTES, acks="all")
        for sent in [producer.send(topic, key=key, value=value) for key, value in messages]:
            sent.get(timeout=30)
        producer.close()

    def messages(self, topic: str) -> list[Message]:
        """Everything that stands in a topic, partition after partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.servers, enable_auto_commit=False)
        partitions = [TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found: list[Message] = []
        while any(consumer.position(one) < ends[one] for one in partitions):
            for records in consumer.poll(timeout_ms=1000).values():
                found += [Message(r.partition, r.offset, r.key, r.value, dict(r.headers)) for r in records]
        consumer.close()
        return sorted(found, key=lambda one: (one.partition, one.offset))

    def count(self, topic: str) -> int:
        """How many messages stand in a topic."""
        consumer = KafkaConsumer(bootstrap_servers=self.servers)
        ends = consumer.end_offsets([TopicPartition(topic, one) for one in consumer.partitions_for_topic(topic) or ()])
        consumer.close()
        return sum(ends.values())

    def drop_before(self, topic: str, offset: int) -> None:
        """Do to the first partition of a topic what its retention does."""
        admin = KafkaAdminClient(bootstrap_servers=self.servers)
        admin.delete_records({TopicPartition(topic, 0): offset})
        admin.close()

    def _command(self, *arguments: str) -> list[str]:
        java = str(Path(os.environ["JAVA_HOME"], "bin", "java")) if "JAVA_HOME" in os.environ else "java"
        options = ("-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", self._class_path)
        return [java, *options, *arguments]

    def _said(self) -> Path:
        return self.folder / "said.txt"

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait(timeout=60)
            self._process = None


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
