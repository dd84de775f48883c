"""What a customer was sent, or will be: duration locks and limits on re-entry, exact in both directions of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ceasefire.arrow import BoolArray, IntArray

PAIRS_AT_ONCE = 1 << 20
"""How many pairs of a candidate and a commitment are held in memory together, unless one candidate has more."""


@dataclass(frozen=True)
class Sends:
    """Sends of n customers, m in all: those that are proposed (candidates) or those that are settled (commitments).

    Shapes:
        starts        (n+1,) offsets: customer i owns starts[i]:starts[i+1], possibly none
        campaign      (m,)   index in the campaigns; -1 when it is no longer configured
        channel       (m,)   index in the channel names; -1 when it is no longer configured
        is_marketing  (m,)   whether it is of the marketing class
        slot_at       (m,)   microseconds UTC
        slot_date     (m,)   days since 1970-01-01 of the slot's local date
        duration      (m,)   as it is when it is decided: local days where in_days, else microseconds
        in_days       (m,)   whether the duration counts local dates
    """

    starts: IntArray
    campaign: IntArray
    channel: IntArray
    is_marketing: BoolArray
    slot_at: IntArray
    slot_date: IntArray
    duration: IntArray
    in_days: BoolArray


def locked(candidates: Sends, commitments: Sends, lock: Literal["all", "channel", "none"]) -> BoolArray:
    """Which candidates a commitment's duration period excludes, or would exclude an existing commitment with theirs.

    A duration of D days on date d excludes d to d + D - 1 and leaves d + D open; one in hours excludes
    [slot, slot + D). Only marketing locks, and only marketing is locked.

    Args:
        candidates: of n customers, m in all.
        commitments: of the same n customers.
        lock: whom a period excludes: every other send, those on its channel, or none.

    Returns:
        (m,)
    """
    is_locked = np.zeros(len(candidates.slot_at), np.bool_)
    if lock == "none":
        return is_locked
    for candidate, commitment in _pairs(candidates.starts, commitments.starts):
        may_lock = candidates.is_marketing[candidate] & commitments.is_marketing[commitment]
        if lock == "channel":
            same = candidates.channel[candidate] == commitments.channel[commitment]
            may_lock &= same & (commitments.channel[commitment] >= 0)
        candidate, commitment = candidate[may_lock], commitment[may_lock]
        collide = _covers(commitments, commitment, candidates, candidate)
        collide |= _covers(candidates, candidate, commitments, commitment)
        is_locked[candidate[collide]] = True
    return is_locked


def reentry_exhausted(
    candidates: Sends, commitments: Sends, max_count: IntArray, every: IntArray, every_in_days: BoolArray
) -> BoolArray:
    """Which candidates meet as many commitments of their own campaign around their slot as re-entry allows.

    A span of days counts local dates less than that many days away, one of hours instants; before and after alike.

    Shapes, for n customers with m candidates in all:
        max_count      (m,) how often a customer can be in the candidate's campaign within its span
        every          (m,) the span: local days where every_in_days, else microseconds
        every_in_days  (m,)
        returns        (m,)
    """
    met = np.zeros(len(candidates.slot_at), np.int64)
    for candidate, commitment in _pairs(candidates.starts, commitments.starts):
        same = candidates.campaign[candidate] == commitments.campaign[commitment]
        candidate, commitment = candidate[same], commitment[same]
        apart = np.where(
            every_in_days[candidate],
            np.abs(candidates.slot_date[candidate] - commitments.slot_date[commitment]),
            np.abs(candidates.slot_at[candidate] - commitments.slot_at[commitment]),
        )
        met += np.bincount(candidate[apart < every[candidate]], minlength=len(met))
    return met >= max_count


def _covers(lasting: Sends, one: IntArray, other: Sends, another: IntArray) -> BoolArray:
    days_later = other.slot_date[another] - lasting.slot_date[one]
    micros_later = other.slot_at[another] - lasting.slot_at[one]
    later = np.where(lasting.in_days[one], days_later, micros_later)
    return (later >= 0) & (later < lasting.duration[one])


def _pairs(candidate_starts: IntArray, commitment_starts: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Every candidate with every commitment of its customer, as indices, in blocks that fit into memory."""
    owner = np.repeat(np.arange(len(candidate_starts) - 1), np.diff(candidate_starts))
    partners = np.diff(commitment_starts)[owner]
    ends = np.cumsum(partners)
    begin = 0
    while begin < len(owner):
        done = ends[begin] - partners[begin]
        end = max(begin + 1, int(np.searchsorted(ends, done + PAIRS_AT_ONCE, side="right")))
        counts = partners[begin:end]
        first_pair = ends[begin:end] - counts - done
        nth_partner = np.arange(counts.sum()) - np.repeat(first_pair, counts)
        candidate = np.repeat(np.arange(begin, end), counts)
        yield candidate, commitment_starts[owner[candidate]] + nth_partner
        begin = end
