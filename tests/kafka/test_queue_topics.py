from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from broker import Broker, Message
from ceasefire.config import kafka
from ceasefire.errors import EnvironmentMissingError, UsageError
from ceasefire.pipelines.queue_topics import publish_sends, start_queue_topics
from ceasefire.pipelines.run import run
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import append_once, read_table, rows_of
from ceasefire.tables import SEND_QUEUE
from small_brand import FIRST_CLOSE, SECOND_CLOSE, WALL, corner, write_events

CHANNELS = ("email", "sms")
IMPATIENT = {"request.timeout.ms": "3000", "default.api.timeout.ms": "5000", "max.block.ms": "5000"}
MANY = 60_000
SLOT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def mirrored(workspace: Workspace, broker: Broker, prefix: str, **options: str) -> Workspace:
    """The same brand, with the queues' topics made and named in its settings."""
    broker.create_topics(f"{prefix}.corner.{channel}" for channel in CHANNELS)
    return replace(workspace, broker=kafka.Broker(broker.servers, queues=prefix, options=options))


def queue(workspace: Workspace, sends: Iterable[tuple[str, str, str, datetime]], batch: int = 0) -> None:
    """Rows of the queue: send_id, customer_id, channel and slot."""
    rows = [
        {
            **dict.fromkeys(("decision_id", "address", "campaign_id", "variant_id", "template", "locale"), "x"),
            "class": "marketing",
            "merge_fields": {"product": "coat"},
            "send_id": send_id,
            "customer_id": customer,
            "channel": channel,
            "not_before_at": slot,
            "expires_at": slot + timedelta(days=2),
            "released_at": slot,
        }
        for send_id, customer, channel, slot in sends
    ]
    append_once(workspace.lake, SEND_QUEUE, pa.Table.from_pylist(rows, schema=SEND_QUEUE.arrow_schema), "test", batch)


def published(broker: Broker, prefix: str) -> dict[str, list[Message]]:
    return {channel: broker.messages(f"{prefix}.corner.{channel}") for channel in CHANNELS}


def send_ids(broker: Broker, prefix: str) -> Counter[str]:
    return Counter(one.headers["send_id"].decode() for some in published(broker, prefix).values() for one in some)


def queued(workspace: Workspace) -> Counter[str]:
    return Counter(row["send_id"] for row in rows_of(read_table(workspace.lake, SEND_QUEUE)))


def test_each_send_is_published_once_though_the_broker_dies_between_two_windows(
    spark: SparkSession, own_broker: Broker, tmp_path: Path
) -> None:
    workspace = mirrored(corner(spark, tmp_path), own_broker, "outage", **IMPATIENT)
    events = str(write_events(tmp_path / "events"))
    # given a window whose sends are published as they are queued
    mirror = start_queue_topics(workspace, once=False)
    run(workspace, events, FIRST_CLOSE, FIRST_CLOSE, lambda what: None, as_of_slot=True)
    mirror.drain()
    assert send_ids(own_broker, "outage") == queued(workspace) != Counter()
    first = queued(workspace)

    # when the broker is away, the next window is decided and queued as ever
    own_broker.kill()
    run(workspace, events, None, SECOND_CLOSE, lambda what: None, as_of_slot=True)
    assert queued(workspace) > first
    with pytest.raises(EnvironmentMissingError, match=r"^.*127\.0\.0\.1:\d+.*Kafka cannot be used .*") as refused:
        mirror.finish()
    assert "\n" not in str(refused.value)

    # and its sends go when it is back
    own_broker.start()
    start_queue_topics(workspace, once=True).finish()
    assert send_ids(own_broker, "outage") == queued(workspace)
    assert set(queued(workspace).values()) == {1}
    # and what is published is what the files say, under the customer's key and the send's id
    for channel, messages in published(own_broker, "outage").items():
        lines = (tmp_path / "lake" / "corner" / "queues" / f"{channel}.jsonl").read_text("utf-8").splitlines()
        assert sorted(lines) == sorted((one.value or b"").decode() for one in messages)
        for one in messages:
            said = json.loads(one.value or b"")
            assert (one.key, one.headers["send_id"]) == (said["customer_id"].encode(), said["send_id"].encode())


