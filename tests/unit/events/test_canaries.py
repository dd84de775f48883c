"""Personal values, planted wherever they turn up, come out of the contract for the vault and in no other field."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pyarrow as pa
import pytest

from ceasefire.events.contract import ParsedRow, parse_row
from ceasefire.events.parsing import parse_lines
from ceasefire.events.personal_values import BUILT_IN_KEYS, Harmless
from unit.events.canaries import CANARIES, EMAILS, NATURAL_IDS, PHONES, PLACES
from unit.events.event_rows import CONTRACT, parsed, row

FOR_THE_VAULT = ("natural_id", "email", "phone", "push_token")


def kept(event: ParsedRow) -> str:
    """All that is kept of a row outside the vault."""
    return "\n".join(str(getattr(event, field.name)) for field in fields(event) if field.name not in FOR_THE_VAULT)


def leaks(text: str, said: str) -> bool:
    """Whether it is said as it is, as JSON, as Python quotes it, or as Python quotes JSON."""
    spelled = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    return any(form in said or repr(form)[1:-1] in said for form in spelled)


def test_there_are_two_hundred_values_to_plant() -> None:
    assert len(set(CANARIES)) >= 200


@pytest.mark.parametrize("place", PLACES)
def test_no_personal_value_is_kept_outside_the_vault(place: str) -> None:
    assert [text for text in CANARIES if leaks(text, kept(parsed(PLACES[place](text))))] == []


@pytest.mark.parametrize("place", PLACES)
def test_of_a_row_that_is_cut_short_nothing_personal_is_kept(place: str) -> None:
    cut = [(text, json.dumps(PLACES[place](text), ensure_ascii=False)[:-1]) for text in CANARIES]

    assert [text for text, line in cut if leaks(text, kept(parsed(line)))] == []


def test_of_many_lines_no_column_but_those_for_the_vault_says_a_personal_value() -> None:
    # Every seventh: all values in some places each, and all places.
    rows = [PLACES[place](text) for place in PLACES for text in CANARIES][::7]
    lines = [json.dumps(value, ensure_ascii=False).encode() for value in rows]
    texts = pa.Array.from_buffers(pa.string(), len(lines), pa.array(lines, pa.binary()).buffers())
    places = [pa.array(["a.jsonl"] * len(lines)), pa.array([0] * len(lines), pa.int64())]
    names = ["value", "source_file", "source_block"]

    (parsed_batch,) = parse_lines(CONTRACT)([pa.RecordBatch.from_arrays([texts, *places], names=names)])

    said = repr(parsed_batch.drop_columns([*FOR_THE_VAULT]).to_pylist())
    assert [text for text in CANARIES if leaks(text, said)] == []


@pytest.mark.parametrize("text", [*PHONES, *EMAILS, *NATURAL_IDS])
@pytest.mark.parametrize("key", ["member_level", "topic"])
def test_addresses_phones_and_the_natural_id_are_taken_out_of_what_may_stay(key: str, text: str) -> None:
    contract = replace(CONTRACT, harmless=Harmless(BUILT_IN_KEYS | {"member_level"}, frozenset()))

    event = parsed(row("registered", customer_id=NATURAL_IDS[0], attributes={key: f"gold, says {text}"}), contract)

    if text not in NATURAL_IDS[1:]:
        assert text not in kept(event)
    assert (event.attributes or {})[key].startswith("gold, says ")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "value",
    [
        "1980-01-31",
        "31.01.1980",
        "2026-03-01T10:00:00Z",
        "1250000",
        "12345.6789",
        "45-54",
        "gold",
        "Europe/Berlin",
        "-5",
    ],
)
def test_dates_and_plain_numbers_that_may_stay_are_no_phone_numbers(value: str) -> None:
    contract = replace(CONTRACT, harmless=Harmless(frozenset(("birth_date",)), frozenset()))

    assert parsed(row("registered", attributes={"birth_date": value}), contract).attributes == {"birth_date": value}


def test_the_same_value_gets_the_same_pseudonym_under_any_key_and_under_another_key_of_the_brand_another_one() -> None:
    event = parsed(row("registered", attributes={"city": "Lisboa", "born_in": "Lisboa", "name": "Lisboeta"}))
    other = parsed(row("registered", attributes={"city": "Lisboa"}), replace(CONTRACT, key=b"another key"))

    said = event.attributes or {}
    assert said["city"] == said["born_in"] != said["name"]
    assert said["city"] != (other.attributes or {})["city"]


def test_answers_and_short_numbers_stay_and_longer_numbers_go() -> None:
    event = parsed(row("registered", attributes={"gift": True, "floor": 12, "plot": 123456789}))

    said = event.attributes or {}
    assert (said["gift"], said["floor"]) == ("true", "12")
    assert said["plot"] != "123456789"


@pytest.mark.parametrize("name", ["source", "campaign_id"])
def test_a_word_that_the_brand_names_stays_however_it_is_written(name: str) -> None:
    contract = replace(CONTRACT, harmless=Harmless(BUILT_IN_KEYS, frozenset(("Spring Sale",))))

    assert getattr(parsed(row("converted", **{name: "Spring Sale"}), contract), name) == "Spring Sale"
    assert getattr(parsed(row("converted", **{name: "Anna Kern"}), contract), name) != "Anna Kern"


@pytest.mark.parametrize("name", ["product_id", "category", "order_id", "send_id", "campaign_id"])
@pytest.mark.parametrize("code", ["10000085364", "2026-00-417", "SKU-4711/b", "campaign_7", "550e8400-e29b-41d4"])
def test_codes_of_products_orders_and_campaigns_stay(name: str, code: str) -> None:
    assert getattr(parsed(row("converted", **{name: code})), name) == code


def test_a_rejected_row_shows_its_own_form_and_the_shape_of_what_could_not_be_measured() -> None:
    raw = parse_row(json.dumps(row(event_at="1.3.2026 um 10", amount="19,99 EUR", quantity=3)), CONTRACT).raw

    shown = json.loads(raw or "")
    assert (shown["event_at"], shown["amount"], shown["quantity"]) == ("9.9.9999 aa 99", "99,99 aaa", "3")
    assert (shown["event_type"], shown["brand"], shown["order_id"]) == ("order", "b", "o1")
