"""When a slot is reached, and as of when its sends are judged."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ceasefire.release.last_check import first_ticks, judging_instants

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANTS = st.integers(min_value=0, max_value=40).map(lambda quarters: EIGHT + quarters * HOUR / 4)


def test_a_slot_is_reached_by_the_first_tick_that_is_not_before_it() -> None:
    ticks = [EIGHT + HOUR / 2, EIGHT - HOUR, EIGHT, EIGHT + 2 * HOUR]

    assert first_ticks([EIGHT, EIGHT + HOUR], ticks, None) == {EIGHT: EIGHT, EIGHT + HOUR: EIGHT + 2 * HOUR}


def test_a_slot_that_no_tick_is_at_or_after_is_not_reached() -> None:
    assert first_ticks([EIGHT], [EIGHT - HOUR], None) == {}
    assert first_ticks([EIGHT], [], None) == {}


def test_a_clock_that_shows_the_present_judges_what_it_finds_late_as_of_now() -> None:
    now = EIGHT + 2 * HOUR
    reached_at = first_ticks([EIGHT, now], [EIGHT, now], now)

    assert reached_at == {EIGHT: EIGHT, now: now}
    assert judging_instants(reached_at, now) == {EIGHT: now, now: now}
    assert judging_instants(reached_at, None) == reached_at


def test_a_tick_that_a_replay_has_told_ahead_of_the_present_reaches_nothing() -> None:
    assert first_ticks([EIGHT], [EIGHT - HOUR, EIGHT + HOUR], EIGHT - HOUR) == {}


@given(st.lists(INSTANTS), st.lists(INSTANTS), st.none() | INSTANTS)
def test_no_slot_is_reached_before_it_has_come_and_none_waits_beyond_the_tick_that_reaches_it(
    slots: list[datetime], ticks: list[datetime], now: datetime | None
) -> None:
    reached_at = first_ticks(slots, ticks, now)

    for slot in slots:
        reaching = [tick for tick in ticks if slot <= tick <= (now or tick)]
        assert reached_at.get(slot) == min(reaching, default=None)
