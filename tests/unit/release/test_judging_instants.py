"""As of when the sends of a slot are judged, if it has come."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ceasefire.release.due import judging_instants

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANTS = st.integers(min_value=0, max_value=40).map(lambda quarters: EIGHT + quarters * HOUR / 4)


def test_a_replay_judges_at_the_first_of_its_ticks_that_is_not_before_the_slot() -> None:
    ticks = [EIGHT + HOUR / 2, EIGHT, EIGHT + 2 * HOUR]

    assert judging_instants([EIGHT, EIGHT + HOUR], ticks, None) == {EIGHT: EIGHT, EIGHT + HOUR: EIGHT + 2 * HOUR}


def test_a_slot_that_no_tick_is_at_or_after_is_not_reached() -> None:
    assert judging_instants([EIGHT], [EIGHT - HOUR], None) == {}
    assert judging_instants([EIGHT], [EIGHT - HOUR], EIGHT - HOUR) == {}


def test_what_a_replay_finds_late_is_judged_as_of_the_first_tick_that_finds_it() -> None:
    assert judging_instants([EIGHT - 30 * HOUR], [EIGHT, EIGHT + HOUR], None) == {EIGHT - 30 * HOUR: EIGHT}


def test_a_clock_that_shows_the_present_judges_all_that_it_reaches_as_of_now() -> None:
    now = EIGHT + 2 * HOUR

    assert judging_instants([EIGHT, now], [EIGHT, now], now) == {EIGHT: now, now: now}


def test_a_tick_that_a_replay_has_told_ahead_of_the_present_reaches_nothing() -> None:
    assert judging_instants([EIGHT], [EIGHT - HOUR, EIGHT + HOUR], EIGHT - HOUR) == {}


@given(st.lists(INSTANTS), st.lists(INSTANTS, min_size=1), st.data())
def test_no_slot_is_reached_before_it_has_come_and_none_waits_beyond_the_first_tick_after_it(
    slots: list[datetime], ticks: list[datetime], data: st.DataObject
) -> None:
    now = data.draw(st.none() | st.sampled_from(ticks))
    judged_at = judging_instants(slots, ticks, now)

    for slot in slots:
        reaching = [tick for tick in ticks if slot <= tick and now in (None, tick)]
        assert judged_at.get(slot) == min(reaching, default=None)
