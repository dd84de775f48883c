"""A window waits for its turn, and whoever called it for its close; nobody waits for what does not come."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.turns import NotItsTurnError, Turns

FIRST = datetime(2026, 3, 2, 4, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
PATIENCE_S = 60


class Closer:
    """Closes both windows, each in its turn."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.closed: list[datetime] = []

    def work(self) -> None:
        for window_end in (FIRST, SECOND):
            with self.turns.turn(window_end):
                self.closed.append(window_end)


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def closer(turns: Turns) -> Closer:
    return Closer(turns)


@pytest.fixture
def closing(turns: Turns, closer: Closer) -> Iterator[Future[None]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(closer.work)
        turns.end()


def test_a_window_is_closed_when_it_is_called_and_the_next_one_is_not(
    turns: Turns, closer: Closer, closing: Future[None]
) -> None:
    turns.call(FIRST, closing.done)
    assert closer.closed == [FIRST]
    turns.call(SECOND, closing.done)
    assert closer.closed == [FIRST, SECOND]
    closing.result(PATIENCE_S)


def test_who_calls_a_later_window_waits_for_all_before_it(turns: Turns, closer: Closer, closing: Future[None]) -> None:
    turns.call(SECOND, closing.done)

    assert closer.closed == [FIRST, SECOND]


def test_at_the_end_a_window_that_was_not_called_is_told_so_and_stays_open(
    turns: Turns, closer: Closer, closing: Future[None]
) -> None:
    turns.call(FIRST, closing.done)
    turns.end()

    with pytest.raises(NotItsTurnError, match=r"2026-03-03T04:00:00.*closed by the next run"):
        closing.result(PATIENCE_S)
    assert closer.closed == [FIRST]


def test_a_window_whose_close_failed_is_not_taken_for_closed(turns: Turns) -> None:
    def close_in_turn() -> bool:
        with pytest.raises(OSError, match="disk full"), turns.turn(FIRST):
            raise OSError("disk full")
        return True

    with pytest.raises(CheckFailedError, match="its query has ended"):
        turns.call(FIRST, close_in_turn)
    with pytest.raises(CheckFailedError, match="its query has ended"):
        turns.call(FIRST, lambda: True)


def test_who_calls_a_window_that_nobody_closes_any_more_hears_why(turns: Turns) -> None:
    def fails() -> bool:
        raise KeyError("a reason")

    with pytest.raises(KeyError, match="a reason"):
        turns.call(FIRST, fails)
    with pytest.raises(CheckFailedError, match="its query has ended"):
        turns.call(FIRST, lambda: True)
