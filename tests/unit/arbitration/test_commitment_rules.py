from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.arbitration.commitments import Sends, locked, reentry_exhausted

Lock = Literal["all", "channel", "none"]
HOUR = 3_600_000_000
DAY = 24 * HOUR
NOON = 12 * HOUR
EMAIL, SMS, GONE = 0, 1, -1


@dataclass(frozen=True)
class Send:
    """A send at noon UTC of a date, unless said otherwise; its duration in days, or in hours."""

    date: int
    days: int | None = 1
    hours: int = 0
    at: int = NOON
    customer: int = 0
    campaign: int = 0
    channel: int = EMAIL
    is_marketing: bool = True

    @property
    def slot_at(self) -> int:
        return self.date * DAY + self.at


def sends(rows: list[Send], customers: int = 1) -> Sends:
    ordered = sorted(rows, key=lambda row: row.customer)
    return Sends(
        starts=np.array([sum(row.customer < one for row in rows) for one in range(customers + 1)], np.int64),
        campaign=np.array([row.campaign for row in ordered], np.int64),
        channel=np.array([row.channel for row in ordered], np.int64),
        is_marketing=np.array([row.is_marketing for row in ordered], np.bool_),
        slot_at=np.array([row.slot_at for row in ordered], np.int64),
        slot_date=np.array([row.date for row in ordered], np.int64),
        duration=np.array([row.hours * HOUR if row.days is None else row.days for row in ordered], np.int64),
        in_days=np.array([row.days is not None for row in ordered], np.bool_),
    )


def is_locked(candidate: Send, *commitments: Send, lock: Lock = "all") -> bool:
    return bool(locked(sends([candidate]), sends(list(commitments)), lock)[0])


def is_exhausted(candidate: Send, commitments: list[Send], max_count: int, every: int, in_days: bool = True) -> bool:
    limit = np.array([max_count]), np.array([every]), np.array([in_days])
    return bool(reentry_exhausted(sends([candidate]), sends(commitments), *limit)[0])


def test_the_last_day_of_a_duration_period_is_excluded_and_the_next_one_is_open() -> None:
    sent = Send(date=100, days=5)

    assert is_locked(Send(date=104), sent)
    assert not is_locked(Send(date=105), sent)


def test_local_dates_decide_a_duration_in_days_however_few_hours_lie_between() -> None:
    late_in_the_evening = Send(date=100, days=1, at=20 * HOUR)

    assert not is_locked(Send(date=101, at=8 * HOUR), late_in_the_evening)


def test_a_duration_in_hours_ends_at_its_instant() -> None:
    sent = Send(date=100, days=None, hours=48)

    assert is_locked(Send(date=102, at=NOON - 1), sent)
    assert not is_locked(Send(date=102, at=NOON), sent)


def test_a_candidate_whose_own_period_would_reach_over_a_later_send_is_excluded_too() -> None:
    later = Send(date=105, days=1)

    assert is_locked(Send(date=101, days=5), later)
    assert not is_locked(Send(date=100, days=5), later)
    assert is_locked(Send(date=104, days=None, hours=25), later)
    assert not is_locked(Send(date=104, days=None, hours=24), later)


def test_transactional_mail_is_never_locked_and_never_locks() -> None:
    marketing, transactional = Send(date=100, days=9), Send(date=100, days=9, is_marketing=False)

    assert not is_locked(transactional, marketing)
    assert not is_locked(marketing, transactional)


@pytest.mark.parametrize(
    ("lock", "same", "other"), [("all", True, True), ("channel", True, False), ("none", False, False)]
)
def test_a_brand_chooses_what_a_period_excludes(lock: Lock, same: bool, other: bool) -> None:
    sent = Send(date=100, days=5, channel=EMAIL)

    assert is_locked(Send(date=101, channel=EMAIL), sent, lock=lock) is same
    assert is_locked(Send(date=101, channel=SMS), sent, lock=lock) is other


def test_a_send_on_a_channel_that_is_gone_still_locks_all_but_no_single_channel() -> None:
    sent = Send(date=100, days=5, channel=GONE)

    assert is_locked(Send(date=101), sent, lock="all")
    assert not is_locked(Send(date=101), sent, lock="channel")


def test_a_campaign_that_is_gone_still_locks_with_the_duration_it_had() -> None:
    assert is_locked(Send(date=104, campaign=0), Send(date=100, days=5, campaign=GONE))


def test_one_customers_sends_lock_nobody_else() -> None:
    candidates = sends([Send(date=101, customer=0), Send(date=101, customer=1), Send(date=101, customer=2)], 3)
    commitments = sends([Send(date=100, days=5, customer=1)], 3)

    assert locked(candidates, commitments, "all").tolist() == [False, True, False]


def test_a_third_entry_is_refused_where_two_are_allowed() -> None:
    loop = [Send(date=100), Send(date=110)]

    assert not is_exhausted(Send(date=120), loop[:1], max_count=2, every=30)
    assert is_exhausted(Send(date=120), loop, max_count=2, every=30)


