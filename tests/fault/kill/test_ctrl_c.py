"""Ctrl-C on a terminal: a stream ends between two batches, anything else where it is, and neither fills the screen."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from small_brand import FIRST_CLOSE, SECOND_CLOSE, write_brand, write_events

INTERRUPTED = 130
PATIENCE_S = 120


class OnATerminal:
    """The program with a terminal in front of it."""

    def __init__(self, *arguments: str) -> None:
        self.said = ""
        self._screen, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ceasefire.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
        )
        os.close(terminal)

    def wait_for(self, text: str) -> None:
        """Read what it writes until this stands there."""
        while text not in self.said:
            assert self._read(), f"it ended without {text!r}: {self.said[-2000:]}"

    def press_ctrl_c(self) -> int:
        """As a terminal does it: to the program and everything that it has started; its exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Read to the end; its exit code."""
        while self._read():
            pass
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bool:
        try:
            read = os.read(self._screen, 65_536)
        except OSError:  # nobody has the other end open
            return False
        self.said += read.decode("utf-8", errors="replace")
        return bool(read)

    @property
    def last_line(self) -> str:
        """What stands last on the screen, without what moves the cursor."""
        return self.said.splitlines()[-1].rpartition("\x1b[2K")[2]


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Who starts the tests in the background lets them ignore it, and what they start ignores it as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    conf, events = write_brand(tmp_path / "conf"), write_events(tmp_path / "events")
    return ["--conf", str(conf), "--root", str(tmp_path / "lake"), "--events", str(events)]


def test_a_stream_ends_well_and_says_how_to_go_on(arguments: list[str]) -> None:
    stream = OnATerminal("stream", *arguments)
    stream.wait_for("next close")

    assert stream.press_ctrl_c() == 0
    assert stream.last_line == "stopped; the same command goes on where this one ended"
    assert "Exception" not in stream.said


def test_a_run_is_over_at_once_and_the_same_command_goes_on(arguments: list[str]) -> None:
    command = [
        "run",
        *arguments,
        "--from",
        FIRST_CLOSE.isoformat(),
        "--until",
        SECOND_CLOSE.isoformat(),
        "--as-of-slot",
    ]
    run = OnATerminal(*command)
    run.wait_for("window 1 of 2: decisions")

    assert run.press_ctrl_c() == INTERRUPTED
    assert run.last_line == "interrupted; the same command goes on where this one stopped"
    assert "Exception" not in run.said

    again = OnATerminal(*command)
    assert again.end() == 0
    assert f"{SECOND_CLOSE:%Y-%m-%d}" in again.said
