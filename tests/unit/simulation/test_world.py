"""The world: the same for every policy, and hurt by what hurts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from ceasefire.arrow import IntArray
from ceasefire.ids import hash64
from ceasefire.simulation.journal import Journal, joined, order_text
from ceasefire.simulation.world import MICROS_PER_DAY, MICROS_PER_HOUR, Sends, State, World, no_sends
from ceasefire.vocabulary import EventType
from unit.simulation.small_world import DAYS, brand_at_work, small_world

CAMPAIGNS = [one.id for one in brand_at_work().brand.campaigns]


def sends(world: World, day: int, who: IntArray, campaign: str, order: str | None = None) -> Sends:
    """One message of a campaign to each of some customers, six hours after the close."""
    count = len(who)
    about = 0 if order is None else hash64(order)
    return Sends(
        customer=who,
        campaign=np.full(count, CAMPAIGNS.index(campaign)),
        channel=np.zeros(count, np.int64),
        slot_at=np.full(count, world.starts[day] + 6 * MICROS_PER_HOUR),
        about_product=np.full(count, about),
        about_order=np.full(count, about),
    )


def silent_days(world: World, days: int = DAYS) -> tuple[State, list[Journal]]:
    """The world if nobody says anything."""
    state, past = world.beginning()
    return state, [past, *(world.day(state, day, no_sends())[0] for day in range(days))]


def of_kind(journal: Journal, kind: EventType) -> Journal:
    return journal.take(journal.kind == kind.code)


def test_what_customers_do_by_themselves_is_the_same_whatever_is_sent() -> None:
    # given two days of the same world, one with a message to every second customer
    world = small_world()
    quiet, _ = silent_days(world, 10)
    loud = quiet.first(len(world.people))
    without, _ = world.day(quiet, 10, no_sends())
    with_messages, _ = world.day(loud, 10, sends(world, 10, np.arange(0, 400, 2), "flash_sale"))

    # then visits, games and returns are the same
    for kind in (EventType.BROWSE, EventType.SESSION_ENDED, EventType.RETURN, EventType.REGISTERED):
        one, other = of_kind(without, kind), of_kind(with_messages, kind)
        assert one.at.tolist() == other.at.tolist()
        assert one.customer.tolist() == other.customer.tolist()
    # and so are the purchases of whoever got no message
    odd_buyers = [
        set(of_kind(one, EventType.ORDER).customer[of_kind(one, EventType.ORDER).customer % 2 == 1].tolist())
        for one in (without, with_messages)
    ]
    assert odd_buyers[0] == odd_buyers[1]


def test_what_happens_on_a_day_happens_between_its_close_and_the_next_also_when_clocks_are_changed() -> None:
    # given weeks in which clocks go back, so that closes move in UTC
    world = small_world(start=date(2026, 11, 10))
    lengths = np.diff(world.starts)
    assert set(lengths.tolist()) == {MICROS_PER_DAY, MICROS_PER_DAY + MICROS_PER_HOUR}

    # when
    _, (_, *days) = silent_days(world)

    # then
    for number, journal in enumerate(days):
        assert len(journal)
        assert (journal.at >= world.starts[number]).all()
        assert (journal.at < world.starts[number + 1]).all()


def test_a_purchase_that_a_message_brings_about_comes_after_it() -> None:
    # given messages that everybody falls for
    world = small_world()
    certain = world.parameters.response.model_copy(update={"interest": 50.0, "intrusion": 0.0})
    world = replace(world, parameters=world.parameters.model_copy(update={"response": certain}))
    state, _ = silent_days(world, 10)
    here = np.flatnonzero(world.people.registered < 10)
    message = sends(world, 10, here, "flash_sale")

    # when
    journal, truth = world.day(state, 10, message)

    # then all who got it buy, and nearly all of them after it
    orders = of_kind(journal, EventType.ORDER)
    assert truth.bought[here].mean() > 0.9
    assert (orders.at > message.slot_at[0]).mean() > 0.95
    assert (orders.at < world.starts[11]).all()


def test_a_message_about_what_went_back_is_broken_and_only_known_so_once_the_return_has_arrived() -> None:
    # given a return that happened an hour before a message about its order, and is known only three hours later
    world = small_world()
    state, _ = silent_days(world, 5)
    close = int(world.starts[5])
    order = 77
    back = joined([of_kind(silent_days(world, 20)[1][-1], EventType.RETURN), state.returns]).take(slice(0, 1))
    back = replace(
        back,
        customer=np.array([3]),
        order=np.array([order]),
        at=np.array([close + 5 * MICROS_PER_HOUR]),
        arrived=np.array([close + 8 * MICROS_PER_HOUR]),
    )
    state.returns = joined([state.returns, back])
    state.return_hashes = np.append(state.return_hashes, hash64(order_text(order)))
    early = sends(world, 5, np.array([3]), "how_to", order_text(order))
    late = replace(early, slot_at=early.slot_at + 3 * MICROS_PER_HOUR)

    # when the message comes before the return is known, and after
    _, unknown = world.day(state.first(400), 5, early)
    _, known = world.day(state.first(400), 5, late)

    # then
    assert (unknown.broken.tolist(), unknown.broken_known.tolist()) == ([True], [False])
    assert (known.broken.tolist(), known.broken_known.tolist()) == ([True], [True])


def test_a_win_back_to_somebody_who_has_just_bought_is_broken_and_a_sale_is_not() -> None:
    world = small_world()
    state, journals = silent_days(world, 20)
    newest = of_kind(journals[-1], EventType.ORDER)
    assert len(newest), "somebody bought on the last day"
    buyer = newest.customer[:1]
    _, wooed = world.day(state.first(400), 20, sends(world, 20, buyer, "win_back"))
    _, told = world.day(state.first(400), 20, sends(world, 20, buyer, "flash_sale"))
    assert wooed.broken.tolist() == [True]
    assert told.broken.tolist() == [False]


def test_every_return_is_of_an_order_and_comes_three_to_fourteen_days_after_it() -> None:
    _, journals = silent_days(small_world(2000))
    everything = joined(journals)
    orders, returns = of_kind(everything, EventType.ORDER), of_kind(everything, EventType.RETURN)
    ordered_at = dict(zip(orders.order.tolist(), orders.at.tolist(), strict=True))
    waits = [
        (at - ordered_at[order]) / MICROS_PER_DAY
        for order, at in zip(returns.order.tolist(), returns.at.tolist(), strict=True)
    ]
    assert len(set(orders.order.tolist())) == len(orders)
    assert min(waits) >= 3.0
    assert max(waits) <= 14.0
    # some of the newest orders' returns are still to come
    assert 0.10 < len(returns) / len(orders) < 0.13


def test_some_events_come_late_and_none_before_it_happens() -> None:
    _, journals = silent_days(small_world(1000), 20)
    everything = joined(journals)
    hours = (everything.arrived - everything.at) / MICROS_PER_HOUR
    assert hours.min() >= 0.0
    assert hours.max() <= 48.0
    assert (hours > 0.02).mean() == pytest.approx(0.01, abs=0.003)


def test_visits_come_in_sessions() -> None:
    _, journals = silent_days(small_world(1000), 20)
    pages = of_kind(joined(journals), EventType.BROWSE)
    order = np.lexsort((pages.at, pages.customer))
    same = np.diff(pages.customer[order]) == 0
    gaps = np.diff(pages.at[order])[same] / MICROS_PER_HOUR
    # far more follow within two minutes than a process without memory would have
    assert (gaps < 1 / 30).mean() > 0.5


def test_whoever_has_had_enough_says_so_on_the_channel_of_the_message() -> None:
    # given messages that drive everybody away
    world = small_world()
    fed_up = world.parameters.response.model_copy(update={"leaving": 1e9})
    world = replace(world, parameters=world.parameters.model_copy(update={"response": fed_up}))
    state, _ = silent_days(world, 3)
    message = replace(sends(world, 3, np.arange(5), "holiday"), channel=np.full(5, 1))

    # when
    journal, truth = world.day(state, 3, message)

    # then
    gone = of_kind(journal, EventType.UNSUBSCRIBED)
    assert truth.left == 5
    assert sorted(gone.customer.tolist()) == [0, 1, 2, 3, 4]
    assert set(gone.channel.tolist()) == {1}


def test_a_part_of_the_customers_lives_as_it_does_among_all() -> None:
    world = small_world(400)
    _, journals = silent_days(world, 8)
    _, fewer = silent_days(world.first(150), 8)
    mine = joined(journals)
    mine = mine.take(mine.customer < 150)
    assert sorted(zip(mine.customer, mine.at, mine.kind, strict=True)) == sorted(
        zip(joined(fewer).customer, joined(fewer).at, joined(fewer).kind, strict=True)
    )
