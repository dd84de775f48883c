"""A window on the driver: one next message for each customer, a reason for every loser, and the rows that say so."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.pipelines.settlement import capacity_used, crossfire_count, losses, settle_window, value_of
from ceasefire.tables import DECISIONS
from ceasefire.vocabulary import Policy
from unit.pipelines.shop import (
    CHANNELS,
    Sent,
    campaign,
    customers,
    decided,
    losers,
    messages,
    pass_over,
    passed_here,
    settled,
    shop,
    treatment,
    window_from,
)

NEW, BIRTHDAY, BROWSED = {"is_new": "yes"}, {"has_birthday": "yes"}, {"browsed": "yes"}
BOTH = NEW | BIRTHDAY
SLOT = datetime(2026, 6, 1, 6, tzinfo=UTC)
SHARE = {"share_of_order": 0.30}

WELCOME = campaign("welcome", priority=10)
BIRTHDAY_OFFER = campaign("birthday", audience={"any": ["has_birthday"]}, value=SHARE, priority=20)


def window(at_work: Any, rows: dict[str, Any], **how: Any) -> Any:
    the_pass = pass_over(at_work, **how)
    return window_from(the_pass, passed_here(the_pass, customers(at_work, rows)))


# Who gets what


def test_two_customers_open_for_the_same_two_campaigns_each_get_the_one_that_is_better_with_them() -> None:
    # given A, whose orders are large, and B, whose orders are small
    rows = {"A": BOTH | {"own_mean_order_minor": 20000.0}, "B": BOTH | {"own_mean_order_minor": 500.0}}

    decisions = decided(shop([WELCOME, BIRTHDAY_OFFER]), rows)

    assert messages(decisions) == {"A": "birthday/email", "B": "welcome/email"}


def test_fixed_priorities_give_both_of_them_the_same() -> None:
    rows = {"A": BOTH | {"own_mean_order_minor": 20000.0}, "B": BOTH | {"own_mean_order_minor": 500.0}}

    by_priority = decided(shop([WELCOME, BIRTHDAY_OFFER]), rows, "priority")

    assert messages(by_priority) == {"A": "welcome/email", "B": "welcome/email"}


def test_without_capacities_the_best_value_is_worth_as_much_as_any_fixed_order_of_campaigns() -> None:
    offers = [
        campaign("a", value=SHARE, prior_uplift=0.01),
        campaign("b", audience={"any": ["has_birthday"]}, value={"fixed": "9.00"}),
        campaign("c", audience={"any": ["browsed"]}, value={"fixed": "5.00"}, prior_uplift=0.02),
    ]
    rows = {
        "x": BOTH | {"own_mean_order_minor": 9000.0},
        "y": BOTH | BROWSED | {"own_mean_order_minor": 2000.0},
        "z": BIRTHDAY | BROWSED,
    }
    best = window(shop(offers), rows)
    fixed_orders = [
        window(shop([one | {"priority": place} for one, place in zip(offers, places, strict=True)]), rows)
        for places in permutations((1, 2, 3))
    ]

    by_value = value_of(best, settle_window(best, Policy.GREEDY))

    worth_of_orders = [value_of(one, settle_window(one, Policy.PRIORITY)) for one in fixed_orders]
    assert all(by_value >= worth for worth in worth_of_orders)
    assert by_value > min(worth_of_orders)


@pytest.mark.parametrize(("policy", "served"), [("priority", "small"), ("greedy", "large")])
def test_the_last_message_goes_to_who_comes_first_or_to_who_is_worth_more(policy: str, served: str) -> None:
    # given room for one e-mail, and the smaller customer in the campaign with the better priority
    offers = [
        campaign("first", value=SHARE, priority=1),
        campaign("second", audience={"any": ["browsed"]}, value=SHARE, priority=2),
    ]
    one_left = {"email": CHANNELS["email"] | {"capacity": {"per_window": 1}}}
    rows = {"small": NEW | {"own_mean_order_minor": 2000.0}, "large": BROWSED | {"own_mean_order_minor": 90000.0}}

    decisions = decided(shop(offers, channels=one_left), rows, policy)

    assert [name for name, message in messages(decisions).items() if message != "(capacity_full)"] == [served]


def test_a_customer_whose_campaign_is_full_gets_their_next_best_message() -> None:
    offers = [WELCOME | {"value": {"fixed": "9.00"}, "capacity": {"per_window": 1}}, BIRTHDAY_OFFER]
    rows = {name: BOTH | {"own_mean_order_minor": 1000.0} for name in ("a", "b")}

    decisions = decided(shop(offers), rows)

    assert sorted(messages(decisions).values()) == ["birthday/email", "welcome/email"]
    (second,) = [name for name, message in messages(decisions).items() if message == "birthday/email"]
    assert losers(decisions, second) == {"welcome/email": "capacity_full"}


def test_a_capacity_of_nothing_sends_nothing() -> None:
    decisions = decided(shop([WELCOME | {"capacity": {"per_window": 0}}]), {"a": NEW})

    assert messages(decisions) == {"a": "(capacity_full)"}


def test_nobody_is_written_to_when_nothing_is_worth_sending() -> None:
    harmful = campaign("harmful", prior_uplift=-0.01)
    worth_less_than_its_sms = campaign("poor", value={"fixed": "3.99"}, channels=["sms"])

    decisions = decided(shop([harmful, worth_less_than_its_sms]), {"a": NEW})

    assert messages(decisions) == {"a": "(value_not_positive)"}
    assert losers(decisions, "a") == {"harmful/email": "value_not_positive", "poor/sms": "value_not_positive"}


# Reasons


def test_a_silent_customer_is_told_the_reason_of_the_candidate_that_got_furthest() -> None:
    # given one campaign that is over, and one that consent closes to this customer
    over = campaign("over", active={"from": "2026-01-01", "to": "2026-05-31"})
    unwanted = campaign("unwanted", channels=["sms"], value={"fixed": "9.00"})

    decisions = decided(shop([over, unwanted]), {"a": NEW | {"marketing_consent_sms": None}, "nobody": {}})

    assert messages(decisions) == {"a": "(no_consent)", "nobody": "(not_in_audience)"}


def test_every_candidate_but_the_winner_has_one_reason_and_every_customer_one_decision() -> None:
    offers = [WELCOME | {"capacity": {"per_window": 2}}, BIRTHDAY_OFFER | {"channels": ["email", "sms"]}]
    offers[1]["variants"] = [{"id": one, "channel": one, "template": one} for one in ("email", "sms")]
    rows = {
        "a": BOTH | {"own_mean_order_minor": 30000.0},
        "b": BOTH,
        "c": NEW,
        "d": NEW,
        "e": NEW | {"address_email": None},
        "f": {},
        "g": BOTH | {"sent": [Sent("other", SLOT)]},
    }
    at_work = shop(offers)
    scene = window(at_work, rows)
    settlement = settle_window(scene, Policy.GREEDY)

    decisions = settled(scene).to_pylist()

    assert [row["customer_id"] for row in decisions] == sorted(rows)
    for row in decisions:
        won = [one for one in row["candidates"] if one["reason_code"] is None]
        assert len(won) == (row["outcome"] == "send")
        assert (row["treatment"] is None) == (row["outcome"] == "silence") == (row["reason_code"] is not None)
    reasons = Counter(one["reason_code"] for row in decisions for one in row["candidates"] if one["reason_code"])
    assert losses(settlement) == reasons
    winners = sum(row["outcome"] == "send" for row in decisions)
    assert len(settlement.reason) == winners + sum(reasons.values())


# What the rows say


def test_a_decision_names_its_margin_over_the_best_loser_past_the_gates() -> None:
    # given a third campaign that would be worth most, and is locked out by dates
    over = campaign("over", value={"fixed": "99.00"}, active={"from": "2026-01-01", "to": "2026-05-31"})
    rows = {"a": BOTH | {"own_mean_order_minor": 20000.0}, "alone": NEW}

    by_name = {row["customer_id"]: row for row in decided(shop([WELCOME, BIRTHDAY_OFFER, over]), rows).to_pylist()}

    # 1 % of 30 % of 200 euros, against 1 % of 4; an e-mail costs the same in both
    assert by_name["a"]["value_micros"] == 60_000_000 - 200_000
    assert by_name["a"]["margin_micros"] == 56_000_000
    assert by_name["a"]["runner_up"] == "welcome/email"
    assert (by_name["alone"]["margin_micros"], by_name["alone"]["runner_up"]) == (None, None)


def test_fixed_priorities_can_win_by_a_negative_margin() -> None:
    rows = {"a": BOTH | {"own_mean_order_minor": 20000.0}}

    (row,) = decided(shop([WELCOME, BIRTHDAY_OFFER]), rows, "priority").to_pylist()

    assert (row["runner_up"], row["margin_micros"]) == ("birthday/email", -56_000_000)


def test_a_treatment_holds_all_that_release_needs() -> None:
    how_to = campaign(
        "how_to",
        about={"event": "order_line", "category": "coats"},
        cancel_on=[{"event": "return", "same": "product"}, {"event": "complained"}],
        variants=[{"id": "care", "channel": "email", "template": "t-1", "attributes": {"visual": "true"}}],
        duration="36h",
    )
    rows = {"a": NEW | {"about_product_how_to": 11, "about_order_how_to": -12}}

    sent = treatment(decided(shop([how_to]), rows), "a")

    assert {name: value for name, value in sent.items() if name != "send_id"} == {
        "campaign_id": "how_to",
        "variant_id": "care",
        "template": "t-1",
        "locale": "de",
        "attributes": [("visual", "true")],
        "channel": "email",
        "class": "marketing",
        "slot_at": SLOT,
        "expires_at": SLOT + timedelta(hours=48),
        "duration": "36h",
        "time_zone": None,
        "consent_at": None,
        "about_product": 11,
        "about_order": -12,
        "cancel_on": [
            {"event_type": "return", "same_product": True},
            {"event_type": "complained", "same_product": False},
        ],
    }


def test_a_decision_keeps_its_id_whatever_is_configured_and_a_send_its_own_on_its_channel_and_slot() -> None:
    rows = {"a": BOTH | {"own_mean_order_minor": 20000.0}}
    (by_value,) = decided(shop([WELCOME, BIRTHDAY_OFFER]), rows).to_pylist()
    (by_priority,) = decided(shop([WELCOME, BIRTHDAY_OFFER]), rows, "priority").to_pylist()
    (by_sms,) = decided(shop([campaign("loud", channels=["sms"], value={"fixed": "9.00"})]), rows).to_pylist()

    assert by_value["treatment"]["campaign_id"] != by_priority["treatment"]["campaign_id"]
    assert by_value["decision_id"] == by_priority["decision_id"] == by_sms["decision_id"]
    assert by_value["treatment"]["send_id"] == by_priority["treatment"]["send_id"] != by_sms["treatment"]["send_id"]


@pytest.mark.parametrize("offers", [[], [WELCOME]])
@pytest.mark.parametrize("rows", [{}, {"nobody": {}}, {"a": NEW, "b": NEW | {"address_email": None}}])
def test_rows_have_the_ledgers_schema_however_little_there_is_to_say(offers: list[Any], rows: dict[str, Any]) -> None:
    decisions = decided(shop(offers), rows)

    assert decisions.schema == DECISIONS.arrow_schema
    assert decisions["customer_id"].to_pylist() == sorted(rows)


def test_crossfire_counts_the_customers_that_two_campaigns_want_on_one_day() -> None:
    # given a campaign on two channels, which is one campaign, and one that is over
    loud = campaign("loud", channels=["email", "sms"])
    over = campaign("over", audience={"any": ["browsed"]}, active={"from": "2026-01-01", "to": "2026-05-31"})
    rows = {"one": NEW, "two": BOTH, "two_but_one_is_over": NEW | BROWSED, "none": {}, "refused": BOTH}
    rows["refused"] = BOTH | {"marketing_consent_email": "withdrawn", "marketing_consent_sms": "withdrawn"}

    assert crossfire_count(window(shop([loud, BIRTHDAY_OFFER, over]), rows)) == 2


def test_only_what_has_a_capacity_is_counted_against_one() -> None:
    channels = CHANNELS | {"email": CHANNELS["email"] | {"capacity": {"per_window": 2}}}
    at_work = shop([WELCOME | {"capacity": {"per_window": 5}}, BIRTHDAY_OFFER], channels=channels)
    scene = window(at_work, dict.fromkeys("abc", NEW))

    assert capacity_used(scene, settle_window(scene, Policy.GREEDY)) == {"channel email": 2, "campaign welcome": 2}


# Determinism


@given(st.permutations(range(8)), st.sampled_from(["greedy", "priority"]))
@settings(max_examples=30)
def test_equals_are_told_apart_alike_in_whatever_order_customers_come(order: list[int], policy: str) -> None:
    # given eight customers who are worth the same in fours, and room for three
    at_work = shop([WELCOME | {"capacity": {"per_window": 2}}, BIRTHDAY_OFFER | {"capacity": {"per_window": 1}}])
    rows = {f"c{n}": BOTH | {"own_mean_order_minor": 1000.0 * (1 + n // 4)} for n in range(8)}
    the_pass = pass_over(at_work)
    told = customers(at_work, rows)

    whole = settled(window_from(the_pass, passed_here(the_pass, told)), policy)
    parts = [told.take(pa.array(part, pa.int64())) for part in (order[:3], order[3:])]
    shuffled = pa.concat_tables([passed_here(the_pass, part) for part in parts])

    assert settled(window_from(the_pass, shuffled), policy).equals(whole)
