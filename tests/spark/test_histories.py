from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ceasefire.history.packing import packed_histories, with_tail
from ceasefire.history.responses import is_too_soon
from ceasefire.ids import hash64
from ceasefire.tables import EVENTS
from ceasefire.vocabulary import MACHINE_CODE, EventType

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANNELS = {"email": "email", "sms": "phone"}


def event(customer: str, event_type: str, minute: int, attributes: dict[str, str | None] | None = None,
          **columns: Any) -> dict[str, Any]:  # fmt: skip
    return {
        "customer_id": customer,
        "event_type": event_type,
        "event_at": NOON + timedelta(minutes=minute),
        "attributes": None if attributes is None else list(attributes.items()),
        **columns,
    }


LOG = [
    event("anna", "registered", 0, {"email": "set", "city": "Kiel"}),
    event("anna", "browse", 1, category="ski/boots/kids/red", source="web", channel="app"),
    event("anna", "order", 2, order_id="o1", amount_minor=1999, campaign_id="spring"),
    event("anna", "order_line", 2, order_id="o1", product_id="p1", category="ski", quantity_milli=2000,
          amount_minor=1999),
    event("anna", "profile_changed", 3, {"email": None}),
    event("anna", "profile_changed", 3, {"city": "Bonn"}),
    event("anna", "profile_changed", 3, {"city": "Köln"}),
    event("bert", "consent_changed", 0, statement=("marketing", "email", None, True), channel="email"),
    event("bert", "consent_changed", 1, statement=("marketing", "sms", None, False), channel="sms"),
    event("bert", "unsubscribed", 2, statement=("marketing", "*", None, False)),
    event("bert", "complained", 3, statement=("marketing", "sms", "topic/ski", False), channel="sms"),
    event("bert", "send_bounced", 3, channel="sms", refusal="hard_bounce"),
    event("bert", "send_bounced", 3, channel="email", refusal="soft_bounce"),
    event("bert", "order", 4, {"city": "no profile event, no profile entry"}, amount_minor=1),
    event("bert", "order", 4, amount_minor=1),
    event("carl", "registered", 0),
    event("carl", "erasure_requested", 9, statement=("*", "*", None, False)),
]  # fmt: skip


def rows_of_log(spark: SparkSession, rows: Sequence[dict[str, Any]]) -> DataFrame:
    complete = [tuple(row.get(one.name) for one in EVENTS.columns) for row in rows]
    as_maps = [tuple(dict(value) if isinstance(value, list) else value for value in row) for row in complete]
    return spark.createDataFrame(as_maps, EVENTS.schema)


