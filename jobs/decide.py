"""Decide each closed window for every customer."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.pipelines.decide import start_decide
    from ceasefire.pipelines.jobs import run_job
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"decide: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("decide", argv, lambda workspace, settings: start_decide(workspace, settings.once))


if __name__ == "__main__":
    main()
