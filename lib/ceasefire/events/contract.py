"""The event contract: one input row in, one checked event or the reasons against it out. Pure Python, no Spark."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ceasefire.ids import customer_id, event_key, payload_hash
from ceasefire.vocabulary import EventType, MessageClass, RejectReason

MAX_ROW_CHARS = 1 << 20
MAX_TEXT_CHARS = 1_000
MAX_MINOR = 10**15
MAX_MILLI = 10**12
QUANTITY_DECIMALS = 3
SHAPE_CHARS = 500

ADDRESSES = ("email", "phone", "push_token")
PRESENT = "set"
"""What an address is in `events`: that there is one."""

OTHER_CUSTOMER = "into"
"""The attribute of a merge that holds another customer's natural id."""

TELLING_CHARS = 5
"""A shorter text that equals the natural id is as likely a household's size, and tells nobody who it is."""

_REQUIRED = ("event_id", "brand", "customer_id", "event_type", "event_at")
_TEXTS = ("source", "category", "product_id", "order_id", "campaign_id", "send_id", "channel", "referrer", "currency")
_NUMBERS = ("quantity", "amount")
_KNOWN = {*_REQUIRED, *_TEXTS, *_NUMBERS, "attributes"}
_ALSO_REQUIRED: Mapping[EventType, tuple[str, ...]] = {
    EventType.CONSENT_CHANGED: ("channel",),
    EventType.BROWSE: ("category",),
    EventType.CART_ADDED: ("category",),
    EventType.ORDER: ("order_id", "amount"),
    EventType.ORDER_LINE: ("order_id", "product_id", "category", "quantity", "amount"),
    EventType.RETURN: ("order_id",),
    EventType.SESSION_ENDED: ("category",),
    EventType.CONVERTED: ("campaign_id",),
    EventType.SEND_DELIVERED: ("channel",),
    EventType.SEND_OPENED: ("channel",),
    EventType.SEND_CLICKED: ("channel",),
    EventType.SEND_BOUNCED: ("channel",),
    EventType.UNSUBSCRIBED: ("channel",),
    EventType.COMPLAINED: ("channel",),
}
_REQUIRED_ATTRIBUTES: Mapping[EventType, tuple[str, ...]] = {
    EventType.CONSENT_CHANGED: ("purpose", "granted"),
    EventType.CUSTOMER_MERGED: (OTHER_CUSTOMER,),
}
_SIGNED = (EventType.SESSION_ENDED,)
_EMAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+")
_FIRST_YEAR, _END_YEAR = 1970, 2200


@dataclass(frozen=True)
class Contract:
    """What a brand's rows are checked against.

    Attributes:
        brand: rows of another brand are rejected.
        currency: ISO 4217.
        exponent: decimals of its minor unit.
        key: the brand's key for pseudonyms.
    """

    brand: str
    currency: str
    exponent: int
    key: bytes


@dataclass
class ParsedRow:
    """One input row, read. With reasons it is no event, and only `event_key` and `raw` may be set."""

    reasons: set[RejectReason] = field(default_factory=set)
    event_key: str | None = None
    payload_hash: str | None = None
    customer_id: str | None = None
    natural_id: str | None = None
    event_type: str | None = None
    event_at: datetime | None = None
    source: str | None = None
    category: str | None = None
    product_id: str | None = None
    order_id: str | None = None
    quantity_milli: int | None = None
    amount_minor: int | None = None
    campaign_id: str | None = None
    send_id: str | None = None
    channel: str | None = None
    referrer: str | None = None
    attributes: dict[str, str | None] | None = None
    extra: dict[str, str | None] | None = None
    email: str | None = None
    phone: str | None = None
    push_token: str | None = None
    raw: str | None = None


class _RepeatedKeyError(ValueError):
    pass


class _NonFiniteError(ValueError):
    pass


