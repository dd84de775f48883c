"""The jars of Delta and Kafka: kept in the program's own cache folder, fetched once, never handed on unverified."""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.jar_lock import DELTA_LOCK, KAFKA_LOCK, Jar, locked_jars
from ceasefire.runtime.jar_routes import ROUTES, Route

_STAMP = "verified.json"
_LOCK = ".lock"
_SCRATCH = ".fetch-"


def cache_folder() -> Path:
    """The program's cache folder of this user (`XDG_CACHE_HOME` counts); it may not exist yet."""
    return Path(platformdirs.user_cache_dir("ceasefire"))


def jar_folder() -> Path:
    """Where the jars are kept, and where files fetched by hand belong; it may not exist yet."""
    return cache_folder() / "jars"


def verified_jars(
    folder: Path | None = None, jars: Sequence[Jar] | None = None, routes: Sequence[Route] = ROUTES
) -> tuple[Path, ...]:
    """The files to hand to Spark, verified; what is missing is fetched first, once, by the first route that can.

    A file's bytes are hashed when it is new or has changed, else its size and time of change are trusted.
    Safe to call from many processes at once: one fetches, the others wait for it.

    Args:
        folder: where the jars are kept; `jar_folder()` if not given.
        jars: which jars; those of Delta if not given.
        routes: the ways to try, in this order.

    Returns:
        One path for each jar, in the order of `jars`.

    Raises:
        EnvironmentMissingError: when no route brings a jar, a file is not the jar it is called, or the folder
            cannot be written; says which, and what to do.
    """
    folder = jar_folder() if folder is None else folder
    jars = locked_jars() if jars is None else jars
    if not _are_stamped(folder, jars):
        try:
            with _sole_writer(folder):
                _complete(folder, jars, routes)
        except OSError as error:
            raise EnvironmentMissingError(
                f"the jars cannot be kept in {folder}: {error.strerror or error}; "
                "make that folder writable, or point XDG_CACHE_HOME at one that is"
            ) from error
    return tuple(folder / jar.file_name for jar in jars)


def jar_faults(folder: Path, jars: Sequence[Jar]) -> tuple[str, ...]:
    """What is wrong with the jars in a folder, every byte of them looked at; fetches and changes nothing.

    Returns:
        One line for each jar that is missing or wrong; empty when all is well.
    """
    faults = []
    for jar in jars:
        file = folder / jar.file_name
        try:
            if not jar.is_in(file):
                faults.append(_wrong_bytes(jar, file))
        except FileNotFoundError:
            faults.append(f"{jar.coordinates} is missing")
        except OSError as error:
            faults.append(f"{file} cannot be read: {error.strerror}")
    return tuple(faults)


def main() -> int:
    """Make sure that the jars are there, and name them as spark-submit's `--jars` takes them; the exit code."""
    parser = argparse.ArgumentParser(prog="ceasefire.runtime.jars")
    parser.add_argument("--kafka", action="store_true", help="Kafka's too")
    locks = (DELTA_LOCK, KAFKA_LOCK) if parser.parse_args().kafka else (DELTA_LOCK,)
    try:
        paths = verified_jars(jars=locked_jars(*locks))
    except EnvironmentMissingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{','.join(map(str, paths))}\n")
    return 0


def _are_stamped(folder: Path, jars: Sequence[Jar]) -> bool:
    """Whether all the files are, by size and time of change, those that were hashed before."""
    try:
        stamps = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
        return all(stamps[jar.file_name] == _stamp(jar, folder / jar.file_name) for jar in jars)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _stamp(jar: Jar, file: Path) -> list[str | int]:
    """What a file looked like when it was found to hold the jar; the hash is in it so that a new lock file voids it."""
    status = file.stat()
    return [jar.sha256, status.st_size, status.st_mtime_ns]


@contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes; whoever dies lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _complete(folder: Path, jars: Sequence[Jar], routes: Sequence[Route]) -> None:
    """Fetch what is missing, verify all of it, and leave a stamp; only for the one who holds the folder."""
    for left_behind in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    missing = [jar for jar in jars if not (folder / jar.file_name).exists()]
    if missing:
        _fetch(folder, missing, routes)
    faults = jar_faults(folder, jars)
    if faults:
        raise EnvironmentMissingError("\n".join((*faults, "delete such a file and it is fetched anew")))
    stamps = {jar.file_name: _stamp(jar, folder / jar.file_name) for jar in jars}
    draft = folder / f"{_STAMP}.draft"
    draft.write_text(json.dumps(stamps), encoding="utf-8")
    draft.replace(folder / _STAMP)


def _fetch(folder: Path, missing: Sequence[Jar], routes: Sequence[Route]) -> None:
    """Bring the missing jars into the folder, each by one rename and only when its bytes are right."""
    if sys.stderr.isatty():
        sys.stderr.write(f"fetching {len(missing)} jars once into {folder}\n")
    refusals = []
    for route in routes:
        # Inside the folder, so that the rename stays on one file system.
        with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH, ignore_cleanup_errors=True) as name:
            scratch = Path(name)
            try:
                route.fetch(missing, scratch)
            except EnvironmentMissingError as error:
                refusals.append(f"{route.name}: {error}")
            for jar in missing:
                fetched = scratch / jar.file_name
                if not fetched.is_file():
                    continue
                if jar.is_in(fetched):
                    fetched.replace(folder / jar.file_name)
                else:
                    refusals.append(f"{route.name}: {_wrong_bytes(jar, fetched)}")
        missing = [jar for jar in missing if not (folder / jar.file_name).exists()]
        if not missing:
            return
    coordinates = ", ".join(jar.coordinates for jar in missing)
    files = ", ".join(jar.file_name for jar in missing)
    advice = f"fetch them on a machine that can, and put {files} into {folder}"
    raise EnvironmentMissingError("\n".join((f"these jars are missing: {coordinates}", *refusals, advice)))


def _wrong_bytes(jar: Jar, file: Path) -> str:
    return f"{file.name} is not {jar.coordinates}: its sha256 is not {jar.sha256}, so it is refused"


if __name__ == "__main__":
    sys.exit(main())
