"""Queue at every tick what is due and may still go."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.pipelines.jobs import run_job
    from ceasefire.pipelines.release import start_release
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"release_sends: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("release_sends", argv, lambda workspace, settings: start_release(workspace, settings.once))


if __name__ == "__main__":
    main()
