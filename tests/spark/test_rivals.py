"""Messages that must not leave beside each other. The rules are Spark's own columns and windows, so Spark runs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ceasefire.release.concerns import flag_rivals

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
TUESDAY, NOON = MONDAY + timedelta(days=1), MONDAY + timedelta(days=1, hours=6)
TODAY = 20_515
INSTANT = pa.timestamp("us", tz="UTC")

SEND = pa.schema(
    [
        *((name, pa.string()) for name in ("send_id", "person_id", "channel", "class", "address_key")),
        *((name, INSTANT) for name in ("as_of", "tick_at")),
        ("local_date", pa.int32()),
        ("withheld_reason", pa.string()),
        ("waits", pa.bool_()),
    ]
)
QUEUED = pa.schema(
    [
        *((name, pa.string()) for name in ("send_id", "person_id", "channel", "class", "address_key", "duration")),
        *((name, INSTANT) for name in ("released_at", "not_before_at", "window_end")),
        ("local_day", pa.int64()),
    ]
)


def send(send_id: str, person: str, as_of: datetime = TUESDAY, **facts: Any) -> dict[str, Any]:
    told = {"channel": "email", "class": "marketing", "address_key": f"of {send_id}", "waits": False}
    place = {"send_id": send_id, "person_id": person, "as_of": as_of, "tick_at": NOON, "local_date": TODAY}
    return told | place | facts


def went(person: str, days_ago: int, duration: str, **facts: Any) -> dict[str, Any]:
    at = NOON - timedelta(days=days_ago)
    told = {"send_id": f"earlier of {person}", "channel": "email", "class": "marketing", "window_end": MONDAY}
    times = {"released_at": at, "not_before_at": at, "local_day": TODAY - days_ago}
    return told | times | {"person_id": person, "duration": duration} | facts


def reasons(
    spark: SparkSession, sends: list[dict[str, Any]], queued: list[dict[str, Any]], lock: str = "all"
) -> dict[str, str | None]:
    def frame(rows: list[dict[str, Any]], schema: pa.Schema) -> DataFrame:
        return spark.createDataFrame(pa.Table.from_pylist(rows, schema))

    flagged = flag_rivals(frame(sends, SEND), frame(queued, QUEUED), lock)
    return {row["send_id"]: row["withheld_reason"] for row in flagged.toArrow().to_pylist()}


def test_after_an_outage_one_message_of_a_customer_leaves_and_it_is_the_newest(spark: SparkSession) -> None:
    sends = [
        send("of monday", "anna", MONDAY),
        send("of tuesday", "anna", TUESDAY),
        send("refund", "anna", MONDAY, **{"class": "transactional"}),
        send("stopped", "bert", TUESDAY, withheld_reason="unsubscribed"),
        send("of bert", "bert", MONDAY),
        send("waiting", "carl", TUESDAY, waits=True),
        send("of carl", "carl", MONDAY),
    ]

    assert reasons(spark, sends, []) == {
        "of monday": "duration_lock",
        "of tuesday": None,
        "refund": None,
        "stopped": "unsubscribed",
        "of bert": None,
        "waiting": None,
        "of carl": None,
    }


def test_a_message_that_left_locks_from_when_it_left_and_for_as_long_as_it_said(spark: SparkSession) -> None:
    earlier = [
        went("last day", 4, "5d"),
        went("day after", 5, "5d"),
        went("same day", 0, "1h", channel="sms"),
        went("hours", 1, "36h"),
        went("hours over", 1, "24h"),
        # decided for a slot two days ago, and held until yesterday
        went("late", 1, "48h", not_before_at=NOON - timedelta(days=2)),
        went("refunded", 1, "5d", **{"class": "transactional"}),
        went("by sms", 1, "5d", channel="sms"),
    ]
    sends = [send(row["person_id"], row["person_id"]) for row in earlier]

    locked = reasons(spark, sends, earlier)

    assert {person for person, reason in locked.items() if reason == "duration_lock"} == {
        *("last day", "same day", "hours", "late", "by sms")
    }
    assert reasons(spark, sends, earlier, "channel")["by sms"] is None
    # and one message a day holds whatever locks
    without_locks = reasons(spark, sends, earlier, "none")
    assert {person for person, reason in without_locks.items() if reason} == {"same day"}


def test_one_copy_goes_to_an_address_in_a_window_and_none_where_one_has_gone(spark: SparkSession) -> None:
    sends = [
        *(send(f"amy-{number}", f"amy-{number}", address_key="amy") for number in (2, 1, 3)),
        send("late twin", "late twin", MONDAY, address_key="twins"),
        send("no address", "nobody", address_key=None),
        send("none either", "nobody else", address_key=None),
    ]
    earlier = [went("first twin", 1, "1d", address_key="twins")]

    assert reasons(spark, sends, earlier) == {
        "amy-1": None,
        "amy-2": "same_address",
        "amy-3": "same_address",
        "late twin": "same_address",
        "no address": None,
        "none either": None,
    }
