"""The command that runs for ever."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ceasefire.cli.output import complain, progress
from ceasefire.cli.status import StreamStatus
from ceasefire.cli.unread import UnreadWatch
from ceasefire.cli.workspaces import require_events, session_for
from ceasefire.config.schedule import local_text
from ceasefire.pipelines.clock import next_close
from ceasefire.pipelines.quality import each
from ceasefire.pipelines.stream import stream
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.logs import json_lines
from ceasefire.runtime.metrics import Sink, listening, to_all
from ceasefire.runtime.prometheus import prometheus_page
from ceasefire.runtime.stopping import stop_requests
from ceasefire.storage.locks import require_free

LOG_FILE = "_logs/stream.jsonl"


def play_stream(
    conf: Path, root: str, events: str, new_epoch: bool, prometheus: int, check_every: int, accept_gap: bool
) -> None:
    """Run the four queries and the clock until the process is asked to end."""
    at_work = load_brand(conf, os.environ)
    require_events(events)
    brand = at_work.brand.settings.brand
    is_local = "://" not in root
    if is_local:
        require_free(Path(root, brand))
    status = StreamStatus(brand)
    # A person sees the status line, and finds the records beside the tables; a machine reads them from stderr.
    log_file = Path(root, brand, LOG_FILE) if is_local and sys.stderr.isatty() else None
    with ExitStack() as stack:
        stop = stack.enter_context(stop_requests())
        tell = stack.enter_context(progress("starting Spark"))
        sinks: list[Sink] = [status.take, json_lines(log_file)]
        if prometheus:
            sinks.append(stack.enter_context(prometheus_page(prometheus)))
        workspace = stack.enter_context(session_for(at_work, root, new_epoch))
        report = stack.enter_context(listening(workspace.lake.spark, sinks))
        watched = replace(
            workspace,
            report=report,
            notice=to_all(sinks),
            is_examined=each(check_every),
            accepts_gap=accept_gap,
        )
        unread = UnreadWatch(
            events, workspace.lake.local_folder, sinks, complain if log_file else _leave_it_to_the_records
        )

        def look() -> None:
            tell(_status_line(status, watched))
            unread.look(watched.clock.now())

        stream(watched, events, stop, tell, look)
    complain("stopped; the same command goes on where this one ended")


def _leave_it_to_the_records(text: str) -> None:
    """Say nothing between the records that a machine reads."""


def _status_line(status: StreamStatus, workspace: Workspace) -> str:
    settings, now = workspace.brand.settings, workspace.clock.now()
    close = next_close(now, settings.decision_window, settings.time_zone)
    return status.line(now, close, local_text(settings.time_zone)(close))
