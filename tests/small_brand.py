"""A brand of a dozen customers and three days: small enough to run whole, with something in every table."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ceasefire.pipelines.run import Ran, run
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, Write, create_tables, read_table, rows_of, unobserved
from ceasefire.tables import ALL_TABLES, OPERATOR_ACTIONS, QUALITY_RESULTS, REVOKED_SENDS, TRAINING_ROWS

BRAND = "corner"
FIRST_CLOSE = datetime(2026, 3, 2, 6, tzinfo=UTC)
SECOND_CLOSE = datetime(2026, 3, 3, 6, tzinfo=UTC)
WALL = datetime(2026, 3, 10, tzinfo=UTC)

FILES = {
    "brand.yaml": """
brand: corner
currency: EUR
time_zone: UTC
locale: en
customer_key: public:corner-shop-key
decision_window: {every: 1d, at: "06:00", grace: 30m}
channels:
  email: {cost: "0.002", hours: "08:00-21:00", capacity: {per_window: 4}, expires: 48h}
  sms: {cost: "0.04", hours: "10:00-20:00", expires: 12h}
policy: {default: greedy}
""",
    "features.yaml": """
features:
  - {name: orders_7d, unit: orders, description: Orders of a week., from: {event: order}, aggregate: count, window: 7d}
  - {name: spend_to_date, unit: minor, description: Spend less returns., from: {event: [order, return]},
     aggregate: sum, value: net_amount, default: 0}
  - {name: coats_bought, unit: coats, description: Coats bought., from: {event: order_line, category: coats},
     aggregate: count}
""",
    "segments.yaml": """
segments:
  - {id: buyers, name: Bought within a week, rule: orders_7d > 0}
  - {id: big_spenders, rule: spend_to_date >= 5000}
  - {id: coat_owners, rule: coats_bought > 0}
""",
    "campaigns.yaml": """
campaigns:
  - id: thanks
    active: {from: 2026-01-01, to: 2026-12-31}
    audience: {any: [buyers]}
    priority: 20
    duration: 1d
    reentry: {max: 1, every: 2d}
    channels: [email, sms]
    variants: [{id: mail, channel: email, template: t1}, {id: text, channel: sms, template: t2}]
    outcome: {event: order, within: 14d}
    value: {share_of_order: 0.3}
    prior_uplift: 0.02
  - id: how_to
    active: {from: 2026-01-01, to: 2026-12-31}
    audience: {all: [coat_owners]}
    priority: 10
    duration: 1d
    reentry: {max: 1, every: 30d}
    channels: [email]
    variants: [{id: mail, channel: email, template: h1, attributes: {modality: text}}]
    outcome: {event: order, within: 14d}
    value: {fixed: "60.00"}
    prior_uplift: 0.02
    about: {event: order_line, category: coats}
    cancel_on: [{event: return, same: product}]
  - id: club
    active: {from: 2026-03-03, to: 2026-12-31}
    audience: {list: audiences/club.csv}
    priority: 30
    duration: 2d
    reentry: {max: 1, every: 30d}
    channels: [sms]
    variants: [{id: text, channel: sms, template: c1}]
    outcome: {event: order, within: 14d}
    value: {fixed: "9.00"}
    prior_uplift: 0.05
    capacity: {per_window: 2}
""",
    "audiences/club.csv": "customer_id\n" + "".join(f"customer-{number:02d}\n" for number in range(6)),
}


class PowerCutError(Exception):
    """What a run dies of in tests."""


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing disturbed: where it ran, how many windows it settled, what it left in each table."""

    folder: Path
    window_count: int
    fingerprints: dict[str, tuple[int, str]]


NOT_OF_A_RUN = (TRAINING_ROWS, QUALITY_RESULTS, OPERATOR_ACTIONS, REVOKED_SENDS)
RUN_TABLES = sorted({table.name for table in ALL_TABLES} - {table.name for table in NOT_OF_A_RUN})
"""What a run writes to that examines nothing; training rows are written when a model is trained."""


def write_brand(folder: Path) -> Path:
    """The brand's folder."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def write_events(folder: Path) -> Path:
    """Three days of twelve customers: orders, returns that break a journey, opt-outs, and rows that are no events."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for number in range(12) for row in _customer(number)] + _on_persons()
    lines = [json.dumps(row) for row in rows] + [
        json.dumps(rows[0]),
        "{broken",
        "",
        json.dumps(rows[1] | {"brand": "x"}),
    ]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def _on_persons() -> list[dict[str, Any]]:
    """An old id of somebody, and a row that may be an opt-out of somebody who is no customer."""
    merged = {"event_id": "m-0", "event_type": "customer_merged", "attributes": {"into": "customer-00"}}
    perhaps = {"event_id": "u-0", "event_type": "consent_changed", "attributes": {"purpose": "marketing"}}
    common = {"brand": BRAND, "event_at": "2026-02-21T08:00:00Z"}
    return [common | merged | {"customer_id": "customer-00-old"}, common | perhaps | {"customer_id": "customer-99"}]


