"""At every tick: what is due goes into the queue, or is withheld with its reason; what must be equal is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.workspace import Workspace
from ceasefire.quality.identities import intake_identities, ledger_identities, release_identities
from ceasefire.release.last_check import flag_withheld, keep_due, news_since
from ceasefire.release.queue import cleared, withheld
from ceasefire.storage.lake import Lake, append_once, follow_table, read_table, rows_of, together
from ceasefire.storage.mirror import write_mirror
from ceasefire.tables import (
    CLOCK_TICKS,
    CONTACTS_VAULT,
    DECISION_RUNS,
    DECISIONS,
    EVENTS,
    INGEST_BATCHES,
    QUARANTINED_EVENTS,
    RECONCILIATION,
    SEND_QUEUE,
    WITHHELD_SENDS,
)


def start_release(workspace: Workspace, once: bool) -> Follower:
    """Follow the clock. The batch only says when; what is due is worked out from the tables."""

    # Heals a mirror that a crash left behind its queue.
    write_mirror(workspace.lake, read_table(workspace.lake, SEND_QUEUE), workspace.brand.settings.channels)

    def release(ticks: DataFrame, batch_id: int) -> None:
        release_due(replace(workspace, lake=replace(workspace.lake, spark=ticks.sparkSession)), batch_id)

    return start_follower(workspace.lake, follow_table(workspace.lake, CLOCK_TICKS), "release_sends", release, once)


def release_due(workspace: Workspace, batch_id: int) -> None:
    """Queue what is due and may go, and say why the rest may not; whatever went wrong before heals here.

    Raises:
        CheckFailedError: an identity is broken. If it is one of what came before, nothing is released.
    """
    lake = workspace.lake
    due = _due(lake).localCheckpoint(eager=True)
    (work,) = rows_of(
        due.agg(F.count("*").alias("count"), F.min("as_of").alias("since"), F.max("tick_at").alias("now"))
    )
    if not work["count"]:
        return
    before = _identities_before(lake, work["since"])
    if not all(_holds(one) for one in before):
        # Nothing leaves while what came before does not add up; the rows say so, and the next start tries again.
        _record(lake, before, work["now"], "refused", batch_id)
        _refuse_broken(before)
    settings = workspace.brand.settings
    kinds = {channel: settings.address_kind(channel) for channel in settings.channels}
    # Kept, so that both writes see the same verdicts and neither sees the other's rows.
    flagged = flag_withheld(due, news_since(due, read_table(lake, EVENTS)), read_table(lake, CONTACTS_VAULT), kinds)
    flagged = flagged.localCheckpoint(eager=True)
    stopped = flagged.where(F.col("withheld_reason").isNotNull()).count()
    writes = []
    if stopped:
        writes.append(lambda: append_once(lake, WITHHELD_SENDS, withheld(flagged), "release", batch_id))
    if stopped < work["count"]:
        writes.append(lambda: append_once(lake, SEND_QUEUE, cleared(flagged), "release", batch_id))
    together(writes)
    write_mirror(lake, read_table(lake, SEND_QUEUE), settings.channels)
    decisions, queue, withheld_sends, events = (
        read_table(lake, one) for one in (DECISIONS, SEND_QUEUE, WITHHELD_SENDS, EVENTS)
    )
    after = rows_of(release_identities(decisions, queue, withheld_sends, events, work["since"]))
    _record(lake, [*before, *after], work["now"], "release", batch_id)
    _refuse_broken(after)


def _due(lake: Lake) -> DataFrame:
    handled = read_table(lake, SEND_QUEUE).select("send_id").union(read_table(lake, WITHHELD_SENDS).select("send_id"))
    return keep_due(read_table(lake, DECISIONS), handled, read_table(lake, CLOCK_TICKS))


def _identities_before(lake: Lake, since: datetime) -> list[dict[str, Any]]:
    intake = intake_identities(*(read_table(lake, one) for one in (INGEST_BATCHES, EVENTS, QUARANTINED_EVENTS)))
    ledger = ledger_identities(read_table(lake, DECISIONS), read_table(lake, DECISION_RUNS), since)
    return rows_of(intake.unionByName(ledger))


def _holds(identity: dict[str, Any]) -> bool:
    return bool(identity["expected"] == identity["found"])


def _record(lake: Lake, identities: Sequence[dict[str, Any]], checked_at: datetime, step: str, batch_id: int) -> None:
    rows = [{"checked_at": checked_at, **one, "holds": _holds(one)} for one in identities]
    append_once(lake, RECONCILIATION, pa.Table.from_pylist(rows, RECONCILIATION.arrow_schema), step, batch_id)


def _refuse_broken(identities: Sequence[dict[str, Any]]) -> None:
    broken = [one for one in identities if not _holds(one)]
    if broken:
        said = "; ".join(f"{one['identity']}: {one['expected']} and {one['found']}" for one in broken)
        raise CheckFailedError(f"release stopped, since these are not equal: {said} (table {RECONCILIATION.name})")
