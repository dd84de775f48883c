"""Close each window that the clock makes due, with everybody's features."""

from __future__ import annotations

from collections.abc import Sequence

from ceasefire.pipelines.features import start_features
from ceasefire.pipelines.jobs import run_job


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("build_features", argv, lambda workspace, settings: start_features(workspace, settings.once))


if __name__ == "__main__":
    main()
