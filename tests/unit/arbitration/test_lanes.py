"""Lanes: marketing competes for one message of each customer, and each transactional campaign for its own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.arbitration.lanes import capacities_drawn_on, lanes_of, order_of_lanes
from ceasefire.arbitration.policies import UNLIMITED, settle

OFFER, NEWS, REFUND, SHIPPING = range(4)
IS_TRANSACTIONAL = np.array([False, False, True, True])
"""Of four campaigns on two channels."""
PASSED = -1


def test_a_customer_has_one_lane_of_marketing_and_one_for_each_transactional_campaign() -> None:
    # given ann, whom all want, bob, whom nobody wants, and cyd, whom the shipping notice wants on two channels
    owner = np.array([0, 0, 0, 0, 2, 2])
    campaign = np.array([OFFER, NEWS, REFUND, SHIPPING, SHIPPING, SHIPPING])

    lanes = lanes_of(owner, campaign, IS_TRANSACTIONAL[campaign], 3)

    assert lanes.of_candidate.tolist() == [0, 0, 3, 4, 5, 5]
    assert lanes.customer.tolist() == [0, 1, 2, 0, 0, 2]
    assert lanes.campaign.tolist() == [-1, -1, -1, REFUND, SHIPPING, SHIPPING]


def test_without_a_transactional_campaign_lanes_are_customers() -> None:
    owner = np.array([0, 2, 2])

    lanes = lanes_of(owner, np.array([OFFER, NEWS, OFFER]), np.zeros(3, np.bool_), 3)

    assert lanes.of_candidate.tolist() == owner.tolist()
    assert (lanes.customer.tolist(), lanes.campaign.tolist()) == ([0, 1, 2], [-1, -1, -1])


def test_a_window_without_candidates_still_has_everybodys_lane_of_marketing() -> None:
    nothing = np.empty(0, np.int64)

    assert lanes_of(nothing, nothing, np.empty(0, np.bool_), 2).customer.tolist() == [0, 1]
    assert lanes_of(nothing, nothing, np.empty(0, np.bool_), 0).count == 0


def test_each_class_is_settled_in_its_own_order() -> None:
    marketing, transactional = np.array([3, 2, 1, 0]), np.array([0, 1, 2, 3])

    order = order_of_lanes(marketing, transactional, np.array([True, False, True, False]))

    assert order.tolist() == [0, 2, 3, 1]


def test_classes_draw_on_capacities_of_their_own() -> None:
    # given the second channel, of marketing and of a refund notice
    drawn = capacities_drawn_on(np.array([1, 1]), np.array([OFFER, REFUND]), np.array([False, True]), 2)

    assert drawn.tolist() == [[1, 3], [4 + OFFER, 4 + REFUND]]


Candidate = tuple[int, int, int, bool]
"""Customer, campaign, channel, and whether a gate is closed to it."""
CANDIDATES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1), st.booleans()), unique_by=lambda row: row[:3]
)
LIMITS = st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=8, max_size=8)


def walked_one_by_one(candidates: list[Candidate], order: list[int], limits: list[int | None]) -> set[int]:
    """Who wins if the candidates are asked one after the other."""
    used: Counter[tuple[str, int]] = Counter()
    served: set[object] = set()
    winners = set()
    for number in order:
        customer, campaign, channel, is_closed = candidates[number]
        own = campaign in (REFUND, SHIPPING)
        seat = (customer, campaign) if own else customer
        takes = {("transactional" if own else "marketing", channel): limits[2 * own + channel]}
        takes["campaign", campaign] = limits[4 + campaign]
        has_room = all(limit is None or used[name] < limit for name, limit in takes.items())
        if not is_closed and seat not in served and has_room:
            winners.add(number)
            served.add(seat)
            used.update(takes.keys())
    return winners


@given(CANDIDATES, LIMITS, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_winners_are_those_of_asking_every_candidate_in_turn(
    candidates: list[Candidate], limits: list[int | None], chance: Any
) -> None:
    rows = sorted(candidates)
    owner, campaign, channel = (np.array([row[part] for row in rows], np.int64) for part in range(3))
    is_transactional = IS_TRANSACTIONAL[campaign]
    order = list(range(len(rows)))
    chance.shuffle(order)

    everything = order_of_lanes(np.array(order, np.int64), np.array(order, np.int64), is_transactional)
    lanes = lanes_of(owner, campaign, is_transactional, 4)
    settlement = settle(
        everything,
        lanes.of_candidate,
        np.array([0 if row[3] else PASSED for row in rows], np.int8),
        capacities_drawn_on(channel, campaign, is_transactional, 2),
        np.array([UNLIMITED if limit is None else limit for limit in limits]),
        lanes.count,
    )

    won = {int(number) for number in settlement.winner if number >= 0}
    assert won == walked_one_by_one(rows, order, limits)
