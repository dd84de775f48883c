"""Queued sends that a no forbids which became known after they were released: they are called back by themselves."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from ceasefire.config.units import instant_micros
from ceasefire.pipelines.operators import append_revocations, recallable_sends
from ceasefire.pipelines.persons import all_persons, joined_since
from ceasefire.pipelines.workspace import Workspace
from ceasefire.release.concerns import news_of, refusals_of, with_persons
from ceasefire.release.gate import REFUSED, judge_queued
from ceasefire.release.revocation import as_judged, as_revocations
from ceasefire.storage.lake import is_empty, read_table, remembered, rows_of
from ceasefire.tables import CONTACT_REFUSALS, CUSTOMER_ADDRESSES, CUSTOMER_MERGES, EVENTS

_REVOKED = ("send_id", "customer_id", "channel", "released_at")
_READ = ("class", "campaign_id", "consent_at", "refusals", "news")


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
    persons = all_persons(lake)
    since = joined_since(lake, ((row["released_at"], row["known_through"]) for row in releases))
    sends = with_persons(as_judged(queued), persons).localCheckpoint(eager=False)
    said, addresses = read_table(lake, CONTACT_REFUSALS), read_table(lake, CUSTOMER_ADDRESSES)
    refusals = refusals_of(sends, said, addresses, persons, since, brand.settings.address_kinds)
    earliest, through_batch = (min(row[name] for row in releases) for name in ("released_at", "known_through"))
    is_recent = (F.col("event_at") >= F.lit(earliest)) | (F.col("ingest_batch") > through_batch)
    news = news_of(sends, read_table(lake, EVENTS).where(is_recent & F.col("statement.granted")), persons)
    concerned = sends.join(refusals, on="send_id", how="inner").join(news, on="send_id", how="left")
    topics = {campaign.id: frozenset(campaign.refusable) for campaign in brand.campaigns}
    kept = [concerned.schema[name] for name in (*_REVOKED, *_READ) if name not in ("refusals", "news")]
    schema = StructType([*kept, *from_arrow_schema(pa.schema(list(REFUSED.items()))).fields])
    judge = judge_queued(instant_micros(now), topics)
    forbidden = concerned.select(*_REVOKED, *_READ).mapInArrow(judge, schema)
    return append_revocations(lake, as_revocations(forbidden, F.col("reason"), F.col("caused_by"), now))
