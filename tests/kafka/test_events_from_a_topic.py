from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from broker import Broker
from ceasefire.config import kafka
from ceasefire.errors import CheckFailedError, EnvironmentMissingError
from ceasefire.ids import event_key
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.run import run
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import read_table, rows_of
from ceasefire.storage.topics import Topic
from ceasefire.tables import CONSENT_HOLDS, EVENTS, INGEST_BATCHES, QUARANTINED_EVENTS
from kafka import KafkaProducer
from small_brand import BRAND, FIRST_CLOSE, corner, fingerprints, write_events


def topic_at(broker: Broker, name: str) -> Topic:
    return Topic(kafka.Broker(broker.servers), name)


def browse(event_id: str, **changes: Any) -> bytes:
    event = {"event_id": event_id, "brand": BRAND, "customer_id": "customer-1", "event_type": "browse"}
    return json.dumps(event | {"event_at": "2026-03-01T09:00:00Z", "category": "ski"} | changes).encode()


def events_of(workspace: Workspace) -> Counter[str]:
    return Counter(row["event_key"] for row in rows_of(read_table(workspace.lake, EVENTS)))


def reasons_of(workspace: Workspace) -> Counter[str]:
    return Counter(reason for row in rejected(workspace) for reason in row["reasons"])


def rejected(workspace: Workspace) -> list[dict[str, Any]]:
    return rows_of(read_table(workspace.lake, QUARANTINED_EVENTS))


