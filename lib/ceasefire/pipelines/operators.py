"""Actions of operators at work: pause and resume, holds, calling queued sends back, erasure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.config.units import instant_micros
from ceasefire.errors import UsageError
from ceasefire.ids import action_id
from ceasefire.pipelines.persons import ids_of_person
from ceasefire.pipelines.workspace import Workspace
from ceasefire.release.operators import (
    CAMPAIGN,
    CUSTOMER,
    HOLD,
    SEND,
    acting_instant,
    keep_erased,
    keep_open_holds,
    paused_subjects,
)
from ceasefire.release.revocation import as_revocations, keep_recallable
from ceasefire.storage.lake import (
    Lake,
    append_once,
    create_tables,
    has_tables,
    is_empty,
    read_table,
    remembered,
    rows_of,
)
from ceasefire.storage.mirror import write_mirror
from ceasefire.storage.rewrites import delete_rows, insert_new, update_rows
from ceasefire.tables import (
    CONSENT_HOLDS,
    CONTACTS_VAULT,
    CUSTOMER_MERGES,
    OPERATOR_ACTIONS,
    REVOKED_SENDS,
    SEND_QUEUE,
    WITHHELD_SENDS,
)
from ceasefire.vocabulary import OperatorAction, RevokedReason

WRITTEN = (OPERATOR_ACTIONS, REVOKED_SENDS, CONSENT_HOLDS, CUSTOMER_MERGES)
"""Tables that a root may lack on which nothing has run since they were declared."""


@dataclass(frozen=True)
class Paused:
    """What a pause or a resumption came to.

    Attributes:
        subject: what it is about.
        is_new: whether it changed anything.
        paused: every subject that is paused now, sorted.
    """

    subject: str
    is_new: bool
    paused: tuple[str, ...]


@dataclass(frozen=True)
class Erased:
    """What an erasure came to.

    Attributes:
        ids: how many ids the person has.
        vault_rows: rows that were deleted from contacts_vault.
        revoked: queued sends that were called back.
        addresses: rows of send_queue that lost their address.
        is_new: whether an action was recorded: false when nothing was left of an earlier erasure.
    """

    ids: int
    vault_rows: int
    revoked: int
    addresses: int
    is_new: bool


def operator_actions(lake: Lake) -> list[dict[str, Any]]:
    """Return the newest pause and the newest resumption of each subject: action, subject, acted_at.

    As many as there are campaigns and channels at most; what is about customers stays in the table.
    """

    def read() -> list[dict[str, Any]]:
        if is_empty(lake, OPERATOR_ACTIONS):
            return []
        actions = read_table(lake, OPERATOR_ACTIONS)
        ours = actions.where(F.col("action").isin(OperatorAction.PAUSE.value, OperatorAction.RESUME.value))
        return rows_of(ours.groupBy("action", "subject").agg(F.max("acted_at").alias("acted_at")))

    return remembered(lake, "operator actions", [OPERATOR_ACTIONS], read)


def paused_now(lake: Lake) -> frozenset[str]:
    """Return the subjects that are paused now."""
    return paused_subjects(operator_actions(lake))


def open_holds(lake: Lake) -> DataFrame:
    """Return the rows of consent_holds that nobody has resolved."""
    return keep_open_holds(read_table(lake, CONSENT_HOLDS), read_table(lake, OPERATOR_ACTIONS))


def customers_on_hold(lake: Lake) -> DataFrame:
    """Return customer_id of everybody with an open hold, each once."""
    return open_holds(lake).select("customer_id").distinct()


def count_on_hold(lake: Lake) -> int:
    """Return how many customers are on hold for marketing."""

    if not all(has_tables(lake, table) for table in (CONSENT_HOLDS, OPERATOR_ACTIONS)):
        return 0

    def count() -> int:
        return 0 if is_empty(lake, CONSENT_HOLDS) else customers_on_hold(lake).count()

    return remembered(lake, "customers on hold", [CONSENT_HOLDS, OPERATOR_ACTIONS], count)


def erased_customers(lake: Lake) -> DataFrame:
    """Return one row for each erased customer: customer_id, erased_at.

    Events of theirs that happened before erased_at are not taken into the vault again; a registration after it makes
    them customers anew.
    """
    return keep_erased(read_table(lake, OPERATOR_ACTIONS))


def recallable_sends(lake: Lake, now: datetime) -> DataFrame:
    """Return the rows of send_queue that may still go: not expired, not called back."""
    return keep_recallable(read_table(lake, SEND_QUEUE), read_table(lake, REVOKED_SENDS), now)


def append_revocations(lake: Lake, revocations: DataFrame) -> int:
    """Add sends to revoked_sends that are not there yet, and return how many were to be called back.

    Args:
        lake: where.
        revocations: rows of revoked_sends, each send once.
    """
    kept = revocations.localCheckpoint(eager=False)
    count = kept.count()
    if count:
        insert_new(lake, REVOKED_SENDS, kept)
    return count


def pause_or_resume(workspace: Workspace, action: OperatorAction, subject: str, note: str | None) -> Paused:
    """Pause a subject or let it go on; from the next tick or run on. What is paused already is not paused again.

    Args:
        workspace: the brand at work.
        action: PAUSE or RESUME.
        subject: `subject_of`.
        note: why.
    """
    lake = workspace.lake
    create_tables(lake, [OPERATOR_ACTIONS])
    known = operator_actions(lake)
    is_new = (subject in paused_subjects(known)) != (action is OperatorAction.PAUSE)
    if is_new:
        newest = max((row["acted_at"] for row in known if row["subject"] == subject), default=None)
        _record(lake, action, [subject], acting_instant(workspace.clock.now(), newest), note)
    return Paused(subject, is_new, tuple(sorted(paused_now(lake))))


def list_holds(workspace: Workspace, pseudonym: str | None, limit: int) -> list[dict[str, Any]]:
    """Return open holds, the oldest first: hold_id, customer (natural id, null if unknown), columns of the table."""
    lake = workspace.lake
    holds = _holds_of(lake, pseudonym)
    names = read_table(lake, CONTACTS_VAULT).select("customer_id", F.col("natural_id").alias("customer"))
    known = holds.orderBy("held_at", "hold_id").limit(limit).join(names, on="customer_id", how="left")
    columns = ("hold_id", "customer", "customer_id", "held_at", "source_file", "source_row", "raw")
    return rows_of(known.select(*columns).orderBy("held_at", "hold_id"))


def resolve_holds(workspace: Workspace, hold_id: str | None, pseudonym: str | None, note: str | None) -> int:
    """Resolve one open hold, or all of a customer's, and return how many that were.

    Raises:
        UsageError: there is no such open hold.
    """
    lake = workspace.lake
    create_tables(lake, WRITTEN)
    holds = _holds_of(lake, pseudonym)
    if hold_id is not None:
        holds = holds.where(F.col("hold_id") == hold_id)
    subjects = [HOLD + row["hold_id"] for row in rows_of(holds.select("hold_id").distinct().orderBy("hold_id"))]
    if hold_id is not None and not subjects:
        raise UsageError(f"no open hold {hold_id}; `ceasefire holds` lists the open ones")
    _record(lake, OperatorAction.RESOLVE_HOLD, subjects, workspace.clock.now(), note)
    return len(subjects)


def revoke_send(workspace: Workspace, send_id: str, note: str | None) -> bool:
    """Call one queued send back, and return whether that is new.

    A row that nothing decided, in the queue or among the withheld, is settled by it, also when its time is over.

    Raises:
        UsageError: there is no such send.
    """
    lake, now = workspace.lake, workspace.clock.now()
    create_tables(lake, WRITTEN)
    mine = F.col("send_id") == send_id
    columns = ("send_id", "customer_id", "channel")
    queued = read_table(lake, SEND_QUEUE).where(mine).select(*columns, "released_at")
    stopped = read_table(lake, WITHHELD_SENDS).where(mine).select(*columns, F.col("withheld_at").alias("released_at"))
    sends = queued.unionByName(stopped).dropDuplicates(["send_id"])
    if sends.isEmpty():
        raise UsageError(
            f"no send {send_id} in {SEND_QUEUE.name}; `ceasefire show {SEND_QUEUE.name}` lists queued sends, and what "
            "is decided and not queued yet is held by `ceasefire pause`"
        )
    if not read_table(lake, REVOKED_SENDS).where(mine).isEmpty():
        return False
    return _revoke(workspace, sends, SEND + send_id, now, note) > 0


def revoke_campaign(workspace: Workspace, campaign: str, note: str | None) -> int:
    """Call back every queued send of a campaign that may still go, and return how many."""
    create_tables(workspace.lake, WRITTEN)
    now = workspace.clock.now()
    mine = recallable_sends(workspace.lake, now).where(F.col("campaign_id") == campaign)
    return _revoke(workspace, mine, CAMPAIGN + campaign, now, note)


def revoke_customer(workspace: Workspace, pseudonym: str, note: str | None) -> int:
    """Call back every queued send to a person that may still go, and return how many."""
    create_tables(workspace.lake, WRITTEN)
    now = workspace.clock.now()
    mine = F.col("customer_id").isin(ids_of_person(workspace.lake, pseudonym))
    return _revoke(workspace, recallable_sends(workspace.lake, now).where(mine), CUSTOMER + pseudonym, now, note)


def erase(workspace: Workspace, pseudonym: str, note: str | None) -> Erased:
    """Erase a person under all merged ids: vault, queued sends that may still go, addresses in queue and mirror.

    The action comes first, so that nothing of before is taken in again if the rest is interrupted; the same call
    again does what is left.
    """
    lake, now = workspace.lake, workspace.clock.now()
    create_tables(lake, WRITTEN)
    ids = ids_of_person(lake, pseudonym)
    theirs = F.col("customer_id").isin(ids)
    addressed = theirs & F.col("address").isNotNull()
    is_new = (
        erased_customers(lake).where(theirs).count() < len(ids)
        or not read_table(lake, CONTACTS_VAULT).where(theirs).isEmpty()
        or not read_table(lake, SEND_QUEUE).where(addressed).isEmpty()
    )
    if is_new:
        _record(lake, OperatorAction.ERASE, [CUSTOMER + one for one in ids], now, note)
    cause = F.lit(_action_id(OperatorAction.ERASE, CUSTOMER + pseudonym, now))
    sends = recallable_sends(lake, now).where(theirs)
    revoked = append_revocations(lake, as_revocations(sends, F.lit(RevokedReason.ERASED.value), cause, now))
    vault_rows = delete_rows(lake, CONTACTS_VAULT, theirs)
    addresses = update_rows(lake, SEND_QUEUE, addressed, {"address": F.lit(None).cast("string")})
    # Written anew although nothing may have changed: an earlier erasure may have been interrupted just before.
    write_mirror(lake, workspace.brand.settings.channels)
    return Erased(len(ids), vault_rows, revoked, addresses, is_new)


def _revoke(workspace: Workspace, sends: DataFrame, subject: str, now: datetime, note: str | None) -> int:
    """Call sends back on a person's word, and show it in the mirror."""
    lake = workspace.lake
    cause = F.lit(_action_id(OperatorAction.REVOKE, subject, now))
    count = append_revocations(lake, as_revocations(sends, F.lit(RevokedReason.CALLED_BACK.value), cause, now))
    if count:
        _record(lake, OperatorAction.REVOKE, [subject], now, note)
    write_mirror(lake, workspace.brand.settings.channels)
    return count


def _holds_of(lake: Lake, pseudonym: str | None) -> DataFrame:
    holds = open_holds(lake)
    if pseudonym is None:
        return holds
    return holds.where(F.col("customer_id").isin(ids_of_person(lake, pseudonym)))


def _action_id(action: OperatorAction, subject: str, acted_at: datetime) -> str:
    return action_id(action.value, subject, instant_micros(acted_at))


def _record(
    lake: Lake, action: OperatorAction, subjects: Collection[str], acted_at: datetime, note: str | None
) -> None:
    """Append an action on each of these subjects in one commit."""
    rows: list[dict[str, Any]] = [
        {
            "action_id": _action_id(action, subject, acted_at),
            "action": action.value,
            "subject": subject,
            "acted_at": acted_at,
            "note": note,
        }
        for subject in subjects
    ]
    if rows:
        table = pa.Table.from_pylist(rows, schema=OPERATOR_ACTIONS.arrow_schema)
        append_once(lake, OPERATOR_ACTIONS, table, rows[0]["action_id"], 0)
