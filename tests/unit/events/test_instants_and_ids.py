"""Forms in which people's systems write instants and ids, and what of them is an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.events.event_rows import parsed, row, without

NOON = datetime(2026, 3, 1, 11, tzinfo=UTC)

AT_NOON = [
    "2026-03-01T11:00:00Z",
    "2026-03-01T11:00:00z",
    "2026-03-01t11:00:00Z",
    "2026-03-01 11:00:00Z",
    "2026-03-01T11:00:00-00:00",
    "2026-03-01T12:00:00+01:00",
    "2026-03-01T12:00:00+0100",
    "2026-03-01 11:00:00+00",
    "2026-03-01 11:00:00 UTC",
    "2026-03-01 11:00:00.000000 UTC",
    "2026-03-01 12:00:00.000 +0100",
    "2026-03-01 12:00:00.000 +01:00",
    "2026-03-01T12:00:00.000+01:00[Europe/Berlin]",
    "2026-03-01T12:00+01:00[Europe/Berlin]",
    "2026-03-01T11:00Z[UTC]",
    "2026-03-01T12:00+01:00",
    "2026-03-01T16:30:00.0+05:30",
]

NO_INSTANTS = [
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2026-W09-7T12:00:00Z",
    "2026W097T120000Z",
    "2026-060T12:00:00Z",
    "20260301T120000Z",
    "2026-03-01T120000Z",
    "2026-03-01T12Z",
    "2026-03-01T12.5Z",
    "2026-03-01T12:30.5Z",
    "2026-03-01T12:00:00,5Z",
    "2026-03-01T12:00:00.Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01T12:60:00Z",
    "2026-03-01T12:00:60Z",
    "2026-03-01T12:00:00+24:00",
    "2026-03-01T12:00:00+01:60",
    "2026-03-01T12:00:00+01:00:30",
    "2026-03-01T12:00:00+1",
    "2026-03-01X12:00:00Z",
    "2026-03-01T12:00:00  UTC",
    "2026-03-01T12:00:00 Z",
    "2026-03-01T12:00:00UTC",
    "2026-03-01T12:00:00 CET",
    "2026-03-01T12:00:00 Europe/Berlin",
    "2026-03-01T12:00:00[Europe/Berlin]",
    "2026-03-01T12:00:00+01:00[!Europe/Berlin]",
    "2026-03-01T12:00:00+01:00[Europe/Berlin",
    " 2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00Z\n",
    "٢٠٢٦-03-01T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "1772366400",
]


@pytest.mark.parametrize("text", AT_NOON)
def test_an_instant_is_read_as_standards_and_warehouses_write_it(text: str) -> None:
    assert parsed(row(event_at=text)).event_at == NOON


@pytest.mark.parametrize("text", NO_INSTANTS)
def test_any_other_form_of_an_instant_is_refused_by_its_key(text: str) -> None:
    rejected = parsed(row(event_at=text))

    assert (sorted(rejected.reasons), rejected.unread_keys) == (["bad_type"], ["event_at"])


def test_of_the_decimals_of_a_second_six_are_kept() -> None:
    assert parsed(row(event_at="2026-03-01T11:00:00.123456789Z")).event_at == NOON.replace(microsecond=123456)


def test_the_offset_counts_whatever_zone_is_named_beside_it() -> None:
    assert parsed(row(event_at="2026-03-01T16:00:00+05:00[Europe/Berlin]")).event_at == NOON


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.timezones()),
    st.sampled_from(["T", "t", " "]),
    st.sampled_from(["auto", "seconds", "milliseconds", "microseconds"]),
)
@settings(max_examples=200)
def test_what_is_written_by_the_standard_is_read_back(at: datetime, separator: str, decimals: str) -> None:
    # Before standard time, offsets had seconds, which the standard cannot write.
    text = at.isoformat(separator, decimals)
    read = parsed(row(event_at=text)).event_at

    assert read == (datetime.fromisoformat(text) if (at.utcoffset() or NOON - NOON).seconds % 60 == 0 else None)


def test_what_cannot_be_read_is_named_by_its_keys() -> None:
    rejected = parsed(row(event_at="yesterday", amount="nineteen", quantity=[], source=5, attributes=["a"]))

    assert rejected.unread_keys == ["amount", "attributes", "event_at", "quantity", "source"]
    assert parsed(row(amount="-1")).unread_keys is None


IDS = ("event_id", "customer_id", "order_id", "product_id", "campaign_id", "send_id")
NO_IDS = ["1001.0", "1001.5", "1e3", "1E3", "true", "false", "[1001]", '{"id": 1001}']


@pytest.mark.parametrize("key", IDS)
@pytest.mark.parametrize("number", [0, 7, -7, 1001, 10**30])
def test_an_id_that_is_a_whole_number_is_the_same_as_its_text(key: str, number: int) -> None:
    assert parsed(row("order_line", **{key: number})) == parsed(row("order_line", **{key: str(number)}))


@pytest.mark.parametrize("key", IDS)
@pytest.mark.parametrize("text", NO_IDS)
def test_any_other_value_that_is_no_text_is_no_id_and_its_key_is_named(key: str, text: str) -> None:
    rejected = parsed(json.dumps(without(key, "order_line"))[:-1] + f', "{key}": {text}}}')

    assert "bad_type" in rejected.reasons
    assert rejected.unread_keys == [key]


@pytest.mark.parametrize("key", IDS)
@pytest.mark.parametrize("text", NO_IDS)
def test_a_wish_to_be_left_alone_is_heard_whatever_is_wrong_with_its_ids(key: str, text: str) -> None:
    heard = parsed(json.dumps(without(key, "unsubscribed"))[:-1] + f', "{key}": {text}}}')

    # A truth, a list and an object name nobody who could be left alone.
    assert heard.is_opt_out == (key != "customer_id" or text[0] == "1")


@pytest.mark.parametrize(
    ("text", "rest"),
    [("1001", "}"), ("1001.0", "}"), ("1.001e3", "}"), ("1001", ', "note": '), ("1001.0", ', "note": ')],
)
def test_a_wish_reaches_the_customer_whose_number_a_program_wrote_with_decimals(text: str, rest: str) -> None:
    heard = parsed(json.dumps(without("customer_id", "unsubscribed"))[:-1] + f', "customer_id": {text}' + rest)

    assert heard.is_opt_out
    assert heard.customer_id == parsed(row(customer_id="1001")).customer_id


def test_a_wish_of_a_customer_of_a_thousand_million_digits_stops_nothing() -> None:
    unsubscribed = json.dumps(without("customer_id", "unsubscribed"))[:-1] + ', "customer_id": 1e999999999}'

    assert parsed(unsubscribed).is_opt_out


def test_a_merge_into_a_number_is_one_into_its_text_and_into_a_decimal_it_is_none() -> None:
    merges = [parsed(row("customer_merged", attributes={"into": into})) for into in (1001, "1001", 1001.0, True)]

    assert [merge.unread_keys for merge in merges] == [None, None, ["into"], ["into"]]
    assert merges[0].attributes == merges[1].attributes
