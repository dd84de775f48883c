"""What the four jobs share: from settings to a brand at work, and from an error to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from ceasefire.config.settings import JobSettings, settings_from_args
from ceasefire.errors import CeasefireError
from ceasefire.pipelines.streams import Follower
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import WallClock
from ceasefire.runtime.session import job_session, quiet_stop
from ceasefire.storage.lake import Lake, create_tables
from ceasefire.tables import ALL_TABLES

Start = Callable[[Workspace, JobSettings], Follower]
Work = Callable[[Workspace, JobSettings], None]


def run_job(job: str, argv: Sequence[str] | None, start: Start) -> None:
    """Read the settings, start the job's query, and wait until it ends; leave with the error's exit code."""
    work_in_job(job, argv, lambda workspace, settings: start(workspace, settings).finish())


def work_in_job(job: str, argv: Sequence[str] | None, work: Work) -> None:
    """Read the settings and do a job's work in its session; leave with the error's exit code."""
    try:
        settings = settings_from_args(argv, job)
        at_work = load_brand(settings.conf, os.environ)
        spark = job_session(job, settings.spark)
        try:
            lake = Lake(spark, settings.root, at_work.brand.settings.brand)
            create_tables(lake, ALL_TABLES)
            work(Workspace(lake, at_work, WallClock(), settings.tracking), settings)
        finally:
            quiet_stop(spark)
    except CeasefireError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
