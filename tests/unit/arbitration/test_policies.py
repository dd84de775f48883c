from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.arbitration.policies import (
    UNLIMITED,
    Settlement,
    greedy_order,
    priority_order,
    settle,
    silence_reason,
    tie_hashes,
)
from ceasefire.vocabulary import LossReason

CAPACITY_FULL, LOST, NO_CONSENT, NOT_POSITIVE, NOT_IN_AUDIENCE, LOCKED = (
    tuple(LossReason).index(reason)
    for reason in (
        LossReason.CAPACITY_FULL,
        LossReason.LOST_TO_BETTER,
        LossReason.NO_CONSENT,
        LossReason.VALUE_NOT_POSITIVE,
        LossReason.NOT_IN_AUDIENCE,
        LossReason.DURATION_LOCK,
    )
)
WON = PASSED = -1


def walked_one_by_one(
    order: Sequence[int],
    owner: Sequence[int],
    gate_reason: Sequence[int],
    resources: Sequence[Sequence[int]],
    capacities: Sequence[int],
    customers: int,
) -> tuple[list[int], list[int]]:
    left, winner, reason = list(capacities), [-1] * customers, list(gate_reason)
    for candidate in order:
        if gate_reason[candidate] != PASSED:
            continue
        needed = [kind[candidate] for kind in resources]
        if winner[owner[candidate]] != -1:
            reason[candidate] = LOST
        elif any(left[one] == 0 for one in needed):
            reason[candidate] = CAPACITY_FULL
        else:
            winner[owner[candidate]] = candidate
            for one in needed:
                left[one] -= 1
    return winner, reason


def settled(
    order: Sequence[int],
    owner: Sequence[int],
    gate_reason: Sequence[int],
    resources: Sequence[Sequence[int]],
    capacities: Sequence[int],
    customers: int,
) -> Settlement:
    return settle(
        np.array(order, np.int64),
        np.array(owner, np.int64),
        np.array(gate_reason, np.int8),
        np.array(resources, np.int64).reshape(len(resources), len(owner)),
        np.array(capacities, np.int64),
        customers,
    )


def test_a_customer_gets_one_message_and_the_others_lost_to_a_better_one() -> None:
    outcome = settled([2, 0, 1], [0, 0, 0], [PASSED] * 3, [[0, 0, 0]], [UNLIMITED], 1)

    assert outcome.winner.tolist() == [2]
    assert outcome.reason.tolist() == [LOST, LOST, WON]


def test_where_one_place_is_left_it_goes_to_who_comes_first_in_the_order_and_not_in_the_rows() -> None:
    outcome = settled([1, 0], [0, 1], [PASSED] * 2, [[0, 0]], [1], 2)

    assert outcome.winner.tolist() == [-1, 1]
    assert outcome.reason.tolist() == [CAPACITY_FULL, WON]


def test_first_come_and_best_value_give_the_last_place_to_different_customers() -> None:
    priority, value = np.array([10, 20]), np.array([5, 500])
    campaign_rank, channel, tie = np.array([0, 1]), np.array([0, 0]), np.array([7, 3])
    by_priority = priority_order(priority, campaign_rank, channel, tie)
    by_value = greedy_order(value, campaign_rank, channel, tie)

    assert settled(by_priority.tolist(), [0, 1], [PASSED] * 2, [[0, 0]], [1], 2).winner.tolist() == [0, -1]
    assert settled(by_value.tolist(), [0, 1], [PASSED] * 2, [[0, 0]], [1], 2).winner.tolist() == [-1, 1]


def test_a_customer_whose_best_message_has_no_room_left_gets_the_next_best() -> None:
    # given one sms is left, and both customers' best is an sms and their second best a mail
    sms, mail = 0, 1
    outcome = settled([0, 2, 1, 3], [0, 0, 1, 1], [PASSED] * 4, [[sms, mail, sms, mail]], [1, UNLIMITED], 2)

    assert outcome.winner.tolist() == [0, 3]
    assert outcome.reason.tolist() == [WON, LOST, CAPACITY_FULL, WON]


