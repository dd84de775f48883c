"""Transactional messages beside the one message of marketing: they are lost to no offer and take nothing from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.pipelines.settlement import (
    capacity_used,
    crossfire_count,
    losses,
    marketing_winners,
    settle_window,
    transactional_winners,
    value_of,
)
from ceasefire.scoring.values import LOWEST_VALUE
from ceasefire.tables import DECISIONS
from ceasefire.vocabulary import LossReason, Policy
from unit.pipelines.shop import (
    CHANNELS,
    CLOSE,
    Sent,
    campaign,
    customers,
    decided,
    pass_over,
    passed_here,
    settled,
    shop,
    window_from,
)

BIRTHDAY, RETURNED, NEW = {"has_birthday": "yes"}, {"browsed": "yes"}, {"is_new": "yes"}
"""In this shop whoever browsed has sent something back."""
BIRTHDAY_OFFER = campaign("birthday", audience={"any": ["has_birthday"]}, value={"fixed": "9.00"}, priority=1)
WELCOME = campaign("welcome", priority=2)


def notice(name: str, **changed: Any) -> dict[str, Any]:
    """A transactional campaign for whoever sent something back, which earns nothing."""
    return campaign(
        name,
        **{
            "class": "transactional",
            "audience": {"any": ["browsed"]},
            "prior_uplift": 0.0,
            "priority": 50,
            "reentry": {"max": 1, "every": "1d"},
        }
        | changed,
    )


REFUND = notice("refund")
SHIPPING = notice("shipping")


def got(decisions: pa.Table) -> dict[tuple[str, str], str]:
    """What goes, as channel of each customer and lane, or the reason for silence in brackets."""
    return {
        (row["customer_id"], row["lane"]): row["treatment"]["channel"]
        if row["outcome"] == "send"
        else f"({row['reason_code']})"
        for row in decisions.to_pylist()
    }


def reasons(decisions: pa.Table, lane: str) -> dict[str, str | None]:
    """Why candidates lost in a lane, by campaign/channel, null for the winner."""
    rows = [row for row in decisions.to_pylist() if row["lane"] == lane]
    return {f"{one['campaign_id']}/{one['channel']}": one["reason_code"] for row in rows for one in row["candidates"]}


def limited(**capacities: int) -> dict[str, Any]:
    """E-mail with these capacities."""
    return {"email": CHANNELS["email"] | {name: {"per_window": most} for name, most in capacities.items()}}


def window(at_work: Any, rows: dict[str, Any]) -> Any:
    the_pass = pass_over(at_work)
    return window_from(the_pass, passed_here(the_pass, customers(at_work, rows)))


# What goes


def test_a_refund_notice_and_a_birthday_offer_of_one_day_both_go() -> None:
    decisions = decided(shop([BIRTHDAY_OFFER, REFUND]), {"anna": BIRTHDAY | RETURNED})

    assert got(decisions) == {("anna", "window"): "email", ("anna", "transactional/refund"): "email"}


def test_two_transactional_campaigns_both_go() -> None:
    decisions = decided(shop([REFUND, SHIPPING]), {"anna": RETURNED})

    assert got(decisions) == {
        ("anna", "window"): "(not_in_audience)",
        ("anna", "transactional/refund"): "email",
        ("anna", "transactional/shipping"): "email",
    }


def test_a_transactional_campaign_sends_by_its_first_open_channel_alone() -> None:
    by_both = notice("refund", channels=["sms", "email"])
    rows = {"anna": RETURNED, "bert": RETURNED | {"address_sms": None}}

    decisions = decided(shop([by_both]), rows)

    sent = {row["customer_id"]: row["treatment"]["channel"] for row in decisions.to_pylist() if row["treatment"]}
    assert sent == {"anna": "sms", "bert": "email"}
    only_anna = decided(shop([by_both]), {"anna": RETURNED})
    assert reasons(only_anna, "transactional/refund") == {"refund/sms": None, "refund/email": "lost_to_better"}


@pytest.mark.parametrize("policy", ["greedy", "priority"])
def test_what_a_transactional_message_is_worth_is_no_matter(policy: str) -> None:
    harmful = notice("refund", prior_uplift=-1.0)

    decisions = decided(shop([harmful, BIRTHDAY_OFFER]), {"anna": BIRTHDAY | RETURNED}, policy)

    assert set(got(decisions).values()) == {"email"}


def test_an_unknown_uplift_stops_no_transactional_message_and_is_worth_nothing_in_the_ledger() -> None:
    # given a window in which no model could say what the notice changes
    scene = window(shop([notice("refund", channels=["email", "sms"])]), {"anna": RETURNED})
    unknown = {"uplift": pa.array([None, None], pa.float64()), "value_micros": pa.array([LOWEST_VALUE] * 2)}
    scene = replace(scene, columns={**scene.columns, **unknown})

    _, row = settled(scene).to_pylist()

    assert (row["outcome"], row["value_micros"], row["margin_micros"]) == ("send", 0, None)
    assert [one["uplift"] for one in row["candidates"]] == [None, None]


def test_the_duration_of_an_offer_holds_no_refund_notice_back_and_that_of_a_notice_no_offer() -> None:
    yesterday = CLOSE - timedelta(hours=20)
    at_work = shop([BIRTHDAY_OFFER, REFUND])
    offered = {"anna": BIRTHDAY | RETURNED | {"sent": [Sent("other", yesterday, "30d")]}}
    told = {"anna": BIRTHDAY | {"sent": [Sent("shipping", yesterday, "30d", class_="transactional")]}}

    assert got(decided(at_work, offered)) == {
        ("anna", "window"): "(duration_lock)",
        ("anna", "transactional/refund"): "email",
    }
    assert got(decided(at_work, told)) == {("anna", "window"): "email"}


@pytest.mark.parametrize(
    ("closed", "reason"),
    [
        ({"transactional_consent_email": "withdrawn"}, "no_consent"),
        ({"address_email": None}, "no_address"),
        ({"sent": [Sent("refund", CLOSE, class_="transactional")]}, "reentry_limit"),
    ],
)
def test_a_refund_notice_that_cannot_go_has_a_row_with_its_reason_and_the_offer_is_decided_apart(
    closed: dict[str, Any], reason: str
) -> None:
    by_sms = BIRTHDAY_OFFER | {"channels": ["sms"], "variants": [{"id": "s", "channel": "sms", "template": "s"}]}

    decisions = decided(shop([by_sms, REFUND]), {"anna": BIRTHDAY | RETURNED | closed})

    assert got(decisions) == {("anna", "window"): "sms", ("anna", "transactional/refund"): f"({reason})"}


# Capacity and order


def test_a_full_capacity_of_marketing_stops_no_refund_notice() -> None:
    at_work = shop([BIRTHDAY_OFFER, REFUND], channels=limited(capacity=0))

    assert got(decided(at_work, {"anna": BIRTHDAY | RETURNED})) == {
        ("anna", "window"): "(capacity_full)",
        ("anna", "transactional/refund"): "email",
    }


def test_refund_notices_take_no_capacity_of_marketing() -> None:
    at_work = shop([BIRTHDAY_OFFER, REFUND], channels=limited(capacity=1))

    decisions = got(decided(at_work, {"anna": BIRTHDAY, "bert": RETURNED, "cara": RETURNED}))

    assert [decisions[who, lane] for who, lane in decisions if lane != "window"] == ["email", "email"]
    assert decisions["anna", "window"] == "email"


@pytest.mark.parametrize("where", ["channel", "campaign"])
def test_a_full_capacity_of_its_own_stops_a_refund_notice_and_no_offer(where: str) -> None:
    full = {"capacity": {"per_window": 0}} if where == "campaign" else {}
    channels = limited(transactional_capacity=0) if where == "channel" else CHANNELS
    at_work = shop([BIRTHDAY_OFFER, REFUND | full], channels=channels)

    decisions = decided(at_work, {"anna": BIRTHDAY | RETURNED})

    assert got(decisions) == {("anna", "window"): "email", ("anna", "transactional/refund"): "(capacity_full)"}
    assert reasons(decisions, "transactional/refund") == {"refund/email": "capacity_full"}


def test_where_the_first_channel_is_full_the_second_carries_the_notice() -> None:
    at_work = shop(
        [notice("refund", channels=["email", "sms"])],
        channels=limited(transactional_capacity=1) | {"sms": CHANNELS["sms"]},
    )

    decisions = got(decided(at_work, {"anna": RETURNED, "bert": RETURNED}))

    assert sorted(way for (_, lane), way in decisions.items() if lane != "window") == ["email", "sms"]


@pytest.mark.parametrize("policy", ["greedy", "priority"])
def test_the_lowest_priority_comes_first_under_a_short_capacity_whatever_is_worth_more(policy: str) -> None:
    # given room for one message, and the notice with the better priority worth less
    urgent, dear = notice("urgent", priority=1), notice("dear", priority=2, prior_uplift=1.0)
    at_work = shop([dear, urgent], channels=limited(transactional_capacity=1))

    decisions = got(decided(at_work, {"anna": RETURNED}, policy))

    assert decisions["anna", "transactional/urgent"] == "email"
    assert decisions["anna", "transactional/dear"] == "(capacity_full)"


def test_of_equal_priorities_the_campaigns_id_decides_before_the_place_of_the_channel() -> None:
    # given room for one SMS, which is b's first channel and a's second, and e-mail reaches nobody
    a, b = notice("a", channels=["email", "sms"]), notice("b", channels=["sms"])
    sms = {"sms": CHANNELS["sms"] | {"transactional_capacity": {"per_window": 1}}}
    at_work = shop([b, a], channels=CHANNELS | sms)

    decisions = got(decided(at_work, {"anna": RETURNED | {"address_email": None}}))

    assert decisions["anna", "transactional/a"] == "sms"
    assert decisions["anna", "transactional/b"] == "(capacity_full)"


# What rows and runs say


def test_every_candidate_stands_in_one_row_and_every_row_and_send_has_an_id_of_its_own() -> None:
    offers = [BIRTHDAY_OFFER, WELCOME, notice("refund", channels=["email", "sms"]), SHIPPING]
    rows: dict[str, Any] = {"anna": BIRTHDAY | RETURNED | NEW, "bert": RETURNED, "cara": NEW, "dora": {}}
    scene = window(shop(offers), rows)

    decisions = settled(scene)

    assert decisions.schema == DECISIONS.arrow_schema
    told = decisions.to_pylist()
    assert [(row["customer_id"], row["lane"]) for row in told] == [
        *((name, "window") for name in ("anna", "bert", "cara", "dora")),
        ("anna", "transactional/refund"),
        ("anna", "transactional/shipping"),
        ("bert", "transactional/refund"),
        ("bert", "transactional/shipping"),
    ]
    assert len({row["decision_id"] for row in told}) == len(told)
    sends = [row["treatment"] for row in told if row["treatment"]]
    assert len({one["send_id"] for one in sends}) == len(sends) == 6
    assert [one["class"] for one in sends] == ["marketing"] * 2 + ["transactional"] * 4
    assert sum(len(row["candidates"]) for row in told) == len(scene.owner)
    for row in told:
        wanted = {one["campaign_id"] for one in row["candidates"]}
        own = row["lane"].removeprefix("transactional/")
        assert wanted == {own} if row["lane"] != "window" else wanted <= {"birthday", "welcome"}
        assert sum(one["reason_code"] is None for one in row["candidates"]) == (row["outcome"] == "send")


def test_figures_of_a_run_count_marketing_for_what_competes_and_both_for_what_is_lost() -> None:
    offers = [
        BIRTHDAY_OFFER | {"capacity": {"per_window": 9}},
        notice("refund", channels=["email", "sms"], capacity={"per_window": 8}, prior_uplift=1.0),
    ]
    channels = limited(capacity=5, transactional_capacity=1) | {"sms": CHANNELS["sms"]}
    scene = window(shop(offers, channels=channels), {"anna": BIRTHDAY | RETURNED, "bert": RETURNED})
    settlement = settle_window(scene, Policy.GREEDY)

    assert (marketing_winners(scene, settlement) >= 0).tolist() == [True, False]
    assert (transactional_winners(scene, settlement) >= 0).tolist() == [True, True]
    # one per cent of nine euros, less an e-mail; the notices, however dear, are no part of it
    assert value_of(scene, settlement) == 9_000_000 - 200_000
    # two campaigns want anna, and one of them is no marketing
    assert crossfire_count(scene) == 0
    assert losses(settlement) == {LossReason.CAPACITY_FULL: 1, LossReason.LOST_TO_BETTER: 1}
    assert capacity_used(scene, settlement) == {
        "channel email": 1,
        "transactional channel email": 1,
        "campaign birthday": 1,
        "campaign refund": 2,
    }


# Properties

OFFERS = [
    WELCOME | {"capacity": {"per_window": 2}},
    BIRTHDAY_OFFER | {"channels": ["email", "sms"], "value": {"share_of_order": 0.3}},
    campaign("returned", audience={"any": ["browsed"]}, value={"fixed": "5.00"}, channels=["sms", "email"]),
]
OFFERS[1]["variants"] = [{"id": way, "channel": way, "template": way} for way in ("email", "sms")]
NOTICES = [
    notice("refund", channels=["email", "sms"], priority=1),
    notice("shipping", audience={"any": ["is_new", "browsed"]}, capacity={"per_window": 2}),
]
SHORT = {
    name: CHANNELS[name] | {"capacity": {"per_window": 3}, "transactional_capacity": {"per_window": 2}}
    for name in CHANNELS
}
WITHOUT, WITH = shop(OFFERS, channels=SHORT), shop([*NOTICES, *OFFERS], channels=SHORT)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "is_new": st.just("yes"),
        "has_birthday": st.just("yes"),
        "browsed": st.just("yes"),
        "own_mean_order_minor": st.sampled_from([500.0, 4000.0, 20_000.0]),
        "marketing_consent_email": st.just("withdrawn"),
        "transactional_consent_sms": st.just("withdrawn"),
        "address_sms": st.none(),
    },
)


@given(st.lists(FACTS, max_size=8), st.sampled_from(["greedy", "priority"]))
@settings(max_examples=60, deadline=None)
def test_marketing_comes_out_alike_with_and_without_transactional_campaigns(
    facts: Sequence[dict[str, Any]], policy: str
) -> None:
    rows = {f"c{number}": row for number, row in enumerate(facts)}

    beside = decided(WITH, rows, policy).to_pylist()

    assert [row for row in beside if row["lane"] == "window"] == decided(WITHOUT, rows, policy).to_pylist()


@given(st.lists(FACTS, max_size=8))
@settings(max_examples=40, deadline=None)
def test_no_policy_of_marketing_changes_what_transactional_campaigns_send(facts: Sequence[dict[str, Any]]) -> None:
    rows = {f"c{number}": row for number, row in enumerate(facts)}

    greedy, priority = (
        [row for row in decided(WITH, rows, policy).to_pylist() if row["lane"] != "window"]
        for policy in ("greedy", "priority")
    )

    assert greedy == priority
