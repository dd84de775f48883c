"""Merged ids at a close: one history, the stricter consent, one ledger, one decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.ids import customer_id
from ceasefire.pipelines.decide import decide_window
from ceasefire.pipelines.explain import explain
from ceasefire.pipelines.features import close_window
from ceasefire.pipelines.persons import all_persons, refused
from ceasefire.pipelines.show import show_rows
from ceasefire.pipelines.training_rows import PastCampaign, persons_of_campaigns
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, append_batch, create_tables, read_table, rows_of
from ceasefire.tables import (
    ALL_TABLES,
    CUSTOMER_MERGES,
    DECISIONS,
    EVENTS,
    INGEST_BATCHES,
    MEMBERSHIP_TRANSITIONS,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
)
from unit.pipelines.shop import campaign, shop

CLOSE = datetime(2026, 6, 1, 4, tzinfo=UTC)
NEXT_CLOSE = CLOSE + timedelta(days=1)
CART = "days_since_cart BETWEEN 1 AND 3 AND (days_since_order IS NULL OR days_since_order > days_since_cart)"


def feature(name: str, source: dict[str, str], aggregate: str | None = None) -> dict[str, Any]:
    declared = {"name": name, "unit": "days", "description": f"{name}.", "from": source}
    return declared if aggregate is None else declared | {"aggregate": aggregate}


SHOP = shop(
    [
        campaign("cart", audience={"any": ["cart"]}),
        campaign("hello", audience={"any": ["hello"]}),
        campaign("club", audience={"list": "audiences/club.csv"}),
    ],
    lists={"audiences/club.csv": [customer_id(b"a-shop-for-tests", "ann-1")]},
    features=[
        feature("wants", {"profile": "wants"}),
        feature("days_since_cart", {"event": "cart_added"}, "days_since"),
        feature("days_since_order", {"event": "order"}, "days_since"),
    ],
    segments=[{"id": "cart", "rule": CART}, {"id": "hello", "rule": "wants = 'hello'"}],
)


def pseudonym(name: str) -> str:
    return customer_id(SHOP.key, name)


@dataclass(frozen=True)
class Said:
    """An event of a customer."""

    customer: str
    event_type: str
    at: datetime
    fields: dict[str, Any]


def said(customer: str, event_type: str, days: float, **fields: Any) -> Said:
    return Said(customer, event_type, CLOSE + timedelta(days=days), fields)


def newcomer(customer: str, wants: str | None = None) -> list[Said]:
    wish = {} if wants is None else {"wants": wants}
    return [
        said(customer, "registered", -30, attributes={"email": "set"} | wish),
        said(customer, "consent_changed", -30, channel="email", statement=("marketing", "email", None, True)),
    ]


def merge(old: str, into: str, days: float) -> Said:
    return said(old, "customer_merged", days, attributes={"into": pseudonym(into)})


FIRST_BATCH = [
    *newcomer("fay"),
    *newcomer("fay-guest"),
    said("fay", "cart_added", -2.5, category="bags"),
    said("fay-guest", "order", -2.4, order_id="o1", amount_minor=8000),
    merge("fay-guest", "fay", -2.3),
    *newcomer("dora", "hello"),
    *newcomer("dora-old", "hello"),
    said("dora-old", "unsubscribed", -20, channel="email", statement=("marketing", "email", None, False)),
    merge("dora-old", "dora", -19),
    *newcomer("ann-1"),
    *newcomer("ann-2"),
    *newcomer("ann-3"),
    merge("ann-2", "ann-3", -9),
    merge("ann-1", "ann-2", -8),
    merge("ann-3", "ann-1", -7),
    *newcomer("gil"),
    *newcomer("gil-old", "hello"),
    merge("gil-old", "gil", 0),
]
SECOND_BATCH = [
    # late: of before the close that is decided already
    said("ann-1", "order", -0.5, order_id="o2", amount_minor=500),
]


def take_in(workspace: Workspace, batch: int, told: list[Said]) -> None:
    """Append events as ingest does, and the merges among them."""
    lake = workspace.lake
    rows = [
        {
            "event_key": f"e{batch}-{number:03d}",
            "payload_hash": "",
            "ingest_batch": batch,
            "ingested_at": CLOSE,
            "customer_id": pseudonym(one.customer),
            "event_type": one.event_type,
            "event_at": one.at,
            **one.fields,
        }
        for number, one in enumerate(told)
    ]
    merges = [
        {
            "event_key": row["event_key"],
            "customer_id": row["customer_id"],
            "into_id": row["attributes"]["into"],
            "merged_at": row["event_at"],
            "ingest_batch": batch,
        }
        for row in rows
        if row["event_type"] == "customer_merged"
    ]
    pins = [{"ingest_batch": batch, "ingested_at": CLOSE, "late_before": None, "row_count": len(rows)}]
    append_batch(lake, INGEST_BATCHES, pa.Table.from_pylist(pins, INGEST_BATCHES.arrow_schema), "ingest", batch)
    if merges:
        stated = pa.Table.from_pylist(merges, CUSTOMER_MERGES.arrow_schema)
        append_batch(lake, CUSTOMER_MERGES, stated, "ingest", batch)
    events = [tuple(row.get(column.name) for column in EVENTS.columns) for row in rows]
    append_batch(lake, EVENTS, lake.spark.createDataFrame(events, EVENTS.schema), "ingest", batch)


def settle(workspace: Workspace, window_end: datetime) -> None:
    close_window(workspace, window_end)
    (close,) = rows_of(read_table(workspace.lake, WINDOW_CLOSES).where(F.col("window_end") == F.lit(window_end)))
    decide_window(workspace, close)


@pytest.fixture(scope="module")
def at_work(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two closes of the shop, the second with what came late."""
    root = str(tmp_path_factory.mktemp("merged"))
    workspace = Workspace(Lake(spark, root, "shop"), SHOP, FixedClock(NEXT_CLOSE + timedelta(hours=1)))
    create_tables(workspace.lake, ALL_TABLES)
    take_in(workspace, 0, FIRST_BATCH)
    settle(workspace, CLOSE)
    take_in(workspace, 1, SECOND_BATCH)
    settle(workspace, NEXT_CLOSE)
    return workspace


