"""The errors that a user can meet: each says what, where, got, allowed, and carries its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

INTERRUPTED = 130
"""The exit code after Ctrl-C, which is no error; as the shell has it: 128, and the number of SIGINT."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, in the form in which a person reads it.

    Attributes:
        where: `file:line`, a table, a column, a path; empty when the text says it all.
        what: what is wrong.
        got: what was found there, shortened by the one who reports it.
        allowed: what would have been right, or what to do.
    """

    where: str
    what: str
    got: str = ""
    allowed: str = ""

    def __str__(self) -> str:
        """`where: what, got …, allowed …`, leaving out what is not known."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.got:
            text += f", got {self.got}"
        if self.allowed:
            text += f", allowed: {self.allowed}"
        return text


class CeasefireError(Exception):
    """Anything the program says to a user instead of a stack trace."""

    exit_code = 1


class CheckFailedError(CeasefireError):
    """Raised when an identity or a protection of the data does not hold."""

    exit_code = 1


class UsageError(CeasefireError):
    """Raised when a command is given something it cannot work with: a missing folder, a window that is no close."""

    exit_code = 2


class ConfigurationError(CeasefireError):
    """Raised when a brand folder has problems; carries all of them."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=_reading_order))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class AlreadyRunningError(CeasefireError):
    """Raised when another process already does on a root what this one was started for."""

    exit_code = 2


class LostCheckpointError(CeasefireError):
    """Raised when a query has worked on a root before and its checkpoint is gone."""

    exit_code = 1


class BrokenCheckpointError(CeasefireError):
    """Raised when a file of a query's checkpoint is missing or cannot be read."""

    exit_code = 1


class EnvironmentMissingError(CeasefireError):
    """Raised when the machine lacks something: Java, the Delta jars, a folder that can be written."""

    exit_code = 3


def _reading_order(problem: Problem) -> tuple[str, int, str]:
    """By file, then by line as a number, then by text."""
    file, _, line = problem.where.rpartition(":")
    return (file, int(line), str(problem)) if line.isdecimal() else (problem.where, 0, str(problem))
