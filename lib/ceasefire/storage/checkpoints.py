"""What a query's checkpoint must hold so that Spark can go on from it, and how a broken one is set aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_VERSION = "v1"
_COMPACT = ".compact"


@dataclass(frozen=True)
class CheckpointFault:
    """One file that keeps Spark from going on.

    Attributes:
        file: which.
        what: what is wrong with it, as in "is empty".
    """

    file: Path
    what: str

    def __str__(self) -> str:
        """`/…/offsets/7 is empty`."""
        return f"{self.file} {self.what}"


def checkpoint_fault(folder: Path) -> CheckpointFault | None:
    """Find the first file of a checkpoint that is missing or cannot be read; None when Spark can go on from it.

    A file that is not named by a number is a draft of Spark's, and counts for nothing.

    Args:
        folder: the checkpoint, which may not be there yet.
    """
    offsets, commits = folder / "offsets", folder / "commits"
    begun, done = _numbers(offsets), _numbers(commits)
    fault = _metadata_fault(folder / "metadata", is_needed=bool(begun or done))
    newest_begun, newest_done = max(begun, default=-1), max(done, default=-1)
    if fault is None and newest_done > newest_begun:
        fault = CheckpointFault(offsets / str(newest_done), "is gone, although its batch was done")
    if fault is None:
        fault = _gap(offsets, begun)
    needed = [offsets / str(number) for number in begun]
    needed += [commits / str(newest_done)] if done else []
    for file in needed:
        fault = fault or _log_fault(file)
    return fault or _sources_fault(folder / "sources", offsets / str(newest_begun))


def has_batches(folder: Path) -> bool:
    """Whether a batch was ever begun there: what a query means to do is written down before it does it."""
    return bool(_numbers(folder / "offsets"))


def set_aside(folder: Path, epoch: int) -> Path | None:
    """Rename a checkpoint, so that a new one takes its place; where it lies now, None if there was none.

    Args:
        folder: the checkpoint.
        epoch: the epoch that it belonged to.
    """
    if not folder.exists():
        return None
    number, place = 0, folder.with_name(f"{folder.name}.broken-{epoch}")
    while place.exists():
        number += 1
        place = folder.with_name(f"{folder.name}.broken-{epoch}.{number}")
    return folder.rename(place)


def _numbers(folder: Path) -> list[int]:
    """The batches that a log of Spark's has files of, ascending."""
    return sorted(int(file.name) for file in folder.glob("*") if file.name.isdecimal())


def _gap(folder: Path, numbers: list[int]) -> CheckpointFault | None:
    missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers)) if numbers else []
    return CheckpointFault(folder / str(missing[0]), "is gone") if missing else None


def _metadata_fault(file: Path, is_needed: bool) -> CheckpointFault | None:
    if not file.exists():
        return CheckpointFault(file, "is gone") if is_needed else None
    text = _text(file)
    if not text.strip():
        return CheckpointFault(file, "is empty")
    found = _parsed(text)
    if not isinstance(found, dict) or "id" not in found:
        return CheckpointFault(file, "is damaged: no JSON with an id")
    return None


def _log_fault(file: Path) -> CheckpointFault | None:
    """Of a file of one of Spark's logs: a version, and lines of JSON, of which the last is cut first."""
    if not file.exists():
        return CheckpointFault(file, "is gone")
    text = _text(file)
    if not text.strip():
        return CheckpointFault(file, "is empty")
    version, *lines = text.rstrip("\n").split("\n")
    if version != _VERSION:
        return CheckpointFault(file, f"is damaged: it does not begin with {_VERSION}")
    # An offset that a source does not have yet is a dash.
    if lines and lines[-1] != "-" and _parsed(lines[-1]) is None:
        return CheckpointFault(file, "is damaged: it is cut off, or no JSON")
    return None


def _sources_fault(sources: Path, newest_offsets: Path) -> CheckpointFault | None:
    """Of the logs of files that were read: from the newest summary on, each has to be there and whole."""
    for source in sorted(path for path in sources.glob("*") if path.name.isdecimal()):
        read_until = _log_offset(newest_offsets, int(source.name))
        if read_until < 0:
            # A broker's source keeps where it began there, in a form of its own.
            continue
        summaries = [int(file.stem) for file in source.glob(f"*{_COMPACT}") if file.stem.isdecimal()]
        summary = max(summaries, default=-1)
        later = [number for number in _numbers(source) if number > summary]
        files = [source / str(number) for number in later]
        if summary >= 0:
            files.insert(0, source / f"{summary}{_COMPACT}")
        wanted = max([*later, read_until])
        missing = sorted(set(range(summary + 1, wanted + 1)) - set(later))
        if files and missing:
            return CheckpointFault(source / str(missing[0]), "is gone")
        for file in files:
            if fault := _log_fault(file):
                return fault
    return None


def _log_offset(newest_offsets: Path, source: int) -> int:
    """How far a source that follows files is read, as the newest batch says; -1 for any other."""
    if not newest_offsets.exists():
        return -1
    # A version, what the batch was told, and then a line for each source.
    lines = _text(newest_offsets).split("\n")[2:]
    found = _parsed(lines[source]) if source < len(lines) else None
    offset = found.get("logOffset") if isinstance(found, dict) else None
    return offset if isinstance(offset, int) else -1


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", errors="replace")


def _parsed(text: str) -> object:
    """What a text of JSON says; None if it is none."""
    try:
        found: object = json.loads(text)
    except ValueError:
        return None
    return found