def test_a_message_needs_room_on_its_channel_and_in_its_campaign() -> None:
    # given a channel with room for two, and a campaign with room for one
    channel, campaign_one, campaign_two = 0, 1, 2
    outcome = settled(
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [PASSED] * 4,
        [[channel] * 4, [campaign_one, campaign_one, campaign_two, campaign_two]],
        [2, 1, UNLIMITED],
        4,
    )

    assert outcome.winner.tolist() == [0, -1, 2, -1]
    assert outcome.reason.tolist() == [WON, CAPACITY_FULL, WON, CAPACITY_FULL]


def test_a_candidate_that_a_gate_stopped_keeps_its_reason_and_takes_no_room() -> None:
    outcome = settled([0, 1], [0, 1], [NO_CONSENT, PASSED], [[0, 0]], [1], 2)

    assert outcome.winner.tolist() == [-1, 1]
    assert outcome.reason.tolist() == [NO_CONSENT, WON]


def test_a_capacity_of_nothing_is_full_from_the_start() -> None:
    assert settled([0], [0], [PASSED], [[0]], [0], 1).reason.tolist() == [CAPACITY_FULL]


def test_without_candidates_everybody_gets_silence() -> None:
    assert settled([], [], [], [[], []], [1], 2).winner.tolist() == [-1, -1]


def test_the_capacities_that_were_given_are_not_changed() -> None:
    capacities = np.array([1])
    settle(np.array([0]), np.array([0]), np.array([-1], np.int8), np.array([[0]]), capacities, 1)

    assert capacities.tolist() == [1]


@given(st.data())
@settings(max_examples=100)
def test_settling_at_once_is_the_same_as_walking_one_by_one(data: st.DataObject) -> None:
    m, customers = data.draw(st.integers(0, 40)), data.draw(st.integers(1, 12))
    channels, campaigns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))

    def drawn(numbers: st.SearchStrategy[int], size: int = m) -> list[int]:
        return data.draw(st.lists(numbers, min_size=size, max_size=size))

    owner = drawn(st.integers(0, customers - 1))
    gate_reason = drawn(st.sampled_from([PASSED, PASSED, PASSED, NO_CONSENT]))
    resources = [drawn(st.integers(0, channels - 1)), drawn(st.integers(channels, channels + campaigns - 1))]
    capacities = drawn(st.sampled_from([0, 1, 2, 3, 5, UNLIMITED]), channels + campaigns)
    order = data.draw(st.permutations(range(m)))

    outcome = settled(order, owner, gate_reason, resources, capacities, customers)

    assert (outcome.winner.tolist(), outcome.reason.tolist()) == walked_one_by_one(
        order, owner, gate_reason, resources, capacities, customers
    )


def test_many_candidates_settle_as_if_walked_one_by_one_however_they_fall_into_blocks() -> None:
    rng = np.random.default_rng(11)
    m, customers, channels, campaigns = 60_000, 20_000, 3, 30
    owner, order = np.sort(rng.integers(0, customers, m)), rng.permutation(m)
    resources = np.stack([rng.integers(0, channels, m), channels + rng.integers(0, campaigns, m)])
    gate_reason = np.where(rng.random(m) < 0.2, NO_CONSENT, PASSED).astype(np.int8)
    capacities = np.concatenate([[3000, UNLIMITED, UNLIMITED], rng.integers(0, 600, campaigns)])

    outcome = settle(order, owner, gate_reason, resources, capacities, customers)

    winner, reason = walked_one_by_one(
        order.tolist(), owner.tolist(), gate_reason.tolist(), resources.tolist(), capacities.tolist(), customers
    )
    assert outcome.winner.tolist() == winner
    assert outcome.reason.tolist() == reason


def test_the_best_value_comes_first_and_equals_go_by_campaign_channel_and_hash() -> None:
    value = np.array([5, 9, 9, 9, 9])
    campaign_rank, channel_rank = np.array([0, 1, 0, 0, 0]), np.array([0, 0, 1, 0, 0])

    assert greedy_order(value, campaign_rank, channel_rank, np.array([0, 0, 0, 8, -8])).tolist() == [4, 3, 2, 1, 0]


def test_the_lowest_priority_number_comes_first_and_equals_go_by_campaign_channel_and_hash() -> None:
    priority = np.array([5, 1, 1, 1, 1])
    campaign_rank, position = np.array([0, 1, 0, 0, 0]), np.array([0, 0, 1, 0, 0])

    assert priority_order(priority, campaign_rank, position, np.array([0, 0, 0, 8, -8])).tolist() == [4, 3, 2, 1, 0]


