"""The clock: say which windows are due and when sends may go. One for each root; it needs no executors."""

from __future__ import annotations

from collections.abc import Sequence

from ceasefire.pipelines.jobs import run_clock_job


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, and tick."""
    run_clock_job("tick_clock", argv)


if __name__ == "__main__":
    main()
