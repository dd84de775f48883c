"""One process for each query of a root: two would write the same batches of the same tables."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ceasefire.errors import AlreadyRunningError

LOCK_FOLDER = "_locks"


@dataclass
class QueryLock:
    """A query that this process holds; let go when the process ends, however it ends."""

    file: TextIO | None

    def release(self) -> None:
        """Let others have it."""
        if self.file is not None:
            self.file.close()
            self.file = None


def hold_query(brand_folder: Path | None, query: str) -> QueryLock:
    """Hold a query of a root against other processes.

    Args:
        brand_folder: the brand's folder under the root. None when that is no folder of this machine: there the
            checkpoint is the guard, since Spark lets only one of two queries write a batch's entry in it.
        query: its name.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    if brand_folder is None:
        return QueryLock(None)
    folder = brand_folder / LOCK_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / query).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise AlreadyRunningError(
            f"{query} of {brand_folder} runs already, in process {holder or 'unknown'}; one root is worked on by one "
            "process for each query: stop that one, or use another root"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return QueryLock(file)


def require_free(brand_folder: Path) -> None:
    """Refuse early, before anything slow is started, when another process holds a query of a root.

    Raises:
        AlreadyRunningError: with the query and the process.
    """
    for file in sorted((brand_folder / LOCK_FOLDER).glob("*")):
        hold_query(brand_folder, file.name).release()
