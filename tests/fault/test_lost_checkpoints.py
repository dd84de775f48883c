"""A checkpoint that is gone or broken: nothing starts until somebody says so, and then nothing is done twice."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ceasefire.errors import BrokenCheckpointError, LostCheckpointError
from ceasefire.pipelines.run import run
from ceasefire.storage.lake import read_table, rows_of
from ceasefire.tables import QUERY_EPOCHS
from small_brand import FIRST_CLOSE, SECOND_CLOSE, Undisturbed, corner, fingerprints

QUERIES = ("build_features", "decide", "ingest_events", "release_sends")
KNOWS_OF_EPOCHS = {"query_epochs", "ingest_batches", "quarantined_events", "reconciliation"}
"""What a new epoch adds to: that it began, its batches and what was checked after them, and each line that came again,
which repeats an event."""


def test_without_its_checkpoint_a_query_refuses_to_start_and_a_new_epoch_doubles_nothing(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # given two windows that were decided and released, and checkpoints that are gone
    shutil.copytree(undisturbed.folder, tmp_path, dirs_exist_ok=True)
    workspace = corner(spark, tmp_path)
    before = fingerprints(workspace.lake)
    shutil.rmtree(Path(workspace.lake.path("_checkpoints")))
    events = str(tmp_path / "events")

    # when it is run again, then it refuses and has touched nothing
    with pytest.raises(LostCheckpointError, match=r"ingest_events has worked on the tables in .* --new-epoch"):
        run(workspace, events, FIRST_CLOSE, SECOND_CLOSE, lambda what: None, as_of_slot=True)
    assert fingerprints(workspace.lake) == before

    # when it is told to start over, then every input is read again and nothing is sent, decided or kept twice
    for _ in range(2):
        ran = run(
            replace(workspace, new_epoch=True), events, FIRST_CLOSE, SECOND_CLOSE, lambda what: None, as_of_slot=True
        )
        assert ran.closes == ()
    after = fingerprints(workspace.lake)
    changed = {name for name, content in after.items() if content != before[name]}
    assert changed <= KNOWS_OF_EPOCHS
    epochs = {(row["query"], row["epoch"]) for row in rows_of(read_table(workspace.lake, QUERY_EPOCHS))}
    assert epochs == {(query, epoch) for query in QUERIES for epoch in (0, 1)}


def test_a_broken_checkpoint_is_named_by_its_file_and_a_new_epoch_sets_it_aside_and_doubles_nothing(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # given two windows that were decided and released, and a full disk that left the newest plan of intake empty
    shutil.copytree(undisturbed.folder, tmp_path, dirs_exist_ok=True)
    workspace = corner(spark, tmp_path)
    before = fingerprints(workspace.lake)
    checkpoints = Path(workspace.lake.path("_checkpoints"))
    offsets = checkpoints / "ingest_events" / "offsets"
    newest = max(offsets.glob("[0-9]*"), key=lambda file: int(file.name))
    newest.write_bytes(b"")
    events = str(tmp_path / "events")

    # when it is run again, then it refuses by the name of that file and has touched nothing
    with pytest.raises(BrokenCheckpointError, match=rf"^ingest_events cannot .*: {newest} is empty; .* --new-epoch"):
        run(workspace, events, FIRST_CLOSE, SECOND_CLOSE, lambda what: None, as_of_slot=True)
    assert fingerprints(workspace.lake) == before

    # when it does what it was told, then that query alone starts over, nothing is done twice and nothing deleted
    for _ in range(2):
        ran = run(
            replace(workspace, new_epoch=True), events, FIRST_CLOSE, SECOND_CLOSE, lambda what: None, as_of_slot=True
        )
        assert ran.closes == ()
    after = fingerprints(workspace.lake)
    assert {name for name, content in after.items() if content != before[name]} <= KNOWS_OF_EPOCHS
    epochs = {(row["query"], row["epoch"]) for row in rows_of(read_table(workspace.lake, QUERY_EPOCHS))}
    assert epochs == {(query, 0) for query in QUERIES} | {("ingest_events", 1)}
    aside = sorted(one.name for one in checkpoints.iterdir() if ".broken" in one.name)
    assert aside == ["ingest_events.broken-0"]
    assert (checkpoints / aside[0] / "offsets" / newest.name).exists()