def test_by_priority_alone_each_customer_gets_the_highest_campaign_that_wants_them_on_its_first_channel() -> None:
    # given two customers in campaigns 10 and 20, and a third in 20 only, each campaign on two channels
    owner = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    priority = [20, 20, 10, 10, 10, 10, 20, 20, 20, 20]
    position = [0, 1, 1, 0, 0, 1, 0, 1, 1, 0]
    order = priority_order(np.array(priority), np.array(priority) // 10, np.array(position), np.array([5, 1, 9])[owner])

    winner = settled(order.tolist(), owner, [PASSED] * 10, [[0] * 10], [UNLIMITED], 3).winner

    assert winner.tolist() == [3, 4, 9]


def test_ties_fall_differently_in_each_window_and_the_same_in_a_rerun() -> None:
    customers = [f"customer{number}" for number in range(50)]

    first, again, next_window = tie_hashes(customers, 1), tie_hashes(customers, 1), tie_hashes(customers, 2)

    assert first.tolist() == again.tolist()
    assert np.argsort(first).tolist() != np.argsort(next_window).tolist()
    assert len(set(first.tolist())) == 50


@given(st.permutations(range(12)), st.permutations(range(4)))
@settings(max_examples=60)
def test_shuffled_rows_and_customers_leave_the_same_winners(rows: list[int], renumbered: list[int]) -> None:
    # given four customers with three campaigns each, all worth the same, and room for two
    ids = ["ann", "bob", "cyd", "dan"]
    owner, campaign = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)

    def winners(rows: Sequence[int], number_of: Sequence[int]) -> dict[str, int]:
        names = [ids[list(number_of).index(number)] for number in range(4)]
        owners, campaigns = np.array(number_of)[owner[list(rows)]], campaign[list(rows)]
        zeros = np.zeros(12, np.int64)
        order = greedy_order(zeros + 5, campaigns, zeros, tie_hashes(names, 7)[owners])
        outcome = settle(order, owners, np.full(12, PASSED, np.int8), zeros[None, :], np.array([2]), 4)
        return {names[owners[one]]: int(campaigns[one]) for one in outcome.winner if one >= 0}

    assert winners(rows, renumbered) == winners(range(12), range(4))


def test_a_silent_customers_reason_is_that_of_the_candidate_that_got_furthest() -> None:
    owner = np.array([0, 0, 1, 1, 3, 3])
    reason = np.array([NO_CONSENT, NOT_POSITIVE, CAPACITY_FULL, LOCKED, WON, LOST], np.int8)

    silences = silence_reason(reason, np.array([9, -1, 1, 99, 5, 5]), owner, 4)

    assert silences.reason.tolist() == [NOT_POSITIVE, CAPACITY_FULL, NOT_IN_AUDIENCE, -1]
    assert silences.candidate.tolist() == [1, 2, -1, -1]


def test_of_candidates_that_got_equally_far_the_most_valuable_stands_for_the_silence_then_the_first() -> None:
    reason = np.full(4, LOCKED, np.int8)

    silences = silence_reason(reason, np.array([1, 7, 7, 3]), np.zeros(4, np.int64), 1)

    assert silences.candidate.tolist() == [1]


def test_nobody_without_a_candidate_falls_between_the_cracks() -> None:
    nothing = np.empty(0, np.int64)

    assert silence_reason(np.empty(0, np.int8), nothing, nothing, 2).reason.tolist() == [NOT_IN_AUDIENCE] * 2


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(-3, 3)), max_size=20),
)
@settings(max_examples=60)
def test_silence_reasons_agree_with_looking_at_each_customers_candidates(rows: list[tuple[int, int, int]]) -> None:
    owner, reason, value = (np.array([row[part] for row in rows], np.int64) for part in range(3))

    silences = silence_reason(reason.astype(np.int8), value, owner, 5)

    for customer in range(5):
        mine = [(-code, -worth, at) for at, (one, code, worth) in enumerate(rows) if one == customer]
        best = min(mine, default=(-NOT_IN_AUDIENCE, 0, -1))
        assert (silences.reason[customer], silences.candidate[customer]) == (-best[0], best[2])