def parse_row(text: str, contract: Contract) -> ParsedRow:
    """One line of input as an event, or with every reason why it is none. Never raises, whatever the text."""
    if len(text) > MAX_ROW_CHARS:
        return ParsedRow({RejectReason.OVERSIZE}, raw=shape_of(text))
    if not text.strip():
        return ParsedRow({RejectReason.EMPTY}, raw="")
    try:
        row = json.loads(text, object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_refuse_constant)
        canonical = json.dumps(row, sort_keys=True, default=str, ensure_ascii=False).encode()
    except _NonFiniteError:
        return ParsedRow({RejectReason.NON_FINITE}, raw=shape_of(text))
    except (ValueError, RecursionError, InvalidOperation):
        # UnicodeEncodeError, from half of a surrogate pair, is a ValueError too.
        return ParsedRow({RejectReason.CORRUPT}, raw=shape_of(text))
    if not isinstance(row, dict):
        return ParsedRow({RejectReason.CORRUPT}, raw=shape_of(text))
    parsed = _checked(row, contract)
    parsed.payload_hash = payload_hash(contract.key, canonical)
    if parsed.reasons:
        parsed.raw = _without_personal_values(row, contract)
    return parsed


def shape_of(text: str) -> str:
    """The first characters of a text that could not be read, letters as a and digits as 9: nothing personal is left."""
    return "".join("a" if c.isalpha() else "9" if c.isdigit() else c for c in text[:SHAPE_CHARS] if c.isprintable())


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise _RepeatedKeyError
    return row


def _refuse_constant(name: str) -> float:
    raise _NonFiniteError(name)


def _checked(row: dict[str, Any], contract: Contract) -> ParsedRow:
    parsed = ParsedRow()
    reasons = parsed.reasons
    texts = {name: _text(row, name, reasons) for name in (*_REQUIRED, *_TEXTS)}
    if any(texts[name] is None and row.get(name) in (None, "") for name in _REQUIRED):
        reasons.add(RejectReason.MISSING_FIELD)
    if texts["brand"] not in (None, contract.brand):
        reasons.add(RejectReason.UNKNOWN_BRAND)
    if texts["currency"] not in (None, contract.currency):
        reasons.add(RejectReason.OTHER_CURRENCY)
    if texts["event_id"] is not None:
        parsed.event_key = event_key(contract.key, texts["event_id"])
    if texts["customer_id"] is not None:
        parsed.natural_id = texts["customer_id"]
        parsed.customer_id = customer_id(contract.key, texts["customer_id"])
    for name in ("source", "category", "product_id", "order_id", "campaign_id", "send_id", "channel"):
        setattr(parsed, name, texts[name])
    if parsed.category is not None and "" in parsed.category.split("/"):
        reasons.add(RejectReason.OUT_OF_RANGE)
    parsed.referrer = _without_address(texts["referrer"]) if texts["referrer"] else None
    parsed.event_at = _instant(texts["event_at"], reasons)
    kind = _event_type(texts["event_type"], reasons)
    signed = kind in _SIGNED
    parsed.amount_minor = _scaled(row.get("amount"), contract.exponent, MAX_MINOR, signed, reasons)
    parsed.quantity_milli = _scaled(row.get("quantity"), QUANTITY_DECIMALS, MAX_MILLI, False, reasons)
    _read_attributes(row.get("attributes"), parsed, contract)
    parsed.extra = {
        name: _inert(value, name, parsed.natural_id, contract) for name, value in row.items() if name not in _KNOWN
    } or None
    if kind is not None:
        parsed.event_type = kind.value
        _check_what_the_type_needs(kind, row, parsed)
    return parsed


def _text(row: Mapping[str, Any], name: str, reasons: set[RejectReason]) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        reasons.add(RejectReason.BAD_TYPE)
        return None
    if len(value) > MAX_TEXT_CHARS or "\x00" in value:
        reasons.add(RejectReason.OUT_OF_RANGE)
        return None
    return value


def _event_type(name: str | None, reasons: set[RejectReason]) -> EventType | None:
    if name is None:
        return None
    try:
        return EventType(name)
    except ValueError:
        reasons.add(RejectReason.UNKNOWN_EVENT_TYPE)
        return None


def _instant(text: str | None, reasons: set[RejectReason]) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None or len(text) <= len("2026-01-01"):
            raise ValueError
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        reasons.add(RejectReason.BAD_TYPE)
        return None
    if not _FIRST_YEAR <= instant.year < _END_YEAR:
        reasons.add(RejectReason.OUT_OF_RANGE)
        return None
    return instant


