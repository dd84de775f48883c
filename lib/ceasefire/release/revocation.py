"""Sends that are called back after they were queued."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ceasefire.tables import REVOKED_SENDS


def keep_recallable(queue: DataFrame, revoked: DataFrame, now: datetime) -> DataFrame:
    """Keep the queued sends that may still go: not expired, and not called back before.

    Args:
        queue: rows of send_queue.
        revoked: rows of revoked_sends.
        now: the present instant.
    """
    can_go = queue.where(F.col("expires_at") >= F.lit(now))
    return can_go.join(revoked.select("send_id"), on="send_id", how="left_anti").select(*queue.columns)


def as_judged(recallable: DataFrame) -> DataFrame:
    """Return queued sends as the gate judged them: as of their release, by what was known then.

    Args:
        recallable: `keep_recallable`.

    Returns:
        The same rows, with as_of and through_batch as `concerns` reads them.
    """
    return recallable.withColumns({"as_of": F.col("released_at"), "through_batch": F.col("known_through")})


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
