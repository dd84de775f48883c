"""At every tick: what is due goes into the queue, or is withheld with its reason; what must be equal is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.workspace import Workspace
from ceasefire.quality.identities import (
    Identity,
    intake_counts,
    intake_identities,
    ledger_counts,
    ledger_identities,
    queued_after_erasure,
    release_counts,
    release_identities,
)
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
        (first,) = rows_of(ticks.agg(F.min("tick_at").alias("tick_at")))
        if first["tick_at"] is None:
            return  # the creation of the table is a batch too
        at_batch = replace(workspace, lake=replace(workspace.lake, spark=ticks.sparkSession))
        release_due(at_batch, first["tick_at"], batch_id)

    return start_follower(workspace.lake, follow_table(workspace.lake, CLOCK_TICKS), "release_sends", release, once)


def release_due(workspace: Workspace, since: datetime, batch_id: int) -> None:
    """Queue what is due and may go, and say why the rest may not; whatever went wrong before heals here.

    Args:
        workspace: the brand at work.
        since: the first tick of the batch.
        batch_id: of the batch, the same when it is repeated.

    Raises:
        CheckFailedError: an identity is broken. If it is one of what came before, nothing is released.
    """
    lake = workspace.lake
    due = _due(lake, since).localCheckpoint(eager=True)
    waiting = due.where(~F.col("is_handled")).drop("is_handled")
    (work,) = rows_of(
        due.agg(
            F.count("*").alias("count"),
            F.count_if(~F.col("is_handled")).alias("waiting"),
            F.min("as_of").alias("since"),
            F.max("tick_at").alias("now"),
        )
    )
    if not work["count"]:
        return
    before = _identities_before(lake, work["since"])
    if not all(one.holds for one in before):
        # Nothing leaves while what came before does not add up; the rows say so, and the next start tries again.
        _record(lake, before, work["now"], "refused", batch_id)
        _refuse_broken(before)
    if work["waiting"]:
        _release(workspace, waiting, work["waiting"], batch_id)
    after = _identities_after(lake, work["since"])
    _record(lake, [*before, *after], work["now"], "release", batch_id)
    _refuse_broken(after)


def _release(workspace: Workspace, waiting: DataFrame, waiting_count: int, batch_id: int) -> None:
    lake, settings = workspace.lake, workspace.brand.settings
    kinds = {channel: settings.address_kind(channel) for channel in settings.channels}
    news, vault = news_since(waiting, read_table(lake, EVENTS)), read_table(lake, CONTACTS_VAULT)
    # Kept, so that both writes see the same verdicts and neither sees the other's rows.
    flagged = flag_withheld(waiting, news, vault, kinds).localCheckpoint(eager=True)
    stopped = flagged.where(F.col("withheld_reason").isNotNull()).count()
    writes: list[Callable[[], None]] = []
    if stopped:
        writes.append(lambda: append_once(lake, WITHHELD_SENDS, withheld(flagged), "release", batch_id))
    if stopped < waiting_count:
        writes.append(lambda: append_once(lake, SEND_QUEUE, cleared(flagged), "release", batch_id))
    together(writes)
    write_mirror(lake, read_table(lake, SEND_QUEUE), settings.channels)


def _due(lake: Lake, since: datetime) -> DataFrame:
    handled = read_table(lake, SEND_QUEUE).select("send_id").union(read_table(lake, WITHHELD_SENDS).select("send_id"))
    return keep_due(read_table(lake, DECISIONS), handled, read_table(lake, CLOCK_TICKS), since)


def _identities_before(lake: Lake, since: datetime) -> list[Identity]:
    runs = read_table(lake, DECISION_RUNS).where(F.col("window_end") >= F.lit(since))
    intake, ledger, counted = together(
        [
            lambda: rows_of(
                intake_counts(*(read_table(lake, t) for t in (INGEST_BATCHES, EVENTS, QUARANTINED_EVENTS)))
            ),
            lambda: rows_of(ledger_counts(read_table(lake, DECISIONS), since)),
            lambda: rows_of(runs.agg(F.sum("customer_count").alias("count"))),
        ]
    )
    return [*intake_identities(intake[0]), *ledger_identities(ledger[0], counted[0]["count"])]


def _identities_after(lake: Lake, since: datetime) -> list[Identity]:
    decisions, queue, stopped = (read_table(lake, one) for one in (DECISIONS, SEND_QUEUE, WITHHELD_SENDS))
    counts, erased = together(
        [
            lambda: rows_of(release_counts(decisions, queue, stopped, since)),
            lambda: rows_of(queued_after_erasure(queue, read_table(lake, EVENTS), since)),
        ]
    )
    return release_identities(counts[0], len(erased))


def _record(lake: Lake, identities: Sequence[Identity], checked_at: datetime, step: str, batch_id: int) -> None:
    rows = [
        {
            "checked_at": checked_at,
            "identity": one.name,
            "expected": one.expected,
            "found": one.found,
            "holds": one.holds,
        }
        for one in identities
    ]
    append_once(lake, RECONCILIATION, pa.Table.from_pylist(rows, RECONCILIATION.arrow_schema), step, batch_id)


def _refuse_broken(identities: Sequence[Identity]) -> None:
    broken = [one for one in identities if not one.holds]
    if broken:
        said = "; ".join(f"{one.name}: {one.expected} and {one.found}" for one in broken)
        raise CheckFailedError(f"release stopped, since these are not equal: {said} (table {RECONCILIATION.name})")
