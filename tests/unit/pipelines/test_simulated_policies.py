"""Policies in a small world: what an engine must never do, and that nothing but the seed decides what happens."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pyarrow as pa

from ceasefire.config.units import instant_of
from ceasefire.ids import hash64
from ceasefire.pipelines.simulated.comparison import Comparison, Plan, interval
from ceasefire.pipelines.simulated.days import (
    Setting,
    beginning,
    capacities,
    days,
    figures_of,
    null_world,
    play,
    setting,
)
from ceasefire.pipelines.simulated.decisions import Desk, in_turns, may_go, with_capacities
from ceasefire.pipelines.simulated.policies import BASELINES, Played
from ceasefire.simulation.journal import Journal, events, joined, product_hashes
from ceasefire.simulation.measures import Figures
from ceasefire.simulation.world import Sends, no_sends
from ceasefire.vocabulary import EventType, MessageClass
from unit.simulation.small_world import BRAND_FOLDER, WORLD_FILE, brand_at_work, parameters

SHARE = 0.12
HOUR = 3600 * 1_000_000
CLOSE = 1_800_000_000_000_000
READY = CLOSE + HOUR // 2
BRAND = brand_at_work().brand
CAMPAIGNS = [one.id for one in BRAND.campaigns]


@cache
def here() -> Setting:
    """Three hundred customers after a burn-in."""
    return setting(parameters(), brand_at_work(), 1, learns=True)


@cache
def figures(how: Played, share: float | None = SHARE) -> Figures:
    """What a policy did there."""
    return play(here(), how, share)


def test_the_engine_sends_nothing_known_to_be_broken_nobody_two_a_day_and_nobody_too_much() -> None:
    for how in Played:
        if how in BASELINES:
            continue
        for share in (SHARE, None):
            found = figures(how, share)
            assert (found.broken_known, found.doubled, found.over_exposed, found.over_capacity) == (0, 0, 0, 0), how


def test_journeys_drawn_one_by_one_do_what_they_are_known_for() -> None:
    # given no capacity that would hold them back
    alone, excluding = figures(Played.JOURNEYS, None), figures(Played.EXCLUSIONS, None)

    # then customers get several messages a day, which exclusions prevent, and neither policy learns of returns
    assert alone.doubled > 0
    assert alone.over_exposed > excluding.over_exposed > 0
    assert excluding.doubled == 0
    assert alone.sends > excluding.sends


def test_every_policy_keeps_the_capacities_and_most_use_them() -> None:
    told = parameters()
    most = sum(capacities(told, told.compared.customers, SHARE).values()) * told.compared.days
    for how in Played:
        assert figures(how).over_capacity == 0
        assert figures(how).sends + figures(how).withheld <= most
    assert figures(Played.EXCLUSIONS).sends > most / 2


def test_the_same_seed_is_the_same_world_and_another_seed_another() -> None:
    again = play(setting(parameters(), brand_at_work(), 1, learns=True), Played.LEARNED, SHARE)
    other = play(setting(parameters(), brand_at_work(), 2, learns=False), Played.GREEDY, SHARE)
    assert asdict(again) == asdict(figures(Played.LEARNED))
    assert asdict(other) != asdict(figures(Played.GREEDY))


def test_what_one_policy_does_is_no_matter_to_the_next() -> None:
    first = play(here(), Played.GREEDY, SHARE)
    play(here(), Played.JOURNEYS, None)
    assert asdict(play(here(), Played.GREEDY, SHARE)) == asdict(first)


def test_whoever_knows_the_truth_harms_nobody_and_is_expected_to_earn_most() -> None:
    oracle = figures(Played.ORACLE)
    assert oracle.negative == 0
    assert oracle.expected > max(figures(how).expected for how in Played if how is not Played.ORACLE)


def test_where_it_makes_no_difference_who_gets_what_no_policy_is_expected_to_do_better_with_a_send() -> None:
    nowhere = setting(*null_world(parameters(), brand_at_work()), 1, learns=False)
    priority, greedy = (play(nowhere, how, SHARE) for how in (Played.PRIORITY, Played.GREEDY))
    assert abs((greedy.expected / greedy.sends) / (priority.expected / priority.sends) - 1) < 1e-6


def test_a_campaign_of_which_the_burn_in_says_too_little_keeps_its_prior_and_says_why() -> None:
    # of the holiday, which has not begun, nothing is known
    holiday = next(one for one in here().learnt if one.name == "holiday")
    assert holiday.parameters is None
    assert "cannot be learnt" in (holiday.detail or "")


def due(campaign: str, product: int = -1) -> Sends:
    about = int(product_hashes()[product]) if product >= 0 else 0
    one = np.ones(1, np.int64)
    return Sends(
        customer=one * 7,
        campaign=one * CAMPAIGNS.index(campaign),
        channel=one * 0,
        slot_at=one * (CLOSE + 4 * HOUR),
        about_product=one * about,
        about_order=one * hash64("order-5"),
    )


def news(kind: EventType, hours: float, **more: int) -> Journal:
    at = np.array([CLOSE + int(hours * HOUR)])
    return events(np.array([7]), at, kind, **more)


def goes(send: Sends, happened: Journal) -> bool:
    elsewhere = replace(happened, customer=happened.customer + 1)
    return bool(may_go(BRAND, send, CLOSE, READY, joined([elsewhere, happened, elsewhere]))[0])


def test_the_last_check_stops_what_has_become_wrong_and_nothing_else() -> None:
    back = {"product": 30, "order": 5}
    assert not goes(due("how_to", 30), news(EventType.RETURN, 3, **back))
    assert goes(due("how_to", 31), news(EventType.RETURN, 3, **back))
    assert not goes(due("how_to", 31), news(EventType.RETURN, 3, order=5))
    assert goes(due("loyalty"), news(EventType.RETURN, 3, **back))
    assert not goes(due("win_back"), news(EventType.ORDER, 3))
    assert goes(due("loyalty"), news(EventType.ORDER, 3))
    assert not goes(due("loyalty"), news(EventType.UNSUBSCRIBED, 3, channel=0))
    assert goes(due("loyalty"), news(EventType.UNSUBSCRIBED, 3, channel=1))
    assert not goes(due("loyalty"), news(EventType.CONSENT_CHANGED, 3, channel=0, flag=0))
    assert goes(due("loyalty"), news(EventType.CONSENT_CHANGED, 3, channel=0, flag=1))


def test_the_last_check_lets_a_transactional_message_through_to_who_wants_no_marketing() -> None:
    told = [
        one.model_copy(update={"class_": MessageClass.TRANSACTIONAL}) if one.id == "loyalty" else one
        for one in BRAND.campaigns
    ]
    brand = replace(BRAND, campaigns=tuple(told))

    for no in (news(EventType.UNSUBSCRIBED, 3, channel=0), news(EventType.CONSENT_CHANGED, 3, channel=0, flag=0)):
        assert may_go(brand, due("loyalty"), CLOSE, READY, no).all()
        assert not may_go(BRAND, due("loyalty"), CLOSE, READY, no).any()
    bounced = news(EventType.SEND_BOUNCED, 3, channel=0)
    assert not may_go(brand, due("loyalty"), CLOSE, READY, bounced).any()


def test_messages_of_one_day_are_judged_in_the_order_in_which_they_come_to_a_customer() -> None:
    # given ann with three messages, two of them at one instant, and bob with one
    ann, bob = 7, 3
    customer, slot = np.array([ann, bob, ann, ann]), np.array([9, 8, 8, 9])
    zeros = np.zeros(4, np.int64)
    sends = Sends(customer, np.arange(4), zeros, slot, zeros, zeros)

    turns = [one.campaign.tolist() for one in in_turns(sends)]

    assert turns == [[1, 2], [0], [3]]
    assert in_turns(no_sends()) == []


def test_a_transactional_campaign_is_sent_beside_marketing_and_counts_for_no_pressure() -> None:
    # given the world's loyalty programme as a notice that everybody in it gets
    at_work = brand_at_work()
    told = [
        one.model_copy(update={"class_": MessageClass.TRANSACTIONAL, "prior_uplift": -1.0})
        if one.id == "loyalty"
        else one
        for one in at_work.brand.campaigns
    ]
    with_notice = replace(at_work, brand=replace(at_work.brand, campaigns=tuple(told)))

    there = beginning(parameters(), with_notice, 1, 300)
    played = list(days(there, Played.GREEDY, with_capacities(with_notice.brand, capacities(parameters(), 300, SHARE))))
    found = figures_of(there, played, capacities(parameters(), 300, SHARE))

    notices = CAMPAIGNS.index("loyalty")
    customers_of = [(day.sent.customer[day.sent.campaign == notices], day.sent.customer) for day in played]
    assert sum(len(told) for told, _ in customers_of) > 0
    assert any(len(np.unique(everybody)) < len(everybody) for _, everybody in customers_of)
    assert (found.doubled, found.over_capacity, found.broken_known) == (0, 0, 0)


def test_the_last_check_knows_neither_what_comes_later_nor_what_has_not_arrived() -> None:
    order = news(EventType.ORDER, 3)
    assert goes(due("win_back"), news(EventType.ORDER, 4.5))
    assert goes(due("win_back"), replace(order, arrived=order.at + 2 * HOUR))
    # what the decision knew already is no news
    assert goes(due("win_back"), news(EventType.ORDER, -1))
    # but what happened before and arrived since is
    late = news(EventType.ORDER, -1)
    assert not goes(due("win_back"), replace(late, arrived=late.at + 3 * HOUR))


def test_an_interval_is_students() -> None:
    # given the ten differences of Student's own example (1908, additional hours of sleep), t(9) = 4.06
    found = interval([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert round(found.mean, 2) == 1.58
    assert round(found.mean / (found.half_width / 2.262157), 2) == 4.06


def test_a_gain_is_a_share_of_what_exclusions_bring() -> None:
    # given a world in which exclusions earn 100 more than silence, and the oracle 150
    base = figures(Played.SILENCE)
    of = {
        how: [replace(base, profit=base.profit + extra)]
        for how, extra in {**dict.fromkeys(Played, 0.0), Played.EXCLUSIONS: 100.0, Played.ORACLE: 150.0}.items()
    }
    found = Comparison(parameters(), {SHARE: of}, {})
    assert round(found.gain(SHARE, Played.ORACLE, "profit").mean, 9) == 0.5


def test_a_plan_changes_what_it_names_and_nothing_else() -> None:
    told = Plan(WORLD_FILE, BRAND_FOLDER, 1, customers=12, days=3).parameters()
    read = Plan(WORLD_FILE, BRAND_FOLDER, 1).parameters()
    assert (told.compared.customers, told.compared.days) == (12, 3)
    assert told.burn_in == read.burn_in
    assert told.model_copy(update={"compared": read.compared}) == read


def test_each_of_the_source_texts_five_micro_segments_has_somebody_in_it() -> None:
    # given eight hundred customers after a burn-in
    many = setting(parameters(800, 6, 1500, 60), brand_at_work(), 1, learns=False)
    programs = many.at_work.programs
    desk = Desk(many.at_work.brand, programs, many.learnt)
    close = instant_of(int(many.world.starts[many.first_day]))
    many.known.arrive(desk.ready_at(close))

    # when their segments are asked for
    features = desk.features(close, many.known)
    columns = {name: features.column(name) for name in programs.rules.features}
    members = dict(zip(programs.rules.rule_ids, programs.rules.memberships(columns, features.num_rows), strict=True))

    # then
    five = (
        "new_browsed_handbags",
        "big_spenders_never_responded",
        "poker_losers",
        "skiers_gone_quiet",
        "lapsed_top_spenders",
    )
    assert [name for name in five if not members[name].any()] == []


def test_what_is_known_at_a_close_is_what_has_arrived() -> None:
    # given the world's journal up to the first day that is compared
    known = here().known
    close = int(here().world.starts[here().first_day])

    # then nothing that arrives later is among the histories
    newest = pa.compute.max(known.histories(["event_at"]).column("event_at").flatten()).value
    assert newest < close
    assert (known.under_way.arrived > close - 24 * HOUR).all()


def test_however_late_events_come_the_engine_sends_nothing_that_it_could_know_to_be_broken() -> None:
    # given shops whose every third event comes late, and customers who buy a lot and send half of it back at once
    told = parameters()
    told = told.model_copy(
        update={
            "delivery": told.delivery.model_copy(update={"late": 0.35}),
            "returns": told.returns.model_copy(update={"share": 0.5, "first_day": 0.3, "last_day": 4.0}),
            "customers": told.customers.model_copy(
                update={"buying": told.customers.buying.model_copy(update={"median": 0.1})}
            ),
        }
    )
    stopped = 0
    for seed in (1, 2, 3):
        messy = setting(told, brand_at_work(), seed, learns=False)
        found = {how: play(messy, how, None) for how in (Played.EXCLUSIONS, Played.PRIORITY, Played.GREEDY)}

        # then tools without a last check are often wrong, and the engine only where it could not know
        assert found[Played.EXCLUSIONS].broken_known > 20
        for how in (Played.PRIORITY, Played.GREEDY):
            assert found[how].broken > found[how].broken_known == 0
            stopped += found[how].withheld
    # and the last check had its part in that
    assert stopped > 0