def corner(spark: SparkSession, folder: Path) -> Workspace:
    """The brand under folder/conf, which is made if need be, with tables under folder/lake, empty ones if need be."""
    if not (folder / "conf").exists():
        write_brand(folder / "conf")
    if not (folder / "lake").exists():
        shutil.copytree(_empty_lake(spark), folder / "lake")
    return Workspace(Lake(spark, str(folder / "lake"), BRAND), load_brand(folder / "conf", {}), FixedClock(WALL))


@cache
def _empty_lake(spark: SparkSession) -> Path:
    """Made once, and copied: to make all tables anew takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="empty-lake-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    create_tables(Lake(spark, str(folder), BRAND), ALL_TABLES)
    return folder


def run_small_brand(
    spark: SparkSession, folder: Path, observe: Callable[[Write], None] = unobserved
) -> tuple[Workspace, Ran]:
    """Run its first two windows under folder/lake, from folder/conf and folder/events, which are made if need be."""
    if not (folder / "conf").exists():
        write_brand(folder / "conf")
        write_events(folder / "events")
    at_work = load_brand(folder / "conf", {})
    workspace = Workspace(Lake(spark, str(folder / "lake"), BRAND, observe=observe), at_work, FixedClock(WALL))
    return workspace, run(
        workspace, str(folder / "events"), FIRST_CLOSE, SECOND_CLOSE, lambda what: None, as_of_slot=True
    )


def cut_power_at(write: Write) -> Callable[[Write], None]:
    """An observer of a lake that ends the program at this write."""

    def cut_power(seen: Write) -> None:
        if seen == write:
            raise PowerCutError(write.table)

    return cut_power


def run_until(write: Write, spark: SparkSession, folder: Path, examine: bool) -> Workspace:
    """Run its first window, with checks or without, and cut the power at a write."""
    write_brand(folder / "conf")
    events = str(write_events(folder / "events"))
    workspace = corner(spark, folder)
    cut = replace(workspace, lake=replace(workspace.lake, observe=cut_power_at(write)))
    with pytest.raises(PowerCutError):
        run(cut, events, FIRST_CLOSE, FIRST_CLOSE, lambda what: None, examine=examine, as_of_slot=True)
    return workspace


def fingerprints(lake: Lake) -> dict[str, tuple[int, str]]:
    """Rows of every table and of every mirrored queue, as count and sorted text, the place on disk left out."""
    found = {}
    for table in ALL_TABLES:
        rows = rows_of(read_table(lake, table))
        texts = sorted(json.dumps(_without_place(row), default=str, sort_keys=True) for row in rows)
        found[table.name] = (len(rows), "\n".join(texts))
    for mirror in sorted(Path(lake.root, lake.brand, "queues").glob("*")):
        text = mirror.read_text("utf-8")
        found[f"queues/{mirror.name}"] = (text.count("\n"), text)
    return found


def _without_place(row: dict[str, Any]) -> dict[str, Any]:
    return {name: Path(value).name if name == "source_file" else value for name, value in row.items()}


def _customer(number: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def add(event_type: str, at: str, **fields: Any) -> None:
        rows.append(
            {
                "event_id": f"{number}-{len(rows)}",
                "brand": BRAND,
                "customer_id": f"customer-{number:02d}",
                "event_type": event_type,
                "event_at": f"2026-{at}Z",
                **fields,
            }
        )

    addresses = {"email": f"c{number}@example.invalid"} | ({"phone": f"+49-30-0000-{number:02d}"} if number % 3 else {})
    add("registered", "02-20T08:00:00", attributes=addresses)
    for channel in ("email", "sms"):
        granted = "false" if number == 11 else "true"
        add(
            "consent_changed",
            "02-20T08:00:01",
            channel=channel,
            attributes={"purpose": "marketing", "granted": granted},
        )
    for order in range(number % 4):
        order_id, at = f"o{number}-{order}", f"02-{24 + order}T1{order}:00:00"
        category, product = ("coats/winter", f"coat{number}") if order == 0 else ("shoes", "sneaker")
        add("order", at, order_id=order_id, amount=f"{20 + 7 * number}.50")
        add("order_line", at, order_id=order_id, product_id=product, category=category, quantity="1", amount="20.00")
    if number in (1, 5):
        # Known only after the first window was decided, and before its mail goes.
        add("return", "03-02T07:00:00", order_id=f"o{number}-0", product_id=f"coat{number}", amount="20.00")
    if number == 2:
        add("unsubscribed", "03-02T07:30:00", channel="email")
    add("browse", "03-04T09:00:00", category="coats")
    return rows
