"""The event contract: one input row in, one checked event or the reasons against it out. Pure Python, no Spark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from ceasefire.addresses import AddressRules, normalised
from ceasefire.config.units import converted_minor, currency_exponent
from ceasefire.consent import (
    SAYS_CONSENT,
    ConsentTerms,
    Statement,
    Unclear,
    Wish,
    bounce_kind,
    contradicts_yes,
    flag_statement,
    read_broken,
    read_wish,
    strict_statement,
    united,
    without_nesting,
)
from ceasefire.events.customer_zones import PHONE_ZONE, ZoneRules, written_zone, zone_of_country, zone_of_phone
from ceasefire.events.exact_values import read_instant, read_scaled
from ceasefire.events.machines import is_by_machine
from ceasefire.events.personal_values import (
    ADDRESSES,
    NOTHING_NAMED,
    OTHER_CUSTOMER,
    Disguise,
    Harmless,
    as_json,
    plain_text,
    shape_of,
)
from ceasefire.ids import address_key, customer_id, event_key, payload_hash
from ceasefire.vocabulary import (
    CONSENT,
    CONSENT_AT,
    DERIVED_ZONE,
    EVERY,
    MACHINE_RESPONSE,
    PROFILES,
    REFUSAL,
    RESPONSES,
    TIME_ZONE,
    AddressFault,
    AmountRepair,
    EventType,
    MessageClass,
    RefusalKind,
    RejectReason,
    ZoneRepair,
    derived_zone_entry,
)

MAX_ROW_CHARS = 1 << 20
MAX_TEXT_CHARS = 1_000
MAX_DEPTH = 32
"""Deeper rows are refused before anything goes down into them."""

MAX_MINOR = 10**15
MAX_MILLI = 10**12
QUANTITY_DECIMALS = 3
CONSENTS = (CONSENT, CONSENT_AT, REFUSAL)
"""How a profile names what was said on consent: no attribute may pass itself off as that."""
_OWN_ENTRIES = (*CONSENTS, DERIVED_ZONE)

_REQUIRED = ("event_id", "brand", "customer_id", "event_type", "event_at")
_KEPT_TEXTS = {"source", "category", "product_id", "order_id", "campaign_id", "send_id", "channel", "referrer"}
_ALL_TEXTS = {*_REQUIRED, *_KEPT_TEXTS, "currency"}
_IDS = {"event_id", "customer_id", "order_id", "product_id", "campaign_id", "send_id"}
_NUMBERS = ("quantity", "amount")
_NO_TEXTS = {*_NUMBERS, "attributes"}
_ALSO_REQUIRED: Mapping[EventType, tuple[str, ...]] = {
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
}
_REQUIRED_ATTRIBUTES: Mapping[EventType, tuple[str, ...]] = {
    EventType.CONSENT_CHANGED: ("purpose", "granted"),
    EventType.CUSTOMER_MERGED: (OTHER_CUSTOMER,),
}
_EVENT_TYPES = {kind.value: kind for kind in EventType}
_NEEDED: Mapping[EventType | None, frozenset[str]] = {
    kind: frozenset((*_REQUIRED, *(_ALSO_REQUIRED.get(kind, ()) if kind else ()))) for kind in (None, *EventType)
}
_SIGNED = (EventType.SESSION_ENDED, EventType.ORDER)
_MERGES = frozenset((EventType.CUSTOMER_MERGED,))
_SPEAKS = SAYS_CONSENT | {EventType.SEND_BOUNCED}
"""Events that speak against contacting a customer also without a word more."""
_NOTHING = (None, "")
# A byte order mark is no text of the row.
_AROUND = " \t\n\r\ufeff"
_Value = TypeVar("_Value", datetime, int)


@dataclass(frozen=True)
class Contract:
    """What a brand's rows are checked against.

    Attributes:
        brand: rows of another brand are rejected.
        currency: ISO 4217.
        exponent: decimals of its minor unit.
        key: the brand's key for pseudonyms.
        terms: the names that statements on consent can use.
        addresses: how addresses are read.
        harmless: what may stay in the clear.
        machine_agents: case-folded names of the agents whose responses are a machine's; None where nobody's are.
        zones: how customers' time zones are read.
        rates: what one unit of other currencies is worth in units of this one; amounts in others yet are unknown.
    """

    brand: str
    currency: str
    exponent: int
    key: bytes
    terms: ConsentTerms
    addresses: AddressRules = field(default_factory=AddressRules)
    harmless: Harmless = NOTHING_NAMED
    machine_agents: tuple[str, ...] | None = None
    zones: ZoneRules = field(default_factory=ZoneRules)
    rates: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class ParsedRow:
    """One input row, read.

    With reasons it is no event, and only `event_key`, `payload_hash`, `customer_id` and `raw` may be set. An opt-out
    without `event_at` counts from its arrival on; `repairs` says why it had to be repaired, how its amount was read, or
    that it counts as no response. `unread_keys` names, sorted, the keys of a rejected row whose values BAD_TYPE is
    about.
    """

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
    email_key: str | None = None
    phone_key: str | None = None
    push_token_key: str | None = None
    raw: str | None = None
    statement: dict[str, Any] | None = None
    refusal: str | None = None
    repairs: list[str] | None = None
    is_opt_out: bool = False
    unread_keys: list[str] | None = None

    def reject(self, reason: RejectReason, key: str) -> None:
        """Add a reason that the value of a key gives."""
        self.reasons.add(reason)
        if reason is RejectReason.BAD_TYPE:
            self.unread_keys = sorted({*(self.unread_keys or ()), key})

    def repair(self, why: str) -> None:
        """Add what the row was taken in for otherwise than it came."""
        self.repairs = sorted({*(self.repairs or ()), str(why)})


class _RepeatedKeyError(ValueError):
    pass


class _NonFiniteError(ValueError):
    pass


class _NoEventError(ValueError):
    pass


def parse_row(text: str, contract: Contract) -> ParsedRow:
    """One line of input as an event, or with every reason why it is none. Never raises, whatever the text.

    A no is an event even in a row that is none otherwise (`ceasefire.consent`).
    """
    if len(text) > MAX_ROW_CHARS:
        return _broken(text, RejectReason.OVERSIZE, contract)
    bare = text.strip(_AROUND)
    if not bare.strip():
        return ParsedRow({RejectReason.EMPTY}, raw="")
    try:
        # What `decode` does, which looks for white space with an expression, twice.
        row, end = _DECODER.raw_decode(bare)
        if end < len(bare) or not isinstance(row, dict) or (_may_be_too_deep(text) and _is_too_deep(row)):
            raise _NoEventError
        shape = _shape(tuple(row))
        for name in shape.ids:
            if type(row[name]) is int:
                # An id is a text; a whole number has one, and the row is the same with either.
                row[name] = str(row[name])
        canonical = as_json(row).encode()
        disguise = Disguise.of(row, contract.key, contract.harmless)
    except _NonFiniteError:
        return _broken(text, RejectReason.NON_FINITE, contract)
    except (ValueError, RecursionError, InvalidOperation):
        # UnicodeEncodeError, from half of a surrogate pair, is a ValueError too.
        return _broken(text, RejectReason.CORRUPT, contract)
    parsed = _checked(row, shape, contract, disguise)
    parsed.payload_hash = payload_hash(contract.key, canonical)
    if parsed.reasons:
        raw = _without_ids(row, contract, disguise)
        rejected = ParsedRow(
            parsed.reasons,
            event_key=parsed.event_key,
            payload_hash=parsed.payload_hash,
            raw=raw,
            unread_keys=parsed.unread_keys,
        )
        return _with_wish(read_wish(row, contract.terms), rejected, row.get("event_at"), contract)
    if parsed.is_opt_out:
        parsed.event_key = _opt_out_key(parsed, row["event_id"], contract)
    return parsed


def _broken(text: str, reason: RejectReason, contract: Contract) -> ParsedRow:
    """A row that is no JSON object of the contract's shape, or the no that can be read in it all the same."""
    hashed = payload_hash(contract.key, text.encode(errors="surrogatepass"))
    rejected = ParsedRow({reason}, payload_hash=hashed, raw=shape_of(text))
    read = [(read_wish(row, contract.terms), row.get("event_at")) for row in read_broken(text)]
    # A line can hold several rows: the first no counts, and before none at all the first that may be one.
    wish, event_at = next(
        (pair for kind in (Wish, Unclear) for pair in read if isinstance(pair[0], kind)),
        (None, None),
    )
    return _with_wish(wish, rejected, event_at, contract)