def test_a_broker_that_dies_and_comes_back_while_sends_are_published_doubles_none_and_loses_none(
    spark: SparkSession, own_broker: Broker, tmp_path: Path
) -> None:
    workspace = mirrored(corner(spark, tmp_path), own_broker, "amid")
    queue(workspace, [(f"s{one}", f"c{one % 999}", "sms", SLOT) for one in range(MANY)])
    mirror = start_queue_topics(workspace, once=False)
    # when it dies with some of them written
    while (written := own_broker.count("amid.corner.sms")) == 0:
        assert mirror.query.isActive
    own_broker.kill()
    own_broker.start()
    mirror.drain()
    mirror.stop()

    assert written < MANY
    assert send_ids(own_broker, "amid") == Counter(f"s{one}" for one in range(MANY))


def test_what_was_published_and_not_recorded_is_not_published_again(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = mirrored(corner(spark, tmp_path), broker, "again")
    sends = [(f"s{one}", f"c{one % 5}", CHANNELS[one % 2], SLOT + timedelta(hours=one)) for one in range(20)]
    queue(workspace, sends)
    # given an attempt that ended in the middle
    half = read_table(workspace.lake, SEND_QUEUE).where("send_id < 's15'")
    assert workspace.broker is not None
    publish_sends(half, workspace.broker, "again.corner.", WALL)
    assert 0 < send_ids(broker, "again").total() < 20

    # when the batch is repeated, then recorded and lost once more, and then all that is known of batches is lost
    start_queue_topics(workspace, once=True).finish()
    checkpoint = tmp_path / "lake" / "corner" / "_checkpoints" / "mirror_queues"
    for record in checkpoint.glob("commits/*"):
        record.unlink()
    for record in checkpoint.glob("commits/.*.crc"):
        record.unlink()
    start_queue_topics(workspace, once=True).finish()
    shutil.rmtree(checkpoint)
    start_queue_topics(replace(workspace, new_epoch=True), once=True).finish()

    # then each send stands in its topic once
    assert send_ids(broker, "again") == queued(workspace) == Counter(f"s{one}" for one in range(20))


def test_sends_that_a_run_ahead_of_the_clock_released_are_published_once_too(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = mirrored(corner(spark, tmp_path), broker, "ahead")
    tomorrow = datetime(2199, 1, 1, tzinfo=UTC)
    queue(workspace, [("s1", "c", "sms", tomorrow), ("s2", "c", "sms", tomorrow)])

    start_queue_topics(workspace, once=True).finish()
    shutil.rmtree(tmp_path / "lake" / "corner" / "_checkpoints" / "mirror_queues")
    start_queue_topics(replace(workspace, new_epoch=True), once=True).finish()

    assert send_ids(broker, "ahead") == Counter(("s1", "s2"))


def test_a_customers_sends_stand_in_one_partition_in_the_order_of_their_slots(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = mirrored(corner(spark, tmp_path), broker, "order")
    # given sends of four customers, queued in any order, in two batches
    hours = [11, 3, 7, 1, 9, 5]
    for batch, day in enumerate((0, 1)):
        slots = [SLOT + timedelta(days=day, hours=hour) for hour in hours]
        queue(workspace, [(f"{who}-{at.isoformat()}", who, "sms", at) for at in slots for who in "abcd"], batch)

    start_queue_topics(workspace, once=True).finish()

    messages = published(broker, "order")["sms"]
    assert len(messages) == 4 * 12
    for who in "abcd":
        mine = [one for one in messages if one.key == who.encode()]
        assert len({one.partition for one in mine}) == 1
        slots = [json.loads(one.value or b"")["not_before_at"] for one in mine]
        assert slots == sorted(slots)
        assert len(slots) == 12
    assert len({one.partition for one in messages}) == 2


def test_topics_that_are_not_there_are_all_named_before_anything_starts(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = replace(corner(spark, tmp_path), broker=kafka.Broker(broker.servers, queues="no"))

    with pytest.raises(EnvironmentMissingError, match=r"has no topic no\.corner\.email, no\.corner\.sms; create it"):
        start_queue_topics(workspace, once=True)
    assert not (tmp_path / "lake" / "corner" / "_checkpoints").exists()


def test_without_topics_for_queues_there_is_nothing_to_mirror(spark: SparkSession, tmp_path: Path) -> None:
    only_events = kafka.Broker("127.0.0.1:9092", events="events")

    for broker in (None, only_events):
        with pytest.raises(UsageError, match=r"give kafka\.servers and kafka\.queues"):
            start_queue_topics(replace(corner(spark, tmp_path), broker=broker), once=True)
