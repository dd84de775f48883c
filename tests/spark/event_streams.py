"""Random events of a shop in two deliveries: what is there at the first close, and what comes after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]

BRAND = "corner"
FIRST_CLOSE = datetime(2026, 5, 1, 6, tzinfo=UTC)
SECOND_CLOSE = FIRST_CLOSE + timedelta(days=1)
HORIZON = FIRST_CLOSE - timedelta(days=30)
"""After the first close, what happened before it is too late."""
START = FIRST_CLOSE - timedelta(days=120)

MICRO = timedelta(microseconds=1)
_SPANS = (timedelta(0), timedelta(hours=24), timedelta(days=7))
_STEPS = (-MICRO, timedelta(0), MICRO)
_EDGES = [close - span + step for close in (FIRST_CLOSE, SECOND_CLOSE) for span in _SPANS for step in _STEPS]
_LATER_EDGES = [*_EDGES, HORIZON, HORIZON + MICRO]

_CUSTOMERS = [f"customer-{number:02d}" for number in range(58)]
_EVENTS_EACH = 17
_LATER_EVENTS = 80
_TOO_LATE_EVENTS = 8
_REPEATED_SHARE = 0.03

_WEIGHTS = {
    "browse": 20,
    "order": 18,
    "order_line": 18,
    "return": 10,
    "session_ended": 10,
    "profile_changed": 6,
    "consent_changed": 6,
    "send_clicked": 5,
    "cart_added": 3,
    "registered": 2,
    "unsubscribed": 1,
    "complained": 1,
}
_TYPES = list(_WEIGHTS)
_CHANCES = np.array(list(_WEIGHTS.values())) / sum(_WEIGHTS.values())
# One path begins with another's text, but not with its levels; one is deeper than histories keep.
_CATEGORIES = ("coats", "coatstands", "coats/winter", "coats/winterly", "coats/winter/kids/red", "shoes", "bags/coats")
_OFFSETS = (UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8)))


def first_delivery(random: np.random.Generator) -> list[Row]:
    """Some 1,500 rows: four months of a few dozen customers, with events past both closes, and repeated rows."""
    rows: list[Row] = []
    for customer in _CUSTOMERS:
        registered_at = _between(random, START, FIRST_CLOSE)
        own_instants = [registered_at + step for step in _STEPS]
        if random.random() < 0.9:
            rows.append(_row(random, "registered", customer, registered_at))
        for _ in range(_EVENTS_EACH):
            chance = random.random()
            if chance < 0.4:
                at = _one_of(random, _EDGES)
            elif chance < 0.55:
                at = _one_of(random, own_instants)
            else:
                at = _between(random, START, SECOND_CLOSE)
            own_instants.append(at)
            rows.append(_row(random, _type(random), customer, at))
        for event_type in ("profile_changed", "consent_changed", "browse", "session_ended"):
            # Late enough to be the last word, and said twice at one instant.
            at = _between(random, FIRST_CLOSE - timedelta(days=2), FIRST_CLOSE)
            rows += [_row(random, event_type, customer, at) for _ in range(2)]
    rows.append(_row(random, "order", "born at the first close", FIRST_CLOSE))
    rows.append(_row(random, "order", "born at the second close", SECOND_CLOSE))
    return _repeated(random, _identified(rows, "first"), rows=[])


def later_delivery(random: np.random.Generator, first: Sequence[Row]) -> list[Row]:
    """Some 100 rows: news, late ones and ones that are too late, and rows that repeat those of both deliveries."""
    instants = [
        _one_of(random, _LATER_EDGES)
        if random.random() < 0.4
        else _between(random, _one_of(random, (HORIZON, FIRST_CLOSE)), SECOND_CLOSE)
        for _ in range(_LATER_EVENTS)
    ]
    instants += [_between(random, START, HORIZON) for _ in range(_TOO_LATE_EVENTS)]
    rows = [_row(random, _type(random), _one_of(random, _CUSTOMERS), at) for at in instants]
    rows.append(_row(random, "order", _CUSTOMERS[0], HORIZON - MICRO))
    rows.append(_row(random, "order", "only too late", HORIZON - MICRO))
    rows.append(_row(random, "order", "only just in time", HORIZON))
    rows.append(_row(random, "order", "born within the day", SECOND_CLOSE - MICRO))
    rows.append(_row(random, "order", "born too soon", SECOND_CLOSE))
    before_horizon = [row for row in first if datetime.fromisoformat(row["event_at"]) < HORIZON]
    repeats = [_one_of(random, before_horizon), *(_one_of(random, first) for _ in range(4))]
    return _repeated(random, _identified(rows, "later"), repeats)


def write_files(folder: Path, name: str, rows: Sequence[Row], count: int) -> None:
    """The rows as `count` files of JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        lines = [json.dumps(row) for row in rows[number::count]]
        (folder / f"{name}-{number}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def _identified(rows: Sequence[Row], prefix: str) -> list[Row]:
    return [{"event_id": f"{prefix}-{number}"} | row for number, row in enumerate(rows)]


def _repeated(random: np.random.Generator, made: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """In disorder: the rows made, some of them once more, and rows of another delivery."""
    again = [_one_of(random, made) for _ in range(round(_REPEATED_SHARE * len(made)))]
    # The same payload with its keys the other way round is still the same payload.
    turned = [dict(reversed(row.items())) for row in (*again, *rows)]
    every = [*made, *turned]
    return [every[position] for position in random.permutation(len(every))]


def _row(random: np.random.Generator, event_type: str, customer: str, at: datetime) -> Row:
    row: Row = {
        "brand": BRAND,
        "customer_id": customer,
        "event_type": event_type,
        "event_at": at.astimezone(_one_of(random, _OFFSETS)).isoformat(),
        **_fields(random, event_type),
    }
    source = _one_of(random, ("shop", "app", None))
    return row if source is None else row | {"source": source}


def _fields(random: np.random.Generator, event_type: str) -> Row:
    channel = {"channel": _one_of(random, ("email", "sms"))}
    category = {"category": _one_of(random, _CATEGORIES)}
    # Nearly each its own: orders told again and what returns take have an oracle that needs no Spark.
    order = {"order_id": f"o{random.integers(1 << 40)}"}
    product = {"product_id": f"p{random.integers(12)}"}
    match event_type:
        case "registered" | "profile_changed":
            return {"attributes": _attributes(random)}
        case "consent_changed":
            purpose = _one_of(random, ("marketing", "transactional"))
            return channel | {"attributes": {"purpose": purpose, "granted": _one_of(random, ("true", "false", True))}}
        case "send_clicked":
            return channel | {"campaign_id": _one_of(random, ("spring", "autumn"))}
        case "unsubscribed" | "complained":
            return channel
        case "order":
            return order | _amount(random, 0)
        case "order_line":
            quantity = _number(random, int(random.integers(5_000)), decimals=3)
            return order | product | category | {"quantity": quantity} | _amount(random, 0)
        case "return":
            return order | _sometimes(random, product) | _sometimes(random, _amount(random, 0))
        case "session_ended":
            return {"category": f"games/{random.integers(3)}"} | _sometimes(random, _amount(random, -20_000))
        case _:
            return category | _sometimes(random, product) | _sometimes(random, channel)


def _attributes(random: np.random.Generator) -> Row:
    # An empty or null attribute takes the entry away. The two last letters sort differently as UTF-16.
    choices: dict[str, Sequence[str | None]] = {
        "email": ("here@example.invalid", None),
        "phone": ("+49-30-1234567", ""),
        "locale": ("de", "en", "en-GB", None),
        "time_zone": ("Europe/Berlin", "America/New_York"),
        "colour": ("red", "blue", "Blue", "", "\uffee", "\U0001f600"),
    }
    return {name: _one_of(random, values) for name, values in choices.items() if random.random() < 0.5}


def _amount(random: np.random.Generator, least: int) -> Row:
    # Cents that no double can hold, now and then written as a number: as text they must arrive to the cent.
    return {"amount": _number(random, int(random.integers(least, 20_000)), decimals=2)}


def _number(random: np.random.Generator, scaled: int, decimals: int) -> str | float:
    text = str(Decimal(scaled).scaleb(-decimals))
    return float(text) if random.random() < 0.2 else text


def _sometimes(random: np.random.Generator, fields: Row) -> Row:
    return fields if random.random() < 0.6 else {}


def _type(random: np.random.Generator) -> str:
    return _TYPES[random.choice(len(_TYPES), p=_CHANCES)]


def _between(random: np.random.Generator, since: datetime, until: datetime) -> datetime:
    return since + int(random.integers((until - since) // MICRO)) * MICRO


def _one_of(random: np.random.Generator, choices: Sequence[Any]) -> Any:
    return choices[int(random.integers(len(choices)))]
