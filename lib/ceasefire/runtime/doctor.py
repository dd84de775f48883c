"""What this machine has and lacks for ceasefire to run. Looks only: starts no Spark and fetches nothing."""

from __future__ import annotations

import operator
import os
import re
import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

from ceasefire.runtime import java
from ceasefire.runtime.jar_lock import locked_jars
from ceasefire.runtime.jars import cache_folder, jar_faults
from ceasefire.time_zones import PACKAGE_VERSION, RELEASE, zone_named

_OLDEST_PYTHON, _FIRST_UNTRIED_PYTHON = (3, 11), (3, 14)
_GIB = 1024**3
# The driver's heap is 2 GiB; its Python workers and the JVM's own needs come on top.
_MEMORY_NEEDED = 4 * _GIB
_DISK_NEEDED = 2 * _GIB
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
# One zone with summer time on each side of Greenwich: a truncated database fails one of them.
_ZONES = ("America/New_York", "Europe/Berlin")

_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_RELEASE = re.compile(r"(\d{4}[a-z]+)")
_SYSTEM_RELEASE = re.compile(r"# version (\S+)")
_BOUND = re.compile(r"(==|>=|<=|!=|<|>)\s*([0-9.]+)")
_COMPARISONS: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        ok: whether it will do.
        found: what is there.
        advice: what to do when it will not, or what to mind although it will; empty when there is nothing to say.
    """

    name: str
    ok: bool
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Machine:
    """What there is, apart from files and environment variables.

    Attributes:
        python: major and minor version of the interpreter.
        requirements: what ceasefire's own metadata asks for, as in `numpy<3,>=2`; empty when not installed.
        installed: the version of a package, or None.
        memory_bytes: what this process may use at most, or None when that cannot be known.
        free_bytes: how much can still be written where a folder is.
        cache: the program's cache folder.
        zone_folders: where the system's time zones may be.
    """

    python: tuple[int, int]
    requirements: tuple[str, ...]
    installed: Callable[[str], str | None]
    memory_bytes: int | None
    free_bytes: Callable[[Path], int]
    cache: Path
    zone_folders: tuple[Path, ...]


def this_machine() -> Machine:
    """The machine that runs this program."""
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        requirements=_requirements(),
        installed=_installed_version,
        memory_bytes=_memory_bytes(),
        free_bytes=lambda folder: shutil.disk_usage(folder).free,
        cache=cache_folder(),
        zone_folders=tuple(map(Path, zoneinfo.TZPATH)),
    )


def examine(root: Path | None, environment: Mapping[str, str], machine: Machine | None = None) -> tuple[Finding, ...]:
    """Look at everything that a run needs.

    Args:
        root: where tables would be written; None to leave that out.
        environment: the variables of this process.
        machine: what to look at; this machine if not given.

    Returns:
        One finding for each thing, in a fixed order.
    """
    machine = this_machine() if machine is None else machine
    folders = [("cache folder", machine.cache, "point XDG_CACHE_HOME at a folder that can be written")]
    if root is not None:
        folders.append(("root", root, "make it writable, or name another with --root"))
    return (
        _python(machine.python),
        _java(environment),
        *_packages(machine),
        _jars(machine.cache / "jars"),
        *(_writable(name, folder, advice) for name, folder, advice in folders),
        *(_disk(name, folder, machine.free_bytes) for name, folder, _ in folders),
        _memory(machine.memory_bytes),
        _time_zones(machine.zone_folders, environment),
    )


def _python(version: tuple[int, int]) -> Finding:
    allowed = "3.11 to 3.13"
    ok = _OLDEST_PYTHON <= version < _FIRST_UNTRIED_PYTHON
    return Finding("Python", ok, ".".join(map(str, version)), "" if ok else f"use a Python of version {allowed}")


def _java(environment: Mapping[str, str]) -> Finding:
    found = java.find_java(environment)
    ok = found is not None and found.will_do
    return Finding("Java", ok, "none" if found is None else str(found), "" if ok else java.ADVICE)


def _packages(machine: Machine) -> tuple[Finding, ...]:
    if not machine.requirements:
        advice = "install it (pip install -e . in its folder), so that it is known which packages it needs"
        return (Finding("packages", False, "ceasefire itself is not installed", advice),)
    return tuple(_package(requirement, machine.installed) for requirement in machine.requirements)


def _package(requirement: str, installed: Callable[[str], str | None]) -> Finding:
    name = _package_name(requirement)
    version = installed(name)
    ok = version is not None and fulfils(version, requirement)
    advice = "" if ok else f"install {requirement}; requirements.lock has a set of versions that fit together"
    return Finding(name, ok, "none" if version is None else version, advice)


def fulfils(version: str, requirement: str) -> bool:
    """Whether a version lies within the numeric bounds of a requirement.

    >>> fulfils("2.3.3", "pandas<3,>=2.2"), fulfils("3.0", "pandas<3,>=2.2")
    (True, False)
    """
    numbers = _numbers(version)
    bounds = _BOUND.findall(requirement)
    width = max([len(numbers), *(len(_numbers(bound)) for _, bound in bounds)])
    return all(
        _COMPARISONS[comparison](_padded(numbers, width), _padded(_numbers(bound), width))
        for comparison, bound in bounds
    )


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 9, 0) of `2.9.0.post0`."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _padded(numbers: tuple[int, ...], width: int) -> tuple[int, ...]:
    return numbers + (0,) * (width - len(numbers))


def _jars(folder: Path) -> Finding:
    jars = locked_jars()
    faults = jar_faults(folder, jars)
    if not faults:
        return Finding("Delta jars", True, f"all {len(jars)} in {folder}")
    advice = f"delete wrong ones; missing ones are fetched at the first start, or put them into {folder} yourself"
    return Finding("Delta jars", False, "; ".join(faults), advice)


def _writable(name: str, folder: Path, advice: str) -> Finding:
    """Whether a folder can be written; nothing is left in it, and a folder that is not there is not made."""
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Finding(name, False, f"{folder} cannot be written: {error.strerror}", advice)
    return Finding(name, True, f"{folder} can be written" if there == folder else f"{folder} can be made")


def _disk(name: str, folder: Path, free_bytes: Callable[[Path], int]) -> Finding:
    free = free_bytes(_nearest(folder))
    ok = free >= _DISK_NEEDED
    advice = "" if ok else f"free some room: {_gib(_DISK_NEEDED)} are needed"
    return Finding(f"disk of the {name}", ok, f"{_gib(free)} free", advice)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(one for one in (folder, *folder.parents) if one.exists())


def _memory(memory_bytes: int | None) -> Finding:
    if memory_bytes is None:
        return Finding("memory", True, "not known on this system")
    ok = memory_bytes >= _MEMORY_NEEDED
    advice = "" if ok else f"{_gib(_MEMORY_NEEDED)} are needed; give the machine or the container more"
    return Finding("memory", ok, _gib(memory_bytes), advice)


def _time_zones(zone_folders: tuple[Path, ...], environment: Mapping[str, str]) -> Finding:
    """The releases of the three databases; only the package's counts for what the program does."""
    try:
        for zone in _ZONES:
            zone_named(zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        return Finding("time zones", False, str(error), "install the package tzdata anew")
    others = {"system": _system_release(zone_folders), "Java": java.time_zone_release(environment)}
    found = [f"{RELEASE} of the package tzdata {PACKAGE_VERSION}, which counts"]
    found += [f"{name} {'unknown' if release is None else release}" for name, release in others.items()]
    differing = [name for name, release in others.items() if release not in (None, RELEASE)]
    advice = (
        f"of another release than the package: {', '.join(differing)}; zones that changed in between show another time "
        "there than slots are worked out by. Update what differs, or mind it when you compare clocks"
    )
    return Finding("time zones", True, "; ".join(found), advice if differing else "")


def _system_release(zone_folders: tuple[Path, ...]) -> str | None:
    """The release of the first folder that names one; None when none does."""
    for folder in zone_folders:
        for path, pattern in ((folder / "tzdata.zi", _SYSTEM_RELEASE), (folder / "+VERSION", _RELEASE)):
            try:
                with path.open(encoding="utf-8") as lines:
                    match = pattern.match(lines.readline())
            except OSError:
                continue
            if match is not None:
                return match[1]
    return None


def _requirements() -> tuple[str, ...]:
    """What ceasefire needs to run; extras are left out."""
    try:
        return tuple(entry for entry in metadata.requires("ceasefire") or () if "extra ==" not in entry)
    except metadata.PackageNotFoundError:
        return ()


def _installed_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _package_name(requirement: str) -> str:
    match = _NAME.match(requirement)
    return match[0] if match else requirement


def _memory_bytes() -> int | None:
    """The machine's memory, or what the container is allowed of it."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    try:
        limit = _CONTAINER_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


def _gib(count: int) -> str:
    return f"{count / _GIB:.1f} GiB"
