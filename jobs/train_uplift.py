"""Trains every uplift model that a brand declares on its past, and registers it; nothing uses it until promoted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

try:
    from ceasefire.config.settings import JobSettings
    from ceasefire.pipelines.jobs import work_in_job
    from ceasefire.pipelines.training import train
    from ceasefire.pipelines.workspace import Workspace
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"train_uplift: the driver has no module '{missing.name}'; deploy/spark/README.md says what goes where\n"
    )
    sys.exit(3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the settings, and train one model after the other."""

    def train_all(workspace: Workspace, settings: JobSettings) -> None:
        for model in workspace.brand.settings.models:
            train(workspace, settings.conf, model, None, lambda what: None)

    work_in_job("train_uplift", argv, train_all)


if __name__ == "__main__":
    main()
