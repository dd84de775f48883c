"""At every tick: what is due goes into the queue, or is withheld with its reason; what must be equal is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.config.schedule import day_number
from ceasefire.config.units import instant_micros
from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.freshness import behind_since, tell_behind
from ceasefire.pipelines.held_back import on_hold, on_suppression_lists
from ceasefire.pipelines.holding import expiring_windows, is_expired, tell_held
from ceasefire.pipelines.operators import paused_now
from ceasefire.pipelines.persons import all_persons
from ceasefire.pipelines.quality import held_windows
from ceasefire.pipelines.recall import call_back, events_since, refusals_since
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.windows import decided_windows, newest_batch
from ceasefire.pipelines.workspace import Workspace
from ceasefire.quality.identities import (
    Identity,
    intake_counts,
    intake_identities,
    ledger_counts,
    ledger_identities,
    release_counts,
    release_identities,
)
from ceasefire.release.concerns import (
    answered,
    flag_rivals,
    news_of,
    with_addresses,
    with_concerns,
    with_persons,
)
from ceasefire.release.due import judging_instants, keep_open, keep_reached, withhold_in_shadow
from ceasefire.release.gate import CONCERNS, VERDICT, GateRules, PresentCampaign, judge_batches, ticks_of
from ceasefire.release.operators import is_paused
from ceasefire.release.queue import cleared, withheld
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import (
    Lake,
    append_batch,
    follow_table,
    is_empty,
    read_table,
    remembered,
    rows_of,
    together,
)
from ceasefire.storage.mirror import write_mirror
from ceasefire.tables import (
    CLOCK_TICKS,
    CONTACT_REFUSALS,
    CONTACTS_VAULT,
    DECISIONS,
    EVENTS,
    INGEST_BATCHES,
    QUARANTINED_EVENTS,
    RECONCILIATION,
    REVOKED_SENDS,
    SEND_QUEUE,
    WITHHELD_SENDS,
)

Fates = dict[str, dict[str, int]]
"""How many of the judged sends are queued, by channel, and withheld, by reason."""


def start_release(workspace: Workspace, once: bool) -> Follower:
    """Follow the clock. The batch only says when; what is due is worked out from the tables."""

    # Heals a mirror that a crash left behind its queue.
    _mirror(workspace)
    return start_follower(workspace, follow_table(workspace.lake, CLOCK_TICKS), "release_sends", release_at, once)


def release_at(workspace: Workspace, ticks: DataFrame, batch_id: int) -> Figures | None:
    """Release what is due at a batch of ticks, as `release_due`.

    A clock that is replayed ticks at every slot for its own sake: the ticks that make a window due release nothing.
    """
    may_release = F.col("is_live") | F.col("window_end").isNull()
    batch = rows_of(ticks.where(may_release).select("tick_at", "is_live"))
    if not batch:
        return None  # the creation of the table is a batch too
    now = max((one["tick_at"] for one in batch if one["is_live"]), default=None)
    figures = release_due(workspace, [tick["tick_at"] for tick in batch], now, batch_id)
    if now is not None:
        tell_behind(workspace, now)
    if now is not None and call_back(workspace, now):
        _mirror(workspace)
    return tell_held(workspace, figures)


def release_due(workspace: Workspace, ticks: Sequence[datetime], now: datetime | None, batch_id: int) -> Figures | None:
    """Queue what is due and may go, and say why the rest may not; whatever went wrong before heals here.

    Args:
        workspace: the brand at work.
        ticks: of the batch, at least one.
        now: its newest tick that shows the present; None if it has no such tick.
        batch_id: of the batch, the same when it is repeated.

    An identity that is broken because of single sends holds the messages to their customers, and is told by name; all
    others go. One that no single send explains stops release.

    Returns:
        How long after the oldest close that was waited for its sends were judged, and what became of them by channel
        and by reason; None when nothing waited.

    Raises:
        CheckFailedError: an identity is broken that no single send explains. If it is one of what came before, nothing
            is released.
    """
    lake = workspace.lake
    # What is held is read last: before a window's decisions are there, its run says whether they are to be checked.
    open_sends = _open_sends(lake, min(ticks), now)
    known = open_sends.select("as_of", "through_batch", "slot_at", "expires_at", "judged_at").distinct()
    slots, held = together((lambda: rows_of(known), lambda: held_windows(lake)))
    if held:
        # What expires while its window is held does not wait for the check any more: it may not go, whatever it says.
        expiring = expiring_windows(lake, now)
        is_over = F.col("as_of").isin(expiring) & (F.col("expires_at") < F.lit(now))
        open_sends = open_sends.where(~F.col("as_of").isin(held) | is_over)
        slots = [one for one in slots if one["as_of"] not in held or is_expired(one, expiring, now)]
    # What this batch has judged already, if it ended before it was counted, is counted when it is repeated.
    judged_before = [one for one in slots if one["judged_at"] is not None]
    open_slots = [one for one in slots if one["judged_at"] is None]
    judged_at = judging_instants((one["slot_at"] for one in open_slots), ticks, now)
    waiting = [one | {"judged_at": judged_at[one["slot_at"]]} for one in open_slots if one["slot_at"] in judged_at]
    concerned = [*judged_before, *waiting]
    if not concerned:
        return None
    earliest, checked_at = min(one["as_of"] for one in concerned), max(one["judged_at"] for one in concerned)
    before, stray, judged = together(
        (
            lambda: _identities_before(lake, earliest),
            lambda: _identities_after(lake, earliest),
            # To look for news about nobody takes as long as about everybody.
            lambda: _judged(workspace, keep_reached(open_sends, judged_at), waiting, ticks, now) if waiting else None,
        )
    )
    if not all(identity.holds for identity in before):
        # Nothing leaves while what came before does not add up; the rows say so, and the next start tries again.
        _record(lake, before, checked_at, "refused", batch_id)
        _refuse_broken(before)
    figures = None
    if judged is not None:
        verdicts, fates, known_through = judged
        if concerned_sends := _concerned_sends(stray):
            # They wait until somebody has settled what is wrong with the customer's other sends.
            verdicts = _without_customers_of(lake, verdicts, concerned_sends).localCheckpoint(eager=False)
            fates = _fates(verdicts)
        _release(lake, verdicts, fates, known_through, batch_id)
        figures = Figures((workspace.clock.now() - min(one["as_of"] for one in waiting)).total_seconds(), fates)
    after, _ = together((lambda: _identities_after(lake, earliest), lambda: _mirror(workspace) if figures else None))
    _record(lake, [*before, *after], checked_at, "release", batch_id)
    _refuse_broken(after)
    return figures


def _open_sends(lake: Lake, since: datetime, now: datetime | None) -> DataFrame:
    """As `keep_open`, of the ledger as it is now; kept once a query has read it, since more is appended."""
    queued = read_table(lake, SEND_QUEUE).select("send_id", F.col("released_at").alias("judged_at"))
    stopped = read_table(lake, WITHHELD_SENDS).select("send_id", F.col("withheld_at").alias("judged_at"))
    return keep_open(read_table(lake, DECISIONS), queued.union(stopped), since, now).localCheckpoint(eager=False)


def _judged(
    workspace: Workspace,
    reached: DataFrame,
    windows: Sequence[dict[str, Any]],
    ticks: Sequence[datetime],
    now: datetime | None,
) -> tuple[DataFrame, Fates, int]:
    """The sends with their verdicts, and the last ingest batch that these know.

    Kept, so that both writes see the same ones and neither sees the other's rows.
    """
    lake, settings = workspace.lake, workspace.brand.settings
    # Read before what they say: a row that comes between the two counts, and is said not to be known.
    known_through = newest_batch(lake, EVENTS, "ingest_batch")
    persons = all_persons(lake)
    sends = with_persons(reached, persons)
    sends = with_addresses(sends, read_table(lake, CONTACTS_VAULT), persons, settings.address_kinds)
    decided = [(row["as_of"], row["through_batch"]) for row in windows]
    news = news_of(sends, events_since(lake, decided), persons)
    is_refused = not is_empty(lake, CONTACT_REFUSALS)
    refusals = refusals_since(workspace, sends, decided, persons) if is_refused else None
    concerned = with_concerns(sends, news, refusals, on_hold(workspace), on_suppression_lists(workspace), persons)
    judged = answered(concerned, judge_batches(_rules(workspace, ticks, now)), CONCERNS, VERDICT)
    queued = _recently_queued(lake, min(ticks) - _longest_duration(workspace))
    flagged = flag_rivals(judged, with_persons(queued, persons), settings.pressure.lock)
    if settings.release.mode == "shadow":
        flagged = withhold_in_shadow(flagged)
    verdicts = flagged.localCheckpoint(eager=False)
    return verdicts, _fates(verdicts), known_through


def _rules(workspace: Workspace, ticks: Sequence[datetime], now: datetime | None) -> GateRules:
    """The rules of the gate, by the configuration as it is now."""
    settings, paused = workspace.brand.settings, paused_now(workspace.lake)
    campaigns = {
        campaign.id: PresentCampaign(
            day_number(campaign.active.from_),
            day_number(campaign.active.to),
            frozenset(campaign.channels),
            frozenset(campaign.refusable),
        )
        for campaign in workspace.brand.campaigns
    }
    return GateRules(
        now=None if now is None else instant_micros(now),
        ticks=ticks_of(ticks),
        time_zone=settings.time_zone,
        hours={name: channel.hours for name, channel in settings.channels.items()},
        kinds=settings.address_kinds,
        soft_bounces=(settings.soft_bounces.max, settings.soft_bounces.within.micros),
        campaigns=campaigns,
        is_paused=partial(is_paused, paused=paused),
        is_behind=now is not None and behind_since(workspace, now) is not None,
    )


def _recently_queued(lake: Lake, since: datetime) -> DataFrame:
    """Rows of send_queue that went at or after an instant and were not called back."""
    queued = read_table(lake, SEND_QUEUE).where(F.col("released_at") >= F.lit(since))
    if is_empty(lake, REVOKED_SENDS):
        return queued
    return queued.join(read_table(lake, REVOKED_SENDS).select("send_id"), on="send_id", how="left_anti")


def _longest_duration(workspace: Workspace) -> timedelta:
    spans = [campaign.duration.micros for campaign in workspace.brand.campaigns]
    return timedelta(microseconds=max(spans, default=0)) + timedelta(days=2)


def _release(lake: Lake, verdicts: DataFrame, fates: Fates, known_through: int, batch_id: int) -> None:
    """Write what goes and what does not."""
    writes: list[Callable[[], None]] = []
    if fates["withheld"]:
        writes.append(lambda: append_batch(lake, WITHHELD_SENDS, withheld(verdicts), "release", batch_id))
    if fates["queued"]:
        writes.append(lambda: append_batch(lake, SEND_QUEUE, cleared(verdicts, known_through), "release", batch_id))
    together(writes)


def _mirror(workspace: Workspace) -> None:
    write_mirror(workspace.lake, workspace.brand.settings.channels)


def _fates(verdicts: DataFrame) -> Fates:
    may_go = F.col("withheld_reason").isNull()
    groups = rows_of(
        verdicts.where(~F.col("waits") | ~may_go)
        .groupBy("withheld_reason", F.when(may_go, F.col("channel")).alias("channel"))
        .agg(F.count("*").alias("count"))
    )
    return {
        "queued": {one["channel"]: one["count"] for one in groups if one["withheld_reason"] is None},
        "withheld": {one["withheld_reason"]: one["count"] for one in groups if one["withheld_reason"] is not None},
    }


def _identities_before(lake: Lake, since: datetime) -> list[Identity]:
    intake, ledger = together((lambda: _intake_identities(lake), lambda: _ledger_identities(lake, since)))
    return [*intake, *ledger]


def _intake_identities(lake: Lake) -> list[Identity]:
    tables = (INGEST_BATCHES, EVENTS, QUARANTINED_EVENTS)

    def count() -> list[dict[str, Any]]:
        return rows_of(intake_counts(*(read_table(lake, one) for one in tables)))

    (counts,) = remembered(lake, "intake", tables, count)
    return intake_identities(counts)


def _ledger_identities(lake: Lake, since: datetime) -> list[Identity]:
    (counts,) = rows_of(ledger_counts(read_table(lake, DECISIONS), since))
    # A window's run is written before its decisions: read after them, and no further than they go, both agree.
    newest = counts["newest"] or since
    runs = [one for one in decided_windows(lake) if since <= one.window_end <= newest]
    return ledger_identities(counts, sum(one.decision_count for one in runs))


def _identities_after(lake: Lake, since: datetime) -> list[Identity]:
    tables = (DECISIONS, SEND_QUEUE, WITHHELD_SENDS, CONTACT_REFUSALS, REVOKED_SENDS)
    (counts,) = rows_of(release_counts(since, *(read_table(lake, table) for table in tables)))
    return release_identities(counts)


def _record(lake: Lake, identities: Sequence[Identity], checked_at: datetime, step: str, batch_id: int) -> None:
    rows = [
        {
            "release_batch": lake.batch_number(batch_id),
            "checked_at": checked_at,
            "identity": one.name,
            "expected": one.expected,
            "found": one.found,
            "holds": one.holds,
            "send_ids": list(one.send_ids),
        }
        for one in identities
    ]
    append_batch(lake, RECONCILIATION, pa.Table.from_pylist(rows, RECONCILIATION.arrow_schema), step, batch_id)


def _concerned_sends(identities: Sequence[Identity]) -> list[str]:
    """The sends that broken identities name."""
    return sorted({send_id for identity in identities if not identity.holds for send_id in identity.send_ids})


def _without_customers_of(lake: Lake, verdicts: DataFrame, send_ids: Sequence[str]) -> DataFrame:
    """Only the sends to others than the customers of these sends, which stand in the queue or were withheld."""
    told = [read_table(lake, table).select("send_id", "customer_id") for table in (SEND_QUEUE, WITHHELD_SENDS)]
    customers = told[0].unionByName(told[1]).where(F.col("send_id").isin(list(send_ids))).select("customer_id")
    return verdicts.join(customers.distinct(), on="customer_id", how="left_anti")


def broken_identities(lake: Lake) -> list[dict[str, Any]]:
    """Rows of reconciliation of the newest release batch that do not hold because of single sends."""
    rows = read_table(lake, RECONCILIATION)
    newest = rows.agg(F.max("release_batch").alias("release_batch"))
    return rows_of(rows.join(newest, on="release_batch").where(~F.col("holds") & (F.size("send_ids") > 0)))


def _refuse_broken(identities: Sequence[Identity]) -> None:
    broken = [identity for identity in identities if not identity.holds and not identity.send_ids]
    if broken:
        said = "; ".join(f"{one.name}: {one.expected} and {one.found}" for one in broken)
        raise CheckFailedError(f"release stopped, since these are not equal: {said} (table {RECONCILIATION.name})")
