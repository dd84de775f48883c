"""Baskets, redemptions and demographics as events of the contract."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.consent import ConsentTerms
from ceasefire.demo.events import BRAND, CURRENCY, Event, events, write_events
from ceasefire.demo.invented_contacts import invented_contact
from ceasefire.demo.source import CampaignDescription, Line, Redemption, Source, Target
from ceasefire.events.contract import Contract, parse_row

NOON = datetime(2017, 3, 5, 12, tzinfo=UTC)
SPRING = CampaignDescription("1", "A", date(2017, 3, 1), date(2017, 3, 31))
SUMMER = CampaignDescription("2", "C", date(2017, 7, 1), date(2017, 8, 31))


def source_of(**parts: Any) -> Source:
    """One household with one basket, and whatever else a story needs."""
    given_parts: dict[str, Any] = {
        "lines": (Line("70", "1001", "9", Decimal("1.0"), Decimal("3.86"), NOON),),
        "redemptions": (),
        "campaigns": {"1": SPRING, "2": SUMMER},
        "targets": (),
        "demographics": {},
        "categories": {"9": "seafood/seafood-frozen"},
        "coupon_products": {},
        **parts,
    }
    return Source(**given_parts)


def of_type(all_events: list[Event], event_type: str) -> list[Event]:
    return [event for event in all_events if event["event_type"] == event_type]


def test_every_row_of_the_packaged_data_becomes_its_event(packaged_events: list[Event]) -> None:
    counts = Counter(event["event_type"] for event in packaged_events)
    assert counts["order"] == 32_266
    assert counts["order_line"] == 51_244
    assert counts["converted"] == 1_357
    assert counts["registered"] == 1_661
    assert counts["profile_changed"] == 553


def test_every_event_id_of_the_packaged_data_is_there_once(packaged_events: list[Event]) -> None:
    assert len({event["event_id"] for event in packaged_events}) == len(packaged_events)


def test_events_come_in_the_order_of_time(packaged_events: list[Event]) -> None:
    instants = [datetime.fromisoformat(event["event_at"]) for event in packaged_events]
    assert all(earlier <= later for earlier, later in pairwise(instants))
    assert {instant.utcoffset() for instant in instants} == {timedelta(0)}


def test_nothing_of_a_household_comes_before_its_registration(packaged_events: list[Event]) -> None:
    registered: set[str] = set()
    for event in packaged_events:
        assert event["customer_id"] in registered or event["event_type"] == "registered"
        registered.add(event["customer_id"])


def test_the_contract_accepts_the_events(packaged_events: list[Event]) -> None:
    terms = ConsentTerms.of(BRAND, {"email": [], "sms": [], "push": []}, [], [])
    contract = Contract(BRAND, CURRENCY, 2, b"a key of this test", terms)
    first_of_all_kinds = {(event["event_type"], event.get("channel")): event for event in packaged_events}
    for event in [*packaged_events[::150], *first_of_all_kinds.values()]:
        assert parse_row(json.dumps(event), contract).reasons == set()


def test_an_order_is_worth_its_lines_to_the_cent(packaged_events: list[Event], raw_lines: pd.DataFrame) -> None:
    cents = (raw_lines["sales_value"].astype(float) * 100).round().astype(int)
    expected = cents.groupby(raw_lines["basket_id"].replace("4.0128e+10", "40128000000")).sum().to_dict()
    orders = of_type(packaged_events, "order")
    assert {order["order_id"]: int(order["amount"].replace(".", "")) for order in orders} == expected


def test_money_and_quantities_are_decimal_text(packaged_events: list[Event]) -> None:
    bought = of_type(packaged_events, "order") + of_type(packaged_events, "order_line")
    assert all(re.fullmatch(r"[0-9]+\.[0-9]{2}", event["amount"]) for event in bought)
    assert {event["currency"] for event in bought} == {"USD"}
    lines = of_type(packaged_events, "order_line")
    assert all(re.fullmatch(r"[0-9]+\.0", line["quantity"]) for line in lines)
    assert sum(line["quantity"] == "0.0" for line in lines) == 295


def test_categories_are_paths_of_two_levels(packaged_events: list[Event]) -> None:
    paths = Counter(line["category"] for line in of_type(packaged_events, "order_line"))
    assert all(re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", path) for path in paths)
    assert paths["unknown/unknown"] == 157
    assert sum(count for path, count in paths.items() if path.endswith("/unknown")) == 157 + 74


def test_households_without_any_event_register_when_their_first_campaign_starts(packaged_events: list[Event]) -> None:
    for household in ("572", "834"):
        theirs = [event for event in packaged_events if event["customer_id"] == household]
        assert {event["event_type"] for event in theirs} == {"registered", "consent_changed"}
        # midnight in New York of the day on which campaign 27 starts
        assert {event["event_at"] for event in theirs} == {"2017-02-08T05:00:00+00:00"}


def test_a_basket_is_one_order_at_the_time_of_its_first_line_and_a_line_for_each_row() -> None:
    later = NOON + timedelta(minutes=2)
    source = source_of(
        lines=(
            Line("70", "1001", "8", Decimal("2.0"), Decimal("0.00"), later),
            Line("70", "1001", "9", Decimal("1.0"), Decimal("3.86"), NOON),
        )
    )
    bought = {event["event_id"]: event for event in events(source) if "order_id" in event}
    order, late, early = bought["order-1001"], bought["line-1001-8-1"], bought["line-1001-9-1"]
    assert len(bought) == 3
    assert (order["amount"], order["event_at"]) == ("3.86", NOON.isoformat())
    assert (late["event_at"], late["quantity"], late["amount"]) == (later.isoformat(), "2.0", "0.00")
    assert (late["category"], early["category"]) == ("unknown/unknown", "seafood/seafood-frozen")


def test_a_redemption_is_at_noon_of_the_brand_in_winter_and_in_summer() -> None:
    source = source_of(
        redemptions=(Redemption("70", "500", "1", date(2017, 3, 10)), Redemption("70", "500", "2", date(2017, 7, 10)))
    )
    winter, summer = of_type(list(events(source)), "converted")
    assert (winter["campaign_id"], winter["event_at"]) == ("campaign_1", "2017-03-10T17:00:00+00:00")
    assert (summer["campaign_id"], summer["event_at"]) == ("campaign_2", "2017-07-10T16:00:00+00:00")
    assert summer["attributes"] == {"coupon_upc": "500"}


def test_the_same_coupon_on_another_date_is_another_event() -> None:
    again = (Redemption("70", "500", "1", date(2017, 3, 10)), Redemption("70", "500", "1", date(2017, 3, 17)))
    ids = [event["event_id"] for event in of_type(list(events(source_of(redemptions=again))), "converted")]
    assert ids == ["redemption-70-500-1-2017-03-10-1", "redemption-70-500-1-2017-03-17-1"]


def test_a_household_whose_first_redemption_precedes_its_baskets_registers_with_the_redemption() -> None:
    source = source_of(redemptions=(Redemption("70", "500", "1", date(2017, 3, 2)),))
    (registered,) = of_type(list(events(source)), "registered")
    assert registered["event_at"] == "2017-03-02T17:00:00+00:00"


def test_a_campaign_that_starts_before_the_first_basket_registers_nobody() -> None:
    (registered,) = of_type(list(events(source_of(targets=(Target("1", "70"),)))), "registered")
    assert registered["event_at"] == NOON.isoformat()


def test_a_targeted_household_without_events_registers_at_the_earliest_of_its_campaigns() -> None:
    source = source_of(targets=(Target("2", "80"), Target("1", "80")))
    registered = {event["customer_id"]: event for event in of_type(list(events(source)), "registered")}
    assert registered["80"]["event_at"] == "2017-03-01T05:00:00+00:00"


def test_a_household_known_by_its_demographics_alone_registers_at_the_first_event_of_all() -> None:
    all_events = list(events(source_of(demographics={"90": {"age": "45-54"}})))
    theirs = {event["event_type"]: event for event in all_events if event["customer_id"] == "90"}
    assert theirs["registered"]["event_at"] == NOON.isoformat()
    assert theirs["profile_changed"]["attributes"] == {"age": "45-54"}


def test_registration_brings_addresses_profile_and_consents_in_one_instant() -> None:
    all_events = list(events(source_of(demographics={"70": {"age": "45-54", "kids_count": "0"}})))
    contact = invented_contact("70")
    registered, profile, *consents = all_events[: 2 + len(contact.marketing_consent)]
    assert registered["attributes"] == contact.addresses
    assert profile["attributes"] == {"age": "45-54", "kids_count": "0"}
    assert {one["channel"]: one["attributes"] for one in consents} == {
        channel: {"purpose": "marketing", "granted": "true" if granted else "false"}
        for channel, granted in contact.marketing_consent.items()
    }
    assert {event["event_at"] for event in all_events} == {NOON.isoformat()}


def test_the_file_is_named_by_its_content_and_holds_one_event_a_line(tmp_path: Path) -> None:
    source = source_of()
    written = write_events(source, tmp_path / "inbox")
    assert re.fullmatch(r"events-[0-9a-f]{16}\.jsonl", written.name)
    assert [json.loads(line) for line in written.read_text().splitlines()] == list(events(source))
    assert list(written.parent.iterdir()) == [written]


def test_a_file_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    written = write_events(source_of(), tmp_path)
    before = written.stat()
    assert write_events(source_of(), tmp_path) == written
    after = written.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert list(tmp_path.iterdir()) == [written]


def test_other_events_make_another_file(tmp_path: Path) -> None:
    other = source_of(demographics={"70": {"age": "45-54"}})
    assert write_events(source_of(), tmp_path) != write_events(other, tmp_path)


def test_a_source_that_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    dangling = source_of(targets=(Target("99", "80"),))
    with pytest.raises(KeyError):
        write_events(dangling, tmp_path)
    assert list(tmp_path.iterdir()) == []


# A handful of baskets, products and instants, so that products repeat in baskets and rows repeat whole.
BASKET_OWNERS = {"1001": "70", "1002": "70", "1003": "80"}
LINES = st.builds(
    lambda basket, product, quantity, cents, minute: Line(
        BASKET_OWNERS[basket],
        basket,
        product,
        Decimal(quantity).quantize(Decimal("0.1")),
        Decimal(cents).scaleb(-2),
        NOON + timedelta(minutes=minute),
    ),
    st.sampled_from(sorted(BASKET_OWNERS)),
    st.sampled_from(["8", "9"]),
    st.integers(0, 2),
    st.sampled_from([0, 1, 386]),
    st.integers(0, 2),
)
REDEMPTIONS = st.builds(
    Redemption,
    st.sampled_from(["70", "80", "90"]),
    st.sampled_from(["500", "501"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from([date(2017, 3, 4), date(2017, 3, 6)]),
)
TARGETS = st.builds(Target, st.sampled_from(["1", "2"]), st.sampled_from(["70", "80", "90", "91"]))


@st.composite
def sources_in_two_orders(draw: st.DrawFn) -> tuple[Source, Source]:
    lines = draw(st.lists(LINES, min_size=1, max_size=8))
    redemptions = draw(st.lists(REDEMPTIONS, max_size=6))
    targets = draw(st.lists(TARGETS, max_size=5))
    one = source_of(lines=tuple(lines), redemptions=tuple(redemptions), targets=tuple(targets))
    other = source_of(
        lines=tuple(draw(st.permutations(lines))),
        redemptions=tuple(draw(st.permutations(redemptions))),
        targets=tuple(draw(st.permutations(targets))),
    )
    return one, other


@settings(max_examples=60)
@given(sources_in_two_orders())
def test_the_order_of_rows_in_the_files_changes_no_event(both: tuple[Source, Source]) -> None:
    one, other = both
    assert list(events(one)) == list(events(other))


@settings(max_examples=60)
@given(sources_in_two_orders())
def test_repeated_rows_keep_their_own_events_under_their_own_ids(both: tuple[Source, Source]) -> None:
    source, _ = both
    all_events = list(events(source))
    assert len({event["event_id"] for event in all_events}) == len(all_events)
    assert len(of_type(all_events, "order_line")) == len(source.lines)
    assert len(of_type(all_events, "converted")) == len(source.redemptions)


@settings(max_examples=60)
@given(sources_in_two_orders())
def test_every_household_registers_once_and_before_everything_else(both: tuple[Source, Source]) -> None:
    source, _ = both
    all_events = list(events(source))
    firsts: dict[str, str] = {}
    for event in all_events:
        firsts.setdefault(event["customer_id"], event["event_type"])
    named = {row.household_id for row in (*source.lines, *source.redemptions, *source.targets)}
    assert firsts == dict.fromkeys(named, "registered")
    assert len(of_type(all_events, "registered")) == len(named)