def outcomes(workspace: Workspace, window_end: datetime, *names: str) -> dict[str, str]:
    """By name: the campaign that goes, or why none does; those that nothing was decided for are left out."""
    rows = rows_of(read_table(workspace.lake, DECISIONS).where(F.col("window_end") == F.lit(window_end)))
    by_customer = {row["customer_id"]: row for row in rows}
    known = {name: by_customer[pseudonym(name)] for name in names if pseudonym(name) in by_customer}
    return {
        name: row["treatment"]["campaign_id"] if row["treatment"] else row["reason_code"] for name, row in known.items()
    }


def features(workspace: Workspace, window_end: datetime, name: str) -> dict[str, Any]:
    mine = (F.col("window_end") == F.lit(window_end)) & (F.col("customer_id") == pseudonym(name))
    (row,) = rows_of(read_table(workspace.lake, WINDOW_FEATURES).where(mine))
    return row


def test_an_order_of_the_old_id_ends_the_reminder_of_the_cart(at_work: Workspace) -> None:
    row = features(at_work, CLOSE, "fay")

    assert row["days_since_order"] is not None
    assert row["days_since_order"] <= row["days_since_cart"]
    assert outcomes(at_work, CLOSE, "fay", "fay-guest") == {"fay": "not_in_audience"}


def test_whoever_opted_out_under_the_old_id_is_not_written_to_under_the_other(at_work: Workspace) -> None:
    assert features(at_work, CLOSE, "dora")["marketing_consent_email"] == "withdrawn"
    assert outcomes(at_work, CLOSE, "dora", "dora-old") == {"dora": "no_consent"}