def test_events_from_a_topic_give_the_tables_that_files_give(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    # given a window from a file, and the same lines in a topic, each under its customer's key
    from_file = corner(spark, tmp_path / "file")
    run(
        from_file,
        str(write_events(tmp_path / "file" / "events")),
        FIRST_CLOSE,
        FIRST_CLOSE,
        lambda what: None,
        as_of_slot=True,
    )
    lines = (tmp_path / "file" / "events" / "events.jsonl").read_bytes().splitlines()
    broker.create_topics(["same"])
    customers = [json.loads(line)["customer_id"].encode() if line.endswith(b"}") else None for line in lines]
    broker.send("same", *zip(customers, lines, strict=True))

    # when the same window is run from the topic
    workspace = corner(spark, tmp_path / "topic")
    run(workspace, topic_at(broker, "same"), FIRST_CLOSE, FIRST_CLOSE, lambda what: None, as_of_slot=True)

    # then nothing differs but the places of what was rejected
    expected, found = fingerprints(from_file.lake), fingerprints(workspace.lake)
    placed = {QUARANTINED_EVENTS.name, CONSENT_HOLDS.name}
    assert {name: rows for name, rows in found.items() if name not in placed} == {
        name: rows for name, rows in expected.items() if name not in placed
    }
    assert expected["send_queue"][0] > 0
    looked_at = ("event_key", "raw", "reasons", "ingest_batch")
    assert sorted(repr([row[name] for name in looked_at]) for row in rejected(workspace)) == sorted(
        repr([row[name] for name in looked_at]) for row in rejected(from_file)
    )
    assert {row["source_file"].rpartition("/")[0] for row in rejected(workspace)} == {"kafka:same"}


def test_poison_repetitions_and_a_broker_that_dies_lose_nothing_and_double_nothing(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = corner(spark, tmp_path)
    broker.create_topics(["hostile"])
    # given good events among messages that are none, one of them repeated
    poison = {
        b"\xff\xfe\x00{": "corrupt",
        b"{broken": "corrupt",
        browse("two") + b"\n" + browse("in one"): "corrupt",
        browse("big", referrer="x" * 5_000_000): "oversize",
        b"": "empty",
        b" \n ": "empty",
        b"[1, 2]": "corrupt",
        browse("other", brand="x"): "unknown_brand",
    }
    broker.send("hostile", (b"c", browse("a")), *((b"c", one) for one in poison), (b"c", None), (b"c", browse("a")))
    following = start_ingest(workspace, topic_at(broker, "hostile"), once=False)
    following.drain()

    # when the broker dies with the query running, and more comes once it is back: new, repeated, and written anew
    broker.kill()
    broker.start()
    spread = json.dumps(json.loads(browse("b")), indent=2).encode()
    broker.send("hostile", (b"c", browse("a")), (b"d", browse("b")), (b"d", spread), (b"d", browse("c")))
    following.drain()
    following.stop()

    # then each event is there once, and every other message is in quarantine under its own offset
    assert sorted(events_of(workspace).values()) == [1, 1, 1]
    expected = Counter(poison.values()) + Counter({"empty": 1, "duplicate": 3})
    assert reasons_of(workspace) == expected
    offsets = [(row["source_file"], row["source_block"]) for row in rejected(workspace)]
    assert len(set(offsets)) == len(offsets) == expected.total()
    assert {row["source_row"] for row in rejected(workspace)} == {1}
    # and the counts of the batches are those of the topic
    counted = sum(row["row_count"] for row in rows_of(read_table(workspace.lake, INGEST_BATCHES)))
    assert counted == len(broker.messages("hostile")) == expected.total() + 3


def test_messages_of_a_transaction_that_was_given_up_are_no_events(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = corner(spark, tmp_path)
    broker.create_topics(["transactions"], partitions=1)
    producer = KafkaProducer(bootstrap_servers=broker.servers, transactional_id="shop")
    producer.init_transactions()
    for event_id, end in (("given up", producer.abort_transaction), ("kept", producer.commit_transaction)):
        producer.begin_transaction()
        producer.send("transactions", key=b"c", value=browse(event_id)).get(timeout=30)
        end()
    producer.close()

    start_ingest(workspace, topic_at(broker, "transactions"), once=True).finish()

    assert rejected(workspace) == []
    (kept,) = rows_of(read_table(workspace.lake, EVENTS).select("event_key"))
    assert kept["event_key"] == event_key(workspace.at_work.key, "kept")


def test_ingest_goes_on_where_it_stopped(spark: SparkSession, broker: Broker, tmp_path: Path) -> None:
    workspace = corner(spark, tmp_path)
    broker.create_topics(["resumed"])
    broker.send("resumed", (b"c", browse("a")))
    start_ingest(workspace, topic_at(broker, "resumed"), once=True).finish()
    broker.send("resumed", (b"c", browse("b")))

    start_ingest(workspace, topic_at(broker, "resumed"), once=True).finish()

    assert sorted(events_of(workspace).values()) == [1, 1]
    assert rejected(workspace) == []


def test_messages_that_the_topic_dropped_unread_stop_ingest(
    spark: SparkSession, broker: Broker, tmp_path: Path
) -> None:
    workspace = corner(spark, tmp_path)
    broker.create_topics(["dropped"], partitions=1)
    broker.send("dropped", (b"c", browse("a")))
    start_ingest(workspace, topic_at(broker, "dropped"), once=True).finish()
    broker.send("dropped", (b"c", browse("b")), (b"c", browse("c")))

    # when retention deletes the second before it is read
    broker.drop_before("dropped", 2)

    with pytest.raises(
        CheckFailedError,
        match=r"^ingest_events stopped: Kafka deleted .*\[1, 3\)",
    ) as refused:
        start_ingest(workspace, topic_at(broker, "dropped"), once=True).finish()
    assert refused.value.exit_code == 1
    assert "\n" not in str(refused.value)
    assert sorted(events_of(workspace).values()) == [1]


def test_a_broker_that_stays_away_stops_ingest_with_one_sentence(
    spark: SparkSession, tmp_path: Path, own_broker: Broker
) -> None:
    workspace = corner(spark, tmp_path)
    own_broker.create_topics(["lost"])
    own_broker.send("lost", (b"c", browse("a")))
    impatient = {"request.timeout.ms": "3000", "default.api.timeout.ms": "5000"}
    source = Topic(kafka.Broker(own_broker.servers, options=impatient), "lost")
    following = start_ingest(workspace, source, once=False)
    following.drain()

    # when the broker goes and does not come back
    own_broker.kill()

    with pytest.raises(
        EnvironmentMissingError, match=r"^ingest_events stopped: Kafka cannot be used \(T.*; see"
    ) as refused:
        following.finish()
    assert refused.value.exit_code == 3
    assert "\n" not in str(refused.value)

    # then a start while it is away says so too, and one after it is back goes on
    with pytest.raises(EnvironmentMissingError, match=f"^{own_broker.servers}: Kafka cannot be used .Timeout"):
        start_ingest(workspace, source, once=True)
    own_broker.start()
    own_broker.send("lost", (b"c", browse("b")))
    start_ingest(workspace, source, once=True).finish()
    assert sorted(events_of(workspace).values()) == [1, 1]


def test_a_topic_that_is_not_there_is_named(spark: SparkSession, broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissingError, match="has no topic nowhere; create it") as refused:
        start_ingest(corner(spark, tmp_path), topic_at(broker, "nowhere"), once=True)
    assert refused.value.exit_code == 3
