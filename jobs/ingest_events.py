"""Follow the files or the topic of events into the log."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.pipelines.ingest import event_source, start_ingest
    from ceasefire.pipelines.jobs import run_job
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"ingest_events: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job(
        "ingest_events",
        argv,
        lambda workspace, settings: start_ingest(workspace, event_source(workspace, settings.events), settings.once),
    )


if __name__ == "__main__":
    main()
