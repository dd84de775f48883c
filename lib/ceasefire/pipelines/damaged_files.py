"""Past the damage in a file of events: the lines before it are taken in, and the file is named in quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import unquote

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from ceasefire.events.parsing import DAMAGED_BLOCK
from ceasefire.pipelines.streams import BatchFunction
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.failures import unreadable_file
from ceasefire.runtime.figures import Figures
from ceasefire.storage.event_files import LINE_COLUMNS, files_of_batch, lines_of
from ceasefire.storage.lake import together

_LINE = pa.schema(list(zip(LINE_COLUMNS, (pa.string(), pa.string(), pa.int64()), strict=True)))


def read_past_damage(work: BatchFunction, query: str) -> BatchFunction:
    """Wrap what is done with a batch of lines, so that a damaged file in it stops nothing and is not lost silently.

    Only a batch that failed pays for it: each of its files is read once more to find all that are damaged. Then the
    batch is repeated on the lines that can be read, and a row for each damaged file that says why it ends there. A file
    that may be readable the next time (it is gone, nobody may read it, a network is down) stops the query, by name.

    Args:
        work: what is done with a batch: value, source_file, source_block.
        query: the query that follows the files, by the name of its checkpoint.
    """

    def careful(workspace: Workspace, lines: DataFrame, batch_id: int) -> Figures | None:
        try:
            return work(workspace, lines, batch_id)
        except (PySparkException, Py4JError) as error:
            unreadable = unreadable_file(error)
            if unreadable is None or not unreadable.is_damaged:
                raise
            spark = workspace.lake.spark
            files = files_of_batch(spark, workspace.lake.path("_checkpoints", query), batch_id)
            if unquote(unreadable.file) not in files:
                raise
            damaged = _damaged(spark, files)
            if not damaged:
                raise
        figures = work(workspace, _readable_lines(spark, files, damaged), batch_id) or Figures()
        return replace(figures, counts={**figures.counts, "damaged": dict.fromkeys(damaged, 1)})

    return careful


def _damaged(spark: SparkSession, files: list[str]) -> dict[str, str]:
    """Why they cannot be read to their end, of those files that cannot."""
    found = together([partial(_damage_in, spark, file) for file in files])
    return {file: why for file, why in zip(files, found, strict=True) if why is not None}


def _damage_in(spark: SparkSession, file: str) -> str | None:
    try:
        lines_of(spark, [file]).count()
    except (PySparkException, Py4JError) as error:
        unreadable = unreadable_file(error)
        if unreadable is None or not unreadable.is_damaged:
            raise
        return unreadable.why
    return None


def _readable_lines(spark: SparkSession, files: list[str], damaged: Mapping[str, str]) -> DataFrame:
    """Lines of whole files, lines before the damage in others, and a row in DAMAGED_BLOCK for each of the latter."""
    # As `_metadata.file_path` has it.
    names = [file.replace("file:///", "file:/", 1) for file in damaged]
    whys = [f"the rest of this file cannot be read: {why}" for why in damaged.values()]
    marks = pa.table([whys, names, [DAMAGED_BLOCK] * len(names)], schema=_LINE)
    lines = lines_of(spark, damaged, past_damage=True).union(spark.createDataFrame(marks))
    whole = [file for file in files if file not in damaged]
    return lines_of(spark, whole).union(lines) if whole else lines
