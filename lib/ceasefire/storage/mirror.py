"""The send queue as one JSON-lines file for each channel, for those who cannot read Delta."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from ceasefire.storage.lake import Lake

MIRROR_FOLDER = "queues"


def write_mirror(lake: Lake, queue: DataFrame, channels: Iterable[str]) -> None:
    """Write each channel's file anew, whole or not at all; sends in the order of their slots.

    The file is a copy: it can be written again at any time and says the same. A root that is not a local folder
    has no mirror.
    """
    if lake.local_folder is None:
        return
    folder = lake.local_folder / MIRROR_FOLDER
    folder.mkdir(exist_ok=True)
    # Sorted here: sorting a small table in Spark costs more than writing the files.
    in_order = queue.toArrow().sort_by([("not_before_at", "ascending"), ("send_id", "ascending")])
    rows: dict[str, list[dict[str, Any]]] = {channel: [] for channel in channels}
    for row in in_order.to_pylist():
        rows.setdefault(row["channel"], []).append(row)
    for channel, sends in rows.items():
        _replace(folder / f"{channel}.jsonl", "".join(f"{send_json(send)}\n" for send in sends))


def send_json(send: dict[str, Any]) -> str:
    """A row of the queue as one line of JSON, instants in ISO 8601."""
    shown = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in send.items()}
    shown["merge_fields"] = dict(send["merge_fields"] or [])
    return json.dumps(shown, ensure_ascii=False)


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".writing")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
