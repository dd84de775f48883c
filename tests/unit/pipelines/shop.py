"""A small brand written inline, its customers as rows of window_features, and what a window settles for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ceasefire.arbitration.ledger import SENT_COLUMNS
from ceasefire.config.bundle import Bundle
from ceasefire.config.units import instant_micros
from ceasefire.pipelines.decision_pass import CANDIDATE_COLUMNS, HELD_BACK, PASS_SCHEMA, DecisionPass
from ceasefire.pipelines.settlement import Window, decision_rows, settle_window, window_of
from ceasefire.pipelines.workspace import BrandAtWork, load_pinned_brand
from ceasefire.vocabulary import Policy

CLOSE = datetime(2026, 6, 1, 4, tzinfo=UTC)
"""Six in the morning in Berlin, a Monday."""
THROUGH_BATCH = 7
NOBODY_ORDERED = float("nan")

Declared = dict[str, Any]

CHANNELS: Declared = {
    "email": {"cost": "0.002", "hours": "08:00-21:00", "expires": "48h"},
    "sms": {"cost": "0.04", "hours": "10:00-20:00", "expires": "12h"},
}
FLAGS = ("is_new", "has_birthday", "browsed")
"""Profile attributes of the shop's customers; each makes a segment of its name for those who have 'yes'."""


@dataclass(frozen=True)
class Sent:
    """A commitment of a customer."""

    campaign: str
    slot_at: datetime
    duration: str = "5d"
    channel: str = "email"
    class_: str = "marketing"


def campaign(name: str, **changed: Any) -> Declared:
    """A campaign for everybody who is new, worth 4 euro cents less the cost of an e-mail."""
    channels = changed.get("channels", ["email"])
    return {
        "id": name,
        "active": {"from": "2026-01-01", "to": "2026-12-31"},
        "audience": {"any": ["is_new"]},
        "priority": 10,
        "duration": "5d",
        "reentry": {"max": 1, "every": "365d"},
        "channels": channels,
        "variants": [{"id": f"{name}_{one}", "channel": one, "template": f"{name}-{one}"} for one in channels],
        "outcome": {"event": "order", "within": "14d"},
        "value": {"fixed": "4.00"},
        "prior_uplift": 0.01,
    } | changed


def shop(
    campaigns: Sequence[Declared], lists: Mapping[str, Sequence[str]] | None = None, **changed: Any
) -> BrandAtWork:
    """The shop with these campaigns; keywords replace keys of its brand.yaml, `features` and `segments` its lists."""
    features = [
        {"name": flag, "unit": "answer", "description": "Yes or nothing.", "from": {"profile": flag}} for flag in FLAGS
    ]
    segments = [{"id": flag, "rule": f"{flag} = 'yes'"} for flag in FLAGS]
    settings = {
        "brand": "shop",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "locale": "de",
        "customer_key": "public:a-shop-for-tests",
        "decision_window": {"at": "06:00"},
        "channels": CHANNELS,
    }
    texts = {
        "features.yaml": json.dumps({"features": changed.pop("features", features)}),
        "segments.yaml": json.dumps({"segments": changed.pop("segments", segments)}),
        "campaigns.yaml": json.dumps({"campaigns": campaigns}),
        "brand.yaml": json.dumps(settings | changed),
    }
    bundle = Bundle(texts, {name: tuple(ids) for name, ids in (lists or {}).items()})
    return load_pinned_brand(bundle.text, b"a-shop-for-tests")


