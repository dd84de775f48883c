from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.brand import CHANNELS
from bench.generators import AS_OF, BRAND, HOT_SHARE, KEY, SHAPES, World, happenings, lines
from ceasefire.consent import ConsentTerms
from ceasefire.events.contract import Contract, parse_row

SMALL = World(customers=50, events=2_000)


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_seeds_make_equal_events_and_others_other_ones(shape: str) -> None:
    world = replace(SMALL, shape=shape)

    assert happenings(world).equals(happenings(world))
    assert not happenings(world).equals(happenings(replace(world, seed=1)))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_line_keeps_the_contract_and_lies_before_the_close(shape: str) -> None:
    events = happenings(replace(SMALL, shape=shape))

    contract = Contract(BRAND, "EUR", 2, KEY, ConsentTerms.of(BRAND, dict.fromkeys(CHANNELS, ()), [], []))
    parsed = [parse_row(line, contract) for line in lines(events, "e")]

    assert len(parsed) == SMALL.events
    assert {reason for row in parsed for reason in row.reasons} == set()
    assert len({row.event_key for row in parsed}) == SMALL.events
    assert max(row.event_at for row in parsed if row.event_at is not None) < AS_OF


def test_in_bursts_most_events_follow_another_of_the_same_customer_within_minutes() -> None:
    def share_of_short_gaps(shape: str) -> float:
        events = happenings(replace(SMALL, shape=shape))
        gaps = np.diff(events["event_at"].cast("int64").to_numpy())[np.diff(events["customer"].to_numpy()) == 0]
        return float((gaps < 20 * 60 * 1_000_000).mean())

    assert share_of_short_gaps("uniform") < 0.1
    assert share_of_short_gaps("burst") > 0.7
    assert share_of_short_gaps("world") > 0.5


def test_the_hot_customer_owns_the_share_it_is_said_to() -> None:
    def share_of_first(shape: str) -> float:
        return float((happenings(replace(SMALL, events=20_000, shape=shape))["customer"].to_numpy() == 0).mean())

    assert share_of_first("uniform") < 0.03
    assert share_of_first("hot") == pytest.approx(HOT_SHARE + 0.02, abs=0.015)
