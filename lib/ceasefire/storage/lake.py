"""Where a brand's tables are, and the only ways to read and write them. Every write is safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any, TypeVar, overload

import pyarrow as pa
from delta.exceptions import (
    ConcurrentTransactionException,
    ConcurrentWriteException,
    MetadataChangedException,
    ProtocolChangedException,
)
from delta.tables import DeltaTable as StoredTable
from delta.tables import DeltaTableBuilder
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ceasefire.errors import EnvironmentMissingError, UsageError
from ceasefire.storage.conflicts import until_written
from ceasefire.tables import DeltaTable, conform, misfits

PARALLEL_TASKS = 4
BATCHES_PER_EPOCH = 1 << 32
CREATION_ATTEMPTS = 50
CREATION_PAUSE_SECONDS = 0.2
NOT_YET_MADE = ("DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION", "DELTA_TABLE_NOT_FOUND")
"""What Delta says of a folder in which another process has made the log's folder and not yet its first entry."""

Result = TypeVar("Result")
Other = TypeVar("Other")
Third = TypeVar("Third")


@dataclass(frozen=True)
class Write:
    """One write to a table, about to happen or done."""

    table: str
    done: bool


def unobserved(write: Write) -> None:
    """The observer of those who do not watch."""


@dataclass(frozen=True)
class Lake:
    """The tables of one brand.

    Attributes:
        spark: the session to read and write with.
        root: folder or URI; the tables lie in root/brand/table.
        brand: the brand.
        epoch: of the query that writes; grows when its checkpoint was lost, so that batch ids may start over.
        observe: called before and after each write.
        answers: what `remembered` has been told, and of which versions; shared by all that are made of this one.
    """

    spark: SparkSession
    root: str
    brand: str
    epoch: int = 0
    observe: Callable[[Write], None] = unobserved
    answers: dict[tuple[str, str], tuple[tuple[int, ...], Any]] = field(default_factory=dict, repr=False, compare=False)

    def path(self, *parts: str) -> str:
        """Where something of the brand lies."""
        # Delta takes a relative path for the name of a table in a catalogue.
        root = self.root if self.local_folder is None else str(Path(self.root).absolute())
        return "/".join((root.rstrip("/"), self.brand, *parts))

    def batch_number(self, batch_id: int) -> int:
        """A number for a batch of a query that grows over its epochs too."""
        return self.epoch * BATCHES_PER_EPOCH + batch_id

    @property
    def local_folder(self) -> Path | None:
        """The brand's folder if it is on this machine's file system."""
        if "://" in self.root:
            return None
        return Path(self.root, self.brand)


def create_tables(lake: Lake, tables: Iterable[DeltaTable]) -> None:
    """Make every table that is not there yet, so that each can be read and followed from the start.

    Several processes may do so at once, as jobs that are started together do on a new root.

    Raises:
        EnvironmentMissingError: the root cannot be written.
        UsageError: tables are there and have not the declared columns, all of which it names; or the folder of one
            holds something that is no table.
    """
    if lake.local_folder is not None:
        try:
            lake.local_folder.mkdir(parents=True, exist_ok=True)
            probe = lake.local_folder / ".writable"
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise EnvironmentMissingError(
                f"cannot write to {lake.local_folder}: {error.strerror}; choose another folder with --root"
            ) from None
    answers = together([partial(_create, lake, table) for table in tables])
    if unfit := "; ".join(filter(None, answers)):
        raise UsageError(
            f"the tables in {lake.path()} are of another version of ceasefire ({unfit}); "
            "choose another folder with --root, or go on with that version"
        )


def has_tables(lake: Lake, table: DeltaTable) -> bool:
    """Whether this table has been created."""
    if lake.local_folder is not None:
        # Asked of the disk: a run asks for every table, and Spark takes seconds to say so of all.
        return bool(_versions(lake.local_folder, table))
    return bool(StoredTable.isDeltaTable(lake.spark, lake.path(table.name)))


def read_table(lake: Lake, table: DeltaTable, version: int | None = None) -> DataFrame:
    """The rows of a table, now or as of a version.

    Raises:
        UsageError: the table has never been created.
    """
    reader = lake.spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    try:
        return reader.load(lake.path(table.name))
    except AnalysisException as error:
        if "DELTA_" not in str(error) and "PATH_NOT_FOUND" not in str(error):
            raise
        raise UsageError(f"no table {table.name} in {lake.path()}; has `ceasefire run` been here?") from None


