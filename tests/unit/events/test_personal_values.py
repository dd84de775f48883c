from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.events.contract import ParsedRow
from ceasefire.events.personal_values import Harmless
from unit.events.event_rows import CONTRACT, FIELDS_OF_TYPE, parsed, row

NATURAL_ID, EMAIL, PHONE, TOKEN = "cust-48151623", "peter.o'hara+x@mail.example.com", "+49 170 9876543", "tok:AbC9+z="
MARKERS = (NATURAL_ID, EMAIL, PHONE, TOKEN)
FOR_THE_VAULT = ("natural_id", "email", "phone", "push_token")


def kept(event: ParsedRow) -> str:
    """All that is kept of a row outside the vault."""
    values = {one.name: getattr(event, one.name) for one in fields(ParsedRow) if one.name not in FOR_THE_VAULT}
    return repr(values)


def named(**changes: Any) -> dict[str, Any]:
    """A row that names a person in every way that the contract has."""
    attributes = {"email": EMAIL, "phone": PHONE, "push_token": TOKEN} | changes.pop("attributes", {})
    return row("browse", customer_id=NATURAL_ID, attributes=attributes, **changes)


def test_addresses_go_to_the_vault_and_only_that_they_are_set_stays() -> None:
    event = parsed(named())

    assert (event.natural_id, event.email, event.phone, event.push_token) == MARKERS
    assert event.attributes == {"email": "set", "phone": "set", "push_token": "set"}


def test_an_address_that_is_taken_away_is_neither_set_nor_kept() -> None:
    event = parsed(row("profile_changed", attributes={"email": None, "phone": ""}))

    assert event.attributes == {"email": None, "phone": None}
    assert (event.email, event.phone) == (None, None)


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a source": lambda text: {"source": text},
    "a category": lambda text: {"category": f"ski/{text}"},
    "an order": lambda text: {"order_id": f"2026-{text}-0001"},
    "a product": lambda text: {"product_id": text},
    "a send": lambda text: {"send_id": f"[{text}]"},
    "a campaign": lambda text: {"campaign_id": text},
    "a channel": lambda text: {"channel": text},
    "a link": lambda text: {"referrer": f"https://shop.example/?page=1&who={text}&next=2"},
    "an attribute": lambda text: {"attributes": {"nickname": f"I am {text}."}},
    "an attribute's name": lambda text: {"attributes": {text: "yes"}},
    "an unknown key": lambda text: {"note": f"call {text}, please"},
    "the name of an unknown key": lambda text: {text: True},
    "deep in an unknown key": lambda text: {"form": {"rows": [1, {"value": text}, [text, text]]}},
    "a name deep in an unknown key": lambda text: {"form": [{text: None}]},
    "a brand": lambda text: {"brand": text},
    "a type": lambda text: {"event_type": text},
    "an instant": lambda text: {"event_at": text},
    "a currency": lambda text: {"currency": text},
    "an amount": lambda text: {"amount": text},
    "an event id": lambda text: {"event_id": f"{text}/1"},
    "attributes in attributes": lambda text: {"attributes": {"a": {"b": text}}},
}


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_named_outside_the_vault_wherever_the_name_stands(place: str, marker: str) -> None:
    assert marker not in kept(parsed(named(**PLACES[place](marker))))


@given(
    st.lists(st.sampled_from(sorted(PLACES)), min_size=1, max_size=4, unique=True),
    st.from_regex(r"[a-z]{2,6}[0-9]{4,8}", fullmatch=True),
    st.from_regex(r"[a-z0-9.]{1,8}@[a-z0-9-]{1,8}\.(com|org)", fullmatch=True),
    st.booleans(),
)
@settings(max_examples=100)
def test_planted_names_are_found_nowhere_in_good_rows_and_bad(
    places: list[str], natural_id: str, email: str, spoilt: bool
) -> None:
    planted: dict[str, Any] = {"attributes": {}}
    for place in places:
        for name in (natural_id, email):
            new = PLACES[place](name)
            planted |= new | {"attributes": planted["attributes"] | new.get("attributes", {})}
    planted |= {"amount": "-1"} if spoilt else {}

    event = parsed(row("browse", **planted | {"customer_id": natural_id}))

    assert natural_id not in kept(event)
    assert email not in kept(event)