def histories(frame: DataFrame) -> dict[str, tuple[list[dict[str, Any]], list[tuple[Any, ...]]]]:
    """Events and profile entries of each customer, in their order; a profile entry as (minute, name, value)."""
    rows = frame.toArrow().to_pylist()
    assert len({row["customer_id"] for row in rows}) == len(rows)
    return {
        row["customer_id"]: (
            row["events"],
            [((one["set_at"] - NOON) // timedelta(minutes=1), one["name"], one["value"]) for one in row["profile"]],
        )
        for row in rows
    }


def test_a_history_holds_codes_hashes_and_settings(spark: SparkSession) -> None:
    packed = histories(packed_histories(rows_of_log(spark, LOG), CHANNELS))

    events, profile = packed["anna"]
    assert [one["event_at"] for one in events] == sorted(one["event_at"] for one in events)
    browse = next(one for one in events if one["type"] == EventType.BROWSE.code)
    assert [browse[f"category_{level}"] for level in (1, 2, 3)] == [
        hash64("ski"),
        hash64("ski/boots"),
        hash64("ski/boots/kids"),
    ]
    assert (browse["source"], browse["channel"], browse["product"]) == (hash64("web"), hash64("app"), 0)
    line = next(one for one in events if one["type"] == EventType.ORDER_LINE.code)
    assert (line["category_1"], line["category_2"], line["order"]) == (hash64("ski"), 0, hash64("o1"))
    assert (line["product"], line["quantity_milli"], line["amount_minor"]) == (hash64("p1"), 2000, 1999)
    # of two settings at one instant the larger text is the last
    assert profile == [
        (0, "city", "Kiel"),
        (0, "email", "set"),
        (3, "city", "Bonn"),
        (3, "city", "Köln"),
        (3, "email", None),
    ]
    # a no says how far it goes, and a hard bounce takes the address of its channel away
    assert packed["bert"][1] == [
        (0, "consent/marketing/email", "granted"),
        (1, "consent/marketing/sms", "withdrawn"),
        (2, "consent/marketing/*", "withdrawn"),
        (3, "phone", None),
        (3, "refusal/topic/ski", "withdrawn"),
    ]
    # and whoever asked to be erased is not written to at all, on channels to come neither
    assert packed["carl"][1] == [(9, "consent/*/*", "withdrawn")]
    assert [one["type"] for one in packed["carl"][0]] == [EventType.REGISTERED.code, EventType.ERASURE_REQUESTED.code]

    texts = spark.createDataFrame([("",), ("a",), ("Spark",), ("ski/boots",), ("Žižkov 東京 🎿",)], "text string")
    for text, by_spark in texts.select("text", F.xxhash64("text")).collect():
        assert hash64(text) == by_spark


def test_a_snapshot_and_its_tail_say_the_same_as_the_whole_log_wherever_it_is_cut(spark: SparkSession) -> None:
    whole = histories(packed_histories(rows_of_log(spark, LOG), CHANNELS))
    late_first = LOG[::-1]
    by_turns = LOG[::2] + LOG[1::2]

    for log, cut in ((LOG, 7), (late_first, 4), (by_turns, len(LOG))):
        snapshot = packed_histories(rows_of_log(spark, log[:cut]), CHANNELS)
        tail = packed_histories(rows_of_log(spark, log[cut:]).repartition(3), CHANNELS)

        assert histories(with_tail(snapshot, tail)) == whole


def test_a_machines_response_keeps_its_place_in_a_history_and_loses_its_type(spark: SparkSession) -> None:
    log = [
        event("anna", "send_delivered", 0, send_id="s1", order_id="o1"),
        event("anna", "send_opened", 1, send_id="s1", repairs=("machine_response",)),
        event("anna", "send_clicked", 2, send_id="s1", repairs=("other",)),
        event("anna", "order", 3, send_id="s1", order_id="o1"),
    ]

    (events, _) = histories(packed_histories(rows_of_log(spark, log), CHANNELS))["anna"]

    codes = {name: EventType(name).code for name in ("send_delivered", "send_clicked", "order")}
    assert [(one["type"], one["order"]) for one in events] == [
        (codes["send_delivered"], hash64("s1")),
        (MACHINE_CODE, hash64("s1")),
        (codes["send_clicked"], hash64("s1")),
        (codes["order"], hash64("o1")),
    ]


def test_a_response_soon_after_any_delivery_of_its_send_is_told_as_a_loop_over_all_pairs_tells_it(
    spark: SparkSession,
) -> None:
    # a window over ranges is Spark's to get right: equal instants, several deliveries, no send
    kinds = ("send_delivered", "send_opened", "send_clicked", "order")
    log = [
        event(
            f"c{hash64(f'who {number}') % 3}",
            kinds[hash64(f"what {number}") % 4],
            hash64(f"when {number}") % 40,
            send_id=(None, "s1", "s2")[hash64(f"send {number}") % 3],
            event_key=str(number),
        )
        for number in range(300)
    ]
    within = timedelta(minutes=3)

    def is_soon(row: dict[str, Any]) -> bool:
        deliveries = [
            one["event_at"]
            for one in log
            if one["event_type"] == "send_delivered"
            and one["send_id"] is not None
            and (one["customer_id"], one["send_id"]) == (row["customer_id"], row["send_id"])
        ]
        is_response = row["event_type"] in ("send_opened", "send_clicked")
        return is_response and any(at <= row["event_at"] < at + within for at in deliveries)

    frame = rows_of_log(spark, log).withColumn("soon", is_too_soon(180_000_000, "customer_id"))

    found = {row["event_key"] for row in frame.where("soon").select("event_key").toArrow().to_pylist()}
    assert found == {row["event_key"] for row in log if is_soon(row)}
    assert len(found) > 10
