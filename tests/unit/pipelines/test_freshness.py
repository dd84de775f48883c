"""How far intake may be behind before marketing waits."""

from datetime import UTC, datetime, timedelta

from ceasefire.pipelines.freshness import is_behind

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TWO_HOURS = 2 * 3_600_000_000


def test_intake_is_behind_once_the_allowed_time_is_over() -> None:
    assert not is_behind(NOON, NOON + 2 * HOUR, TWO_HOURS)
    assert is_behind(NOON, NOON + 2 * HOUR + timedelta.resolution, TWO_HOURS)


def test_of_an_intake_that_never_said_how_far_it_was_nothing_is_known() -> None:
    assert not is_behind(None, NOON, TWO_HOURS)
