"""Files of events that are damaged, hidden or oddly named, as Spark really meets them."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ceasefire.ids import event_key
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.event_files import GREW, HIDDEN, NOT_YET, unread_files
from ceasefire.storage.lake import read_table, rows_of
from ceasefire.tables import EVENTS, QUARANTINED_EVENTS
from spark.test_ingest import browse, workspace_in


def take_in(workspace: Workspace, source: Path) -> None:
    start_ingest(workspace, str(source), once=True).finish()


def by_source(workspace: Workspace) -> Counter[str]:
    """How many events there are of each source, which tells the file in these tests."""
    return Counter(row["source"] for row in rows_of(read_table(workspace.lake, EVENTS).select("source")))


def test_a_damaged_file_is_read_as_far_as_it_can_be_and_named_and_stops_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    workspace = workspace_in(tmp_path, spark)
    inbox = tmp_path / "in box"
    inbox.mkdir()
    # given three files of 2,000 events each, of which one is cut short and one has a byte that is not its own
    packed = {}
    for name in ("whole", "cut", "hit"):
        lines = "\n".join(browse(f"{name}{number}", source=name) for number in range(2_000))
        packed[name] = bytearray(gzip.compress(lines.encode()))
    packed["hit"][-6] ^= 0xFF
    (inbox / "whole.jsonl.gz").write_bytes(packed["whole"])
    (inbox / "cut [1].jsonl.gz").write_bytes(packed["cut"][: len(packed["cut"]) // 2])
    (inbox / "hit.jsonl.gz").write_bytes(packed["hit"])
    (inbox / "no.jsonl.gz").write_bytes(b"no gzip at all")
    (inbox / "col:on.jsonl").write_text(browse("c1", source="colon"), "utf-8")

    # when they are taken in, and another file after them
    take_in(workspace, inbox)
    (inbox / "later.jsonl").write_text(browse("l1", source="later"), "utf-8")
    take_in(workspace, inbox)

    # then all that can be read is there, and each damaged file has a row that says so
    found = by_source(workspace)
    assert (found["whole"], found["later"]) == (2_000, 1)
    assert 0 < found["cut"] < 2_000
    rows = rows_of(read_table(workspace.lake, QUARANTINED_EVENTS).where("reasons = array('damaged_file')"))
    named = {Path(row["source_file"]).name: row["raw"] for row in rows}
    assert set(named) == {"cut [1].jsonl.gz", "hit.jsonl.gz", "no.jsonl.gz", "col:on.jsonl"}
    assert "EOFException" in named["cut [1].jsonl.gz"]
    assert unread_files(str(inbox), tmp_path / "root" / "corner" / "_checkpoints" / "ingest_events", True) == []


@pytest.mark.parametrize("name", ["day[1].jsonl", "day{1}\\2.jsonl", "day*?.jsonl"])
def test_a_file_that_is_named_is_read_and_no_other(name: str, spark: SparkSession, tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path, spark)
    for folder in (tmp_path / "in[1]", tmp_path / "in1"):
        folder.mkdir()
        for day in (name, "day1.jsonl", "day12.jsonl", "day11.jsonl"):
            (folder / day).write_text(browse(f"{folder.name}/{day}"), "utf-8")

    take_in(workspace, tmp_path / "in[1]" / name)

    assert rows_of(read_table(workspace.lake, EVENTS).select("event_key")) == [
        {"event_key": event_key(workspace.at_work.key, f"in[1]/{name}")}
    ]


def test_files_that_spark_passes_over_are_told_and_an_old_one_is_not_passed_over(
    spark: SparkSession, tmp_path: Path
) -> None:
    workspace = workspace_in(tmp_path, spark)
    checkpoint = tmp_path / "root" / "corner" / "_checkpoints" / "ingest_events"
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.jsonl").write_text(browse("a1", source="a") + "\n", "utf-8")
    take_in(workspace, inbox)
    # given a file that has grown, one whose name is hidden, and one whose time is of years ago
    with (inbox / "a.jsonl").open("a") as file:
        file.write(browse("a2", source="a") + "\n")
    os.utime(inbox / "a.jsonl", (2_000_000_000, 2_000_000_000))
    (inbox / "_under.jsonl").write_text(browse("u1", source="under"), "utf-8")
    (inbox / "old.jsonl").write_text(browse("o1", source="old"), "utf-8")
    os.utime(inbox / "old.jsonl", (1_000_000_000, 1_000_000_000))
    before = {file.path: file.why for file in unread_files(str(inbox), checkpoint, True)}

    take_in(workspace, inbox)

    assert by_source(workspace) == {"a": 1, "old": 1}
    after = {Path(file.path).name: file.why for file in unread_files(str(inbox), checkpoint, True)}
    assert after == {"a.jsonl": GREW, "_under.jsonl": HIDDEN}
    assert before[str(inbox / "old.jsonl")] == NOT_YET
