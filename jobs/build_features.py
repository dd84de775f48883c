"""Close each window that the clock makes due, with everybody's features."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.pipelines.features import start_features
    from ceasefire.pipelines.jobs import run_job
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"build_features: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, start the query, wait for it."""
    run_job("build_features", argv, lambda workspace, settings: start_features(workspace, settings.once))


if __name__ == "__main__":
    main()
