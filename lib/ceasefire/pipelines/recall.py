"""What was said since sends were judged, and the queued ones that a no calls back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.config.units import instant_micros
from ceasefire.pipelines.operators import append_revocations, recallable_sends
from ceasefire.pipelines.persons import all_persons, joined_since
from ceasefire.pipelines.workspace import Workspace
from ceasefire.release.concerns import answered, news_of, refusals_of, with_persons
from ceasefire.release.gate import REFUSED, SAID_SINCE, judge_queued
from ceasefire.release.revocation import as_judged, as_revocations
from ceasefire.storage.lake import Lake, is_empty, read_table, remembered, rows_of
from ceasefire.tables import CONTACT_REFUSALS, CUSTOMER_ADDRESSES, CUSTOMER_MERGES, EVENTS

_REVOKED = ("send_id", "customer_id", "channel", "released_at")
_READ = ("class", "campaign_id", "consent_at", *SAID_SINCE)

Judged = Sequence[tuple[datetime, int]]
"""Instants as of which sends were judged, each with the last ingest batch that was known then."""


def events_since(lake: Lake, judged: Judged) -> DataFrame:
    """Return the rows of events that happened at the first of these instants or later, or arrived after its batch."""
    instants, batches = zip(*judged, strict=True)
    is_recent = (F.col("event_at") >= F.lit(min(instants))) | (F.col("ingest_batch") > min(batches))
    return read_table(lake, EVENTS).where(is_recent)


def refusals_since(workspace: Workspace, sends: DataFrame, judged: Judged, persons: DataFrame | None) -> DataFrame:
    """Return `concerns.refusals_of` by all that is known now.

    Args:
        workspace: the brand at work.
        sends: as `concerns.refusals_of` takes them.
        judged: as of when, for the ids that have joined a person since.
        persons: `persons.all_persons`.
    """
    lake = workspace.lake
    said, addresses = read_table(lake, CONTACT_REFUSALS), read_table(lake, CUSTOMER_ADDRESSES)
    kinds = workspace.brand.settings.address_kinds
    return refusals_of(sends, said, addresses, persons, joined_since(lake, judged), kinds)


def call_back(workspace: Workspace, now: datetime) -> int:
    """Call back the queued sends whose person or address said no since they were released, and return how many.

    The gate's rules on consent judge them again. Looked for when a refusal or a merge has arrived since it was looked
    for last.
    """
    lake = workspace.lake
    if is_empty(lake, CONTACT_REFUSALS):
        return 0
    asked = (CONTACT_REFUSALS, CUSTOMER_MERGES)
    looked_at, count = remembered(lake, "queued against a no", asked, lambda: (now, _look(workspace, now)))
    return count if looked_at == now else 0


def _look(workspace: Workspace, now: datetime) -> int:
    lake, brand = workspace.lake, workspace.brand
    queued = recallable_sends(lake, now)
    releases = rows_of(queued.select("released_at", "known_through").distinct())
    if not releases:
        return 0
    judged = [(row["released_at"], row["known_through"]) for row in releases]
    persons = all_persons(lake)
    sends = with_persons(as_judged(queued), persons).localCheckpoint(eager=False)
    refusals = refusals_since(workspace, sends, judged, persons)
    news = news_of(sends, events_since(lake, judged).where(F.col("statement.granted")), persons)
    concerned = sends.join(refusals, on="send_id", how="inner").join(news, on="send_id", how="left")
    topics = {campaign.id: frozenset(campaign.refusable) for campaign in brand.campaigns}
    judge = judge_queued(instant_micros(now), topics)
    forbidden = answered(concerned.select(*_REVOKED, *_READ), judge, SAID_SINCE, REFUSED)
    return append_revocations(lake, as_revocations(forbidden, F.col("reason"), F.col("caused_by"), now))
