"""How collisions are settled: an order over all candidates of all customers, walked once under all capacities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ceasefire.arbitration.gates import REASON_CODES
from ceasefire.arrow import BoolArray, CodeArray, IntArray
from ceasefire.ids import hash64
from ceasefire.vocabulary import LossReason

UNLIMITED = 1 << 62
"""The capacity of a channel or campaign that has none."""
WALKED_AT_ONCE = 1 << 14
"""How many candidates a round looks at: enough to be fast, and few enough that a full capacity ends a short round."""


@dataclass(frozen=True)
class Settlement:
    """What was settled for n customers with m candidates.

    Shapes:
        winner  (n,) index of the candidate that is sent, or -1 for silence
        reason  (m,) why a candidate lost, as index in tuple(LossReason), or -1 for a winner
    """

    winner: IntArray
    reason: CodeArray


@dataclass(frozen=True)
class Silences:
    """Why n customers get nothing.

    Shapes:
        reason     (n,) index in tuple(LossReason), or -1 for a customer who is sent something
        candidate  (n,) the candidate that got furthest, or -1 where there is none or something is sent
    """

    reason: CodeArray
    candidate: IntArray


def tie_hashes(customer_ids: Sequence[str], window_end: int) -> IntArray:
    """hash(customer, window) of each of n customers: evens out over windows who comes first among equals."""
    return np.array([hash64(f"{customer}|{window_end}") for customer in customer_ids], np.int64)


def greedy_order(value: IntArray, campaign_rank: IntArray, channel_rank: IntArray, tie_hash: IntArray) -> IntArray:
    """All candidates, best value first; among equals by campaign, channel and the hash of customer and window.

    Shapes, for m candidates of all customers:
        value          (m,) millionths of a minor unit
        campaign_rank  (m,) rank of the campaign's id
        channel_rank   (m,) rank of the channel's id
        tie_hash       (m,) of the candidate's customer; with campaign and channel it names the candidate
        returns        (m,) indices, best first
    """
    return np.lexsort((tie_hash, channel_rank, campaign_rank, -value))


def priority_order(
    priority: IntArray, campaign_rank: IntArray, channel_position: IntArray, tie_hash: IntArray
) -> IntArray:
    """All candidates, lowest priority number first; among equals by campaign, its channels' order and the hash.

    Shapes, for m candidates of all customers:
        priority          (m,) of the candidate's campaign; the lowest number comes first
        campaign_rank     (m,) rank of the campaign's id
        channel_position  (m,) position of the channel in the campaign's own list
        tie_hash          (m,) of the candidate's customer; with campaign and channel it names the candidate
        returns           (m,) indices, best first
    """
    return np.lexsort((tie_hash, channel_position, campaign_rank, priority))


def settle(
    order: IntArray,
    owner: IntArray,
    gate_reason: CodeArray,
    resources: IntArray,
    capacities: IntArray,
    customer_count: int,
) -> Settlement:
    """At most one winner for each customer, no capacity overrun, and a reason for every loser.

    As if the order were walked once: a candidate whose customer is served has lost to a better one; else, if one of
    its capacities is full, that is its reason; else it wins and takes one unit of each. In truth it is walked in
    blocks, and in a block all go at once up to the first that finds a capacity full: at most one round for each block
    and one for each capacity that fills.

    Shapes, for n customers with m candidates in all that each draw on r kinds of capacity:
        order           (m,)   permutation of the candidates, best first
        owner           (m,)   index of the customer
        gate_reason     (m,)   index in tuple(LossReason), kept as it is; -1 for those that compete
        resources       (r, m) index in the capacities, of each kind another one (say the channel's, the campaign's)
        capacities      (k,)   how many sends are left; UNLIMITED where nothing limits
        customer_count  n
    """
    room = capacities.astype(np.int64)
    winner = np.full(customer_count, -1, np.int64)
    place = np.empty(customer_count, np.int64)
    competing = order[gate_reason[order] < 0]
    for begin in range(0, len(competing), WALKED_AT_ONCE):
        queue = competing[begin : begin + WALKED_AT_ONCE]
        while True:
            is_open = winner[owner[queue]] < 0
            for kind in resources:
                is_open &= room[kind[queue]] > 0
            queue = queue[is_open]
            if not len(queue):
                break
            chosen = queue[_first_of_each(owner[queue], place)]
            drawn = resources[:, chosen]
            accepted = _count_until_full(drawn, room)
            winner[owner[chosen[:accepted]]] = chosen[:accepted]
            room -= np.bincount(drawn[:, :accepted].ravel(), minlength=len(room))
    return Settlement(winner, _reasons(order, owner, gate_reason, winner))


def silence_reason(reason: CodeArray, value: IntArray, owner: IntArray, customer_count: int) -> Silences:
    """Why each customer without a send gets none: the reason of the candidate that got furthest.

    The gates in their order, then the capacities; among equals the most valuable candidate, then the first. A
    customer without any candidate is in no audience.

    Shapes, for n customers with m candidates in all:
        reason          (m,) as settled: index in tuple(LossReason), or -1 for a winner
        value           (m,) millionths of a minor unit
        owner           (m,) index of the customer
        customer_count  n
    """
    furthest = np.full(customer_count, -1, np.int64)
    # Codes grow in the order in which reasons are found, so the furthest has the largest.
    best_last = np.lexsort((-np.arange(len(owner)), value, reason, owner))
    is_last = np.ones(len(owner), np.bool_)
    is_last[:-1] = np.diff(owner[best_last]) != 0
    furthest[owner[best_last[is_last]]] = best_last[is_last]
    why = np.full(customer_count, REASON_CODES[LossReason.NOT_IN_AUDIENCE], np.int8)
    why[furthest >= 0] = reason[furthest[furthest >= 0]]
    is_sent = np.zeros(customer_count, np.bool_)
    is_sent[owner[reason < 0]] = True
    return Silences(np.where(is_sent, np.int8(-1), why), np.where(is_sent, -1, furthest))


def _first_of_each(owner: IntArray, place: IntArray) -> BoolArray:
    # `place` is room for one number of each customer, lent so that a round costs what it looks at and no more.
    positions = np.arange(len(owner))
    place[owner] = len(owner)
    np.minimum.at(place, owner, positions)
    is_first: BoolArray = place[owner] == positions
    return is_first


def _count_until_full(drawn: IntArray, room: IntArray) -> int:
    """How many of the chosen, in order, come before the first that finds a capacity full."""
    count: int = drawn.shape[1]
    needed = np.bincount(drawn.ravel(), minlength=len(room))
    for capacity in np.flatnonzero(needed > room):
        takers = np.flatnonzero((drawn[:, :count] == capacity).any(axis=0))
        if len(takers) > room[capacity]:
            count = int(takers[room[capacity]])
    return count


def _reasons(order: IntArray, owner: IntArray, gate_reason: CodeArray, winner: IntArray) -> CodeArray:
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order))
    won = winner[winner >= 0]
    served_at = np.full(len(winner), len(order))
    served_at[winner >= 0] = turn[won]
    # Whoever had a turn while the customer was free, and did not win, met a full capacity.
    too_late = turn > served_at[owner]
    lost = np.where(too_late, REASON_CODES[LossReason.LOST_TO_BETTER], REASON_CODES[LossReason.CAPACITY_FULL])
    reason = np.where(gate_reason < 0, lost, gate_reason).astype(np.int8)
    reason[won] = -1
    return reason
