"""Actions of operators: what is paused, which holds are resolved, who is erased."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.errors import UsageError
from ceasefire.vocabulary import OperatorAction

EVERYTHING = "all"
CAMPAIGN, CHANNEL, HOLD, SEND, CUSTOMER = "campaign/", "channel/", "hold/", "send/", "customer/"
"""Beginnings of subjects."""


def subject_of(name: str, campaigns: Collection[str], channels: Collection[str]) -> str:
    """Return the subject that a person names: `all`, a campaign or a channel, with or without its kind.

    Args:
        name: as typed.
        campaigns: ids of the configured campaigns.
        channels: ids of the configured channels.

    Raises:
        UsageError: nothing of that name is configured, or two things are. A campaign that is no longer configured is
            named as `campaign/<id>`.
    """
    if name == EVERYTHING or (name.startswith(CAMPAIGN) and len(name) > len(CAMPAIGN)):
        return name
    if name.startswith(CHANNEL):
        if name.removeprefix(CHANNEL) not in channels:
            raise UsageError(f"no channel {name.removeprefix(CHANNEL)}, allowed: {_listed(channels)}")
        return name
    found = [kind + name for kind, ids in ((CAMPAIGN, campaigns), (CHANNEL, channels)) if name in ids]
    if len(found) > 1:
        raise UsageError(f"{name} is a campaign and a channel; say {found[0]} or {found[1]}")
    if not found:
        raise UsageError(
            f"no campaign or channel {name}, allowed: {EVERYTHING}, campaigns {_listed(campaigns)}, "
            f"channels {_listed(channels)}, or {CAMPAIGN}<id> for a campaign that is no longer configured"
        )
    return found[0]


def paused_subjects(actions: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the subjects that are paused: the newest action on each counts, of two at one instant the pause.

    Args:
        actions: rows of operator_actions in any order; of others than pauses and resumptions none counts.
    """
    newest: dict[str, tuple[datetime, bool]] = {}
    for row in actions:
        if row["action"] in (OperatorAction.PAUSE.value, OperatorAction.RESUME.value):
            said = row["acted_at"], row["action"] == OperatorAction.PAUSE.value
            newest[row["subject"]] = max(said, newest.get(row["subject"], said))
    return frozenset(subject for subject, (_, is_pause) in newest.items() if is_pause)


def is_paused(campaign: str, channel: str, paused: Collection[str]) -> bool:
    """Return whether a message of this campaign by this channel has to wait.

    Args:
        campaign: its id.
        channel: its id.
        paused: `paused_subjects`.
    """
    return EVERYTHING in paused or CAMPAIGN + campaign in paused or CHANNEL + channel in paused


def acting_instant(now: datetime, newest: datetime | None) -> datetime:
    """Return the instant of a new action on a subject: now, but after the newest one whatever the clocks show."""
    return now if newest is None or newest < now else newest + timedelta.resolution


def keep_open_holds(holds: DataFrame, actions: DataFrame) -> DataFrame:
    """Keep the holds that nobody has resolved.

    Args:
        holds: rows of consent_holds.
        actions: rows of operator_actions.
    """
    resolved = subjects_of(actions, OperatorAction.RESOLVE_HOLD, HOLD).select(F.col("id").alias("hold_id"))
    return holds.join(resolved, on="hold_id", how="left_anti").select(*holds.columns)


def keep_erased(actions: DataFrame) -> DataFrame:
    """Return one row for each erased customer: customer_id, erased_at (of several erasures the newest).

    Args:
        actions: rows of operator_actions.
    """
    erasures = subjects_of(actions, OperatorAction.ERASE, CUSTOMER)
    return erasures.groupBy(F.col("id").alias("customer_id")).agg(F.max("acted_at").alias("erased_at"))


def subjects_of(actions: DataFrame, action: OperatorAction, kind: str) -> DataFrame:
    """Return id (the subject without its kind) and acted_at of every action of one sort on one kind of subject."""
    subject = F.col("subject")
    ours = actions.where((F.col("action") == action.value) & subject.startswith(kind))
    return ours.select(F.substring(subject, F.lit(len(kind) + 1), F.length(subject)).alias("id"), "acted_at")


def _listed(ids: Collection[str]) -> str:
    return ", ".join(sorted(ids)) or "none"
