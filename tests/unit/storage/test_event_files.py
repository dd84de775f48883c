from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from ceasefire.storage.event_files import GREW, HIDDEN, NOT_YET, UnreadFile, escaped, unread_files, unread_lines


def files(folder: Path, *names: str) -> list[Path]:
    """Files of one line each."""
    made = [folder / name for name in names]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n", "utf-8")
    return made


def note(checkpoint: Path, batch: str, paths: Sequence[Path], version: str = "v1") -> None:
    """Put files on Spark's own list of what it has read."""
    log = checkpoint / "sources" / "0"
    log.mkdir(parents=True, exist_ok=True)
    entries = [
        {"path": f"file://{quote(str(path))}", "timestamp": path.stat().st_mtime_ns // 10**6, "batchId": 0}
        for path in paths
    ]
    (log / batch).write_text("\n".join([version, *map(json.dumps, entries)]), "utf-8")


def told(folder: Path, checkpoint: Path, is_over: bool = True) -> dict[str, str]:
    """Why each file was not read, by its name."""
    return {os.path.relpath(file.path, folder): file.why for file in unread_files(str(folder), checkpoint, is_over)}


def test_files_that_were_read_are_not_mentioned_whatever_their_names(tmp_path: Path) -> None:
    inbox, checkpoint = tmp_path / "inbox", tmp_path / "checkpoint"
    read = files(inbox, "a.jsonl", "deeper/b c.jsonl", "100%.jsonl", "ž.jsonl", "day[1].jsonl", "_metadata.jsonl")
    note(checkpoint, "0", read)

    assert told(inbox, checkpoint) == {}


def test_a_file_whose_own_name_or_whose_folder_is_hidden_is_told(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    files(
        inbox, "_under.jsonl", ".dot.jsonl", "_old/c.jsonl", "day=1/_x=1.jsonl", "big.jsonl._COPYING_", ".a.jsonl.crc"
    )
    (inbox / "_SUCCESS").touch()

    assert told(inbox, tmp_path / "none", is_over=False) == dict.fromkeys(
        ("_under.jsonl", ".dot.jsonl", "_old/c.jsonl", "big.jsonl._COPYING_"), HIDDEN
    )


def test_a_file_that_has_changed_since_it_was_read_is_told(tmp_path: Path) -> None:
    inbox, checkpoint = tmp_path / "inbox", tmp_path / "checkpoint"
    (grown, left) = files(inbox, "grown.jsonl", "left.jsonl")
    note(checkpoint, "0", [grown, left])
    seconds = grown.stat().st_mtime + 1
    grown.write_text("{}\n{}\n", "utf-8")
    os.utime(grown, (seconds, seconds))

    assert told(inbox, checkpoint) == {"grown.jsonl": GREW}


def test_a_file_that_came_too_late_for_a_run_is_told_and_for_a_stream_it_is_not(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    files(inbox, "new.jsonl")
    (inbox / "empty.jsonl").touch()

    assert told(inbox, tmp_path / "none", is_over=True) == {"new.jsonl": NOT_YET}
    assert told(inbox, tmp_path / "none", is_over=False) == {}


def test_a_list_that_spark_has_compacted_is_read_from_the_newest_such_file_on(tmp_path: Path) -> None:
    inbox, checkpoint = tmp_path / "inbox", tmp_path / "checkpoint"
    old, middle, new = files(inbox, "old.jsonl", "middle.jsonl", "new.jsonl")
    note(checkpoint, "8", [middle])
    note(checkpoint, "9.compact", [old, middle])
    note(checkpoint, "10", [new])
    (checkpoint / "sources" / "0" / ".10.crc").write_bytes(b"\0")

    assert told(inbox, checkpoint) == {}


def test_of_one_file_that_is_named_only_that_one_is_looked_at(tmp_path: Path) -> None:
    named, _ = files(tmp_path / "inbox", "a.jsonl", "_b.jsonl")

    assert unread_files(str(named), tmp_path / "none", is_over=True) == [UnreadFile(str(named), NOT_YET)]


def test_of_another_system_nothing_is_known(tmp_path: Path) -> None:
    assert unread_files("s3://bucket/events", tmp_path, is_over=True) == []


def test_a_person_is_told_the_first_few_and_how_many_more_there_are() -> None:
    unread = [UnreadFile(f"{number}.jsonl", HIDDEN) for number in range(7)]

    assert unread_lines(unread[:1]) == [f"not read: 0.jsonl: {HIDDEN}"]
    assert unread_lines(unread)[-1] == "not read: 2 more"
    assert len(unread_lines(unread)) == 6


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("day1.jsonl", "day1.jsonl"),
        ("day[1].jsonl", r"day\[1\].jsonl"),
        ("{a}*?\\", r"\{a\}\*\?\\"),
        ("a.b-c", "a.b-c"),
    ],
)
def test_a_name_is_written_as_a_pattern_that_means_itself(name: str, pattern: str) -> None:
    assert escaped(name) == pattern
