from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.events.contract import MAX_ROW_CHARS, ParsedRow
from ceasefire.events.personal_values import Harmless
from ceasefire.vocabulary import EventType, RejectReason
from unit.events.event_rows import CONTRACT, FIELDS_OF_TYPE, parsed, reasons, row, without

START = json.dumps(row())[:-1]
FOUND_BY_THE_LOG_AND_THE_CLOCK = {
    RejectReason.FUTURE,
    RejectReason.TOO_LATE,
    RejectReason.DUPLICATE,
    RejectReason.CONFLICT,
    RejectReason.DAMAGED_FILE,
}

BAD_ROWS: list[tuple[str, Any, list[str]]] = [
    ("no JSON", "{broken", ["corrupt"]),
    ("half a row", START, ["corrupt"]),
    ("two rows on a line", json.dumps(row()) * 2, ["corrupt"]),
    ("a list", "[1, 2]", ["corrupt"]),
    ("a number", "7", ["corrupt"]),
    ("null", "null", ["corrupt"]),
    ("bytes that are no text", "\x00\x01\x02", ["corrupt"]),
    ("a key twice", START + ', "amount": "1.00"}', ["corrupt"]),
    ("a nested key twice", START + ', "x": {"a": 1, "a": 2}}', ["corrupt"]),
    ("lists in lists without end", START + ', "x": ' + "[" * 100_000, ["corrupt"]),
    ("five thousand lists in lists", START + ', "x": ' + "[" * 5_000 + "]" * 5_000 + "}", ["corrupt"]),
    ("six hundred lists in lists", START + ', "x": ' + "[" * 600 + "]" * 600 + "}", ["corrupt"]),
    ("forty objects in objects", START + ', "x": ' + '{"a": ' * 40 + "1" + "}" * 41, ["corrupt"]),
    ("half a surrogate pair", START + ', "note": "\\ud800"}', ["corrupt"]),
    ("half a surrogate pair in a key", START + ', "\\udc00": 1}', ["corrupt"]),
    ("an integer of five thousand digits", START + ', "x": ' + "9" * 5_000 + "}", ["corrupt"]),
    ("an exponent beyond all decimals", START + ', "x": 1e99999999999999999999}', ["corrupt"]),
    ("nothing", "", ["empty"]),
    ("blanks", " \t ", ["empty"]),
    ("a row of a megabyte and more", json.dumps(row(note="x" * MAX_ROW_CHARS)), ["oversize"]),
    ("NaN", START + ', "quantity": NaN}', ["non_finite_number"]),
    ("Infinity", START + ', "quantity": Infinity}', ["non_finite_number"]),
    ("-Infinity in an unknown key", START + ', "x": [-Infinity]}', ["non_finite_number"]),
    ("an amount of NaN as text", row(amount="NaN"), ["non_finite_number"]),
    ("an amount of infinity as text", row(amount="-inf"), ["non_finite_number"]),
    ("no event id", without("event_id"), ["missing_field"]),
    ("no customer", row(customer_id=None), ["missing_field"]),
    ("an empty brand", row(brand=""), ["missing_field"]),
    ("no instant", without("event_at"), ["missing_field"]),
    ("no type", without("event_type"), ["missing_field"]),
    ("an object without anything", "{}", ["missing_field"]),
    ("a key in another case", without("amount") | {"Amount": "1.00"}, ["missing_field"]),
    ("an amount that is the empty text", row(amount=""), ["missing_field"]),
    ("a customer that is a number with decimals", row(customer_id=12345.0), ["bad_type"]),
    ("an event id that is false", row(event_id=False), ["bad_type"]),
    ("a category that is a list", row("browse", category=["ski"]), ["bad_type"]),
    ("an amount that is a truth", row(amount=True), ["bad_type"]),
    ("an amount in words", row(amount="nineteen"), ["bad_type"]),
    ("an amount with a comma", row(amount="19,99"), ["bad_type"]),
    ("an amount with a thin grouping", row(amount="1_000"), ["bad_type"]),
    ("an amount that is an object", row(amount={"value": 1}), ["bad_type"]),
    ("an exponent beyond all decimals, as text", row(amount="1e99999999999999999999"), ["bad_type"]),
    ("attributes that are a list", row(attributes=["a"]), ["bad_type"]),
    ("attributes in attributes", row(attributes={"a": {"b": 1}}), ["bad_type"]),
    ("an instant without an offset", row(event_at="2026-03-01T12:00:00"), ["bad_type"]),
    ("a date", row(event_at="2026-03-01"), ["bad_type"]),
    ("an instant in words", row(event_at="yesterday"), ["bad_type"]),
    ("the thirtieth of February", row(event_at="2026-02-30T00:00:00Z"), ["bad_type"]),
    ("an instant that is a number", row(event_at=1772366400), ["bad_type"]),
    ("an instant before the first year", row(event_at="0001-01-01T00:00:00+12:00"), ["bad_type"]),
    ("an instant of another age", row(event_at="1969-12-31T23:59:59.999999Z"), ["out_of_range"]),
    ("an instant of a later age", row(event_at="2200-01-01T00:00:00Z"), ["out_of_range"]),
    ("a negative line of an order", row("order_line", amount="-0.01"), ["out_of_range"]),
    ("a negative order that is too large", row(amount="-1e15"), ["out_of_range"]),
    ("not a number in another currency", row(amount="much", currency="USD"), ["bad_type"]),
    ("tenths of a cent of another currency", row(amount="1.999", currency="USD"), ["too_many_decimals"]),
    ("a negative quantity", row("order_line", quantity=-1), ["out_of_range"]),
    ("an amount of a number of a thousand million digits", row(amount="1e999999999"), ["out_of_range"]),
    ("an amount that is infinite as a double", json.dumps(row(amount=7)).replace(" 7}", " 1e400}"),
     ["out_of_range"]),
    ("an amount of four thousand digits", row(amount=int("9" * 4_000)), ["out_of_range"]),
    ("a text of a thousand and one characters", row(source="x" * 1_001), ["out_of_range"]),
    ("an attribute of as many", row(attributes={"a": "x" * 1_001}), ["out_of_range"]),
    ("NUL in an id", row(order_id="o\x001"), ["out_of_range"]),
    ("a category without a first level", row("browse", category="/boots"), ["out_of_range"]),
    ("a category without a middle level", row("browse", category="ski//boots"), ["out_of_range"]),
    ("an attribute that plays consent", row(attributes={"consent/marketing/sms": "granted"}), ["out_of_range"]),
    ("a consent to something unheard of", row("consent_changed", attributes={"purpose": "x", "granted": True}),
     ["out_of_range"]),
    ("a consent that is perhaps", row("consent_changed", attributes={"purpose": "marketing", "granted": "perhaps"}),
     ["out_of_range", "unclear_opt_out"]),
    ("an order on a channel that the brand has not", row(channel="fax"), ["unknown_channel"]),
    ("a customer who is merged into itself", row("customer_merged", attributes={"into": "customer-1"}),
     ["out_of_range"]),
    ("tenths of a cent", row(amount="19.999"), ["too_many_decimals"]),
    ("tenths of a cent in a number", row(amount=19.999), ["too_many_decimals"]),
    ("tenths of thousandths of a piece", row("order_line", quantity="0.0001"), ["too_many_decimals"]),
    ("next to nothing", row(amount="1e-999999999"), ["too_many_decimals"]),
    ("a cent but for the fortieth decimal", row(amount="0.00" + "9" * 40), ["too_many_decimals"]),
    ("another brand", row(brand="c"), ["unknown_brand"]),
    ("an unheard of type", row("teleported"), ["unknown_event_type"]),
    ("a type in another case", row("Order"), ["unknown_event_type"]),
    (
        "everything at once",
        row("order", brand="c", currency="USD", amount="1.234", quantity="-1", source=5, event_id=None),
        ["bad_type", "missing_field", "out_of_range", "too_many_decimals", "unknown_brand"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("bad_row", "expected"), [case[1:] for case in BAD_ROWS], ids=[case[0] for case in BAD_ROWS])
def test_a_bad_row_says_everything_that_is_wrong_with_it(bad_row: Any, expected: list[str]) -> None:
    assert reasons(bad_row) == expected


def test_every_reason_that_a_row_alone_can_give_is_among_these_rows() -> None:
    seen = {reason for _, _, expected in BAD_ROWS for reason in expected}

    assert seen == {reason.value for reason in set(RejectReason) - FOUND_BY_THE_LOG_AND_THE_CLOCK}


def test_a_rejected_row_keeps_its_key_and_an_inert_copy_and_nothing_else() -> None:
    rejected = parsed(row(brand="c", attributes={"email": "peter@example.com"}))

    kept = {field.name for field in fields(ParsedRow) if getattr(rejected, field.name) not in (None, False)}
    assert kept == {"reasons", "event_key", "payload_hash", "raw"}


@pytest.mark.parametrize("event_type", FIELDS_OF_TYPE)
def test_a_row_of_each_type_with_no_more_than_it_needs_is_an_event(event_type: str) -> None:
    event = parsed(row(event_type))

    assert (event.reasons, event.event_type, event.raw) == (set(), event_type, None)


def test_there_is_a_row_for_every_type() -> None:
    assert set(FIELDS_OF_TYPE) == {one.value for one in EventType}


OPT_OUTS = ("unsubscribed", "complained", "opted_out")
NEEDED = [(kind, name) for kind, needed in FIELDS_OF_TYPE.items() for name in needed if kind not in OPT_OUTS]


@pytest.mark.parametrize(("event_type", "name"), NEEDED)
@pytest.mark.parametrize("nothing", [None, "", "left out"])
def test_a_row_that_lacks_what_its_type_needs_is_no_event(event_type: str, name: str, nothing: str | None) -> None:
    lacking = without(name, event_type) if nothing == "left out" else row(event_type, **{name: nothing})

    assert "missing_field" in reasons(lacking)


@pytest.mark.parametrize(
    ("event_type", "name"),
    [("consent_changed", "purpose"), ("customer_merged", "into")],
)
def test_a_row_that_lacks_an_attribute_its_type_needs_is_no_event(event_type: str, name: str) -> None:
    attributes = FIELDS_OF_TYPE[event_type]["attributes"] | {name: ""}

    assert reasons(row(event_type, attributes=attributes)) == ["missing_field"]


def test_an_instant_of_any_offset_becomes_the_same_instant_in_utc() -> None:
    noon = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)

    for text in ("2026-03-01T12:00:00.25Z", "2026-03-01T17:30:00.250+05:30", "2026-03-01T05:00:00.250000-07:00"):
        assert parsed(row(event_at=text)).event_at == noon


def test_what_the_contract_does_not_know_is_kept_as_text_where_its_key_is_known_to_be_harmless() -> None:
    unknown = {"till": 7, "gift": True, "note": "fragile", "basket": {"b": [1, "x"], "a": None}, "nothing": None}
    contract = replace(CONTRACT, harmless=Harmless(frozenset(("note", "b")), frozenset()))

    extra = parsed(row(**unknown), contract).extra

    assert extra is not None
    assert (extra["till"], extra["gift"], extra["note"], extra["nothing"]) == ("7", "true", "fragile", None)
    assert json.loads(extra["basket"] or "") == {"a": None, "b": ["1", "x"]}


def test_an_event_without_unknown_keys_has_no_extra() -> None:
    assert parsed(row()).extra is None


def test_a_number_that_says_the_same_as_a_text_is_read_the_same() -> None:
    as_text, as_number = parsed(row("order_line", quantity="1.0")), parsed(row("order_line", quantity=1))

    assert as_text.quantity_milli == as_number.quantity_milli == 1000


def test_a_blank_optional_field_is_as_good_as_none() -> None:
    blank = parsed(row("browse", amount="", quantity="", source="", attributes={"size": ""}))

    assert (blank.reasons, blank.amount_minor, blank.quantity_milli, blank.source) == (set(), None, None, None)
    assert blank.attributes == {"size": None}


def test_only_a_session_may_end_with_a_loss() -> None:
    assert parsed(row("session_ended", amount="-12.50")).amount_minor == -1250
    assert reasons(row("return", amount="-12.50")) == ["out_of_range"]


def test_the_order_of_keys_does_not_make_another_payload_and_a_further_key_does() -> None:
    straight, reversed_keys = row(), dict(reversed(row().items()))

    assert parsed(straight).payload_hash == parsed(reversed_keys).payload_hash
    assert parsed(straight).payload_hash != parsed(row(till=1)).payload_hash
    assert parsed(straight).event_key == parsed(row(till=1)).event_key


def test_a_customer_is_known_by_the_keyed_hash_of_its_natural_id() -> None:
    expected = hmac.new(CONTRACT.key, b"customer|customer-1", hashlib.sha256).hexdigest()[:32]

    assert parsed(row()).customer_id == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KNOWN_KEYS = (*row("order_line"), "currency", "attributes", "referrer", "channel", "campaign_id", "source", "send_id")
REQUIRED = ("event_key", "payload_hash", "customer_id", "natural_id", "event_type", "event_at")


@given(st.text())
@settings(max_examples=100)
def test_no_text_makes_the_contract_fail(text: str) -> None:
    assert parsed(text).reasons


@given(JSON_VALUES)
@settings(max_examples=60)
def test_no_json_makes_the_contract_fail(value: Any) -> None:
    assert parsed(value).reasons


@given(st.sampled_from(list(FIELDS_OF_TYPE)), st.dictionaries(st.sampled_from(KNOWN_KEYS), JSON_VALUES, max_size=3))
@settings(max_examples=100)
def test_a_row_is_either_a_whole_event_or_has_reasons_and_a_copy(event_type: str, spoiled: dict[str, Any]) -> None:
    read = parsed(row(event_type, **spoiled))

    if read.reasons:
        assert read.raw is not None
    else:
        assert read.raw is None
        # A no without a readable instant counts from its arrival on.
        needed = [name for name in REQUIRED if name != "event_at" or not read.is_opt_out]
        assert all(getattr(read, name) is not None for name in needed)
