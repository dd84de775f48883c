"""The four queries and the clock in one session, until somebody asks them to end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from ceasefire.pipelines.clock import newest_ticks, tick
from ceasefire.pipelines.decide import start_decide
from ceasefire.pipelines.features import start_features
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.pins import pin_key
from ceasefire.pipelines.release import start_release
from ceasefire.pipelines.run import Progress
from ceasefire.pipelines.streams import Follower
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import create_tables
from ceasefire.tables import ALL_TABLES

SECONDS_BETWEEN_LOOKS = 1


def stream(workspace: Workspace, source: str, stop: Event, progress: Progress, look: Callable[[], None]) -> None:
    """Take in events as they come, close and decide each window when it is due, release what may go; until `stop`.

    Whatever was left undone at the last end is done first: the backlog of events before the clock makes a window due.

    Args:
        workspace: the brand at work.
        source: folder or file of events.
        stop: set when all of it is to end; a batch that is under way is given its time.
        progress: told in a few words what is being done until everything is up.
        look: called about once a second from then on.

    Raises:
        UsageError: there is no such source.
        AlreadyRunningError: another process works on this root.
        LostCheckpointError: a checkpoint is gone, and nobody said to start over.
        Whatever stopped one of the queries.
    """
    progress("opening the tables")
    create_tables(workspace.lake, ALL_TABLES)
    pin_key(workspace)
    followers: list[Follower] = []
    try:
        followers.append(start_ingest(workspace, source, once=False))
        progress("reading the events that are there")
        followers[0].drain()
        followers += [start(workspace, once=False) for start in (start_features, start_decide, start_release)]
        run_clock(workspace, stop, followers, look)
        for follower in followers:
            follower.settle()
    finally:
        for follower in followers:
            follower.stop()


def run_clock(workspace: Workspace, stop: Event, followers: list[Follower], look: Callable[[], None]) -> None:
    """Tick until `stop`, or until one of the queries has ended.

    Raises:
        Whatever stopped a query.
    """
    ticked = newest_ticks(workspace)
    while not any(follower.has_ended() for follower in followers):
        ticked = tick(workspace, ticked)
        look()
        if stop.wait(SECONDS_BETWEEN_LOOKS):
            return
