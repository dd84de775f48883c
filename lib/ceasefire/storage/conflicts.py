"""Two processes that write to one table at the same time."""

from __future__ import annotations

from collections.abc import Callable

from delta.exceptions import (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentWriteException,
)

from ceasefire.errors import CheckFailedError

ATTEMPTS = 10
CONFLICTS = (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentWriteException,
)
"""What Delta raises when a commit changed something that another one had read."""


def until_written(write: Callable[[], object], where: str) -> None:
    """Repeat a write that is safe to repeat until no other process commits in between.

    Args:
        write: reads the table anew at each attempt.
        where: what is written to, for the error.

    Raises:
        CheckFailedError: another process was faster at every attempt.
    """
    for _ in range(ATTEMPTS):
        try:
            write()
        except CONFLICTS:
            continue
        return
    raise CheckFailedError(f"{where}: other processes wrote to it during each of {ATTEMPTS} attempts; try again")