def test_an_entry_counts_until_as_many_days_have_passed() -> None:
    assert is_exhausted(Send(date=129), [Send(date=100)], max_count=1, every=30)
    assert not is_exhausted(Send(date=130), [Send(date=100)], max_count=1, every=30)


def test_an_entry_to_come_counts_like_one_that_was() -> None:
    assert is_exhausted(Send(date=71), [Send(date=100)], max_count=1, every=30)
    assert not is_exhausted(Send(date=70), [Send(date=100)], max_count=1, every=30)


def test_a_span_in_hours_counts_instants() -> None:
    sent = [Send(date=100)]

    assert is_exhausted(Send(date=101, at=NOON - 1), sent, max_count=1, every=24 * HOUR, in_days=False)
    assert not is_exhausted(Send(date=101, at=NOON), sent, max_count=1, every=24 * HOUR, in_days=False)


def test_other_campaigns_and_those_that_are_gone_are_no_entries() -> None:
    assert not is_exhausted(Send(date=101, campaign=3), [Send(date=100, campaign=4)], max_count=1, every=30)
    assert not is_exhausted(Send(date=101, campaign=3), [Send(date=100, campaign=GONE)], max_count=1, every=30)


def test_reentry_holds_for_transactional_mail_as_well() -> None:
    welcome = Send(date=100, is_marketing=False)

    assert is_exhausted(Send(date=101, is_marketing=False), [welcome], max_count=1, every=30)


def test_without_customers_nothing_is_locked() -> None:
    none = sends([], 0)
    nothing = np.empty(0, np.int64)

    assert locked(none, none, "all").tolist() == []
    assert reentry_exhausted(none, none, nothing, nothing, np.empty(0, np.bool_)).tolist() == []


def test_more_pairs_than_are_held_at_once_are_all_looked_at() -> None:
    # Three customers with 600 candidates and 1000 commitments each; only the very last commitment of each reaches.
    candidates = sends([Send(date=200, customer=customer) for customer in range(3) for _ in range(600)], 3)
    early = [Send(date=100, customer=customer) for customer in range(3) for _ in range(999)]
    commitments = sends(early + [Send(date=200, customer=customer) for customer in range(3)], 3)
    m = len(candidates.slot_at)

    assert locked(candidates, commitments, "all").all()
    counts = [np.full(m, 1000), np.full(m, 101), np.ones(m, np.bool_)]
    assert reentry_exhausted(candidates, commitments, *counts).all()
    assert not reentry_exhausted(candidates, commitments, counts[0] + 1, counts[1], counts[2]).any()


some_sends = st.lists(
    st.builds(
        Send,
        date=st.integers(100, 106),
        days=st.sampled_from([None, 1, 2, 4]),
        hours=st.sampled_from([1, 24, 47, 48]),
        at=st.sampled_from([8 * HOUR, NOON, 20 * HOUR]),
        customer=st.integers(0, 3),
        campaign=st.integers(-1, 1),
        channel=st.integers(-1, 1),
        is_marketing=st.booleans(),
    ),
    max_size=14,
)


def days_or_hours_reach(one: Send, other: Send) -> bool:
    if one.days is not None:
        return other.date in range(one.date, one.date + one.days)
    return one.slot_at <= other.slot_at < one.slot_at + one.hours * HOUR


@given(some_sends, some_sends, st.sampled_from(["all", "channel", "none"]))
@settings(max_examples=100)
def test_locks_agree_with_looking_at_every_pair(candidates: list[Send], commitments: list[Send], lock: Lock) -> None:
    expected = [
        any(
            lock != "none"
            and sent.customer == candidate.customer
            and sent.is_marketing
            and candidate.is_marketing
            and (lock == "all" or (sent.channel == candidate.channel and sent.channel != GONE))
            and (days_or_hours_reach(sent, candidate) or days_or_hours_reach(candidate, sent))
            for sent in commitments
        )
        for candidate in sorted(candidates, key=lambda one: one.customer)
    ]

    assert locked(sends(candidates, 4), sends(commitments, 4), lock).tolist() == expected


@given(some_sends, some_sends, st.integers(1, 3), st.sampled_from([(1, True), (3, True), (24 * HOUR, False)]))
@settings(max_examples=100)
def test_reentry_agrees_with_counting_one_by_one(
    candidates: list[Send], commitments: list[Send], max_count: int, span: tuple[int, bool]
) -> None:
    candidates = [one for one in candidates if one.campaign != GONE]
    every, in_days = span
    expected = []
    for candidate in sorted(candidates, key=lambda one: one.customer):
        entries = 0
        for sent in commitments:
            if sent.customer == candidate.customer and sent.campaign == candidate.campaign:
                days, micros = abs(sent.date - candidate.date), abs(sent.slot_at - candidate.slot_at)
                entries += (days if in_days else micros) < every
        expected.append(entries >= max_count)
    m = len(candidates)

    exhausted = reentry_exhausted(
        sends(candidates, 4), sends(commitments, 4), np.full(m, max_count), np.full(m, every), np.full(m, in_days)
    )

    assert exhausted.tolist() == expected
