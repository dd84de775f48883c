"""How a process is asked to end: one that runs for ever between two batches, any other where it is."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, current_thread, main_thread
from types import FrameType


@contextmanager
def stop_requests() -> Iterator[Event]:
    """An event that is set when somebody asks this process to end, with SIGTERM or Ctrl-C; a second time ends it.

    For the main thread only, where signals arrive.
    """
    asked = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptions() -> Iterator[Callable[[], None]]:
    """Ctrl-C interrupts the block at once, or else as soon as what is given is called, and at the block's end at last.

    Python drops what is raised within a callback of its garbage collector, and Py4J, which waits most of the time, has
    many of these. Where somebody has said already what Ctrl-C does, that stays.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield lambda: None
        return
    is_asked = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        is_asked.set()
        raise KeyboardInterrupt

    def look() -> None:
        if is_asked.is_set():
            raise KeyboardInterrupt

    tell_of_lost = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if lost.exc_type is KeyboardInterrupt else tell_of_lost(lost)
    signal.signal(signal.SIGINT, ask)
    try:
        yield look
        look()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = tell_of_lost
