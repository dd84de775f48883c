"""Ctrl-C ends what it was pressed for, also where Python or a library has dropped it."""

from __future__ import annotations

import signal

import pytest

from ceasefire.runtime.stopping import interruptions, stop_requests


class PressesCtrlC:
    """When it is collected, where Python drops whatever is raised."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_interrupts_at_once_and_does_afterwards_what_it_did_before() -> None:
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), interruptions():
        signal.raise_signal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before


def test_a_ctrl_c_that_was_dropped_is_heard_at_the_next_step_and_nothing_is_printed_of_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    steps = []

    def work() -> None:
        with interruptions() as look:
            look()
            steps.append("first")
            PressesCtrlC()
            look()
            steps.append("second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["first"]
    assert capfd.readouterr().err == ""


def test_a_ctrl_c_that_was_dropped_in_the_last_step_is_heard_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), interruptions():
        PressesCtrlC()


def test_what_ends_between_two_batches_is_not_interrupted() -> None:
    with stop_requests() as stop, interruptions() as look:
        signal.raise_signal(signal.SIGINT)
        look()

    assert stop.is_set()
