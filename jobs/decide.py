"""Decide each closed window for every customer."""

from __future__ import annotations

from collections.abc import Sequence

from ceasefire.pipelines.decide import start_decide
from ceasefire.pipelines.jobs import run_job


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("decide", argv, lambda workspace, settings: start_decide(workspace, settings.once))


if __name__ == "__main__":
    main()
