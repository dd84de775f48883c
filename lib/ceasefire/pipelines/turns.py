"""When a window may be closed: not before the one before it is released, however early its features are ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Condition

from ceasefire.errors import CheckFailedError

SECONDS_BETWEEN_LOOKS = 1


class NotItsTurnError(CheckFailedError):
    """A window that was ready to be closed is not closed any more."""


class Turns:
    """Whose turn it is, window by window, told by whoever releases them to whoever closes them.

    What is decided depends on what was withheld, and a closed window is decided at once. Features depend on neither:
    they are worked out as soon as the window before is closed, beside its decisions and its release.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._called: datetime | None = None
        self._closed: datetime | None = None
        self._are_over = False

    @contextmanager
    def turn(self, window_end: datetime) -> Iterator[None]:
        """Wait for the turn of a window, which is closed within; for whoever closes it.

        Raises:
            NotItsTurnError: its turn does not come any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._are_over or _reaches(self._called, window_end))
            if not _reaches(self._called, window_end):
                raise NotItsTurnError(
                    f"the window before {window_end.isoformat()} was not released; this one is closed by the next run"
                )
        yield
        with self._changed:
            self._closed = window_end
            self._changed.notify_all()

    def call(self, window_end: datetime, has_ended: Callable[[], bool]) -> None:
        """Say that it is a window's turn, and wait until it is closed.

        Args:
            window_end: its close.
            has_ended: asked now and then whether nobody is there any more to close it; raises why, if it knows.

        Raises:
            CheckFailedError: nobody is there any more.
            What has_ended raises.
        """
        with self._changed:
            self._called = window_end
            self._changed.notify_all()
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: _reaches(self._closed, window_end), SECONDS_BETWEEN_LOOKS):
                    return
            if has_ended():
                raise CheckFailedError(f"the window of {window_end.isoformat()} is not closed: its query has ended")

    def end(self) -> None:
        """Let nobody wait any more: whose turn has not come is not closed."""
        with self._changed:
            self._are_over = True
            self._changed.notify_all()


def _reaches(newest: datetime | None, window_end: datetime) -> bool:
    return newest is not None and window_end <= newest
