"""The files of the queue: a line for each send, and one for each that was called back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ceasefire.storage.mirror import mirror_texts
from ceasefire.tables import REVOKED_SENDS, SEND_QUEUE

EIGHT = datetime(2026, 11, 30, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def send(send_id: str, hour: int, channel: str = "email", address: str | None = "a@example.invalid") -> dict[str, Any]:
    return {
        "send_id": send_id,
        "channel": channel,
        "address": address,
        "merge_fields": [("product", "coat")],
        "not_before_at": EIGHT + hour * HOUR,
        "expires_at": EIGHT + (hour + 48) * HOUR,
        "released_at": EIGHT,
    }


def revocation(send_id: str, hour: int, channel: str = "email") -> dict[str, Any]:
    return {
        "send_id": send_id,
        "customer_id": "c1",
        "channel": channel,
        "reason": "called_back",
        "caused_by": "action",
        "revoked_at": EIGHT + hour * HOUR,
    }


def texts(sends: list[dict[str, Any]], revocations: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    queue = pa.Table.from_pylist(sends, SEND_QUEUE.arrow_schema)
    revoked = pa.Table.from_pylist(revocations, REVOKED_SENDS.arrow_schema)
    found = mirror_texts(queue, revoked, ("email", "sms"))
    assert all(text == "" or text.endswith("\n") for text in found.values())
    return {channel: [json.loads(line) for line in text.splitlines()] for channel, text in found.items()}


def test_a_revocation_stands_behind_the_line_of_its_send_in_the_same_file() -> None:
    found = texts([send("s2", 1), send("s1", 0), send("s3", 0, "sms")], [revocation("s2", 2), revocation("s1", 3)])

    assert [(line["send_id"], line.get("revoked", False)) for line in found["email"]] == [
        ("s1", False),
        ("s2", False),
        ("s2", True),
        ("s1", True),
    ]
    assert [line["send_id"] for line in found["sms"]] == ["s3"]


def test_a_revocation_says_which_send_must_not_go_why_and_since_when() -> None:
    (line,) = texts([], [revocation("s1", 2)])["email"]

    assert line == {
        "send_id": "s1",
        "revoked": True,
        "reason": "called_back",
        "revoked_at": "2026-11-30T10:00:00+00:00",
        "channel": "email",
    }


def test_a_channel_without_a_send_has_an_empty_file() -> None:
    assert texts([], []) == {"email": [], "sms": []}


def test_the_line_of_an_erased_customer_has_no_address() -> None:
    (line,) = texts([send("s1", 0, address=None)], [])["email"]

    assert line["address"] is None
    assert line["merge_fields"] == {"product": "coat"}