def follow_table(lake: Lake, table: DeltaTable) -> DataFrame:
    """The rows of an append-only table as a stream; rows deleted by an erasure do not stop it."""
    reader = lake.spark.readStream.format("delta").option("skipChangeCommits", "true")
    return reader.load(lake.path(table.name))


def rows_of(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows of a small frame as plain Python values, instants aware in UTC."""
    rows: list[dict[str, Any]] = frame.toArrow().to_pylist()
    return rows


def table_version(lake: Lake, table: DeltaTable) -> int:
    """The newest version of a table."""
    if lake.local_folder is not None:
        # Asked of the disk: it is asked before most reads, and Delta's history takes two queries.
        return max(_versions(lake.local_folder, table))
    row = stored_table(lake, table).history(1).select("version").first()
    assert row is not None, "a created table has a version"
    return int(row["version"])


def is_empty(lake: Lake, table: DeltaTable) -> bool:
    """Whether nothing was ever written to a table; where that takes a query to find out, it is said that something was.

    The first version of a table is its creation.
    """
    return lake.local_folder is not None and max(_versions(lake.local_folder, table), default=0) == 0


def remembered(lake: Lake, question: str, tables: Sequence[DeltaTable], ask: Callable[[], Result]) -> Result:
    """What was answered last, if no table that the question is about has another version by now; else it is asked.

    Where the log is not on this machine's disk, to find out its version takes longer than most questions.

    Args:
        lake: where.
        question: what is asked, always about the same tables.
        tables: all that the answer rests on.
        ask: finds the answer.
    """
    if lake.local_folder is None:
        return ask()
    # Versions only grow: an answer that came to know a later one is asked for again, never taken for an earlier one.
    versions = tuple(table_version(lake, table) for table in tables)
    key = lake.path(), question
    known = lake.answers.get(key)
    if known is None or known[0] != versions:
        known = lake.answers[key] = versions, ask()
    # Not read again: a query that asked before this one may only now have come to its answer.
    answer: Result = known[1]
    return answer


def append_batch(lake: Lake, table: DeltaTable, rows: DataFrame | pa.Table, step: str, batch_id: int) -> None:
    """Append what a batch of a query came to; a repetition of the batch in the same epoch is skipped by Delta."""
    append_once(lake, table, rows, f"{step}:{lake.epoch}", batch_id)


def append_once(lake: Lake, table: DeltaTable, rows: DataFrame | pa.Table, step: str, version: int) -> None:
    """Append rows under (table, step, version); a repetition of the same version, or a lower one, is skipped by Delta.

    For versions that no lost checkpoint sets back, such as a window's close; `append_batch` is for the ids of batches.
    """
    frame = conform(_frame(lake, table, rows), table)
    writer = frame.write.format("delta").mode("append").partitionBy(*table.partition_by)
    writer = writer.option("txnAppId", f"ceasefire:{table.name}:{step}").option("txnVersion", version)
    lake.observe(Write(table.name, done=False))
    writer.save(lake.path(table.name))
    lake.observe(Write(table.name, done=True))


def append_first(lake: Lake, table: DeltaTable, rows: DataFrame | pa.Table, step: str) -> None:
    """Append rows that are written once, by whichever process comes first; of later ones nothing is written."""
    # Another process that was faster is no error: read the table again to see what it wrote.
    with suppress(ConcurrentTransactionException):
        append_once(lake, table, rows, step, 0)


def overwrite(lake: Lake, table: DeltaTable, rows: DataFrame | pa.Table) -> None:
    """Replace a whole table; for snapshots, which can be redone from their log."""
    frame = conform(_frame(lake, table, rows), table)
    lake.observe(Write(table.name, done=False))
    frame.write.format("delta").mode("overwrite").save(lake.path(table.name))
    lake.observe(Write(table.name, done=True))


def replace_where(lake: Lake, table: DeltaTable, rows: DataFrame, predicate: str) -> None:
    """Replace the rows for which our own predicate holds; columns that a brand newly declares are added.

    Raises:
        UsageError: a column that is already there has another type now.
    """
    writer = conform(rows, table).write.format("delta").mode("overwrite")
    writer = writer.option("replaceWhere", predicate).option("mergeSchema", "true")
    lake.observe(Write(table.name, done=False))
    try:
        writer.save(lake.path(table.name))
    except AnalysisException as error:
        if "MERGE" not in str(error):
            raise
        raise UsageError(
            f"table {table.name} in {lake.path()}: a feature was declared anew with another type; give it a new name"
        ) from None
    lake.observe(Write(table.name, done=True))


def stored_table(lake: Lake, table: DeltaTable) -> StoredTable:
    """Return Delta's handle on a table, for writes of this package."""
    return StoredTable.forPath(lake.spark, lake.path(table.name))


def merge_rows(lake: Lake, table: DeltaTable, rows: DataFrame, is_newer: Column, values: Mapping[str, Column]) -> None:
    """Insert the rows whose key is new and update the others where `is_newer` holds; safe to repeat.

    Args:
        lake: where.
        table: a table with one key.
        rows: at most one for each key; `new` in the expressions, the stored row is `old`.
        is_newer: which stored rows are updated.
        values: what they get, by column.
    """
    key, new = table.keys[0], conform(rows, table).alias("new")

    def merge() -> None:
        matched = stored_table(lake, table).alias("old").merge(new, F.col(f"old.{key}") == F.col(f"new.{key}"))
        matched.whenMatchedUpdate(condition=is_newer, set=dict(values)).whenNotMatchedInsertAll().execute()

    lake.observe(Write(table.name, done=False))
    # An erasure may delete rows of the table meanwhile.
    until_written(merge, lake.path(table.name))
    lake.observe(Write(table.name, done=True))


@overload
def together(tasks: tuple[Callable[[], Result], Callable[[], Other]]) -> tuple[Result, Other]: ...


@overload
def together(
    tasks: tuple[Callable[[], Result], Callable[[], Other], Callable[[], Third]],
) -> tuple[Result, Other, Third]: ...


@overload
def together(tasks: list[Callable[[], Result]]) -> tuple[Result, ...]: ...


def together(tasks: Iterable[Callable[[], Any]]) -> tuple[Any, ...]:
    """Do independent reads or writes at the same time: on small data a query or a commit waits more than it works."""
    with ThreadPoolExecutor(PARALLEL_TASKS) as pool:
        return tuple(future.result() for future in [pool.submit(task) for task in tasks])


def _versions(folder: Path, table: DeltaTable) -> list[int]:
    """The versions of a table that its log has entries of, by their names."""
    entries = Path(folder, table.name, "_delta_log").glob("*.json")
    return [int(one.stem) for one in entries if one.stem.isdigit()]


def _create(lake: Lake, table: DeltaTable) -> str:
    """Make a table that is not there; of one that is there, in what it is not as declared."""
    for _ in range(CREATION_ATTEMPTS):
        if has_tables(lake, table):
            problems = misfits(read_table(lake, table).schema, table)
            return f"table {table.name}: {', '.join(problems)}" if problems else ""
        try:
            _builder(lake, table).execute()
            return ""
        except (ProtocolChangedException, MetadataChangedException, ConcurrentWriteException):
            pass  # Another process was faster: the table is there.
        except AnalysisException as error:
            if not any(one in str(error) for one in NOT_YET_MADE):
                raise
            # Another process has made the folder, and will have made the table in a moment.
            sleep(CREATION_PAUSE_SECONDS)
    raise UsageError(
        f"{lake.path(table.name)} is not empty and no table; remove it: a process that was killed may have left it"
    )


def _builder(lake: Lake, table: DeltaTable) -> DeltaTableBuilder:
    builder = StoredTable.createIfNotExists(lake.spark).location(lake.path(table.name)).comment(table.grain)
    for one in table.columns:
        builder = builder.addColumn(one.name, one.type, comment=one.meaning)
    if table.partition_by:
        builder = builder.partitionedBy(*table.partition_by)
    builder = builder.property("delta.enableDeletionVectors", "false" if table.append_only else "true")
    if table.skip_by:
        return builder.property("delta.dataSkippingStatsColumns", ",".join(table.skip_by))
    # Without a list it would be the first 32 columns.
    return builder.property("delta.dataSkippingNumIndexedCols", "0")


def _frame(lake: Lake, table: DeltaTable, rows: DataFrame | pa.Table) -> DataFrame:
    if isinstance(rows, DataFrame):
        return rows
    return lake.spark.createDataFrame(rows, schema=table.schema)
