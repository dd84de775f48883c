"""Whether a query may start where its checkpoint says, and under which epoch it writes.

Writes are repeated safely under the ids of their batches, and a lost checkpoint counts batches from 0 again: under the
old epoch its writes would be taken for repetitions and skipped, without an error. So a query whose checkpoint is gone
or broken starts only when somebody says so, and then under a new epoch; what it finds done in the tables it does not do
again. Nothing is deleted: what is left of the old checkpoint is set aside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyspark.errors import AnalysisException

from ceasefire.errors import BrokenCheckpointError, LostCheckpointError
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.checkpoints import CheckpointFault, checkpoint_fault, has_batches, set_aside
from ceasefire.storage.lake import Lake, append_once, read_table, rows_of
from ceasefire.tables import QUERY_EPOCHS


@dataclass
class Epoch:
    """The epoch of one query.

    Attributes:
        number: 0 at first, one more each time that a query starts over.
        is_recorded: whether the table knows that something was written under it.
    """

    workspace: Workspace
    query: str
    number: int
    is_recorded: bool

    def record(self) -> None:
        """Put the epoch on record before the first thing is written under it."""
        if self.is_recorded:
            return
        row = {"query": [self.query], "epoch": [self.number], "started_at": [self.workspace.clock.now()]}
        rows = pa.table(row, schema=QUERY_EPOCHS.arrow_schema)
        append_once(self.workspace.lake, QUERY_EPOCHS, rows, self.query, self.number)
        self.is_recorded = True


def begin_epoch(workspace: Workspace, query: str) -> Epoch:
    """The epoch to start a query under; a checkpoint that cannot be gone on from is set aside if `new_epoch` was said.

    Raises:
        LostCheckpointError: the query has worked here before, its checkpoint is gone, and `new_epoch` was not said.
        BrokenCheckpointError: a file of its checkpoint is missing or cannot be read, and `new_epoch` was not said.
    """
    lake = workspace.lake
    newest: int | None = max(
        (row["epoch"] for row in rows_of(read_table(lake, QUERY_EPOCHS)) if row["query"] == query), default=None
    )
    folder = None if lake.local_folder is None else Path(lake.path("_checkpoints", query))
    fault = None if folder is None else checkpoint_fault(folder)
    if fault is not None and not workspace.new_epoch:
        raise BrokenCheckpointError(broken_checkpoint(query, fault, newest or 0))
    if fault is None and newest is None:
        return Epoch(workspace, query, 0, is_recorded=False)
    if fault is None and newest is not None and _has_checkpoint(lake, query, folder):
        return Epoch(workspace, query, newest, is_recorded=True)
    if fault is None and not workspace.new_epoch:
        raise LostCheckpointError(
            f"{query} has worked on the tables in {lake.path()} before, and its checkpoint "
            f"{lake.path('_checkpoints', query)} is gone; restore it, or start over with --new-epoch: "
            "all input is read again, and what the tables know already is not doubled"
        )
    if folder is not None:
        set_aside(folder, newest or 0)
    epoch = Epoch(workspace, query, 0 if newest is None else newest + 1, is_recorded=False)
    # Before there is a new checkpoint: one that is found without its epoch would be taken for the old one's.
    epoch.record()
    return epoch


def broken_checkpoint(query: str, fault: CheckpointFault, epoch: int) -> str:
    """Say which file of a query's checkpoint is broken, and the one command that helps.

    Args:
        query: whose checkpoint it is.
        fault: what is wrong.
        epoch: the newest epoch of the query.
    """
    return (
        f"{query} cannot go on, since its checkpoint is broken: {fault}; start the same command once with --new-epoch: "
        f"it sets the checkpoint aside as {query}.broken-{epoch}, reads all input again, and doubles nothing"
    )


def _has_checkpoint(lake: Lake, query: str, folder: Path | None) -> bool:
    """Whether a batch was ever begun there."""
    if folder is not None:
        return has_batches(folder)
    try:
        return not lake.spark.read.text(lake.path("_checkpoints", query, "offsets")).isEmpty()
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return False
