"""What has happened in the world: events as columns of numbers, and as lines of the event contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from ceasefire.arrow import IntArray
from ceasefire.ids import hash64
from ceasefire.simulation.population import CATEGORIES, DEPARTMENTS, PRODUCTS_A_DEPARTMENT
from ceasefire.vocabulary import EventType, MessageClass

KINDS = tuple(EventType)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CENTS = 100
"""Minor units in one of the currency in which the world's amounts are."""
DAYS_AN_ORDER_CODE = 1 << 12
"""A customer orders at most once a day, so customer and day name the order."""


@dataclass(frozen=True)
class Journal:
    """m events; -1 where an event has no such thing.

    Shapes, each (m,):
        customer  index
        at        microseconds UTC
        arrived   microseconds UTC: before, nobody knew
        kind      EventType.code
        category  index in CATEGORIES
        product   index of a product; `product_text` names it
        order     code of an order; `order_text` names it
        campaign  index in the brand's campaigns
        channel   index in the brand's channels
        amount    minor units; 0 where there is none
        flag      1 or 0: a consent given or not, the week of a birthday or not
    """

    customer: IntArray
    at: IntArray
    arrived: IntArray
    kind: IntArray
    category: IntArray
    product: IntArray
    order: IntArray
    campaign: IntArray
    channel: IntArray
    amount: IntArray
    flag: IntArray

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, positions: Any) -> Journal:
        """Some of the events, by positions or a mask."""
        return Journal(*(getattr(self, one.name)[positions] for one in fields(self)))


def events(customer: IntArray, at: IntArray, kind: EventType, **more: IntArray | int) -> Journal:
    """Events of one kind; they arrive as they happen until somebody says otherwise."""
    size = len(customer)
    columns = {name: np.full(size, -1, np.int64) for name in ("category", "product", "order", "campaign", "channel")}
    columns |= {"amount": np.zeros(size, np.int64), "flag": np.full(size, -1, np.int64)}
    columns |= {name: np.broadcast_to(np.asarray(value, np.int64), size) for name, value in more.items()}
    at = np.asarray(at, np.int64)
    return Journal(
        customer=np.asarray(customer, np.int64), at=at, arrived=at, kind=np.full(size, kind.code, np.int64), **columns
    )


def joined(parts: Sequence[Journal]) -> Journal:
    """Journals one behind the other."""
    return Journal(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Journal)))


def natural_id(customer: int) -> str:
    """What the shop calls a customer."""
    return f"customer-{customer}"


def order_text(order: int) -> str:
    """What the shop calls an order."""
    return f"order-{order}"


def product_text(product: int) -> str:
    """What the shop calls a product."""
    return f"{DEPARTMENTS[product // PRODUCTS_A_DEPARTMENT]}-{product % PRODUCTS_A_DEPARTMENT}"


@cache
def product_hashes() -> IntArray:
    """hash64 of each product's name."""
    count = len(DEPARTMENTS) * PRODUCTS_A_DEPARTMENT
    return np.array([hash64(product_text(one)) for one in range(count)], np.int64)


def order_hashes(orders: IntArray) -> IntArray:
    """hash64 of each order's name, 0 for none."""
    return np.array([0 if one < 0 else hash64(order_text(one)) for one in orders.tolist()], np.int64)


@dataclass(frozen=True)
class Texts:
    """What the numbers of a journal stand for, beside what this module names itself.

    `addresses` names the kind of address that each channel needs.
    """

    brand: str
    campaigns: Sequence[str]
    channels: Sequence[str]
    addresses: Sequence[str]
    zones: Sequence[str]
    locales: Sequence[str]
    sources: Sequence[str]


@dataclass(frozen=True)
class Told:
    """What customers say of themselves when they register.

    Shapes:
        zone, locale, source  (n,)   index in the texts
        addressed             (n, c) whether there is an address
    """

    zone: IntArray
    locale: IntArray
    source: IntArray
    addressed: Any


def lines(journal: Journal, texts: Texts, told: Told) -> Iterator[str]:
    """The events as JSON lines of the event contract."""
    return map(json.dumps, contract_rows(journal, texts, told))


def contract_rows(journal: Journal, texts: Texts, told: Told) -> Iterator[dict[str, Any]]:
    """The events as rows of the event contract."""
    rows = zip(*(getattr(journal, one.name).tolist() for one in fields(journal)), strict=True)
    for customer, at, _, code, category, product, order, campaign, channel, amount, flag in rows:
        kind = KINDS[code]
        # Two messages can reach a customer at one instant on one channel.
        of_message = f"-{campaign}" if campaign >= 0 else ""
        row: dict[str, Any] = {
            "event_id": f"{customer}-{at}-{code}-{channel}{of_message}",
            "brand": texts.brand,
            "customer_id": natural_id(customer),
            "event_type": kind.value,
            "event_at": (_EPOCH + timedelta(microseconds=at)).isoformat(),
        }
        if category >= 0:
            row["category"] = CATEGORIES[category]
        if product >= 0:
            row["product_id"] = product_text(product)
        if order >= 0:
            row["order_id"] = order_text(order)
        if campaign >= 0:
            row["campaign_id"] = texts.campaigns[campaign]
        if channel >= 0:
            row["channel"] = texts.channels[channel]
        if kind in (EventType.ORDER, EventType.ORDER_LINE, EventType.RETURN, EventType.SESSION_ENDED):
            sign, (units, cents) = "-" if amount < 0 else "", divmod(abs(amount), CENTS)
            row["amount"] = f"{sign}{units}.{cents:02d}"
        if kind is EventType.ORDER_LINE:
            row["quantity"] = 1
        if kind is EventType.BROWSE:
            row["source"] = texts.sources[told.source[customer]]
        if kind is EventType.REGISTERED:
            row["attributes"] = _said(customer, texts, told)
        elif kind is EventType.PROFILE_CHANGED:
            row["attributes"] = {"birthday_week": "yes" if flag else "no"}
        elif kind is EventType.CONSENT_CHANGED:
            row["attributes"] = {"purpose": MessageClass.MARKETING.value, "granted": "true" if flag else "false"}
        yield row


def _said(customer: int, texts: Texts, told: Told) -> dict[str, str]:
    said = {"time_zone": texts.zones[told.zone[customer]], "locale": texts.locales[told.locale[customer]]}
    made_up = {
        "email": f"{natural_id(customer)}@example.invalid",
        "push_token": f"token-{customer}",
        "phone": f"+1555{customer:07d}",
    }
    said |= {kind: made_up[kind] for number, kind in enumerate(texts.addresses) if told.addressed[customer, number]}
    return said