def customers(at_work: BrandAtWork, rows: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """What the pass is told of each customer: whoever says nothing else can be reached on every channel.

    Args:
        at_work: the brand.
        rows: features by customer; `sent` are the customer's commitments, `on_lists` the lists that they are on.
    """
    programs, channels = at_work.programs, at_work.brand.settings.channels
    reachable = {f"marketing_consent_{name}": "granted" for name in channels}
    reachable |= {f"address_{name}": "set" for name in channels}
    defaults = {one.name: one.default for one in at_work.brand.features}
    base = [one for one in programs.window_schema if one.name not in {"customer_id", "window_end", *_derived(at_work)}]
    facts = [reachable | defaults | dict(row) for row in rows.values()]
    columns: dict[str, pa.Array] = {"customer_id": pa.array(list(rows), pa.string())}
    columns |= {one.name: pa.array([row.get(one.name) for row in facts], one.type) for one in base}
    columns |= programs.derived.values(columns, len(facts))
    sent: list[Sequence[Sent] | None] = [row.get("sent") for row in facts]
    of_sent = (
        ("campaign", pa.string()),
        ("channel", pa.string()),
        ("class_", pa.string()),
        ("slot_at", pa.timestamp("us", tz="UTC")),
        ("duration", pa.string()),
    )
    for name, (field, kind) in zip(SENT_COLUMNS, of_sent, strict=True):
        values = [None if one is None else [getattr(send, field) for send in one] for one in sent]
        columns[name] = pa.array(values, pa.list_(kind))
    columns |= {name: pa.array([row.get(name) for row in facts], kind) for name, kind in HELD_BACK.items()}
    columns["on_lists"] = pa.array([row.get("on_lists") for row in facts], pa.list_(pa.string()))
    return pa.table(columns)


def pass_over(
    at_work: BrandAtWork, close: datetime = CLOSE, brand_mean_order_minor: float = NOBODY_ORDERED
) -> DecisionPass:
    """The pass of a brand's window."""
    grace = at_work.brand.settings.decision_window.grace.micros
    return DecisionPass(at_work.brand, at_work.programs.rules, instant_micros(close) + grace, brand_mean_order_minor)


def passed_here(the_pass: DecisionPass, told: pa.Table) -> pa.Table:
    """The result of the pass, without Spark."""
    (batch,) = told.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=told.schema)]
    return pa.Table.from_batches([the_pass.candidates(batch)], schema=PASS_SCHEMA)


def window_from(the_pass: DecisionPass, passed: pa.Table, close: datetime = CLOSE) -> Window:
    """All candidates of a window."""
    return window_of(the_pass.brand, the_pass.channels, close, passed, tuple(CANDIDATE_COLUMNS))


def settled(window: Window, policy: str = "greedy") -> pa.Table:
    """The rows of the ledger."""
    return decision_rows(window, settle_window(window, Policy(policy)), "run", THROUGH_BATCH)


def decided(
    at_work: BrandAtWork,
    rows: Mapping[str, Mapping[str, Any]],
    policy: str = "greedy",
    close: datetime = CLOSE,
    brand_mean_order_minor: float = NOBODY_ORDERED,
) -> pa.Table:
    """From customers to the rows of the ledger, without Spark."""
    the_pass = pass_over(at_work, close, brand_mean_order_minor)
    return settled(window_from(the_pass, passed_here(the_pass, customers(at_work, rows)), close), policy)


def messages(decisions: pa.Table) -> dict[str, str]:
    """What each customer gets, as campaign/channel, or the reason for silence in brackets."""
    return {
        row["customer_id"]: f"{row['treatment']['campaign_id']}/{row['treatment']['channel']}"
        if row["outcome"] == "send"
        else f"({row['reason_code']})"
        for row in decisions.to_pylist()
    }


def losers(decisions: pa.Table, customer: str) -> dict[str, str]:
    """Why each candidate of a customer lost, by campaign/channel."""
    (row,) = [row for row in decisions.to_pylist() if row["customer_id"] == customer]
    return {
        f"{one['campaign_id']}/{one['channel']}": one["reason_code"]
        for one in row["candidates"]
        if one["reason_code"] is not None
    }


def treatment(decisions: pa.Table, customer: str) -> Declared:
    """What a customer is sent."""
    (row,) = [row for row in decisions.to_pylist() if row["customer_id"] == customer]
    sent: Declared = row["treatment"]
    return sent


def _derived(at_work: BrandAtWork) -> Iterable[str]:
    return [one.name for one in at_work.brand.features if one.derived is not None]
