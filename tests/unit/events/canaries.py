"""Two hundred invented personal values in the spellings of real systems, and the places of a row where they turn up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unit.events.event_rows import row

_FIRST = ("Anna", "Peter", "Žofie", "Jürgen", "José", "Mary-Ann", "Нина", "美咲", "O'Neil", "Leila")
_LAST = (
    "Kern",
    "Müller",
    "van der Berg",
    "Dvořák",
    "García Márquez",
    "Smith",
    "Иванова",
    "佐藤",
    "D'Angelo",
    "Al-Sayed",
)
_STREETS = ("Hauptstraße", "Main Street", "Rue de l'Église", "Calle Mayor", "Via Roma", "ul. Długa", "Königsallee")
_AREAS = ("170", "30", "555", "89", "221")


def _names() -> list[str]:
    pairs = [(_FIRST[number % 10], _LAST[(number * 7) % 10]) for number in range(10)]
    spelled = [f"{first} {last}" for first, last in pairs]
    spelled += [f"{last}, {first}" for first, last in pairs]
    spelled += [f"{first[0]}. {last}" for first, last in pairs]
    spelled += [f"{first} {last}".upper() for first, last in pairs]
    spelled += [f"Dr. {first} {last} jr." for first, last in pairs]
    return spelled + list(_LAST) + [f"{first}_{last}".replace(" ", "_") for first, last in pairs]


def _streets() -> list[str]:
    spelled = []
    for number, street in enumerate(_STREETS, start=11):
        spelled += [f"{street} {number}", f"{number} {street}", f"{street} {number}a, 10{number}7 Musterstadt"]
        spelled += [f"{street}\n{number}/4/2", f"{street} {number}".upper(), f"{street.replace(' ', '+')}+{number}"]
        spelled.append(f"c/o Kern, {street} {number}")
    return spelled


def _phones() -> list[str]:
    spelled = []
    for number, area in enumerate(_AREAS, start=1):
        line = f"98{number}65{number}3"
        spelled += [f"+49 {area} {line}", f"+49{area}{line}", f"0049{area}{line}", f"0{area} {line}", f"0{area}/{line}"]
        spelled += [f"(0{area}) {line}", f"+1 ({area}) 555-01{number}8{number}", f"0{area}-{line[:3]}-{line[3:]}"]
    return spelled


def _natural_ids() -> list[str]:
    return [f"KD-{4815162 + 97 * number}" for number in range(31)]


NAMES, STREETS, PHONES, NATURAL_IDS = _names(), _streets(), _phones(), _natural_ids()
EMAILS = [f"anna.kern{number}@mail.example.com" for number in range(10)]
CANARIES = [*NAMES, *STREETS, *PHONES, *NATURAL_IDS, *EMAILS]

_KEYS = (
    *("first_name", "fullName", "LAST_NAME", "name", "Vorname", "street", "addr2", "address", "city", "zip", "tel"),
    *(
        "mobile",
        "contact",
        "note",
        "comment",
        "phone2",
        "customerId",
        "custNo",
        "birth_date",
        "メモ",
        "e-mail",
        "loyalty",
    ),
)

PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    **{f"attribute {key}": lambda text, key=key: row("profile_changed", attributes={key: text}) for key in _KEYS},
    **{f"unknown key {key}": lambda text, key=key: row("browse", **{key: text}) for key in _KEYS},
    "an attribute of an order": lambda text: row(attributes={"gift_to": text}),
    "within an attribute of an address": lambda text: row("registered", attributes={"phone": text, "Email": text}),
    "an attribute's name": lambda text: row("registered", attributes={f"{text} ?": "yes"}),
    "the name of an unknown key": lambda text: row(**{f"{text} ?": 1}),
    "deep in an unknown key": lambda text: row(form={"rows": [1, {"value": text}, [text, [text]]]}),
    "under a known name in an unknown key": lambda text: row(form={"source": text, "category": text, "event_id": text}),
    "a name deep in an unknown key": lambda text: row(form=[{f"{text}!": None}]),
    "a list in an unknown key": lambda text: row(people=[text, text]),
    "a referrer": lambda text: row("browse", referrer=f"https://shop.example/{text}?who={text}#{text}"),
    "a referrer that is no link": lambda text: row("browse", referrer=text),
    "a source": lambda text: row("browse", source=text),
    "an attribute of a row of another brand": lambda text: row("registered", brand="c", attributes={"full_name": text}),
    "an unknown key of a row of another brand": lambda text: row(brand="c", street=text, deep={"tel": [text]}),
    "attributes in attributes": lambda text: row(attributes={"address": {"street": text, "lines": [text]}}),
    "attributes that are a text": lambda text: row(attributes=text),
    "attributes that are a list": lambda text: row(attributes=[text, {"name": text}]),
    "an amount": lambda text: row(amount=text),
    "a quantity": lambda text: row("order_line", quantity=text),
    "an instant": lambda text: row(event_at=text),
    "a currency": lambda text: row(currency=text),
    "a category that is an object": lambda text: row("browse", category={"name": text}),
    "an event id": lambda text: row(event_id=text),
    "an event id of a rejected row": lambda text: row(event_id=text, brand="c"),
    "the customer": lambda text: row(customer_id=text, note=f"of {text}", attributes={"who": text}),
    "the customer of a rejected row": lambda text: row(customer_id=text, brand="c", who=text),
    "whoever is merged": lambda text: row("customer_merged", attributes={"into": text}),
    "whoever is merged into, in a list": lambda text: row("customer_merged", attributes={"into": [text]}),
    "the reason of an opt-out": lambda text: row("unsubscribed", attributes={"reason": f"{text} wants no mail"}),
}
"""By what stands where: a row with this text there."""
