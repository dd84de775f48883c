"""A brand through the real run: whoever said no, in whatever form, hears nothing, and everybody else does.

It needs Spark, since intake, histories, persons, the gate and the queue have to agree on who said what.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ceasefire.ids import customer_id
from ceasefire.pipelines.operators import count_on_hold
from ceasefire.pipelines.release import broken_identities
from ceasefire.pipelines.run import run
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, read_table, rows_of
from ceasefire.tables import QUARANTINED_EVENTS, SEND_QUEUE, WITHHELD_SENDS

BRAND = "quiet"
KEY = b"a-quiet-brand"
CLOSES = [datetime(2026, 3, day, 11, tzinfo=UTC) for day in (2, 3, 4)]
FIRST_SLOT = datetime(2026, 3, 2, 13, tzinfo=UTC)
"""Eight in the morning in New York."""
WALL = datetime(2026, 3, 9, 12, tzinfo=UTC)

FILES = {
    "brand.yaml": """
brand: quiet
currency: USD
time_zone: America/New_York
locale: en
customer_key: public:a-quiet-brand
decision_window: {every: 1d, at: "06:00", grace: 30m}
channels:
  email: {cost: "0.002", hours: "08:00-21:00", expires: 30h, aliases: [mail]}
  sms: {cost: "0.04", hours: "10:00-20:00", expires: 12h}
addresses: {region: US}
""",
    "features.yaml": """
features:
  - {name: carts, unit: carts, description: Carts., from: {event: cart_added}, aggregate: count}
  - {name: orders, unit: orders, description: Orders., from: {event: order}, aggregate: count}
""",
    "segments.yaml": """
segments:
  - {id: with_a_cart, rule: carts > 0 AND orders = 0}
""",
    "campaigns.yaml": """
campaigns:
  - id: cart
    active: {from: 2026-01-01, to: 2026-12-31}
    audience: {any: [with_a_cart]}
    priority: 1
    duration: 1d
    reentry: {max: 9, every: 30d}
    channels: [email]
    topics: [carts]
    variants: [{id: mail, channel: email, template: t}]
    outcome: {event: order, within: 14d}
    value: {fixed: "60.00"}
    prior_uplift: 0.05
""",
    "suppressions/old-tool.csv": "email\nListed@Example.invalid\n",
}


def natural_ids(*names: str) -> dict[str, str]:
    return {customer_id(KEY, name): name for name in names}


NAMES = natural_ids(
    *("stays", "no channel", "all channels", "no offset", "truncated", "from the future", "long ago", "by alias"),
    *("of this topic", "perhaps", "profile flag", "listed", "bounced", "moved", "after the slot", "back"),
    *("id of another", "dora", "dora-old", "ed", "ed-old", "twin-1", "twin-2", "bob-1", "bob-2"),
)


class Story:
    """Lines of input, customer by customer: each has a cart and said yes to e-mail a month before."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def event(self, customer: str, event_type: str, at: str, /, **facts: Any) -> None:
        row = {"event_id": f"e{len(self.lines)}", "brand": BRAND, "customer_id": customer, "event_type": event_type}
        self.lines.append(json.dumps({key: value for key, value in (row | {"event_at": at} | facts).items() if value}))

    def customer(self, name: str, email: str | None = None) -> None:
        month_ago = "2026-02-01T12:00:00Z"
        self.event(
            name, "registered", month_ago, attributes={"email": email or f"{name.replace(' ', '-')}@example.invalid"}
        )
        yes = {"purpose": "marketing", "granted": True}
        self.event(name, "consent_changed", month_ago, channel="email", attributes=yes)
        self.event(name, "cart_added", "2026-02-20T12:00:00Z", category="bags")


