"""Which files of events were not read, or not to their end: told at the end of a run, and in the log of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ceasefire.runtime.metrics import Sink
from ceasefire.storage.event_files import UnreadFile, unread_files, unread_lines

BETWEEN_LOOKS = timedelta(minutes=1)
_CHECKPOINT = ("_checkpoints", "ingest_events")


def lines_on_files(source: str, folder: Path | None, damaged: Sequence[str], is_over: bool = True) -> list[str]:
    """What a person is told of the files of a run that were passed over, have grown since, or are damaged.

    Args:
        source: folder or file of events.
        folder: the brand's, with its checkpoints; None: it is not on this machine, and nothing is known.
        damaged: files of which the run could not read the end.
        is_over: whether the run is.
    """
    lines = [f"read only as far as it can be: {file}: hand it in whole under another name" for file in damaged]
    unread = [] if folder is None else unread_files(source, folder.joinpath(*_CHECKPOINT), is_over)
    return lines + unread_lines(unread)


@dataclass
class UnreadWatch:
    """Looks from time to time for files that a stream passes over, and tells of each once.

    Attributes:
        source: folder or file of events.
        folder: the brand's, with its checkpoints; None: it is not on this machine, and nothing is known.
        sinks: told of each file by a record: event (unread_file), at, path, why.
        tell: told of each file in words.
    """

    source: str
    folder: Path | None
    sinks: Iterable[Sink]
    tell: Callable[[str], None]
    told: set[UnreadFile] = field(default_factory=set)
    looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look if it is time to."""
        if self.folder is None or (self.looked_at is not None and now < self.looked_at + BETWEEN_LOOKS):
            return
        self.looked_at = now
        unread = unread_files(self.source, self.folder.joinpath(*_CHECKPOINT), is_over=False)
        for file in unread:
            if file not in self.told:
                for sink in self.sinks:
                    sink({"event": "unread_file", "at": now.isoformat(), "path": file.path, "why": file.why})
                self.tell(f"not read: {file}")
        # A file that was put right and then hidden or changed again is told again.
        self.told = set(unread)
