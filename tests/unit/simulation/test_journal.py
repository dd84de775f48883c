"""Events of the world as lines that the program reads."""

from __future__ import annotations

import json
from collections import Counter

from ceasefire.events.contract import parse_row
from ceasefire.pipelines.simulated.days import texts_of
from ceasefire.simulation.journal import Told, joined, lines
from unit.simulation.small_world import brand_at_work, parameters, small_world
from unit.simulation.test_world import silent_days


def test_every_line_is_an_event_of_the_contract_under_an_id_of_its_own() -> None:
    # given two weeks of four hundred customers
    world, brand = small_world(), brand_at_work()
    _, journals = silent_days(world, 14)
    people = world.people
    told = Told(people.zone, people.locale, people.source, people.addressed)

    # when
    written = list(lines(joined(journals), texts_of(parameters(), brand.brand), told))
    parsed = [parse_row(one, brand.contract) for one in written]

    # then
    assert Counter(reason for one in parsed for reason in one.reasons) == {}
    assert len({one.event_key for one in parsed}) == len(written) == len(joined(journals))
    assert {"registered", "consent_changed", "browse", "order", "order_line", "return", "session_ended"} <= {
        json.loads(one)["event_type"] for one in written
    }
