"""What goes to a topic for a send, and for its revocation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ceasefire.pipelines.queue_topics import as_messages
from ceasefire.storage.mirror import revocation_json
from ceasefire.tables import REVOKED_SENDS, SEND_QUEUE, DeltaTable

EIGHT = datetime(2026, 11, 30, 8, tzinfo=UTC)
SEND = {"send_id": "s1", "customer_id": "c1", "channel": "email", "address": "a@example.invalid", "merge_fields": []}
REVOCATION = {"send_id": "s1", "customer_id": "c1", "channel": "email", "reason": "erased", "revoked_at": EIGHT}


def batches(table: DeltaTable, row: dict[str, Any]) -> list[pa.RecordBatch]:
    return pa.Table.from_pylist([row], table.arrow_schema).to_batches()


def test_a_revocation_has_the_topic_and_the_key_of_its_send_so_that_it_stays_behind_it() -> None:
    (send,) = [row for batch in as_messages("q.corner.")(batches(SEND_QUEUE, SEND)) for row in batch.to_pylist()]
    (revocation,) = [
        row
        for batch in as_messages("q.corner.", revocation_json)(batches(REVOKED_SENDS, REVOCATION))
        for row in batch.to_pylist()
    ]

    assert (revocation["topic"], revocation["key"]) == (send["topic"], send["key"]) == ("q.corner.email", "c1")
    assert json.loads(revocation["value"]) == {
        "send_id": "s1",
        "revoked": True,
        "reason": "erased",
        "revoked_at": "2026-11-30T08:00:00+00:00",
        "channel": "email",
    }
    assert "revoked" not in json.loads(send["value"])
