"""Queue at every tick what is due and may still go."""

from __future__ import annotations

from collections.abc import Sequence

from ceasefire.pipelines.jobs import run_job
from ceasefire.pipelines.release import start_release


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("release_sends", argv, lambda workspace, settings: start_release(workspace, settings.once))


if __name__ == "__main__":
    main()
