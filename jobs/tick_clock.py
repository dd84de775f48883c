"""The clock: say which windows are due and when sends may go. One for each root; it needs no executors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.pipelines.jobs import run_clock_job
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"tick_clock: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, and tick."""
    run_clock_job("tick_clock", argv)


if __name__ == "__main__":
    main()
