"""Sends that are called back after they were queued."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ceasefire.tables import REVOKED_SENDS
from ceasefire.vocabulary import EVERY, EventType, RefusalKind, RevokedReason

REASONS: Mapping[EventType, RevokedReason] = {
    EventType.UNSUBSCRIBED: RevokedReason.UNSUBSCRIBED,
    EventType.COMPLAINED: RevokedReason.COMPLAINED,
    EventType.SEND_BOUNCED: RevokedReason.BOUNCED,
    EventType.ERASURE_REQUESTED: RevokedReason.ERASED,
}
"""Why a refusal calls a send back, by the type of its event; of all others the reason is a withdrawn consent."""


def keep_recallable(queue: DataFrame, revoked: DataFrame, now: datetime) -> DataFrame:
    """Keep the queued sends that may still go: not expired, and not called back before.

    Args:
        queue: rows of send_queue.
        revoked: rows of revoked_sends.
        now: the present instant.
    """
    can_go = queue.where(F.col("expires_at") >= F.lit(now))
    return can_go.join(revoked.select("send_id"), on="send_id", how="left_anti").select(*queue.columns)


def to_revoke(
    recallable: DataFrame, refusals: DataFrame, topics: Mapping[str, Collection[str]], now: datetime
) -> DataFrame:
    """Return the queued sends that a refusal forbids, with that refusal: rows of revoked_sends, one for each send.

    The gate has looked at every refusal that was known to it, so what is found here became known since.

    Args:
        recallable: `keep_recallable`.
        refusals: rows of contact_refusals that stand: no later yes lifts them.
        topics: what can be refused of each campaign, as statements name it.
        now: the present instant.

    Returns:
        Of several refusals the earliest counts; ties break on event_key.
    """
    about = refusals.select(
        F.col("customer_id"),
        F.col("event_key"),
        F.col("event_type"),
        F.col("purpose"),
        F.col("channel").alias("refused_channel"),
        F.col("topic"),
        F.col("said_at"),
    )
    forbidden = recallable.join(about, on="customer_id", how="inner").where(forbids_queued_send(topics))
    earliest = F.min_by(F.struct("event_type", "event_key"), F.struct("said_at", "event_key"))
    causes = forbidden.groupBy("send_id", "customer_id", "channel", "released_at").agg(earliest.alias("cause"))
    return as_revocations(causes, _reason_of(F.col("cause.event_type")), F.col("cause.event_key"), now)


def keep_standing(recallable: DataFrame, refusals: DataFrame, events: DataFrame) -> DataFrame:
    """The noes that became known after a queued send of their customer was released, and that no later yes took back.

    Args:
        recallable: `keep_recallable`.
        refusals: rows of contact_refusals.
        events: rows of the log, at least all that arrived after the oldest of these sends was released.

    Returns:
        Rows of contact_refusals, each once.
    """
    oldest = recallable.groupBy("customer_id").agg(F.min("known_through").alias("known_through"))
    noes = refusals.where(F.col("kind") == RefusalKind.NO.value)
    news = noes.join(oldest, on="customer_id", how="inner").where(F.col("ingest_batch") > F.col("known_through"))
    yes = events.where(F.col("statement.granted")).select(
        "customer_id", F.col("event_at").alias("yes_at"), F.col("statement").alias("yes")
    )
    # A yes lifts one channel of a wider no, which stands for the others: only an equal one takes it back here.
    equal = (F.col("purpose") == F.col("yes.purpose")) & (F.col("channel") == F.col("yes.channel"))
    same_topic = F.col("topic").eqNullSafe(F.col("yes.topic"))
    is_later = F.col("yes_at") > F.col("said_at")
    lifted = news.join(yes, on="customer_id", how="inner").where(equal & same_topic & is_later)
    standing = news.join(lifted.select("event_key").distinct(), on="event_key", how="left_anti")
    return standing.select(*refusals.columns)


def forbids_queued_send(topics: Mapping[str, Collection[str]]) -> Column:
    """A refusal covers the send it is joined to: its purpose, its channel, and all messages or this campaign's."""
    same_purpose = (F.col("purpose") == EVERY) | (F.col("purpose") == F.col("class"))
    same_channel = (F.col("refused_channel") == EVERY) | (F.col("refused_channel") == F.col("channel"))
    of_campaign = (F.col("topic") == F.concat(F.lit("campaign/"), F.col("campaign_id"))) | reduce(
        or_,
        ((F.col("campaign_id") == campaign) & F.col("topic").isin(list(names)) for campaign, names in topics.items()),
        F.lit(False),
    )
    about_it = F.col("topic").isNull() | of_campaign
    return F.coalesce(same_purpose & same_channel & about_it, F.lit(False))


def as_revocations(sends: DataFrame, reason: Column, caused_by: Column, now: datetime) -> DataFrame:
    """Return a row of revoked_sends for each of these sends.

    Args:
        sends: send_id, customer_id, channel and released_at, one row for each send.
        reason: vocabulary.RevokedReason.
        caused_by: the event's key or the action's id.
        now: the present instant; a replay may have released a send ahead of it, which is called back at its release.
    """
    facts = {
        "reason": reason,
        "caused_by": caused_by,
        "revoked_at": F.greatest(F.lit(now), F.col("released_at")),
    }
    return sends.withColumns(facts).select(*(column.name for column in REVOKED_SENDS.columns))


def _reason_of(event_type: Column) -> Column:
    reasons = (F.when(event_type == kind.value, F.lit(reason.value)) for kind, reason in REASONS.items())
    return F.coalesce(*reasons, F.lit(RevokedReason.CONSENT_WITHDRAWN.value))