def _scaled(value: Any, decimals: int, limit: int, signed: bool, reasons: set[RejectReason]) -> int | None:
    """A decimal number, given as text or number, as an integer of 10^-decimals."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        reasons.add(RejectReason.BAD_TYPE)
        return None
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except InvalidOperation:
        reasons.add(RejectReason.BAD_TYPE)
        return None
    if not number.is_finite():
        reasons.add(RejectReason.NON_FINITE)
        return None
    # The exponent is looked at first: to scale 1e999999999 would take all memory.
    if number and number.adjusted() > math.ceil(math.log10(limit)):
        reasons.add(RejectReason.OUT_OF_RANGE)
        return None
    if number and number.normalize().as_tuple().exponent < -decimals:  # type: ignore[operator]
        reasons.add(RejectReason.TOO_MANY_DECIMALS)
        return None
    scaled = int(number.scaleb(decimals))
    if abs(scaled) > limit or (scaled < 0 and not signed):
        reasons.add(RejectReason.OUT_OF_RANGE)
        return None
    return scaled


def _read_attributes(value: Any, parsed: ParsedRow, contract: Contract) -> None:
    if value is None:
        return
    if not isinstance(value, dict) or any(isinstance(one, dict | list) for one in value.values()):
        parsed.reasons.add(RejectReason.BAD_TYPE)
        return
    attributes: dict[str, str | None] = {}
    for name, one in value.items():
        text = _plain_text(one)
        if text is not None and len(text) > MAX_TEXT_CHARS:
            parsed.reasons.add(RejectReason.OUT_OF_RANGE)
        if name in ADDRESSES and text is not None:
            setattr(parsed, name, text)
        attributes[name] = _inert(one, name, parsed.natural_id, contract)
    parsed.attributes = attributes


def _check_what_the_type_needs(kind: EventType, row: Mapping[str, Any], parsed: ParsedRow) -> None:
    attributes = parsed.attributes or {}
    lacks_field = any(row.get(name) in (None, "") for name in _ALSO_REQUIRED.get(kind, ()))
    lacks_attribute = any(attributes.get(name) is None for name in _REQUIRED_ATTRIBUTES.get(kind, ()))
    if lacks_field or lacks_attribute:
        parsed.reasons.add(RejectReason.MISSING_FIELD)
    elif kind is EventType.CONSENT_CHANGED:
        known_purpose = attributes["purpose"] in tuple(MessageClass)
        if not known_purpose or attributes["granted"] not in ("true", "false"):
            parsed.reasons.add(RejectReason.OUT_OF_RANGE)


def _plain_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _inert(value: Any, name: str, natural_id: str | None, contract: Contract) -> str | None:
    """A value as text in which no address and no natural id is left."""
    if isinstance(value, dict | list):
        return json.dumps(_cleaned(value, natural_id, contract), sort_keys=True, default=str, ensure_ascii=False)
    text = _plain_text(value)
    if text is None:
        return None
    if name in ADDRESSES:
        return PRESENT
    is_natural_id = text == natural_id and len(text) >= TELLING_CHARS
    if is_natural_id or name == OTHER_CUSTOMER:
        return customer_id(contract.key, text)
    return _without_address(text)


def _cleaned(value: Any, natural_id: str | None, contract: Contract) -> Any:
    if isinstance(value, dict):
        return {
            name: _inert(one, name, natural_id, contract)
            if not isinstance(one, dict | list)
            else _cleaned(one, natural_id, contract)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(one, natural_id, contract) for one in value]
    return _inert(value, "", natural_id, contract)


def _without_address(text: str) -> str:
    return _EMAIL.sub("(address)", text) if "@" in text else text


def _without_personal_values(row: dict[str, Any], contract: Contract) -> str:
    natural_id = _plain_text(row.get("customer_id")) if not isinstance(row.get("customer_id"), dict | list) else None
    hidden = {name: value for name, value in row.items() if name not in ("event_id", "customer_id")}
    cleaned = _cleaned(hidden, natural_id, contract)
    if natural_id is not None:
        cleaned["customer_id"] = customer_id(contract.key, natural_id)
    return json.dumps(cleaned, sort_keys=True, default=str, ensure_ascii=False)[:MAX_ROW_CHARS]
