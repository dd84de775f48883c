"""Which campaigns and channels are paused, and what a person means by a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.errors import UsageError
from ceasefire.release.operators import acting_instant, is_paused, paused_subjects, subject_of

EIGHT = datetime(2026, 11, 30, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAMPAIGNS, CHANNELS = ("birthday", "flash", "sms"), ("email", "sms")


def row(action: str, subject: str, hour: int = 0) -> dict[str, Any]:
    return {"action": action, "subject": subject, "acted_at": EIGHT + hour * HOUR}


ROWS = st.builds(
    row,
    st.sampled_from(("pause", "resume", "erase", "resolve_hold", "revoke")),
    st.sampled_from(("all", "campaign/birthday", "channel/sms", "customer/x")),
    st.integers(0, 3),
)


def paused_by_sorting(rows: list[dict[str, Any]]) -> set[str]:
    """The same by playing all actions in order, at each instant the pauses last."""
    state: set[str] = set()
    for one in sorted(rows, key=lambda one: (one["acted_at"], one["action"] == "pause")):
        if one["action"] == "pause":
            state.add(one["subject"])
        elif one["action"] == "resume":
            state.discard(one["subject"])
    return state


@given(st.lists(ROWS, max_size=12))
def test_what_is_paused_is_what_playing_the_actions_in_order_leaves(rows: list[dict[str, Any]]) -> None:
    assert paused_subjects(rows) == paused_by_sorting(rows)


def test_of_a_pause_and_a_resumption_at_one_instant_the_pause_counts_whatever_their_order() -> None:
    both = [row("pause", "campaign/birthday"), row("resume", "campaign/birthday")]

    for rows in permutations(both):
        assert paused_subjects(rows) == {"campaign/birthday"}


def test_a_resumption_of_everything_ends_no_pause_of_one_campaign() -> None:
    rows = [row("pause", "campaign/birthday"), row("pause", "all", 1), row("resume", "all", 2)]

    assert paused_subjects(rows) == {"campaign/birthday"}


@pytest.mark.parametrize(
    ("paused", "waits"),
    [
        (set(), False),
        ({"campaign/flash"}, False),
        ({"channel/sms"}, False),
        ({"campaign/birthday"}, True),
        ({"channel/email"}, True),
        ({"all"}, True),
        ({"campaign/email", "channel/birthday"}, False),
    ],
    ids=str,
)
def test_a_message_waits_for_its_campaign_its_channel_or_everything(paused: set[str], waits: bool) -> None:
    assert is_paused("birthday", "email", paused) is waits


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("all", "all"),
        ("birthday", "campaign/birthday"),
        ("email", "channel/email"),
        ("campaign/sms", "campaign/sms"),
        ("channel/sms", "channel/sms"),
        ("campaign/taken_out", "campaign/taken_out"),
    ],
)
def test_a_name_is_understood_with_or_without_its_kind(name: str, subject: str) -> None:
    assert subject_of(name, CAMPAIGNS, CHANNELS) == subject


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sms", "sms is a campaign and a channel; say campaign/sms or channel/sms"),
        (
            "birthdy",
            "no campaign or channel birthdy, allowed: all, campaigns birthday, flash, sms, channels email, sms, "
            "or campaign/<id> for a campaign that is no longer configured",
        ),
        ("channel/fax", "no channel fax, allowed: email, sms"),
        ("campaign/", "no campaign or channel campaign/, allowed"),
        ("", "no campaign or channel , allowed"),
    ],
)
def test_a_name_that_means_nothing_or_two_things_is_refused_with_the_way_out(name: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        subject_of(name, CAMPAIGNS, CHANNELS)

    assert says in str(refused.value)


def test_an_action_comes_after_the_one_before_though_the_clock_was_set_back() -> None:
    assert acting_instant(EIGHT, None) == EIGHT
    assert acting_instant(EIGHT, EIGHT - HOUR) == EIGHT
    for newest in (EIGHT, EIGHT + HOUR):
        later = acting_instant(EIGHT, newest)
        assert (
            paused_subjects(
                [
                    {"action": "pause", "subject": "all", "acted_at": newest},
                    {"action": "resume", "subject": "all", "acted_at": later},
                ]
            )
            == frozenset()
        )
