"""Follow the files or the topic of events into the log."""

from __future__ import annotations

from collections.abc import Sequence

from ceasefire.pipelines.ingest import event_source, start_ingest
from ceasefire.pipelines.jobs import run_job


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job(
        "ingest_events",
        argv,
        lambda workspace, settings: start_ingest(workspace, event_source(workspace, settings.events), settings.once),
    )


if __name__ == "__main__":
    main()
