"""When the sends of a slot are judged."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ceasefire.release.last_check import first_ticks

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANTS = st.integers(min_value=0, max_value=40).map(lambda quarters: EIGHT + quarters * HOUR / 4)


def test_a_slot_is_judged_at_the_first_tick_that_is_not_before_it() -> None:
    ticks = [EIGHT + HOUR / 2, EIGHT - HOUR, EIGHT, EIGHT + 2 * HOUR]

    assert first_ticks([EIGHT, EIGHT + HOUR], ticks, None) == {EIGHT: EIGHT, EIGHT + HOUR: EIGHT + 2 * HOUR}


def test_a_slot_that_no_tick_has_reached_is_not_judged() -> None:
    assert first_ticks([EIGHT], [EIGHT - HOUR], None) == {}
    assert first_ticks([EIGHT], [], None) == {}


def test_a_clock_that_shows_the_present_judges_what_it_finds_late_as_of_now() -> None:
    now = EIGHT + 2 * HOUR

    assert first_ticks([EIGHT, EIGHT + 2 * HOUR], [EIGHT, now], now) == {EIGHT: now, EIGHT + 2 * HOUR: now}


@given(st.lists(INSTANTS), st.lists(INSTANTS), st.none() | INSTANTS)
def test_no_slot_is_judged_before_it_has_come_and_none_waits_beyond_the_tick_that_reaches_it(
    slots: list[datetime], ticks: list[datetime], now: datetime | None
) -> None:
    judged_at = first_ticks(slots, ticks, now)

    for slot in slots:
        reached = [tick for tick in ticks if tick >= slot]
        assert (slot in judged_at) == bool(reached)
        if reached:
            assert judged_at[slot] == max(min(reached), now or min(reached))
