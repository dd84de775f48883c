"""A no is neither too late nor from the future: it counts from its arrival on, and brings nothing else along."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from ceasefire.events.contacts import telling
from ceasefire.events.parsing import parse_lines
from ceasefire.events.side_rows import address_columns, refusal_columns
from ceasefire.events.verdicts import with_arrivals
from unit.events.event_rows import CONTRACT, parsed, row

ARRIVAL = datetime(2026, 3, 10, 12, tzinfo=UTC)
LATE_BEFORE = ARRIVAL - timedelta(days=30)
TIMELY, LATE, AHEAD = "2026-03-09T12:00:00Z", "2026-01-01T12:00:00Z", "2027-01-01T12:00:00Z"


def arrived(*rows: dict[str, Any]) -> pa.RecordBatch:
    """The events of these rows, as the log has them."""
    lines = [json.dumps(each) for each in rows]
    columns = [pa.array(lines), pa.array(["f"] * len(rows)), pa.array([0] * len(rows))]
    (batch,) = parse_lines(CONTRACT)([pa.RecordBatch.from_arrays(columns, ["value", "source_file", "source_block"])])
    return with_arrivals(batch, ARRIVAL, LATE_BEFORE)


def profile(event_at: str, **attributes: Any) -> dict[str, Any]:
    return row("profile_changed", event_at=event_at, attributes={"email": "ada@example.com", **attributes})


def unsubscribed(event_at: str) -> dict[str, Any]:
    return row("unsubscribed", event_at=event_at, channel="email")


@pytest.mark.parametrize(("event_at", "repairs"), [(LATE, ["too_late"]), (AHEAD, ["future"])])
def test_an_opt_out_that_is_not_of_its_time_counts_from_its_arrival(event_at: str, repairs: list[str]) -> None:
    (event,) = arrived(unsubscribed(event_at)).to_pylist()

    assert (event["event_at"], event["repairs"], event["event_type"]) == (ARRIVAL, repairs, "unsubscribed")


@pytest.mark.parametrize(("event_at", "repairs"), [(LATE, ["too_late"]), (AHEAD, ["future"])])
def test_of_a_profile_that_is_not_of_its_time_the_no_counts_and_nothing_else(event_at: str, repairs: list[str]) -> None:
    events = arrived(profile(event_at, accepts_marketing="false", city="Rome"), profile(TIMELY, city="Pisa"))

    event, other = events.to_pylist()
    assert (event["event_at"], event["repairs"], event["event_type"]) == (ARRIVAL, repairs, "opted_out")
    assert (event["attributes"], event["email"], event["email_key"]) == (None, None, None)
    assert refusal_columns(events)["said_at"].to_pylist() == [ARRIVAL]
    # neither its address nor that it had one reaches the vault or the list of addresses
    assert address_columns(events)["customer_id"].to_pylist() == [other["customer_id"]]
    assert {one["email"] for one in telling(events).to_pylist() if one["event_at"] == ARRIVAL} == {None}


def test_a_profile_that_says_no_in_time_is_taken_whole() -> None:
    (event,) = arrived(profile(TIMELY, accepts_marketing="false")).to_pylist()

    assert (event["event_type"], event["repairs"], event["email"]) == ("profile_changed", None, "ada@example.com")
    assert event["statement"] == {"purpose": "marketing", "channel": "*", "topic": None, "granted": False}


def test_a_profile_that_agrees_is_no_opt_out_and_stays_where_it_is() -> None:
    (event,) = arrived(profile(AHEAD, accepts_marketing="true")).to_pylist()

    assert (event["is_opt_out"], event["event_type"]) == (False, "profile_changed")


def test_a_profile_that_says_no_under_another_rows_id_repeats_nothing() -> None:
    browsed, refuses = row("browse", category="coats"), profile(TIMELY, unsubscribed=True)
    assert browsed["event_id"] == refuses["event_id"]

    assert parsed(browsed).event_key != parsed(refuses).event_key
    assert parsed(refuses).event_key == parsed(dict(refuses)).event_key


@pytest.mark.parametrize("event_at", [LATE, AHEAD])
def test_of_an_order_that_is_not_of_its_time_the_no_counts_and_its_amount_does_not(event_at: str) -> None:
    (event,) = arrived(row("order", event_at=event_at, attributes={"unsubscribed": True})).to_pylist()

    assert (event["event_at"], event["event_type"], event["order_id"]) == (ARRIVAL, "opted_out", None)
    assert (event["amount_minor"], event["statement"]["channel"]) == (None, "*")


def test_an_order_of_its_time_that_says_no_is_an_order() -> None:
    (event,) = arrived(row("order", event_at=TIMELY, attributes={"unsubscribed": True})).to_pylist()

    assert (event["event_type"], event["amount_minor"], event["refusal"]) == ("order", 1999, "no")
