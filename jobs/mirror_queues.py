"""Publish every queued send to its channel's topic."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.pipelines.jobs import run_job
    from ceasefire.pipelines.queue_topics import start_queue_topics
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"mirror_queues: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("mirror_queues", argv, lambda workspace, settings: start_queue_topics(workspace, settings.once))


if __name__ == "__main__":
    main()
