"""Where Spark leaves rows that do not fit in memory: a private folder for each process, cleared when it has gone."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ceasefire.runtime.jars import cache_folder

PRIVATE = 0o700
LOCK = ".lock"


@dataclass
class Scratch:
    """A folder that this process holds; held until the process ends, however it ends.

    Attributes:
        folder: where to leave things.
        holder: the open file that says that somebody is alive there.
    """

    folder: Path
    holder: TextIO

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.holder.close()


def scratch_folder() -> Path:
    """Where the scratch folders of this user's processes lie; it may not exist yet."""
    return cache_folder() / "scratch"


def take_scratch(parent: Path | None = None) -> Scratch:
    """Make a folder that only this user can look into, and remove those of processes that have gone.

    Where the user has no cache folder that can be written, it lies in the machine's folder for temporary files, as
    private.

    Args:
        parent: where the folders lie; `scratch_folder()` if not given.
    """
    place = scratch_folder() if parent is None else parent
    try:
        return _take(place)
    except OSError:
        # Named by the user: whoever else can write there must not be able to prepare it.
        return _hold(Path(tempfile.mkdtemp(prefix=f"ceasefire-{os.getpid()}-")))


def _take(place: Path) -> Scratch:
    place.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    place.chmod(PRIVATE)
    with _only_one(place / LOCK):
        for folder in place.iterdir():
            if folder.is_dir() and not folder.is_symlink() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)
        return _hold(Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=place)))


def _hold(folder: Path) -> Scratch:
    holder = (folder / LOCK).open("w", encoding="utf-8")
    fcntl.flock(holder, fcntl.LOCK_EX)
    return Scratch(folder, holder)


def _is_left(folder: Path) -> bool:
    """Whether nobody holds a folder any more; a number of a process is soon another one's, a lock never."""
    try:
        with (folder / LOCK).open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Keep others from clearing a folder that is made and not yet held."""
    with lock.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