@pytest.mark.parametrize(
    "hidden",
    [
        {"phone": {"mobile": PHONE, "home": ["+49 30 1234567"]}},
        {"contact": {"Phone": "+49 30 1234567", "push_token": ["+49 30 1234567"]}},
        {"EMAIL": "+49 30 1234567"},
        {"friend": {"customer_id": "+49 30 1234567"}},
        {"attributes": {"phone": ["+49 30 1234567"]}},
        {"attributes": {"into": ["+49 30 1234567"]}},
    ],
)
def test_what_stands_under_the_name_of_an_address_is_hidden_however_it_is_written(hidden: dict[str, Any]) -> None:
    assert "1234567" not in kept(parsed(named(**hidden)))


@pytest.mark.parametrize(
    ("referrer", "kept_of_it"),
    [
        ("https://shop.example/kunden/Anna-Kern?street=Hauptstr.+5&e=anna%40example.com#tel", "https://shop.example"),
        ("android-app://com.example.mail/", "android-app://com.example.mail"),
        ("shop.example:8080/anna", "shop.example:8080"),
        ("newsletter", "newsletter"),
    ],
)
def test_of_a_link_only_the_site_is_kept(referrer: str, kept_of_it: str) -> None:
    assert parsed(row("browse", referrer=referrer)).referrer == kept_of_it


def test_orders_of_one_customer_stay_apart_when_their_ids_hold_the_natural_id() -> None:
    orders = {parsed(row(customer_id=NATURAL_ID, order_id=f"{NATURAL_ID}-{one}")).order_id for one in range(3)}

    assert len(orders) == 3


def test_whoever_is_merged_is_pseudonymous_on_both_sides() -> None:
    merged = parsed(row("customer_merged", customer_id="old-customer", attributes={"into": NATURAL_ID}))
    other = parsed(row(customer_id=NATURAL_ID))

    assert merged.attributes == {"into": other.customer_id}
    assert NATURAL_ID not in kept(merged)


def test_a_household_of_one_is_not_taken_for_customer_one() -> None:
    contract = replace(CONTRACT, harmless=Harmless(frozenset(("household_size",)), frozenset()))

    event = parsed(row(customer_id="1", attributes={"household_size": "1"}, till=1), contract)

    assert (event.attributes, event.extra) == ({"household_size": "1"}, {"till": "1"})


def test_a_longer_number_that_holds_the_digits_of_a_natural_id_is_left_alone() -> None:
    assert parsed(row(customer_id="12345", order_id="9912345678")).order_id == "9912345678"


def test_of_a_text_that_cannot_be_read_only_its_shape_stays() -> None:
    raw = parsed('{"customer_id": "Peter Ōhara", "phone": "+49 170 ٣٤", ').raw

    assert raw == '{"aaaaaaaa_aa": "aaaaa aaaaa", "aaaaa": "+99 999 99", '


@pytest.mark.parametrize("event_type", FIELDS_OF_TYPE)
def test_the_copy_of_a_rejected_row_can_be_read_and_names_nobody(event_type: str) -> None:
    raw = parsed(row(event_type, customer_id=NATURAL_ID, event_id=f"{NATURAL_ID}-1", brand="c")).raw

    assert raw is not None
    assert json.loads(raw)["brand"] == "c"
    assert "event_id" not in json.loads(raw)
    assert NATURAL_ID not in raw


@pytest.mark.parametrize("text", ["a" * 400_000 + " @b", "a@" * 200_000, "%40" * 200_000, "a" * 400_000 + "%40"])
def test_a_long_word_takes_no_longer_than_it_is_long(text: str) -> None:
    started = process_time()

    assert parsed(row(note=text)).reasons == set()
    assert process_time() - started < 5


def test_keys_that_name_people_stay_apart() -> None:
    event = parsed(row(attributes={"anna@example.com": 1, "bert@example.com": 2}))

    assert sorted((event.attributes or {}).values(), key=str) == ["1", "2"]
