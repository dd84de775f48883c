"""Whether a query may start where its checkpoint says, and under which epoch it writes.

Writes are repeated safely under the ids of their batches, and a lost checkpoint counts batches from 0 again: under the
old epoch its writes would be taken for repetitions and skipped, without an error. So a query whose checkpoint is gone
starts only when somebody says so, and then under a new epoch; what it finds done in the tables it does not do again.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from pyspark.errors import AnalysisException

from ceasefire.errors import LostCheckpointError
from ceasefire.pipelines.workspace import Workspace
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
    """The epoch to start a query under.

    Raises:
        LostCheckpointError: the query has worked here before, its checkpoint is gone, and `new_epoch` was not said.
    """
    lake = workspace.lake
    newest: int | None = max(
        (row["epoch"] for row in rows_of(read_table(lake, QUERY_EPOCHS)) if row["query"] == query), default=None
    )
    if newest is None:
        return Epoch(workspace, query, 0, is_recorded=False)
    if _has_checkpoint(lake, query):
        return Epoch(workspace, query, newest, is_recorded=True)
    if not workspace.new_epoch:
        raise LostCheckpointError(
            f"{query} has worked on the tables in {lake.path()} before, and its checkpoint "
            f"{lake.path('_checkpoints', query)} is gone; restore it, or start over with --new-epoch: "
            "all input is read again, and what the tables know already is not doubled"
        )
    return Epoch(workspace, query, newest + 1, is_recorded=False)


def _has_checkpoint(lake: Lake, query: str) -> bool:
    """Whether a batch was ever begun there: what a query means to do is written down before it does it."""
    offsets = lake.path("_checkpoints", query, "offsets")
    try:
        return not lake.spark.read.text(offsets).isEmpty()
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return False
