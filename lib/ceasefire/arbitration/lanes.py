"""The rows of the ledger that candidates compete for: one of marketing for each customer, others for what must go.

A transactional message is lost to no offer and to no other transactional message: each campaign of that class has a
lane of its own for each customer, in which only its channels compete. The lanes of both classes draw on capacities of
their own, so one walk over all candidates settles both, and marketing comes out as if there were nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ceasefire.arrow import BoolArray, IntArray


@dataclass(frozen=True)
class Lanes:
    """The lanes of n customers with m candidates: first everybody's marketing, then l - n transactional ones.

    Shapes:
        of_candidate  (m,) the lane that each candidate competes for
        customer      (l,) index of the lane's customer: 0 to n - 1, then ascending
        campaign      (l,) index of the transactional campaign, -1 in lanes of marketing; ascending within a customer
    """

    of_candidate: IntArray
    customer: IntArray
    campaign: IntArray

    @property
    def count(self) -> int:
        """l, the number of lanes."""
        return len(self.customer)


def lanes_of(owner: IntArray, campaign: IntArray, is_transactional: BoolArray, customer_count: int) -> Lanes:
    """The lanes of a window.

    Shapes, for n customers with m candidates in all:
        owner             (m,) index of the customer
        campaign          (m,) index of the campaign
        is_transactional  (m,) whether the campaign is of that class
        customer_count    n
    """
    of_candidate = owner.astype(np.int64)
    everybody = np.arange(customer_count)
    campaign_count = int(campaign.max(initial=-1)) + 1
    pairs = owner[is_transactional] * campaign_count + campaign[is_transactional]
    found, place = np.unique(pairs, return_inverse=True)
    of_candidate[is_transactional] = customer_count + place
    customer, number = np.divmod(found, max(campaign_count, 1))
    none = np.full(customer_count, -1, np.int64)
    return Lanes(of_candidate, np.concatenate([everybody, customer]), np.concatenate([none, number]))


def order_of_lanes(marketing: IntArray, transactional: IntArray, is_transactional: BoolArray) -> IntArray:
    """All candidates in the order in which they are settled, each class in its own.

    Shapes, for m candidates of all customers:
        marketing         (m,) indices, best first by the brand's policy
        transactional     (m,) indices, best first by priority
        is_transactional  (m,) whether the candidate's campaign is of that class
        returns           (m,) indices, best first
    """
    return np.concatenate([transactional[is_transactional[transactional]], marketing[~is_transactional[marketing]]])


def capacities_drawn_on(
    channel: IntArray, campaign: IntArray, is_transactional: BoolArray, channel_count: int
) -> IntArray:
    """What each candidate takes one unit of when it wins, as indices in one list of capacities.

    The list holds the capacity of each channel for marketing, that of each channel for transactional messages, and
    that of each campaign.

    Shapes, for m candidates:
        channel           (m,) index of the channel
        campaign          (m,) index of the campaign
        is_transactional  (m,)
        channel_count     number of channels
        returns           (2, m) the channel's capacity, the campaign's
    """
    of_class = channel + channel_count * is_transactional.astype(np.int64)
    return np.stack([of_class, 2 * channel_count + campaign])
