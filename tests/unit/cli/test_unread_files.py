from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ceasefire.cli.unread import BETWEEN_LOOKS, UnreadWatch, lines_on_files
from ceasefire.storage.event_files import HIDDEN

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def inbox_with(folder: Path, *names: str) -> Path:
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for name in names:
        (inbox / name).write_text("{}\n", "utf-8")
    return inbox


def test_a_run_tells_of_hidden_and_damaged_files(tmp_path: Path) -> None:
    inbox = inbox_with(tmp_path, "_under.jsonl")

    assert lines_on_files(str(inbox), tmp_path / "lake" / "corner", ["file:/in/b.jsonl.gz"]) == [
        "read only as far as it can be: file:/in/b.jsonl.gz: hand it in whole under another name",
        f"not read: {inbox}/_under.jsonl: {HIDDEN}",
    ]


def test_nothing_is_said_where_nothing_is_wrong_or_nothing_is_known(tmp_path: Path) -> None:
    assert lines_on_files(str(inbox_with(tmp_path)), tmp_path, []) == []
    assert lines_on_files(str(inbox_with(tmp_path, "_a")), None, []) == []


def test_a_stream_tells_of_each_file_once_and_looks_no_more_than_once_a_minute(tmp_path: Path) -> None:
    inbox = inbox_with(tmp_path, "_a.jsonl")
    records: list[dict[str, Any]] = []
    words: list[str] = []
    watch = UnreadWatch(str(inbox), tmp_path, [records.append], words.append)

    watch.look(NOW)
    inbox_with(tmp_path, "_b.jsonl")
    watch.look(NOW + BETWEEN_LOOKS - timedelta(seconds=1))
    assert [Path(record["path"]).name for record in records] == ["_a.jsonl"]

    watch.look(NOW + BETWEEN_LOOKS)
    watch.look(NOW + 3 * BETWEEN_LOOKS)
    assert [Path(record["path"]).name for record in records] == ["_a.jsonl", "_b.jsonl"]
    assert words == [f"not read: {inbox}/_{name}.jsonl: {HIDDEN}" for name in "ab"]
    assert {record["event"] for record in records} == {"unread_file"}
