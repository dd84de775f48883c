"""What operators do, and what of it stands in the tables and in the files of the queue."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.errors import UsageError
from ceasefire.ids import customer_id
from ceasefire.pipelines.operators import (
    append_revocations,
    count_on_hold,
    customers_on_hold,
    erase,
    erased_customers,
    list_holds,
    operator_actions,
    pause_or_resume,
    paused_now,
    recallable_sends,
    resolve_holds,
    revoke_campaign,
    revoke_customer,
    revoke_send,
)
from ceasefire.pipelines.queue_topics import keep_publishable
from ceasefire.pipelines.recall import call_back
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import append_once, follow_table, read_table, rows_of
from ceasefire.tables import (
    CONSENT_HOLDS,
    CONTACT_REFUSALS,
    CONTACTS_VAULT,
    CUSTOMER_ADDRESSES,
    CUSTOMER_MERGES,
    OPERATOR_ACTIONS,
    REVOKED_SENDS,
    SEND_QUEUE,
    DeltaTable,
)
from ceasefire.vocabulary import OperatorAction
from small_brand import WALL, corner

HOUR = timedelta(hours=1)
PAUSE, RESUME = OperatorAction.PAUSE, OperatorAction.RESUME


def pseudonym(workspace: Workspace, name: str) -> str:
    return customer_id(workspace.at_work.key, name)


def add(workspace: Workspace, table: DeltaTable, rows: Iterable[dict[str, Any]], step: str = "test") -> None:
    """Append rows; `customer` in them is a natural id."""
    whole = [
        {**row, "customer_id": pseudonym(workspace, row["customer"])} if "customer" in row else row for row in rows
    ]
    append_once(workspace.lake, table, pa.Table.from_pylist(whole, schema=table.arrow_schema), step, 0)


def queued(
    send_id: str, customer: str, campaign: str = "thanks", channel: str = "email", **facts: Any
) -> dict[str, Any]:
    return {
        "send_id": send_id,
        "customer": customer,
        "campaign_id": campaign,
        "channel": channel,
        "address": f"{customer}@example.invalid",
        "class": "marketing",
        "not_before_at": WALL - HOUR,
        "expires_at": WALL + 10 * HOUR,
        "released_at": WALL - HOUR,
        "known_through": 1,
        **facts,
    }


QUEUE = [
    queued("p1", "peter"),
    queued("p2", "peter", campaign="club", channel="sms", not_before_at=WALL + HOUR),
    queued("p3", "peter", expires_at=WALL - HOUR / 2),
    queued("o1", "olga"),
    queued("o2", "olga", campaign="club", channel="sms"),
]


@pytest.fixture
def workspace(spark: SparkSession, tmp_path: Path) -> Workspace:
    """A brand with five queued sends, one of which has expired, to two people in the vault."""
    made = corner(spark, tmp_path)
    add(made, SEND_QUEUE, QUEUE)
    contacts = [
        {"customer": name, "natural_id": name, "email": f"{name}@example.invalid"} for name in ("peter", "olga")
    ]
    add(made, CONTACTS_VAULT, contacts)
    return made


def at(workspace: Workspace, instant: datetime) -> Workspace:
    return replace(workspace, clock=FixedClock(instant))


def mirror(workspace: Workspace, channel: str) -> list[dict[str, Any]]:
    folder = workspace.lake.local_folder
    assert folder is not None
    return [json.loads(line) for line in (folder / "queues" / f"{channel}.jsonl").read_text("utf-8").splitlines()]


def revoked(workspace: Workspace) -> dict[str, str]:
    return {row["send_id"]: row["reason"] for row in rows_of(read_table(workspace.lake, REVOKED_SENDS))}


def test_a_pause_counts_at_once_and_once_until_it_is_resumed(workspace: Workspace) -> None:
    first = pause_or_resume(workspace, PAUSE, "campaign/club", "wrong price")
    again = pause_or_resume(at(workspace, WALL + HOUR), PAUSE, "campaign/club", None)
    assert (first.is_new, again.is_new, again.paused) == (True, False, ("campaign/club",))
    assert paused_now(workspace.lake) == {"campaign/club"}

    # and a clock that was set back resumes it all the same
    resumed = pause_or_resume(at(workspace, WALL - HOUR), RESUME, "campaign/club", None)

    assert (resumed.is_new, resumed.paused) == (True, ())
    assert len(operator_actions(workspace.lake)) == 2
    rows = rows_of(read_table(workspace.lake, OPERATOR_ACTIONS).orderBy("acted_at"))
    assert [(row["action"], row["subject"], row["note"]) for row in rows] == [
        ("pause", "campaign/club", "wrong price"),
        ("resume", "campaign/club", None),
    ]


def holding(hold_id: str, customer: str, hour: int) -> dict[str, Any]:
    return {
        "hold_id": hold_id,
        "customer": customer,
        "held_at": WALL + hour * HOUR,
        "ingest_batch": hour,
        "source_file": "events/crm.jsonl",
        "source_row": 7,
        "raw": '{"event_type": "optout?"}',
    }


def test_holds_are_listed_with_the_natural_id_and_end_one_by_one_or_by_customer(workspace: Workspace) -> None:
    lake = workspace.lake
    assert (count_on_hold(lake), list_holds(workspace, None, 20)) == (0, [])
    add(workspace, CONSENT_HOLDS, [holding("h2", "peter", 2), holding("h1", "peter", 1), holding("h3", "stranger", 3)])

    listed = list_holds(workspace, None, 20)
    assert [(row["hold_id"], row["customer"]) for row in listed] == [("h1", "peter"), ("h2", "peter"), ("h3", None)]
    assert (listed[0]["source_file"], listed[0]["source_row"], listed[0]["raw"]) == (
        "events/crm.jsonl",
        7,
        '{"event_type": "optout?"}',
    )
    assert [row["hold_id"] for row in list_holds(workspace, pseudonym(workspace, "peter"), 1)] == ["h1"]
    assert count_on_hold(lake) == 2

    # when one of Peter's is resolved he is still on hold, and with the other he is not
    assert resolve_holds(workspace, "h1", None, "it was a survey") == 1
    assert count_on_hold(lake) == 2
    assert resolve_holds(workspace, None, pseudonym(workspace, "peter"), None) == 1
    assert [row["customer_id"] for row in rows_of(customers_on_hold(lake))] == [pseudonym(workspace, "stranger")]
    assert resolve_holds(workspace, None, pseudonym(workspace, "peter"), None) == 0
    with pytest.raises(UsageError, match="no open hold h1; `ceasefire holds` lists the open ones"):
        resolve_holds(workspace, "h1", None, None)


def test_a_queued_send_is_called_back_once_and_shown_behind_its_line(workspace: Workspace) -> None:
    assert revoke_send(workspace, "p1", None)
    assert not revoke_send(at(workspace, WALL + HOUR), "p1", None)

    assert revoked(workspace) == {"p1": "called_back"}
    lines = [(line["send_id"], line.get("revoked", False)) for line in mirror(workspace, "email")]
    assert lines == [("o1", False), ("p1", False), ("p3", False), ("p1", True)]
    with pytest.raises(UsageError, match="no send nowhere in send_queue"):
        revoke_send(workspace, "nowhere", None)
    # also one whose time is over: a row that nothing decided would break an identity for as long as it counts
    assert revoke_send(workspace, "p3", None)
    assert set(revoked(workspace)) == {"p1", "p3"}


def test_what_a_campaign_or_a_customer_has_queued_is_called_back_but_for_what_has_expired(workspace: Workspace) -> None:
    assert revoke_campaign(workspace, "club", None) == 2
    assert revoke_customer(at(workspace, WALL + HOUR), pseudonym(workspace, "peter"), None) == 1
    assert revoke_campaign(at(workspace, WALL + HOUR), "club", None) == 0

    assert set(revoked(workspace)) == {"p1", "p2", "o2"}
    assert [row["send_id"] for row in rows_of(recallable_sends(workspace.lake, WALL))] == ["o1"]
    actions = rows_of(read_table(workspace.lake, OPERATOR_ACTIONS).orderBy("acted_at"))
    peter = f"customer/{pseudonym(workspace, 'peter')}"
    assert [(row["action"], row["subject"]) for row in actions] == [("revoke", "campaign/club"), ("revoke", peter)]
    causes = {row["caused_by"] for row in rows_of(read_table(workspace.lake, REVOKED_SENDS))}
    assert causes == {row["action_id"] for row in actions}


def test_two_that_call_the_same_send_back_leave_one_row(workspace: Workspace) -> None:
    send = recallable_sends(workspace.lake, WALL).where(F.col("send_id") == "p1")
    rows = send.select(
        "send_id",
        "customer_id",
        "channel",
        F.lit("unsubscribed").alias("reason"),
        F.lit("e1").alias("caused_by"),
        F.lit(WALL).alias("revoked_at"),
    ).localCheckpoint()

    append_revocations(workspace.lake, rows)
    append_revocations(workspace.lake, rows.withColumn("reason", F.lit("complained")))

    assert revoked(workspace) == {"p1": "unsubscribed"}


def refusal(customer: str, key: str, hour: int = 0, **facts: Any) -> dict[str, Any]:
    return {
        "event_key": key,
        "customer": customer,
        "kind": "no",
        "event_type": "unsubscribed",
        "purpose": "marketing",
        "channel": "*",
        "topic": None,
        "said_at": WALL + hour * HOUR,
        "ingest_batch": 1,
        **facts,
    }


def test_a_no_of_the_person_of_a_merged_id_or_of_the_same_address_calls_back_what_is_queued_once(
    workspace: Workspace,
) -> None:
    # given sends to two ids of one person, to two who share an address, and to one that a replay set ahead
    lake = workspace.lake
    ahead = WALL + 2 * HOUR
    more = [
        queued("x1", "pete", address_key="of pete"),
        queued("s1", "sam", address_key="shared"),
        queued("q1", "quin", released_at=ahead),
    ]
    add(workspace, SEND_QUEUE, more, "more")
    into = {"event_key": "m1", "customer": "pete", "into_id": pseudonym(workspace, "peter"), "merged_at": WALL - HOUR}
    add(workspace, CUSTOMER_MERGES, [{**into, "ingest_batch": 0}])
    holder = {"customer": "tess", "kind": "email", "address_key": "shared", "set_at": WALL - HOUR, "ingest_batch": 1}
    add(workspace, CUSTOMER_ADDRESSES, [holder])
    noes = [
        refusal("peter", "e1", channel="email", event_type="complained"),
        refusal("tess", "e2"),
        refusal("quin", "e3", topic="campaign/thanks"),
        # and one to a channel that she was not written to by
        refusal("olga", "e4", channel="push"),
    ]
    add(workspace, CONTACT_REFUSALS, noes)

    assert call_back(workspace, WALL) == 4
    assert call_back(workspace, WALL + HOUR) == 0

    rows = {row["send_id"]: row for row in rows_of(read_table(lake, REVOKED_SENDS))}
    assert {send: (row["reason"], row["caused_by"]) for send, row in rows.items()} == {
        "p1": ("complained", "e1"),
        "x1": ("complained", "e1"),
        "s1": ("address_refused", "e2"),
        "q1": ("unsubscribed", "e3"),
    }
    # never before its release, which a replay may have set ahead
    assert {send: row["revoked_at"] for send, row in rows.items()} == dict.fromkeys(rows, WALL) | {"q1": ahead}


def test_an_erased_person_is_out_of_vault_queue_and_files_under_every_id_and_the_others_stay(
    workspace: Workspace,
) -> None:
    # given Peter was another customer once, with a send of his own, and a third one before
    lake = workspace.lake
    add(workspace, CONTACTS_VAULT, [{"customer": "pete", "natural_id": "pete", "email": "pete@example.invalid"}], "old")
    add(workspace, SEND_QUEUE, [queued("x1", "pete")], "old")
    merges = [("pete", "peter"), ("pit", "pete")]
    into = [
        {"event_key": old, "customer": old, "into_id": pseudonym(workspace, new), "merged_at": WALL, "ingest_batch": 1}
        for old, new in merges
    ]
    add(workspace, CUSTOMER_MERGES, into)
    streamed = follow_table(lake, SEND_QUEUE)

    erased = erase(workspace, pseudonym(workspace, "peter"), "letter of 30 November")

    assert (erased.ids, erased.vault_rows, erased.revoked, erased.addresses, erased.is_new) == (3, 2, 3, 4, True)
    assert [row["natural_id"] for row in rows_of(read_table(lake, CONTACTS_VAULT))] == ["olga"]
    assert revoked(workspace) == {"p1": "erased", "p2": "erased", "x1": "erased"}
    queue = {row["send_id"]: row["address"] for row in rows_of(read_table(lake, SEND_QUEUE))}
    assert {send for send, address in queue.items() if address is None} == {"p1", "p2", "p3", "x1"}
    assert queue["o1"] == "olga@example.invalid"
    for channel in ("email", "sms"):
        text = json.dumps(mirror(workspace, channel))
        assert "peter@" not in text
        assert "pete@" not in text
    assert {row["customer_id"]: row["erased_at"] for row in rows_of(erased_customers(lake))} == {
        pseudonym(workspace, name): WALL for name in ("peter", "pete", "pit")
    }
    # and what follows the queue goes on, and hands on neither what is called back nor an address of before
    name = "followed"
    query = streamed.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
    query.awaitTermination()
    kept = keep_publishable(lake, lake.spark.table(name))
    assert {row["send_id"] for row in rows_of(kept)} == {"o1", "o2"}


def test_an_erasure_that_is_repeated_changes_nothing_and_takes_what_was_queued_meanwhile(
    workspace: Workspace,
) -> None:
    peter = pseudonym(workspace, "peter")
    lake = workspace.lake
    erase(workspace, peter, None)
    before = rows_of(read_table(lake, OPERATOR_ACTIONS))

    again = erase(at(workspace, WALL + HOUR), peter, None)

    assert (again.vault_rows, again.revoked, again.addresses, again.is_new) == (0, 0, 0, False)
    assert rows_of(read_table(lake, OPERATOR_ACTIONS)) == before
    # and when something of his comes back, it goes again
    add(workspace, SEND_QUEUE, [queued("p9", "peter")], "late")
    late = erase(at(workspace, WALL + HOUR), peter, None)
    assert (late.revoked, late.addresses, late.is_new) == (1, 1, True)
    assert {row["erased_at"] for row in rows_of(erased_customers(lake))} == {WALL + HOUR}


def test_an_id_that_nobody_has_is_kept_out_all_the_same(workspace: Workspace) -> None:
    erased = erase(workspace, pseudonym(workspace, "nobody"), None)

    assert (erased.vault_rows, erased.revoked, erased.addresses, erased.is_new) == (0, 0, 0, True)
    assert [row["customer_id"] for row in rows_of(erased_customers(workspace.lake))] == [pseudonym(workspace, "nobody")]
