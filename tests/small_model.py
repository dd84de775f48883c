"""The small brand with a past that teaches: a campaign of last month, its treated customers, and who bought then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from small_brand import BRAND, FILES, write_brand, write_events

MODEL = "winter"
CUSTOMERS = 240
"""Customers of the past campaign beside the brand's own; every other one was wanted by it."""

PAST_CAMPAIGN = """
  - id: winter_sale
    active: {from: 2026-02-05, to: 2026-02-10}
    audience: {list: audiences/winter.csv}
    priority: 40
    duration: 1d
    reentry: {max: 1, every: 30d}
    channels: [email]
    variants: [{id: mail, channel: email, template: w1}]
    outcome: {event: order_line, products: products/winter.csv, within: 7d}
    value: {fixed: "9.00"}
    prior_uplift: 0.05
    uplift: {model: winter, group: sales}
"""


def write_brand_with_model(folder: Path) -> Path:
    """The brand's folder: `club` is said by the model, which learns from `winter_sale`."""
    write_brand(folder)
    campaigns = FILES["campaigns.yaml"].replace(
        "    prior_uplift: 0.05\n", "    prior_uplift: 0.05\n    uplift: {model: winter, group: sales}\n"
    )
    (folder / "campaigns.yaml").write_text(campaigns + PAST_CAMPAIGN.lstrip("\n"), "utf-8")
    models = "models: {winter: {campaigns_from: 2026-02-01, min_outcomes: 10}}\n"
    (folder / "brand.yaml").write_text(FILES["brand.yaml"] + models, "utf-8")
    wanted = "".join(f"past-{number:03d}\n" for number in range(0, CUSTOMERS, 2))
    (folder / "audiences" / "winter.csv").write_text("customer_id\n" + wanted, "utf-8")
    (folder / "products").mkdir()
    (folder / "products" / "winter.csv").write_text("product_id\nsledge\nmittens\n", "utf-8")
    return folder


def write_events_with_past(folder: Path) -> Path:
    """The brand's events, and the past of CUSTOMERS more: some orders before the campaign, some sledges in its time.

    Of the treated who ordered before, most buy a sledge; of the others one in six, treated or not.
    """
    write_events(folder)
    rows: list[dict[str, Any]] = []
    for number in range(CUSTOMERS):
        keen = number % 3 == 0
        add(rows, number, "registered", "01-10T08:00:00")
        if keen:
            add(rows, number, "order", "02-03T10:00:00", order_id=f"p{number}", amount="30.00")
        buys = number % 7 != 0 if keen and number % 2 == 0 else number % 6 == 1 or number % 18 == 0
        if buys:
            add(
                rows,
                number,
                "order_line",
                "02-07T10:00:00",
                order_id=f"s{number}",
                product_id="sledge",
                category="toys",
                quantity="1",
                amount="25.00",
            )
    # a product of no list, and one after its time
    add(
        rows,
        5,
        "order_line",
        "02-07T10:00:00",
        order_id="x5",
        product_id="lamp",
        category="home",
        quantity="1",
        amount="9.00",
    )
    add(
        rows,
        11,
        "order_line",
        "02-12T00:00:00",
        order_id="x11",
        product_id="sledge",
        category="toys",
        quantity="1",
        amount="9.00",
    )
    (folder / "past.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def add(rows: list[dict[str, Any]], number: int, event_type: str, at: str, **fields: Any) -> None:
    """One event of a customer of the past."""
    rows.append(
        {
            "event_id": f"past-{number}-{len(rows)}",
            "brand": BRAND,
            "customer_id": f"past-{number:03d}",
            "event_type": event_type,
            "event_at": f"2026-{at}Z",
            **fields,
        }
    )