@pytest.fixture(scope="module")
def played(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("quiet")
    for name, text in FILES.items():
        (folder / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "conf" / name).write_text(text, "utf-8")
    story = Story()
    for name in NAMES.values():
        if not name.startswith(("twin", "bob")):
            story.customer(name)
    story.customer("twin-1", "twins@example.invalid")
    story.customer("twin-2", "TWINS@example.invalid")
    story.customer("bob-1", "bob@example.invalid")
    story.customer("bob-2", "Bob@Example.INVALID")
    yesterday, noon = "2026-03-01T18:00:00Z", "2026-03-02T17:00:00Z"
    story.event("no channel", "unsubscribed", yesterday)
    story.event("all channels", "unsubscribed", yesterday, channel="ALL")
    story.event("no offset", "Unsubscribe", "2026-03-01 18:00", channel="email")
    story.lines.append(f'{{"brand": "{BRAND}", "customer_id": "truncated", "event_type": "opt_out", "event_at": "20')
    story.event("from the future", "complained", "2031-01-01T00:00:00Z", channel="email")
    story.event("long ago", "opted_out", "1969-01-01T00:00:00Z")
    story.event("by alias", "consent_changed", yesterday, channel="Mail",
                attributes={"purpose": "Marketing", "granted": "0"})  # fmt: skip
    story.event("of this topic", "unsubscribed", yesterday, channel="email", attributes={"topic": "carts"})
    story.event("perhaps", "consent_changed", yesterday, channel="email", attributes={"purpose": "marketing"})
    story.event("profile flag", "profile_changed", yesterday, attributes={"email_opt_out": "yes"})
    story.event("bounced", "send_bounced", "2026-03-02T13:10:00Z", channel="email", attributes={"kind": "hard"})
    story.event("moved", "profile_changed", "2026-03-02T11:20:00Z", attributes={"time_zone": "Pacific/Honolulu"})
    story.event("after the slot", "unsubscribed", noon, channel="email")
    story.event("back", "erasure_requested", "2026-02-10T12:00:00Z")
    story.event("back", "registered", "2026-02-12T12:00:00Z", attributes={"email": "back@example.invalid"})
    story.event("back", "consent_changed", "2026-02-12T12:00:00Z", channel="email",
                attributes={"purpose": "marketing", "granted": True})  # fmt: skip
    story.event("id of another", "unsubscribed", yesterday, channel="email", event_id="e0")
    story.event("dora-old", "unsubscribed", "2026-02-20T18:00:00Z", channel="email")
    story.event("dora-old", "customer_merged", "2026-02-21T18:00:00Z", attributes={"into": "dora"})
    story.event("ed-old", "customer_merged", "2026-02-21T18:00:00Z", attributes={"into": "ed"})
    story.event("bob-1", "unsubscribed", yesterday, channel="email")
    (folder / "events").mkdir()
    (folder / "events" / "events.jsonl").write_text("\n".join(story.lines) + "\n", "utf-8")
    at_work = load_brand(folder / "conf", {})
    workspace = Workspace(Lake(spark, str(folder / "lake"), BRAND), at_work, FixedClock(WALL))
    run(workspace, str(folder / "events"), CLOSES[0], CLOSES[-1], lambda what: None, as_of_slot=True)
    return workspace


def sent_at(workspace: Workspace) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = defaultdict(list)
    for row in rows_of(read_table(workspace.lake, SEND_QUEUE)):
        found[NAMES[row["customer_id"]]].append(row["released_at"])
    return {name: sorted(instants) for name, instants in found.items()}


def test_whoever_said_no_in_whatever_form_hears_nothing_and_the_others_do(played: Workspace) -> None:
    sent = sent_at(played)

    # everybody who said yes and nothing else, who came back, or moved, gets a message a day
    assert {name: len(instants) for name, instants in sent.items() if not name.startswith("twin")} == {
        "stays": 3,
        "ed": 3,
        "back": 3,
        "moved": 3,
        "bounced": 1,
    }
    # of two ids with one mailbox one copy goes each day
    assert sum(len(instants) for name, instants in sent.items() if name.startswith("twin")) == 3
    # and whoever moved is written to at eight where they are now
    assert sent["moved"][0] == datetime(2026, 3, 2, 18, tzinfo=UTC)
    assert sent["stays"][0] == FIRST_SLOT


def test_each_of_them_has_a_reason(played: Workspace) -> None:
    reasons = defaultdict(set)
    for row in rows_of(read_table(played.lake, WITHHELD_SENDS)):
        reasons[NAMES[row["customer_id"]]].add(row["reason"])

    assert reasons["bob-2"] == {"address_refused"}
    assert reasons["twin-1"] | reasons["twin-2"] == {"same_address"}
    assert reasons["after the slot"] >= {"unsubscribed"}
    assert reasons["from the future"] == {"complained"}


def test_what_could_not_be_understood_waits_for_a_person_and_all_identities_hold(played: Workspace) -> None:
    quarantined = rows_of(read_table(played.lake, QUARANTINED_EVENTS))
    unclear = [row for row in quarantined if "unclear_opt_out" in row["reasons"]]

    assert len(unclear) == count_on_hold(played.lake) == 1
    assert broken_identities(played.lake) == []


def test_another_run_in_the_evening_sends_nothing_of_what_is_past(played: Workspace, tmp_path: Path) -> None:
    before = read_table(played.lake, SEND_QUEUE).count()

    run(played, str(Path(played.lake.root).parent / "events"), None, CLOSES[-1], lambda what: None)

    assert read_table(played.lake, SEND_QUEUE).count() == before
