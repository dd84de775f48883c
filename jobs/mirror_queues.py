"""Publish every queued send to its channel's topic."""

from __future__ import annotations

from collections.abc import Sequence

from ceasefire.pipelines.jobs import run_job
from ceasefire.pipelines.queue_topics import start_queue_topics


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("mirror_queues", argv, lambda workspace, settings: start_queue_topics(workspace, settings.once))


if __name__ == "__main__":
    main()