def test_a_chain_is_one_customer_who_is_on_the_lists_of_every_id(at_work: Workspace) -> None:
    assert outcomes(at_work, CLOSE, "ann-1", "ann-2", "ann-3") == {"ann-3": "club"}
    # the statement that closes the circle does not count
    keys = [f"e0-{number:03d}" for number, one in enumerate(FIRST_BATCH) if one.customer == "ann-3"]
    assert refused(at_work.lake) == keys[-1:]


def test_a_late_event_of_the_old_id_is_the_persons(at_work: Workspace) -> None:
    assert features(at_work, CLOSE, "ann-3")["days_since_order"] is None
    assert features(at_work, NEXT_CLOSE, "ann-3")["days_since_order"] == 1.5


def test_a_merge_at_the_instant_of_a_close_counts_at_the_next_one_and_what_the_old_id_was_sent_with_it(
    at_work: Workspace,
) -> None:
    assert outcomes(at_work, CLOSE, "gil", "gil-old") == {"gil": "not_in_audience", "gil-old": "hello"}
    assert outcomes(at_work, NEXT_CLOSE, "gil", "gil-old").keys() == {"gil"}
    (decided,) = rows_of(
        read_table(at_work.lake, DECISIONS).where(
            (F.col("window_end") == F.lit(NEXT_CLOSE)) & (F.col("customer_id") == pseudonym("gil"))
        )
    )
    assert {one["reason_code"] for one in decided["candidates"]} == {"reentry_limit"}


def test_the_old_id_leaves_its_segments_when_it_is_somebody_else(at_work: Workspace) -> None:
    moves = rows_of(read_table(at_work.lake, MEMBERSHIP_TRANSITIONS).where(F.col("window_end") == F.lit(NEXT_CLOSE)))

    found = [(row["customer_id"], row["direction"], row["segment_id"]) for row in moves]
    assert (pseudonym("gil-old"), "leave", "hello") in found
    assert (pseudonym("gil"), "enter", "hello") in found


def test_a_person_is_explained_and_shown_under_any_id(at_work: Workspace) -> None:
    told = explain(at_work, "ann-1", CLOSE)
    assert told.decision["customer_id"] == pseudonym("ann-3")
    assert {one.customer_id for one in told.merged} == {pseudonym("ann-1"), pseudonym("ann-2")}

    # before they were one, each id had a decision of its own
    assert explain(at_work, "gil-old", CLOSE).decision["customer_id"] == pseudonym("gil-old")
    now = explain(at_work, "gil-old", None)
    assert now.decision["customer_id"] == pseudonym("gil")
    assert [one.segment_id for one in now.memberships] == ["hello"]

    decisions = show_rows(at_work.lake, DECISIONS, pseudonym("gil-old"), 10)
    assert {row["customer_id"] for row in decisions} == {pseudonym("gil"), pseudonym("gil-old")}


def test_the_gate_is_told_of_every_merge(at_work: Workspace) -> None:
    known = all_persons(at_work.lake)

    assert known is not None
    assert {(row["customer_id"], row["person_id"]) for row in rows_of(known)} == {
        (pseudonym(old), pseudonym(into))
        for old, into in [
            ("fay-guest", "fay"),
            ("dora-old", "dora"),
            ("ann-1", "ann-3"),
            ("ann-2", "ann-3"),
            ("gil-old", "gil"),
        ]
    }


def test_a_campaign_that_is_learnt_from_knows_the_merges_of_before_it_began(at_work: Workspace) -> None:
    cart, hello, club = at_work.brand.campaigns
    early = CLOSE - timedelta(days=10)

    known = persons_of_campaigns(
        at_work.lake,
        [PastCampaign(cart, early, CLOSE, 0), PastCampaign(hello, CLOSE, NEXT_CLOSE, 0)],
    )

    assert known is not None
    rows = [(row["campaign_id"], row["customer_id"]) for row in rows_of(known)]
    assert [customer for campaign_id, customer in rows if campaign_id == "cart"] == [pseudonym("dora-old")]
    assert len([customer for campaign_id, customer in rows if campaign_id == "hello"]) == 4
    assert persons_of_campaigns(at_work.lake, [PastCampaign(club, CLOSE - timedelta(days=25), CLOSE, 0)]) is None
