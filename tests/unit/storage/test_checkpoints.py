"""Checkpoints in every state that a full disk, a power cut or a careless hand leaves them in.

The contents are those that Spark 4.2 wrote, and of each state it was tried whether Spark goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ceasefire.errors import BrokenCheckpointError
from ceasefire.pipelines.epochs import broken_checkpoint
from ceasefire.runtime.failures import cause_of
from ceasefire.storage.checkpoints import CheckpointFault, checkpoint_fault, has_batches, set_aside

OFFSETS = 'v1\n{{"batchWatermarkMs":0,"batchTimestampMs":1796078189780,"conf":{{}}}}\n{{"logOffset":{number}}}'
SOURCE = 'v1\n{{"path":"file:///events/{number}.jsonl","timestamp":1796078186554,"batchId":{number}}}'


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Three batches of a source that follows files."""
    folder = tmp_path / "_checkpoints" / "ingest_events"
    for name in ("offsets", "commits", "sources/0"):
        (folder / name).mkdir(parents=True)
    (folder / "metadata").write_text('{"id":"0c7d9810-f67f-4c53-bf4a-0f9c904341ae"}', "utf-8")
    for number in range(3):
        (folder / "offsets" / str(number)).write_text(OFFSETS.format(number=number), "utf-8")
        (folder / "commits" / str(number)).write_text('v1\n{"nextBatchWatermarkMs":0}', "utf-8")
        (folder / "sources" / "0" / str(number)).write_text(SOURCE.format(number=number), "utf-8")
    return folder


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwritten(file: Path) -> None:
    file.write_bytes(b"\x00" * 4096)


def removed(file: Path) -> None:
    file.unlink()


def test_a_whole_checkpoint_a_new_one_and_one_whose_first_batch_is_under_way_are_fine(
    checkpoint: Path, tmp_path: Path
) -> None:
    assert checkpoint_fault(checkpoint) is None
    assert has_batches(checkpoint)

    assert checkpoint_fault(tmp_path / "never") is None
    assert not has_batches(tmp_path / "never")

    for number in range(3):
        (checkpoint / "commits" / str(number)).unlink()
    assert checkpoint_fault(checkpoint) is None


@pytest.mark.parametrize("damage", [emptied, cut_off, overwritten, removed])
@pytest.mark.parametrize("file", ["metadata", "offsets/2", "offsets/1", "sources/0/2", "sources/0/1"])
def test_what_spark_cannot_go_on_from_is_found_by_the_name_of_its_file(
    file: str, damage: Callable[[Path], None], checkpoint: Path
) -> None:
    damage(checkpoint / file)

    fault = checkpoint_fault(checkpoint)

    assert fault is not None
    assert fault.file == checkpoint / file


@pytest.mark.parametrize("damage", [emptied, cut_off, overwritten])
def test_the_newest_commit_has_to_be_whole_and_older_ones_need_not(
    damage: Callable[[Path], None], checkpoint: Path
) -> None:
    damage(checkpoint / "commits" / "1")
    assert checkpoint_fault(checkpoint) is None

    damage(checkpoint / "commits" / "2")
    fault = checkpoint_fault(checkpoint)
    assert fault is not None
    assert fault.file == checkpoint / "commits" / "2"


def test_a_commit_that_is_gone_repeats_its_batch_and_is_no_fault(checkpoint: Path) -> None:
    (checkpoint / "commits" / "2").unlink()

    assert checkpoint_fault(checkpoint) is None


def test_drafts_and_checksums_count_for_nothing(checkpoint: Path) -> None:
    for name in (".2.crc", ".3.8be7b26e.tmp", "3.tmp"):
        (checkpoint / "offsets" / name).write_bytes(b"")

    assert checkpoint_fault(checkpoint) is None


def test_of_files_that_were_read_the_newest_summary_and_what_comes_after_it_are_needed(checkpoint: Path) -> None:
    source = checkpoint / "sources" / "0"
    (source / "1").rename(source / "1.compact")
    (source / "0").unlink()
    assert checkpoint_fault(checkpoint) is None

    emptied(source / "1.compact")
    fault = checkpoint_fault(checkpoint)
    assert fault is not None
    assert fault.file == source / "1.compact"


def test_logs_whose_old_batches_spark_has_removed_are_fine(checkpoint: Path) -> None:
    for name in ("offsets/0", "commits/0"):
        (checkpoint / name).unlink()

    assert checkpoint_fault(checkpoint) is None


def test_it_is_set_aside_under_a_name_of_its_own_each_time_and_nothing_is_deleted(checkpoint: Path) -> None:
    assert set_aside(checkpoint, 0) == checkpoint.with_name("ingest_events.broken-0")
    assert (checkpoint.with_name("ingest_events.broken-0") / "offsets" / "2").exists()
    assert set_aside(checkpoint, 0) is None

    checkpoint.mkdir()
    assert set_aside(checkpoint, 0) == checkpoint.with_name("ingest_events.broken-0.1")


def test_the_message_names_query_and_file_and_the_one_command(checkpoint: Path) -> None:
    said = broken_checkpoint("ingest_events", CheckpointFault(checkpoint / "offsets" / "2", "is empty"), 1)

    assert said.startswith(
        f"ingest_events cannot go on, since its checkpoint is broken: {checkpoint}/offsets/2 is empty;"
    )
    assert "--new-epoch" in said
    assert "ingest_events.broken-1" in said


FAILED = "[STREAM_FAILED] Query [id = 0c7d, runId = e6bd] terminated with exception: {} SQLSTATE: XXKST\n=== Streaming"
BUCKET = "s3a://bucket/lake/corner/_checkpoints/decide"


@pytest.mark.parametrize(
    ("said", "file"),
    [
        (FAILED.format(f"Failed to read log file {BUCKET}/offsets/2. Incomplete log file"), "offsets/2 cannot be read"),
        (
            FAILED.format(f"Failed to read log file {BUCKET}/commits/2. Incomplete log file in the offset commit log"),
            "commits/2 cannot be read",
        ),
        (
            FAILED.format(f"{BUCKET}/sources/0/1 doesn't exist (latestId: 2, compactInterval: 10)"),
            "sources/0/1 is gone",
        ),
        (
            f"[STREAMING_CHECKPOINT_MISSING_METADATA_FILE] Checkpoint location {BUCKET} is in an inconsistent state: "
            "the metadata file is missing but offset and/or commit logs contain data. SQLSTATE: 42K03",
            "metadata is gone",
        ),
    ],
)
def test_what_spark_says_of_a_checkpoint_elsewhere_becomes_one_sentence_with_its_file(said: str, file: str) -> None:
    cause = cause_of(RuntimeError(said))

    assert isinstance(cause, BrokenCheckpointError)
    assert f"{BUCKET}/{file}; set the folder {BUCKET} aside" in str(cause)
    assert "--new-epoch" in str(cause)
