"""The send queue as one JSON-lines file for each channel, for those who cannot read Delta."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ceasefire.storage.lake import Lake, read_table, remembered, table_version
from ceasefire.tables import REVOKED_SENDS, SEND_QUEUE

MIRROR_FOLDER = "queues"
LOCK_FILE = ".queues.lock"


def write_mirror(lake: Lake, channels: Iterable[str]) -> None:
    """Write each channel's file anew, whole or not at all: sends in the order of their slots, then revocations.

    The file is a copy: it can be written again at any time and says the same. Of two processes that write it one waits
    for the other, so that the newest rows stay. A root that is not a local folder has no mirror.
    """
    if lake.local_folder is None:
        return
    folder = lake.local_folder / MIRROR_FOLDER
    folder.mkdir(exist_ok=True)
    with _alone(lake.local_folder / LOCK_FILE):
        # Sorted here: sorting a small table in Spark costs more than writing the files.
        queue = read_table(lake, SEND_QUEUE).toArrow()
        for channel, text in mirror_texts(queue, _revocations(lake), channels).items():
            _replace(folder / f"{channel}.jsonl", text)


def mirror_texts(queue: pa.Table, revoked: pa.Table, channels: Iterable[str]) -> dict[str, str]:
    """Return the text of each channel's file: a line for each send, and one for each that was called back behind them.

    Args:
        queue: rows of send_queue.
        revoked: rows of revoked_sends.
        channels: which have a file even without a send.
    """
    lines: dict[str, list[str]] = {channel: [] for channel in channels}
    for send in queue.sort_by([("not_before_at", "ascending"), ("send_id", "ascending")]).to_pylist():
        lines.setdefault(send["channel"], []).append(send_json(send))
    for revocation in revoked.sort_by([("revoked_at", "ascending"), ("send_id", "ascending")]).to_pylist():
        lines.setdefault(revocation["channel"], []).append(revocation_json(revocation))
    return {channel: "".join(f"{line}\n" for line in of_channel) for channel, of_channel in lines.items()}


def send_json(send: dict[str, Any]) -> str:
    """A row of the queue as one line of JSON, instants in ISO 8601."""
    shown = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in send.items()}
    shown["merge_fields"] = dict(send["merge_fields"] or [])
    return json.dumps(shown, ensure_ascii=False)


def revocation_json(revocation: dict[str, Any]) -> str:
    """A row of revoked_sends as one line of JSON: the send of this id must not go any more."""
    shown = {
        "send_id": revocation["send_id"],
        "revoked": True,
        "reason": revocation["reason"],
        "revoked_at": revocation["revoked_at"].isoformat(),
        "channel": revocation["channel"],
    }
    return json.dumps(shown, ensure_ascii=False)


def _revocations(lake: Lake) -> pa.Table:
    if table_version(lake, REVOKED_SENDS) == 0:
        return REVOKED_SENDS.arrow_schema.empty_table()  # to ask a table that was only made takes as long as any
    return remembered(lake, "revocations", [REVOKED_SENDS], lambda: read_table(lake, REVOKED_SENDS).toArrow())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process is within, and keep others out."""
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".writing")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
