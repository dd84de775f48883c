"""The identities that hold a release: they see what is wrong, and do not see what is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ceasefire.quality.identities import (
    Identity,
    ledger_counts,
    ledger_identities,
    release_counts,
    release_identities,
)
from ceasefire.storage.lake import rows_of
from ceasefire.tables import (
    CONTACT_REFUSALS,
    DECISIONS,
    REVOKED_SENDS,
    SEND_QUEUE,
    WITHHELD_SENDS,
    DeltaTable,
)

MONDAY = datetime(2026, 3, 2, 4, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 4, tzinfo=UTC)
BEHIND_THE_NEXT_CLOSE = datetime(2026, 3, 3, 4, 15, tzinfo=UTC)


def frame(spark: SparkSession, table: DeltaTable, rows: list[dict[str, Any]]) -> DataFrame:
    return spark.createDataFrame(pa.Table.from_pylist(rows, table.arrow_schema), table.schema)


def identities(
    spark: SparkSession,
    queue: list[dict[str, Any]],
    withheld: list[dict[str, Any]],
    refusals: Sequence[dict[str, Any]] = (),
    revoked: Sequence[dict[str, Any]] = (),
) -> list[Identity]:
    """Of three sends: s1 decided on Monday for a slot behind Tuesday's close, s2 and s3 decided on Tuesday."""
    decided = [("s1", MONDAY), ("s2", TUESDAY), ("s3", TUESDAY)]
    decisions = [
        {"outcome": "send", "window_end": close, "treatment": {"send_id": send, "slot_at": BEHIND_THE_NEXT_CLOSE}}
        for send, close in decided
    ]
    counts = release_counts(
        TUESDAY,
        frame(spark, DECISIONS, decisions),
        frame(spark, SEND_QUEUE, queue),
        frame(spark, WITHHELD_SENDS, withheld),
        frame(spark, CONTACT_REFUSALS, list(refusals)),
        frame(spark, REVOKED_SENDS, list(revoked)),
    )
    return release_identities(rows_of(counts)[0])


def queued(send: str, customer: str = "anna", **facts: Any) -> dict[str, Any]:
    slot = BEHIND_THE_NEXT_CLOSE
    told = {"channel": "email", "class": "marketing", "consent_at": MONDAY, "known_through": 7}
    return {"send_id": send, "customer_id": customer, "not_before_at": slot, "released_at": slot} | told | facts


def no(customer: str, at: datetime, batch: int = 7, **facts: Any) -> dict[str, Any]:
    wide = {"kind": "no", "purpose": "*", "channel": "*"}
    return {"customer_id": customer, "said_at": at, "ingest_batch": batch} | wide | facts


def test_a_slot_behind_the_next_close_breaks_no_identity(spark: SparkSession) -> None:
    withheld = [{"send_id": "s3", "withheld_at": BEHIND_THE_NEXT_CLOSE}]

    found = identities(spark, [queued("s1"), queued("s2")], withheld)

    assert [one for one in found if not one.holds] == []
    assert (found[0].expected, found[0].found) == (2, 2)


def test_a_doubled_and_an_undecided_queue_row_break_an_identity_each(spark: SparkSession) -> None:
    found = identities(spark, [queued("s2"), queued("s2"), queued("stray")], [])

    broken = {one.name: (one.expected, one.found) for one in found if not one.holds}
    assert broken == {
        "decided sends = queued + withheld + waiting": (2, 3),
        "queue rows = distinct send ids": (2, 1),
        "sends without a decision = 0": (0, 1),
    }
    assert [one.send_ids for one in found if one.name == "sends without a decision = 0"] == [("stray",)]


def test_a_stray_row_that_was_called_back_is_settled(spark: SparkSession) -> None:
    withheld = [{"send_id": "odd", "withheld_at": BEHIND_THE_NEXT_CLOSE}]

    found = identities(spark, [queued("stray")], withheld, revoked=[{"send_id": "stray"}])

    assert [one.send_ids for one in found if not one.holds] == [("odd",)]


def test_a_send_against_a_no_that_was_known_breaks_an_identity_and_one_that_came_later_does_not(
    spark: SparkSession,
) -> None:
    refusals = [
        # anna had said no twice, on one known row
        no("anna", MONDAY),
        no("anna", BEHIND_THE_NEXT_CLOSE),
        # bert's became known after his message went, however early he had said it
        no("bert", MONDAY, batch=8),
        # carl's was older than the yes that his message rests on, and of another channel
        no("carl", MONDAY - timedelta(days=1)),
        no("carl", TUESDAY, channel="sms"),
    ]

    found = identities(spark, [queued("s1", "anna"), queued("s2", "bert"), queued("s3", "carl")], [], refusals)

    broken = {one.name: (one.expected, one.found, one.send_ids) for one in found if not one.holds}
    assert broken == {"queued against a known no = 0": (0, 1, ("s1",))}


def test_a_customers_lanes_are_decisions_of_their_own_and_a_lane_decided_twice_breaks_an_identity(
    spark: SparkSession,
) -> None:
    # given anna with an offer and two transactional messages in one window
    lanes = ("window", "transactional/refund", "transactional/shipping")
    rows = [
        {
            "customer_id": "anna",
            "lane": lane,
            "window_end": TUESDAY,
            "outcome": "send",
            "candidates": [{"reason_code": None}],
        }
        for lane in lanes
    ]

    def broken(decisions: list[dict[str, Any]], counted_by_runs: int) -> set[str]:
        (counts,) = rows_of(ledger_counts(frame(spark, DECISIONS, decisions), since=TUESDAY))
        return {one.name for one in ledger_identities(counts, counted_by_runs) if not one.holds}

    assert broken(rows, 3) == set()
    assert broken([*rows, rows[-1]], 4) == {"decisions = customers, lanes and windows"}
    assert broken(rows, 1) == {"decisions counted by runs = decisions"}
