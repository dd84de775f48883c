"""Files of events as Spark follows them, and what it passes over without a word: told here, by name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ceasefire.errors import UsageError

MAX_FILES_PER_BATCH = 100
LINE_COLUMNS = ("value", "source_file", "source_block")
HIDDEN = "names that begin with _ or . are not read: rename it"
GREW = "it was read before and has changed since; what was added is not read: put it into a file of its own"
NOT_YET = "it came while files were read: the next run takes it"

_LINE = StructType([StructField("value", StringType())])
# Spark leaves a file alone for good that is a week older than the newest when it turns up, as copies that keep their
# times are.
_ANY_AGE = "36500d"
_GLOB_SIGNS = re.compile(r"([\\\[\]{}*?])")
_NO_EVENTS = "--events names a folder of JSON-lines files, or one such file"


@dataclass(frozen=True, order=True)
class UnreadFile:
    """A file of events that was not read, or not to its end, and why."""

    path: str
    why: str

    def __str__(self) -> str:
        """`path: why`."""
        return f"{self.path}: {self.why}"


def follow_files(spark: SparkSession, source: str) -> DataFrame:
    """Lines of the files of a folder, or of one file, as they come: value, source_file, source_block.

    Raises:
        UsageError: nothing is at that path, or it is one file whose name Spark passes over.
    """
    folder, pattern = source, "*"
    if "://" not in source:
        path = Path(source)
        if not path.exists():
            raise UsageError(f"no events at {source}; {_NO_EVENTS}")
        if path.is_file():
            if _is_hidden(path.name):
                raise UsageError(f"{path}: {HIDDEN}")
            folder, pattern = str(path.parent), escaped(path.name)
        folder = escaped(folder)
    reader = spark.readStream.format("text").schema(_LINE).option("pathGlobFilter", pattern)
    reader = reader.option("recursiveFileLookup", "true").option("maxFilesPerTrigger", MAX_FILES_PER_BATCH)
    return _lines(reader.option("maxFileAge", _ANY_AGE).load(folder))


def lines_of(spark: SparkSession, files: Iterable[str], past_damage: bool = False) -> DataFrame:
    """Lines of these files, by their addresses: value, source_file, source_block.

    Args:
        spark: the session.
        files: at least one, as `files_of_batch` gives them.
        past_damage: of a file that cannot be read to its end, its first lines, and no error.
    """
    reader = spark.read.format("text").schema(_LINE).option("ignoreCorruptFiles", str(past_damage).lower())
    return _lines(reader.load([escaped(file) for file in files]))


def files_of_batch(spark: SparkSession, checkpoint: str, batch_id: int) -> list[str]:
    """The addresses of the files that a batch of a query which follows a folder consists of, by the query's own list.

    Args:
        spark: the session.
        checkpoint: of the query.
        batch_id: a batch that was begun.
    """
    (until, *_) = _json_lines(spark, f"{checkpoint}/offsets/{batch_id}")[-1:]
    before = _json_lines(spark, f"{checkpoint}/offsets/{batch_id - 1}")[-1]["logOffset"] if batch_id else -1
    files = []
    for number in range(before + 1, until["logOffset"] + 1):
        entries = _json_lines(spark, f"{checkpoint}/sources/0/{number}")
        entries = entries or _json_lines(spark, f"{checkpoint}/sources/0/{number}.compact")
        files += [unquote(entry["path"]) for entry in entries if entry["batchId"] == number]
    return files


def _json_lines(spark: SparkSession, path: str) -> list[dict[str, Any]]:
    """The JSON in a small file of a checkpoint, without the version in its first line; empty if there is no file."""
    try:
        lines = [row["value"] for row in spark.read.text(escaped(path)).collect()]
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return []
    return [json.loads(line) for line in lines[1:]]


def escaped(name: str) -> str:
    """A name as a pattern that matches this name alone."""
    return _GLOB_SIGNS.sub(r"\\\1", name)


def unread_files(source: str, checkpoint: Path, is_over: bool) -> list[UnreadFile]:
    """The files below a local folder that were passed over, or that have grown since they were read; sorted.

    Costs a listing of the folder and one reading of the list that Spark itself keeps of it, which is as long.

    Args:
        source: as for `follow_files`; of an address on another system nothing is known.
        checkpoint: of the query that follows it.
        is_over: whether the query has ended, so that what is not read yet waits for the next one.
    """
    if "://" in source:
        return []
    read = _read_at(checkpoint / "sources" / "0")
    # As Spark writes it: without `..`, and with links as they are.
    place = os.path.normpath(Path(source).absolute())
    files = [(place, False)] if Path(place).is_file() else _files_below(place)
    unread = []
    for path, is_hidden in files:
        if why := _why_unread(path, is_hidden, read, is_over):
            unread.append(UnreadFile(path, why))
    return sorted(unread)


def unread_lines(unread: Iterable[UnreadFile], most: int = 5) -> list[str]:
    """What a person is told of unread files: the first few by name, the others by their number."""
    files = list(unread)
    lines = [f"not read: {file}" for file in files[:most]]
    return lines + ([f"not read: {len(files) - most:,} more"] if len(files) > most else [])


def _lines(frame: DataFrame) -> DataFrame:
    places = (F.col("_metadata.file_path"), F.col("_metadata.file_block_start"))
    return frame.select("value", *(place.alias(name) for place, name in zip(places, LINE_COLUMNS[1:], strict=True)))


def _is_hidden(name: str) -> bool:
    """As Spark has it (HadoopFSUtils.shouldFilterOutPathName)."""
    if name.startswith(("_metadata", "_common_metadata")):
        return False
    return (name.startswith("_") and "=" not in name) or name.startswith(".") or name.endswith("._COPYING_")


def _files_below(folder: str) -> Iterator[tuple[str, bool]]:
    """Each file below a folder, and whether it, or a folder on the way to it, is hidden."""
    waiting = [(folder, False)]
    while waiting:
        here, is_below_hidden = waiting.pop()
        # What is taken away meanwhile, or may not be looked into, is left to Spark.
        with suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                is_hidden = is_below_hidden or _is_hidden(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, is_hidden))
                elif entry.is_file():
                    yield entry.path, is_hidden


def _why_unread(path: str, is_hidden: bool, read: Mapping[str, int], is_over: bool) -> str | None:
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    if is_hidden:
        # Checksums and marks of other programs hold no events.
        is_mark = status.st_size == 0 or path.endswith(".crc") or Path(path).name == ".DS_Store"
        return None if is_mark else HIDDEN
    read_at = read.get(path)
    if read_at is None:
        return NOT_YET if is_over and status.st_size else None
    return GREW if status.st_mtime_ns // 1_000_000 > read_at else None


def _read_at(log: Path) -> dict[str, int]:
    """When each file was last changed, in milliseconds of the epoch, as it was read: what Spark's own list says."""
    batches = {int(file.name.partition(".")[0]): file for file in log.glob("[0-9]*")} if log.is_dir() else {}
    compact = max((number for number, file in batches.items() if file.suffix == ".compact"), default=-1)
    read: dict[str, int] = {}
    lines: list[str] = []
    for number in sorted(number for number in batches if number >= compact):
        # Spark deletes those that it has compacted when it likes to.
        with suppress(FileNotFoundError):
            lines = batches[number].read_text("utf-8").splitlines()[1:]
        for entry in map(json.loads, lines):
            path = unquote(urlsplit(entry["path"]).path)
            read[path] = max(entry["timestamp"], read.get(path, 0))
    return read
