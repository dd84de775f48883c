"""What is said of a window that its check holds, and when its sends end as expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ceasefire.cli.output import held_lines
from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.holding import is_expired
from ceasefire.pipelines.quality import LONGEST_REASON, held_line, unended_check
from ceasefire.tables import QUALITY_RESULTS

CLOSE = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def result(**changed: Any) -> dict[str, Any]:
    return {
        "window_end": CLOSE,
        "check_number": 1,
        "table_name": "decisions",
        "expectation": "between value_micros",
        "reason": "a loss would be sent",
        "is_critical": True,
        "row_count": 1_200,
        "unexpected_count": 3,
    } | changed


def test_a_held_window_is_told_with_expectation_counts_and_what_to_do() -> None:
    assert held_line(result()) == (
        "release of 2026-03-02T06:00:00+00:00 is held: decisions: between value_micros: 3 of 1,200 rows do not meet it "
        "(a loss would be sent); put it right, then `ceasefire check`"
    )


def test_a_check_that_an_error_ended_is_a_critical_result_with_the_words_of_the_error_in_one_line() -> None:
    row = unended_check(CLOSE, 4, CheckFailedError("decisions: the native pass counts 3,\n  Great Expectations 4"))

    assert list(row) == list(QUALITY_RESULTS.arrow_schema.names)
    assert (row["is_critical"], row["unexpected_count"], row["check_number"]) == (True, 1, 4)
    assert held_line(row) == (
        "release of 2026-03-02T06:00:00+00:00 is held: its check did not come to its end: decisions: the native pass "
        "counts 3, Great Expectations 4; put it right, then `ceasefire check`"
    )


@pytest.mark.parametrize("error", [ValueError("x" * 10_000), KeyError("suite"), RecursionError()])
def test_whatever_ends_a_check_is_told_shortly(error: Exception) -> None:
    assert 0 < len(unended_check(CLOSE, 0, error)["reason"]) <= LONGEST_REASON


def test_a_window_that_is_not_checked_yet_is_told_too() -> None:
    assert "is held: its rows are not checked yet" in held_line(result(check_number=-1))


def test_only_what_is_critical_and_does_not_hold_is_a_line() -> None:
    rows = [result(), result(is_critical=False), result(unexpected_count=0)]

    assert held_lines(rows) == [held_line(result())]


@pytest.mark.parametrize(
    ("expires_at", "expiring", "now", "ends"),
    [
        (NOON - SECOND, [CLOSE], NOON, True),
        (NOON, [CLOSE], NOON, False),
        (NOON - SECOND, [], NOON, False),
        (NOON - SECOND, [CLOSE], None, False),
    ],
)
def test_a_send_of_a_held_window_ends_once_it_has_expired_by_the_present(
    expires_at: datetime, expiring: list[datetime], now: datetime | None, ends: bool
) -> None:
    assert is_expired({"as_of": CLOSE, "expires_at": expires_at}, expiring, now) is ends