def _with_wish(wish: Wish | Unclear | None, rejected: ParsedRow, event_at: Any, contract: Contract) -> ParsedRow:
    """A rejected row, or the opt-out that it is, or the same row marked as one that somebody has to look at."""
    if wish is None:
        return rejected
    pseudonym = customer_id(contract.key, wish.customer)
    if isinstance(wish, Unclear):
        rejected.reasons.add(RejectReason.UNCLEAR_OPT_OUT)
        rejected.customer_id = pseudonym
        return rejected
    opt_out = ParsedRow(
        payload_hash=rejected.payload_hash,
        customer_id=pseudonym,
        natural_id=wish.customer,
        event_type=wish.event_type.value,
        event_at=_instant_or_none(event_at),
        channel=None if wish.statement.channel == EVERY else wish.statement.channel,
        statement=wish.statement._asdict(),
        refusal=RefusalKind.NO.value,
        repairs=sorted(rejected.reasons | wish.widened),
        is_opt_out=True,
    )
    opt_out.event_key = _opt_out_key(opt_out, wish.event_id, contract)
    return opt_out


def _opt_out_key(opt_out: ParsedRow, event_id: str | None, contract: Contract) -> str:
    """Tells one no from another, also under an event id that other rows have: what was said repeats nothing else."""
    assert opt_out.statement is not None, "an opt-out says what it is about"
    said = "|".join(str(value) for value in opt_out.statement.values())
    happened_at = "" if opt_out.event_at is None else opt_out.event_at.isoformat()
    name = opt_out.payload_hash if event_id is None else event_id
    return event_key(contract.key, f"no|{opt_out.customer_id}|{said}|{happened_at}|{name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise _RepeatedKeyError
    return row


def _may_be_too_deep(text: str) -> bool:
    return text.count("{") + text.count("[") > MAX_DEPTH


def _is_too_deep(row: dict[str, Any]) -> bool:
    level: list[Any] = [row]
    for _ in range(MAX_DEPTH):
        ones = (one for node in level for one in (node.values() if isinstance(node, dict) else node))
        level = [one for one in ones if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> float:
    raise _NonFiniteError(name)


# Made once: json.loads makes a new one for each row that it is given a hook for.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_refuse_constant)


class _Shape(NamedTuple):
    """What the keys of a row tell by themselves, in the order of the row."""

    texts: tuple[str, ...]
    kept: tuple[str, ...]
    ids: tuple[str, ...]
    unknown: tuple[str, ...]


# Rows come in a few shapes.
@lru_cache(maxsize=256)
def _shape(keys: tuple[str, ...]) -> _Shape:
    unknown = set(keys) - _ALL_TEXTS - _NO_TEXTS
    return _Shape(*(tuple(key for key in keys if key in ones) for ones in (_ALL_TEXTS, _KEPT_TEXTS, _IDS, unknown)))


def _checked(row: dict[str, Any], shape: _Shape, contract: Contract, disguise: Disguise) -> ParsedRow:
    parsed = ParsedRow()
    reasons = parsed.reasons
    texts = {}
    for name in shape.texts:
        # Nearly all are plain: a call for each of them is half of the time of the loop.
        text = row[name]
        if type(text) is str and 0 < len(text) <= MAX_TEXT_CHARS and "\x00" not in text:
            texts[name] = text
        elif text not in _NOTHING:
            parsed.reject(RejectReason.OUT_OF_RANGE if isinstance(text, str) else RejectReason.BAD_TYPE, name)
    if texts.get("brand", contract.brand) != contract.brand:
        reasons.add(RejectReason.UNKNOWN_BRAND)
    if "event_id" in texts:
        parsed.event_key = event_key(contract.key, texts["event_id"])
    if "customer_id" in texts:
        # Blanks around an id are never meant; those of an opt-out would make it that of a stranger.
        parsed.natural_id = texts["customer_id"].strip()
        parsed.customer_id = customer_id(contract.key, parsed.natural_id)
        if not parsed.natural_id:
            reasons.add(RejectReason.OUT_OF_RANGE)
    for name in shape.kept:
        if name in texts:
            setattr(parsed, name, disguise.field(name, texts[name]))
    if parsed.category is not None and "" in parsed.category.split("/"):
        reasons.add(RejectReason.OUT_OF_RANGE)
    if "event_at" in texts:
        parsed.event_at = _kept(read_instant(texts["event_at"]), "event_at", parsed)
    kind = _event_type(texts.get("event_type"), reasons)
    # Nearly every row has all that it needs among its plain texts: only of the others each value is looked at.
    if not _NEEDED[kind] <= texts.keys() and _lacks(row, _NEEDED[kind]):
        reasons.add(RejectReason.MISSING_FIELD)
    if "amount" in row:
        _read_amount(row["amount"], texts.get("currency", contract.currency), kind, parsed, contract)
    if "quantity" in row:
        quantity = read_scaled(row["quantity"], QUANTITY_DECIMALS, MAX_MILLI, False)
        parsed.quantity_milli = _kept(quantity, "quantity", parsed)
    if "attributes" in row:
        _read_attributes(row["attributes"], parsed, disguise, contract)
    if shape.unknown:
        # In the order of the row, so that of two keys with one pseudonym the same one stays.
        parsed.extra = {disguise.name(name): disguise.value(row[name], name) for name in shape.unknown}
    channel = None
    if parsed.channel is not None:
        channel = contract.terms.channel(texts["channel"])
        parsed.channel = None if channel == EVERY else channel
        if channel is None or (channel == EVERY and kind not in SAYS_CONSENT):
            reasons.add(RejectReason.UNKNOWN_CHANNEL)
    if kind is not None:
        parsed.event_type = parsed.event_type or texts["event_type"]
        if kind in _REQUIRED_ATTRIBUTES and _lacks(parsed.attributes or {}, _REQUIRED_ATTRIBUTES[kind]):
            reasons.add(RejectReason.MISSING_FIELD)
        if kind in _MERGES and parsed.attributes is not None:
            if isinstance(row["attributes"].get(OTHER_CUSTOMER), bool | Decimal):
                parsed.reject(RejectReason.BAD_TYPE, OTHER_CUSTOMER)
            if parsed.attributes.get(OTHER_CUSTOMER) == parsed.customer_id:
                reasons.add(RejectReason.OUT_OF_RANGE)
        if not reasons and (parsed.attributes or shape.unknown or kind in _SPEAKS):
            _read_statement(kind, row, channel, parsed, shape, contract)
        if contract.machine_agents is not None and kind in RESPONSES and not reasons:
            _mark_machine(row, parsed, shape, contract.machine_agents)
    return parsed


def _mark_machine(row: dict[str, Any], parsed: ParsedRow, shape: _Shape, agents: Sequence[str]) -> None:
    """Say among the repairs of a sound response that it is a machine's, if its attributes or unknown keys tell so."""
    facts = [*(row.get("attributes") or {}).items(), *((name, row[name]) for name in shape.unknown)]
    if is_by_machine(facts, agents):
        parsed.repair(MACHINE_RESPONSE)


def _read_statement(
    kind: EventType, row: dict[str, Any], channel: str | None, parsed: ParsedRow, shape: _Shape, contract: Contract
) -> None:
    """What a sound row says about being contacted; reasons if it says it in a way that does not count."""
    statement: Statement | None = None
    attributes = row.get("attributes") or {}
    others = {name: row[name] for name in shape.unknown}
    if kind in SAYS_CONSENT:
        texts = {name: plain_text(value) for name, value in attributes.items()}
        statement = strict_statement(kind, channel, texts, row.get("campaign_id"), contract.terms, parsed.reasons)
        if statement is not None and statement.granted and contradicts_yes(row, others, contract.terms):
            parsed.reasons.add(RejectReason.OUT_OF_RANGE)
    else:
        if kind is EventType.SEND_BOUNCED:
            refusal = bounce_kind({name: plain_text(value) for name, value in attributes.items()})
            parsed.refusal = refusal.value
            if refusal is RefusalKind.NO:
                statement = Statement(MessageClass.MARKETING.value, channel or EVERY, None, False)
        for values in (attributes, others):
            if values:
                flags = flag_statement(without_nesting(values), contract.terms, kind in PROFILES)
                statement = united(statement, flags)
    parsed.is_opt_out = statement is not None and not statement.granted
    if statement is not None and not parsed.reasons:
        parsed.statement = statement._asdict()
        if not statement.granted:
            parsed.refusal = RefusalKind.NO.value
        elif statement.topic is not None:
            parsed.refusal = RefusalKind.TAKEN_BACK.value


def _event_type(name: str | None, reasons: set[RejectReason]) -> EventType | None:
    if name is None:
        return None
    kind = _EVENT_TYPES.get(name)
    if kind is None:
        reasons.add(RejectReason.UNKNOWN_EVENT_TYPE)
    return kind


def _kept(value: _Value | RejectReason | None, key: str, parsed: ParsedRow) -> _Value | None:
    """The value of a key; of one that is refused none, and the row says so."""
    if isinstance(value, RejectReason):
        parsed.reject(value, key)
        return None
    return value


def _instant_or_none(value: Any) -> datetime | None:
    instant = read_instant(value) if isinstance(value, str) else None
    return None if isinstance(instant, RejectReason) else instant


def _read_amount(value: Any, currency: str, kind: EventType | None, parsed: ParsedRow, contract: Contract) -> None:
    """Read an amount in minor units of the brand's currency, or null; an order of less than nothing is a return."""
    currency = currency.strip().upper()
    is_foreign = currency != contract.currency
    exponent = currency_exponent(currency) if is_foreign else contract.exponent
    minor = _kept(read_scaled(value, exponent, MAX_MINOR, kind in _SIGNED), "amount", parsed)
    if minor is None:
        return
    if kind is EventType.ORDER and minor < 0:
        minor = -minor
        parsed.event_type = EventType.RETURN.value
        parsed.repair(AmountRepair.NEGATIVE_ORDER)
    if not is_foreign:
        parsed.amount_minor = minor
        return
    rate = contract.rates.get(currency)
    if rate is None:
        parsed.repair(AmountRepair.OTHER_CURRENCY)
        return
    parsed.repair(AmountRepair.CONVERTED)
    parsed.amount_minor = converted_minor(minor, rate, exponent, contract.exponent)
    if abs(parsed.amount_minor) > MAX_MINOR:
        parsed.reasons.add(RejectReason.OUT_OF_RANGE)


def _read_attributes(value: Any, parsed: ParsedRow, disguise: Disguise, contract: Contract) -> None:
    if value is None:
        return
    if not isinstance(value, dict) or any(isinstance(one, dict | list) for one in value.values()):
        parsed.reject(RejectReason.BAD_TYPE, "attributes")
        return
    attributes: dict[str, str | None] = {}
    for name, one in value.items():
        text = plain_text(one)
        if name.startswith(_OWN_ENTRIES) or (text is not None and len(text) > MAX_TEXT_CHARS):
            parsed.reasons.add(RejectReason.OUT_OF_RANGE)
        attributes[disguise.name(name)] = disguise.value(one, name)
        if name in ADDRESSES and text is not None and not _read_address(name, text, parsed, contract):
            # What is no address takes the one before away, as nothing does.
            attributes[name] = None
        if name == TIME_ZONE and text is not None:
            attributes[name] = _read_zone(text, parsed, contract)
        if name in contract.zones.sources:
            attributes[derived_zone_entry(name)] = None if text is None else _derived_zone(name, text, contract)
    parsed.attributes = attributes


def _read_zone(text: str, parsed: ParsedRow, contract: Contract) -> str | None:
    """The time zone that a text means; a repair says if it is written otherwise, or not known."""
    zone = written_zone(text, contract.zones)
    if zone != text:
        parsed.repair(ZoneRepair.UNKNOWN if zone is None else ZoneRepair.READ)
    return zone


def _derived_zone(source: str, text: str, contract: Contract) -> str | None:
    if source != PHONE_ZONE:
        return zone_of_country(text)
    number = normalised(source, text, contract.addresses)
    return None if isinstance(number, AddressFault) else zone_of_phone(number)


def _read_address(kind: str, text: str, parsed: ParsedRow, contract: Contract) -> bool:
    """Whether a text is an address; a repair says why it is not."""
    comparable = normalised(kind, text, contract.addresses)
    if isinstance(comparable, AddressFault):
        parsed.repair(f"{kind}_{comparable.value}")
        return False
    setattr(parsed, kind, text)
    setattr(parsed, f"{kind}_key", address_key(contract.key, kind, comparable))
    return True


def _lacks(values: Mapping[str, Any], names: Iterable[str]) -> bool:
    # A loop: what every row goes through is no place for a generator.
    for name in names:  # noqa: SIM110
        if values.get(name) in _NOTHING:
            return True
    return False


def _without_ids(row: dict[str, Any], contract: Contract, disguise: Disguise) -> str:
    shown = disguise.row({name: value for name, value in row.items() if name not in ("event_id", "customer_id")})
    natural_id = row.get("customer_id")
    if isinstance(natural_id, str) and natural_id:
        shown["customer_id"] = customer_id(contract.key, natural_id.strip())
    return as_json(shown)[:MAX_ROW_CHARS]
