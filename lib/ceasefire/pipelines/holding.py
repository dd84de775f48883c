"""What becomes of the sends of a window that its check holds: told at every tick, released when mended, or expired."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from ceasefire.pipelines.clock import tick_rows
from ceasefire.pipelines.quality import failed_windows, held_counts, held_line, held_results, mended_windows
from ceasefire.pipelines.workspace import Workspace
from ceasefire.release.due import keep_open
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import Lake, append_once, read_table, table_version
from ceasefire.tables import CLOCK_TICKS, DECISIONS, SEND_QUEUE, WITHHELD_SENDS


def expiring_windows(lake: Lake, now: datetime | None) -> list[datetime]:
    """The held windows whose sends end as expired once they have; none at ticks of a replay.

    A window that is only yet to be checked is checked before long, by whoever decides it.

    Args:
        lake: where.
        now: the present instant, None at ticks of a replay.
    """
    return [] if now is None else failed_windows(lake)


def is_expired(send: Mapping[str, Any], expiring: Collection[datetime], now: datetime | None) -> bool:
    """Whether the sends of a slot end as expired although their window is held.

    Args:
        send: as_of and expires_at of sends.
        expiring: `expiring_windows`.
        now: the present instant, None at ticks of a replay.
    """
    return now is not None and send["as_of"] in expiring and send["expires_at"] < now


def tell_held(workspace: Workspace, figures: Figures | None) -> Figures | None:
    """Tell of every held window by name, and count them; gives the figures of a batch with that count.

    Args:
        workspace: the brand at work.
        figures: of the batch; None when it had nothing to do.
    """
    counts = held_counts(workspace.lake)
    if not counts:
        return figures
    now, query = workspace.clock.now(), f"{workspace.lake.brand}_release_sends"
    for result in held_results(workspace.lake):
        workspace.notice(
            {
                "event": "held",
                "query": query,
                "at": now,
                "window_end": result["window_end"],
                "expectation": result["expectation"],
                "says": held_line(result),
            }
        )
    told = figures or Figures()
    return replace(told, counts={**told.counts, "held": counts})


def tick_for_mended(workspace: Workspace) -> bool:
    """Write a tick of the present if sends wait for one whose window was held and is mended; whether it was written.

    For a run, whose own ticks are those of its windows; a stream ticks anyway.
    """
    lake, now = workspace.lake, workspace.clock.now()
    mended = mended_windows(lake)
    if not mended:
        return False
    queued = read_table(lake, SEND_QUEUE).select("send_id", F.col("released_at").alias("judged_at"))
    stopped = read_table(lake, WITHHELD_SENDS).select("send_id", F.col("withheld_at").alias("judged_at"))
    of_mended = read_table(lake, DECISIONS).where(F.col("window_end").isin(mended))
    waiting = keep_open(of_mended, queued.union(stopped), now, now).where(F.col("judged_at").isNull())
    if waiting.where(F.col("slot_at") <= F.lit(now)).isEmpty():
        return False
    rows = tick_rows([(now, None)], is_live=True)
    append_once(lake, CLOCK_TICKS, rows, "present", table_version(lake, CLOCK_TICKS))
    return True
