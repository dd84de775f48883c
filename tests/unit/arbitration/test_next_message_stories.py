"""From memberships to the one next message, through the kernels of campaigns, scoring and arbitration together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.arbitration.commitments import Sends, locked, reentry_exhausted
from ceasefire.arbitration.gates import active_on, first_closed_gate
from ceasefire.arbitration.policies import (
    UNLIMITED,
    greedy_order,
    priority_order,
    settle,
    silence_reason,
    tie_hashes,
)
from ceasefire.arbitration.slots import local_dates, slots_of, zone_codes
from ceasefire.campaigns.treatments import audience_mask, open_treatments
from ceasefire.config.brand import BrandSettings, Capacity
from ceasefire.config.campaigns import Campaign
from ceasefire.config.schedule import day_number
from ceasefire.scoring.values import candidate_values, outcome_micros
from ceasefire.vocabulary import LossReason, MessageClass

BRAND = BrandSettings.model_validate(
    {
        "brand": "shop",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "locale": "de",
        "customer_key": "public:12345678",
        "decision_window": {"at": "06:00"},
        "channels": {
            "email": {"cost": "0.002", "hours": "08:00-21:00", "expires": "48h"},
            "sms": {"cost": "0.04", "hours": "10:00-20:00", "expires": "12h"},
        },
    }
)
CHANNELS = tuple(BRAND.channels)
READY = round(datetime(2024, 6, 1, 4, 30, tzinfo=UTC).timestamp()) * 1_000_000
TODAY = day_number(date(2024, 6, 1))
NO_ORDERS = float("nan")


@dataclass(frozen=True)
class Customer:
    """A customer, the segments that they are in, and their earlier sends as (campaign, days ago, duration in days)."""

    name: str
    segments: tuple[str, ...]
    mean_order_minor: float = NO_ORDERS
    earlier: tuple[tuple[str, int, int], ...] = ()
    zone: str | None = None
    consents: bool = True


def campaign(name: str, segment: str, **changed: Any) -> Campaign:
    channels = changed.get("channels", ["email"])
    return Campaign.model_validate(
        {
            "id": name,
            "active": {"from": "2024-01-01", "to": "2024-12-31"},
            "audience": {"any": [segment]},
            "priority": 10,
            "duration": "5d",
            "reentry": {"max": 1, "every": "365d"},
            "channels": channels,
            "variants": [{"id": f"{name}_{one}", "channel": one, "template": name} for one in channels],
            "outcome": {"event": "order", "within": "14d"},
            "value": {"fixed": "4.00"},
            "prior_uplift": 0.01,
        }
        | changed
    )


BIRTHDAY = campaign("birthday", "birthday_this_week", value={"share_of_order": 0.3}, priority=20)
NEW_CUSTOMER = campaign("new_customer", "registered_lately", value={"fixed": "4.00"}, priority=10)


def decided(
    customers: Sequence[Customer],
    campaigns: Sequence[Campaign],
    policy: str = "greedy",
    brand: BrandSettings = BRAND,
    parts: int = 1,
) -> dict[str, str]:
    """What each customer gets, as campaign/channel, or the reason for silence in brackets."""
    batches = [customers[part::parts] for part in range(parts)]
    candidates = [valued_and_gated(batch, campaigns) for batch in batches]
    firsts = np.cumsum([0] + [len(batch) for batch in batches])
    owner = np.concatenate([one["owner"] + first for one, first in zip(candidates, firsts, strict=False)])
    whole = {key: np.concatenate([one[key] for one in candidates]) for key in candidates[0] if key != "owner"}
    names = [customer.name for batch in batches for customer in batch]

    tie = tie_hashes(names, READY)[owner]
    ranks = np.argsort(np.argsort([one.id for one in campaigns]))[whole["campaign"]]
    if policy == "greedy":
        order = greedy_order(whole["value"], ranks, whole["channel"], tie)
    else:
        priorities = np.array([one.priority for one in campaigns])[whole["campaign"]]
        order = priority_order(priorities, ranks, whole["channel_position"], tie)
    limits = [brand.channels[name].capacity for name in CHANNELS] + [one.capacity for one in campaigns]
    capacities = np.array([UNLIMITED if one is None else one.per_window for one in limits])
    resources = np.stack([whole["channel"], len(CHANNELS) + whole["campaign"]])
    outcome = settle(order, owner, whole["gate_reason"], resources, capacities, len(names))
    silences = silence_reason(outcome.reason, whole["value"], owner, len(names))
    return {
        name: f"{campaigns[whole['campaign'][won]].id}/{CHANNELS[whole['channel'][won]]}"
        if won >= 0
        else f"({tuple(LossReason)[silence]})"
        for name, won, silence in zip(names, outcome.winner.tolist(), silences.reason.tolist(), strict=True)
    }


def valued_and_gated(customers: Sequence[Customer], campaigns: Sequence[Campaign]) -> dict[str, np.ndarray]:
    wanted = {segment for one in campaigns for segment in one.audience.segments}
    segment_rows = {
        segment: np.array([segment in customer.segments for customer in customers], np.bool_) for segment in wanted
    }
    masks = [audience_mask(one.audience, segment_rows, {}) for one in campaigns]
    open_to = open_treatments(campaigns, masks, [None] * len(customers), BRAND.locale, CHANNELS)
    owner, number, channel = open_to.owner, open_to.campaign, open_to.channel

    own_mean = np.array([customer.mean_order_minor for customer in customers])
    worth = np.stack([outcome_micros(one.value, BRAND, own_mean, 5000.0)[0] for one in campaigns])
    cost = np.array([BRAND.cost_micros(name) for name in CHANNELS])
    uplift = np.array([one.prior_uplift for one in campaigns])[number]
    value = candidate_values(uplift, worth[number, owner], cost[channel])

    zones = [customer.zone for customer in customers]
    zone_of, zone_names = zone_codes(zones, BRAND.time_zone)
    slots = np.stack([slots_of(READY, zones, BRAND.time_zone, BRAND.channels[name].hours) for name in CHANNELS])
    slot_at = slots[channel, owner]
    candidates = Sends(
        starts=open_to.starts,
        campaign=number,
        channel=channel,
        is_marketing=np.array([one.class_ is MessageClass.MARKETING for one in campaigns])[number],
        slot_at=slot_at,
        slot_date=local_dates(slot_at, zone_of[owner], zone_names),
        duration=np.array([one.duration.count for one in campaigns])[number],
        in_days=np.ones(len(number), np.bool_),
    )
    commitments = earlier_sends(customers, campaigns)
    every = np.array([one.reentry.every.count for one in campaigns])[number]
    most = np.array([one.reentry.max for one in campaigns])[number]
    first = np.array([day_number(one.active.from_) for one in campaigns])[number]
    last = np.array([day_number(one.active.to) for one in campaigns])[number]
    everybody = np.ones(len(number), np.bool_)
    gate_reason = first_closed_gate(
        {
            LossReason.NOT_IN_AUDIENCE: everybody,
            LossReason.OUTSIDE_DATES: active_on(candidates.slot_date, first, last),
            LossReason.NO_CONSENT: np.array([customer.consents for customer in customers])[owner],
            LossReason.ON_HOLD: everybody,
            LossReason.ON_SUPPRESSION_LIST: everybody,
            LossReason.NO_ADDRESS: everybody,
            LossReason.REENTRY_LIMIT: ~reentry_exhausted(candidates, commitments, most, every, everybody),
            LossReason.DURATION_LOCK: ~locked(candidates, commitments, BRAND.pressure.lock),
            LossReason.UPLIFT_UNKNOWN: np.isfinite(uplift),
            LossReason.VALUE_NOT_POSITIVE: value > 0,
        }
    )
    return {
        "owner": owner,
        "campaign": number,
        "channel": channel,
        "channel_position": open_to.channel_position,
        "value": value,
        "gate_reason": gate_reason,
    }


def earlier_sends(customers: Sequence[Customer], campaigns: Sequence[Campaign]) -> Sends:
    ids = [one.id for one in campaigns]
    rows = [send for customer in customers for send in customer.earlier]
    days_ago = np.array([ago for _, ago, _ in rows], np.int64)
    return Sends(
        starts=np.cumsum([0] + [len(customer.earlier) for customer in customers]),
        campaign=np.array([ids.index(name) if name in ids else -1 for name, _, _ in rows], np.int64),
        channel=np.zeros(len(rows), np.int64),
        is_marketing=np.ones(len(rows), np.bool_),
        slot_at=READY - days_ago * 86_400_000_000,
        slot_date=TODAY - days_ago,
        duration=np.array([days for _, _, days in rows], np.int64),
        in_days=np.ones(len(rows), np.bool_),
    )


BOTH = ("birthday_this_week", "registered_lately")


def test_two_customers_open_for_the_same_two_campaigns_each_get_the_one_that_is_better_with_them() -> None:
    # given A, whose orders are large, and B, whose orders are small, both new and both with a birthday
    customers = [Customer("A", BOTH, mean_order_minor=20_000), Customer("B", BOTH, mean_order_minor=500)]

    assert decided(customers, [BIRTHDAY, NEW_CUSTOMER]) == {"A": "birthday/email", "B": "new_customer/email"}


def test_a_fixed_priority_gives_both_of_them_the_same() -> None:
    customers = [Customer("A", BOTH, mean_order_minor=20_000), Customer("B", BOTH, mean_order_minor=500)]

    by_priority = decided(customers, [BIRTHDAY, NEW_CUSTOMER], policy="priority")

    assert by_priority == {"A": "new_customer/email", "B": "new_customer/email"}


@pytest.mark.parametrize(("policy", "served"), [("priority", "small"), ("greedy", "large")])
def test_the_last_sms_goes_to_who_comes_first_or_to_who_is_worth_more(policy: str, served: str) -> None:
    # given one message in all, and the smaller customer in the campaign with the better priority
    first = campaign("first", "small", value={"share_of_order": 0.3}, priority=1, channels=["sms"])
    second = campaign("second", "large", value={"share_of_order": 0.3}, priority=2, channels=["sms"])
    customers = [Customer("small", ("small",), 2_000), Customer("large", ("large",), 90_000)]
    one_sms_left = BRAND.channels["sms"].model_copy(update={"capacity": Capacity(per_window=1)})
    brand = BRAND.model_copy(update={"channels": BRAND.channels | {"sms": one_sms_left}})

    messages = decided(customers, [first, second], policy, brand)

    assert [name for name, message in messages.items() if message != "(capacity_full)"] == [served]


def test_nobody_is_written_to_when_nothing_is_worth_sending() -> None:
    harmful = campaign("harmful", "registered_lately", prior_uplift=-0.01)
    worth_less_than_its_sms = campaign("poor", "registered_lately", value={"fixed": "3.99"}, channels=["sms"])

    silence = decided([Customer("A", BOTH)], [harmful, worth_less_than_its_sms])

    assert silence == {"A": "(value_not_positive)"}


def test_a_customer_is_left_alone_until_the_last_day_of_a_period_and_open_on_the_next() -> None:
    a = Customer("A", BOTH, earlier=(("new_customer", 4, 5),))
    b = Customer("B", BOTH, earlier=(("new_customer", 5, 5),))

    assert decided([a, b], [BIRTHDAY, NEW_CUSTOMER]) == {"A": "(duration_lock)", "B": "birthday/email"}


def test_a_loop_back_into_a_campaign_ends_at_its_limit() -> None:
    twice = campaign("browse", "browsed", reentry={"max": 2, "every": "30d"}, duration="1d")
    once_before, twice_before = (("browse", 20, 1),), (("browse", 20, 1), ("browse", 10, 1))
    customers = [Customer("A", ("browsed",), earlier=once_before), Customer("B", ("browsed",), earlier=twice_before)]

    assert decided(customers, [twice]) == {"A": "browse/email", "B": "(reentry_limit)"}


def test_every_customer_has_a_message_or_the_gate_that_stopped_it() -> None:
    customers = [
        Customer("sent", BOTH),
        Customer("nowhere", ()),
        Customer("refused", BOTH, consents=False),
    ]

    assert decided(customers, [BIRTHDAY, NEW_CUSTOMER]) == {
        "sent": "birthday/email",
        "nowhere": "(not_in_audience)",
        "refused": "(no_consent)",
    }


def test_a_campaign_begins_on_its_first_date_by_the_customers_own_calendar() -> None:
    # given it is the morning of the first of June in Berlin, and still the evening before in Honolulu
    june = campaign("june", "everyone", active={"from": "2024-06-01", "to": "2024-06-30"})
    customers = [Customer("berlin", ("everyone",)), Customer("honolulu", ("everyone",), zone="Pacific/Honolulu")]

    assert decided(customers, [june]) == {"berlin": "june/email", "honolulu": "(outside_dates)"}


@given(st.data())
@settings(max_examples=40)
def test_decisions_depend_neither_on_the_order_of_customers_nor_on_how_they_are_partitioned(
    data: st.DataObject,
) -> None:
    # given twelve customers who are worth the same in fours, and room for three messages a campaign
    scarce = {"capacity": {"per_window": 3}}
    campaigns = [
        campaign("birthday", BOTH[0], value={"share_of_order": 0.3}, **scarce),
        campaign("new_customer", BOTH[1], channels=["sms", "email"], **scarce),
    ]
    customers = [
        Customer(f"customer{number}", BOTH[: 1 + number % 2], mean_order_minor=1000.0 * (1 + number // 4))
        for number in range(12)
    ]
    shuffled = data.draw(st.permutations(customers))

    assert decided(shuffled, campaigns, parts=data.draw(st.integers(1, 4))) == decided(customers, campaigns)
