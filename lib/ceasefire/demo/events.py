"""Baskets, redemptions and demographics of the demo's households as events of the contract."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from ceasefire.demo.invented_contacts import invented_contact
from ceasefire.demo.source import Line, Source
from ceasefire.time_zones import zone_named
from ceasefire.vocabulary import EventType, MessageClass

BRAND = "completejourney"
CURRENCY = "USD"
HOUSEHOLD_ZONE = zone_named("America/New_York")
"""The stamps are UTC, and the quietest hours of the stamps are the small hours of this zone."""

_REDEEMED_AT = time(12)  # redemptions have a date only
_IN_ONE_INSTANT = {
    event_type: rank
    for rank, event_type in enumerate(
        (
            EventType.REGISTERED,
            EventType.PROFILE_CHANGED,
            EventType.CONSENT_CHANGED,
            EventType.ORDER,
            EventType.ORDER_LINE,
            EventType.CONVERTED,
        )
    )
}

Event = dict[str, Any]


def campaign_name(campaign_id: str) -> str:
    """What a campaign of the data is called in events and in configuration."""
    return f"campaign_{campaign_id}"


def events(source: Source) -> Iterator[Event]:
    """All events of a source: one by one, in the order of time, each event id once.

    Grain: a basket is one `order` at the time of its first line, each of its rows one `order_line`, a redeemed
    coupon one `converted`. A household starts with `registered` (our invented addresses), its consents and, if
    anything is known of it, `profile_changed`, all at the instant of its first event of any kind; one without
    any event registers when its first campaign starts, and one known by its demographics alone at the very
    first event of all. Within an instant a household's events come in that order, then by id.

    The order of rows in the files changes nothing.
    """
    made = [*_purchases(source), *_redemptions(source)]
    made += _registrations(source, _first_instants(source))
    yield from sorted(made, key=_order_of_time)


def write_events(source: Source, folder: Path) -> Path:
    """Write all events as one file of JSON lines, named by its content; a file that is there stays untouched.

    Returns:
        The file `events-<first 16 hex digits of its SHA-256>.jsonl` in the folder, which is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    # Readers of folders pass over names that begin with a dot; the rename makes the whole file appear at once.
    unfinished = folder / f".events-{os.getpid()}.part"
    try:
        with unfinished.open("wb") as file:
            for event in events(source):
                line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
                digest.update(line)
                file.write(line)
        finished = folder / f"events-{digest.hexdigest()[:16]}.jsonl"
        if not finished.exists():
            unfinished.replace(finished)
    finally:
        unfinished.unlink(missing_ok=True)
    return finished


def _order_of_time(event: Event) -> tuple[str, str, int, str]:
    return event["event_at"], event["customer_id"], _IN_ONE_INSTANT[event["event_type"]], event["event_id"]


def _event(event_id: str, household_id: str, event_type: EventType, at: datetime, **fields: Any) -> Event:
    return {
        "event_id": event_id,
        "brand": BRAND,
        "customer_id": household_id,
        "event_type": event_type.value,
        "event_at": at.astimezone(UTC).isoformat(),
        **fields,
    }


def _purchases(source: Source) -> Iterator[Event]:
    baskets: dict[str, list[Line]] = defaultdict(list)
    # Sorted whole, so that a product that repeats in a basket is numbered alike whatever the order of rows.
    for line in sorted(source.lines):
        baskets[line.basket_id].append(line)
    for basket_id, lines in baskets.items():
        amount = sum((line.amount for line in lines), Decimal(0))
        yield _event(
            f"order-{basket_id}",
            lines[0].household_id,
            EventType.ORDER,
            min(line.at for line in lines),
            order_id=basket_id,
            amount=f"{amount:.2f}",
            currency=CURRENCY,
        )
        repeats: Counter[str] = Counter()
        for line in lines:
            repeats[line.product_id] += 1
            yield _event(
                f"line-{basket_id}-{line.product_id}-{repeats[line.product_id]}",
                line.household_id,
                EventType.ORDER_LINE,
                line.at,
                category=source.category(line.product_id),
                product_id=line.product_id,
                order_id=basket_id,
                quantity=f"{line.quantity:f}",
                amount=f"{line.amount:.2f}",
                currency=CURRENCY,
            )


def _redemptions(source: Source) -> Iterator[Event]:
    # A coupon is redeemed again on another date, hence the date in the id; on one date, hence the number.
    repeats: Counter[str] = Counter()
    for household_id, coupon_upc, campaign_id, on in source.redemptions:
        name = f"redemption-{household_id}-{coupon_upc}-{campaign_id}-{on.isoformat()}"
        repeats[name] += 1
        yield _event(
            f"{name}-{repeats[name]}",
            household_id,
            EventType.CONVERTED,
            datetime.combine(on, _REDEEMED_AT, HOUSEHOLD_ZONE),
            campaign_id=campaign_name(campaign_id),
            attributes={"coupon_upc": coupon_upc},
        )


def _first_instants(source: Source) -> dict[str, datetime]:
    """When each household registers: before everything else that is known of it.

    The lines are a sample, so the first of them can come after the first redemption.
    """
    first: dict[str, datetime] = {}

    def note(household_id: str, at: datetime) -> None:
        first[household_id] = min(at, first.get(household_id, at))

    for line in source.lines:
        note(line.household_id, line.at)
    for redemption in source.redemptions:
        note(redemption.household_id, datetime.combine(redemption.on, _REDEEMED_AT, HOUSEHOLD_ZONE))
    starts: dict[str, datetime] = {}
    for target in source.targets:
        start = datetime.combine(source.campaigns[target.campaign_id].start, time(), HOUSEHOLD_ZONE)
        starts[target.household_id] = min(start, starts.get(target.household_id, start))
    return dict.fromkeys(source.demographics, min(first.values())) | starts | first


def _registrations(source: Source, first_instants: dict[str, datetime]) -> Iterator[Event]:
    for household_id, at in first_instants.items():
        contact = invented_contact(household_id)
        yield _event(f"registered-{household_id}", household_id, EventType.REGISTERED, at, attributes=contact.addresses)
        for channel, granted in contact.marketing_consent.items():
            yield _event(
                f"consent-{household_id}-{channel}",
                household_id,
                EventType.CONSENT_CHANGED,
                at,
                channel=channel,
                attributes={"purpose": MessageClass.MARKETING.value, "granted": "true" if granted else "false"},
            )
        profile = source.demographics.get(household_id)
        if profile:
            yield _event(
                f"profile-{household_id}", household_id, EventType.PROFILE_CHANGED, at, attributes=dict(profile)
            )
