"""What the jobs share: from settings to a brand at work, and from an error to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from ceasefire.config.kafka import broker_of
from ceasefire.config.settings import JobSettings, settings_from_args
from ceasefire.errors import INTERRUPTED, CeasefireError, CheckFailedError
from ceasefire.pipelines.clock import newest_ticks, tick
from ceasefire.pipelines.pins import pin_key
from ceasefire.pipelines.quality import each
from ceasefire.pipelines.stream import run_clock
from ceasefire.pipelines.streams import Follower, Followers
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import WallClock
from ceasefire.runtime.logs import json_lines
from ceasefire.runtime.metrics import listening, to_all
from ceasefire.runtime.prometheus import prometheus_page
from ceasefire.runtime.session import job_session
from ceasefire.runtime.stopping import stop_requests
from ceasefire.storage.lake import Lake, create_tables
from ceasefire.tables import ALL_TABLES

Start = Callable[[Workspace, JobSettings], Follower | Followers]
Work = Callable[[Workspace, JobSettings], None]


def run_job(job: str, argv: Sequence[str] | None, start: Start) -> None:
    """Read the settings, start the job's query, and wait until it ends or is asked to; leave with the error's code."""

    def follow(workspace: Workspace, settings: JobSettings) -> None:
        with ExitStack() as stack:
            stop = stack.enter_context(stop_requests())
            sinks = [json_lines(None)]
            if settings.prometheus:
                sinks.append(stack.enter_context(prometheus_page(settings.prometheus)))
            report = stack.enter_context(listening(workspace.lake.spark, sinks))
            start(replace(workspace, report=report, notice=to_all(sinks)), settings).finish(stop)

    work_in_job(job, argv, follow)


def run_clock_job(job: str, argv: Sequence[str] | None) -> None:
    """Read the settings and be the clock of the other jobs; with `--once`, write what is due now."""

    def work(told: Workspace, settings: JobSettings) -> None:
        workspace = replace(told, accepts_gap=settings.accept_gap, notice=json_lines(None))
        if settings.once:
            ticked = tick(workspace, newest_ticks(workspace))
            if ticked.waits:
                raise CheckFailedError(ticked.waits)
            return
        with stop_requests() as stop:
            run_clock(workspace, stop, [], lambda: None)

    work_in_job(job, argv, work)


def work_in_job(job: str, argv: Sequence[str] | None, work: Work) -> None:
    """Read the settings and do a job's work in its session; leave with the error's exit code."""
    try:
        settings = settings_from_args(argv, job)
        at_work = load_brand(settings.conf, os.environ)
        broker = None if settings.kafka is None else broker_of(settings.kafka, os.environ)
        with job_session(job, settings.spark, with_kafka=broker is not None) as spark:
            lake = Lake(spark, settings.root, at_work.brand.settings.brand)
            create_tables(lake, ALL_TABLES)
            workspace = Workspace(lake, at_work, WallClock(), settings.tracking, broker, settings.new_epoch)
            pin_key(workspace)
            work(replace(workspace, is_examined=each(settings.check_every)), settings)
    except CeasefireError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
