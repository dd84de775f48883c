"""Input rows as the tests write them: a good one of each type, to be spoiled."""

from __future__ import annotations

import json
from typing import Any

from ceasefire.consent import ConsentTerms
from ceasefire.events.contract import Contract, ParsedRow, parse_row

TERMS = ConsentTerms.of("b", {"email": ["mail"], "sms": [], "push": []}, ["ski"], ["hello"])
CONTRACT = Contract("b", "EUR", 2, b"a key of tests", TERMS)

FIELDS_OF_TYPE: dict[str, dict[str, Any]] = {
    "registered": {},
    "profile_changed": {},
    "consent_changed": {"channel": "email", "attributes": {"purpose": "marketing", "granted": True}},
    "browse": {"category": "ski/boots"},
    "cart_added": {"category": "ski"},
    "order": {"order_id": "o1", "amount": "19.99"},
    "order_line": {"order_id": "o1", "product_id": "p1", "category": "ski", "quantity": 2, "amount": "19.99"},
    "return": {"order_id": "o1"},
    "session_ended": {"category": "poker"},
    "converted": {"campaign_id": "spring"},
    "send_delivered": {"channel": "email"},
    "send_opened": {"channel": "email"},
    "send_clicked": {"channel": "email"},
    "send_bounced": {"channel": "email"},
    "unsubscribed": {"channel": "email"},
    "complained": {"channel": "email"},
    "customer_merged": {"attributes": {"into": "customer-2"}},
    "erasure_requested": {},
    "opted_out": {},
}


def row(event_type: str = "order", /, **changes: Any) -> dict[str, Any]:
    """A good row, with changes."""
    common = {
        "event_id": "e1",
        "brand": "b",
        "customer_id": "customer-1",
        "event_type": event_type,
        "event_at": "2026-03-01T12:00:00+01:00",
    }
    return common | FIELDS_OF_TYPE.get(event_type, {}) | changes


def without(name: str, event_type: str = "order") -> dict[str, Any]:
    """A good row that lacks a key."""
    return {key: value for key, value in row(event_type).items() if key != name}


def parsed(value: Any, contract: Contract = CONTRACT) -> ParsedRow:
    """What the contract makes of a row, given as text or as the value that is written as JSON."""
    return parse_row(value if isinstance(value, str) else json.dumps(value), contract)


def reasons(value: Any, contract: Contract = CONTRACT) -> list[str]:
    """The codes against a row, sorted."""
    return sorted(reason.value for reason in parsed(value, contract).reasons)
