"""A write during which another process was faster is repeated, and any other error is not."""

from __future__ import annotations

import pytest
from delta.exceptions import ConcurrentDeleteReadException

from ceasefire.errors import CheckFailedError
from ceasefire.storage.conflicts import ATTEMPTS, until_written


class Rivals:
    """So many commits of others come in between."""

    def __init__(self, conflicts: int, error: type[Exception] = ConcurrentDeleteReadException) -> None:
        self.conflicts = conflicts
        self.error = error
        self.attempts = 0

    def write(self) -> None:
        self.attempts += 1
        if self.attempts <= self.conflicts:
            raise self.error("another commit")


@pytest.mark.parametrize("conflicts", [0, 1, ATTEMPTS - 1])
def test_a_write_is_repeated_until_nobody_is_faster_and_then_done_once(conflicts: int) -> None:
    rivals = Rivals(conflicts)

    until_written(rivals.write, "lake/corner/contacts_vault")

    assert rivals.attempts == conflicts + 1


def test_a_write_that_others_always_overtake_ends_and_names_its_place() -> None:
    with pytest.raises(
        CheckFailedError, match=r"^lake/corner/contacts_vault: other processes wrote to it .*try again$"
    ):
        until_written(Rivals(ATTEMPTS).write, "lake/corner/contacts_vault")


def test_another_error_is_not_repeated() -> None:
    rivals = Rivals(1, OSError)

    with pytest.raises(OSError, match="another commit"):
        until_written(rivals.write, "there")
    assert rivals.attempts == 1
