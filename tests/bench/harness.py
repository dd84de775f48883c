"""How figures are taken: fresh processes that take turns, outputs held equal, and only then one divided by another.

A case names its contenders. Each run of a contender is a process of its own. It sets itself up, does the same work on
a handful of rows (the program's jobs live long), and then measures the work itself; the whole process is measured from
outside. The order of contenders turns from round to round, so that no one always comes first.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.process_tree import Cost, cost_of, cpu_of_this_tree


class UnequalOutputsError(Exception):
    """Contenders that should do the same did not: there is nothing to compare."""


class FailedRunError(Exception):
    """A contender's process, or a preparation, ended in an error."""


@dataclass(frozen=True)
class Load:
    """What a case works on.

    Attributes:
        size: S, M or L.
        count: rows that the size stands for; each case says of what.
        shape: of the generated events, `generators.SHAPES`.
    """

    size: str
    count: int
    shape: str


@dataclass
class Meter:
    """Handed to a contender, which puts its work between `measured()`."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Wall and CPU seconds of what stands in the block, over all processes of the tree."""
        cpu, wall = cpu_of_this_tree(), time.perf_counter()
        yield
        self.wall_s, self.cpu_s = time.perf_counter() - wall, cpu_of_this_tree() - cpu


@dataclass(frozen=True)
class Output:
    """What a contender made: a checksum of all of it, and further figures to show."""

    checksum: str
    figures: Mapping[str, float] = field(default_factory=dict)


Contender = Callable[[Path, Path, Load, Meter], Output]
"""(folder with the prepared input, empty folder of its own, load, meter) -> what it made."""


@dataclass(frozen=True)
class Bound:
    """CPU seconds of one contender's work, over those of another, and how large that may be."""

    contender: str
    reference: str
    at_most: float


@dataclass(frozen=True)
class Case:
    """One question, and who answers it.

    Attributes:
        name: as on the command line.
        question: what is compared, in a sentence.
        counts: rows by size.
        unit: what these rows are.
        prepare: makes the input that all runs share; called in a process of its own.
        contenders: by name.
        bounds: what has to hold.
        equal: groups of contenders whose checksums have to agree.
    """

    name: str
    question: str
    counts: Mapping[str, int]
    unit: str
    prepare: Callable[[Path, Load], None]
    contenders: Mapping[str, Contender]
    bounds: tuple[Bound, ...] = ()
    equal: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Run:
    """One process of one contender.

    Attributes:
        wall_s: of the work.
        cpu_s: of the work, over the whole process tree.
        process: the same for the process from its start to the end of the last descendant, checksums included.
        others_cores: cores that everybody else on the machine kept busy meanwhile.
        checksum: of what it made.
        figures: further figures.
    """

    wall_s: float
    cpu_s: float
    process: Cost
    others_cores: float
    checksum: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """A bound and what was found: the ratio of medians, and the least and greatest ratio of two runs of one round."""

    bound: Bound
    ratio: float
    least: float
    greatest: float

    @property
    def holds(self) -> bool:
        """Whether the ratio of medians is within the bound."""
        return self.ratio <= self.bound.at_most


Runs = Mapping[str, Sequence[Run]]
Progress = Callable[[str], None]


def run_case(case: Case, load: Load, rounds: int, folder: Path, progress: Progress) -> dict[str, list[Run]]:
    """Prepare once, then let the contenders take turns.

    Raises:
        UnequalOutputsError: after the first round in which outputs differ.
        FailedRunError: a process failed.
    """
    prepared = folder / f"{case.name}-{load.size}-{load.shape}"
    if not (prepared / "ready").exists():
        progress(f"{case.name} {load.size}: preparing {load.count:,} {case.unit}")
        shutil.rmtree(prepared, ignore_errors=True)
        prepared.mkdir(parents=True)
        _child(["prepare", case.name, _text(load), str(prepared)], prepared / "cost.json")
        (prepared / "ready").touch()
    runs: dict[str, list[Run]] = {name: [] for name in case.contenders}
    names = list(case.contenders)
    for number in range(rounds):
        for place in range(len(names)):
            name = names[(place + number) % len(names)]
            run = _measured_run(case, name, load, prepared, folder)
            runs[name].append(run)
            progress(
                f"{case.name} {load.size}, round {number + 1} of {rounds}: {name} "
                f"{run.wall_s:.1f} s, {run.cpu_s:.1f} CPU s, others {run.others_cores:.1f} cores"
            )
        hold_equal(case, runs)
    return runs


def hold_equal(case: Case, runs: Runs) -> None:
    """Hold every checksum so far against those it has to equal; each contender's own from run to run, too.

    Raises:
        UnequalOutputsError: names who made what.
    """
    for group in (*case.equal, *((name,) for name in case.contenders)):
        made = {(name, run.checksum) for name in group for run in runs[name]}
        if len({checksum for _, checksum in made}) > 1:
            shown = "; ".join(f"{name} made {checksum}" for name, checksum in sorted(made))
            raise UnequalOutputsError(f"case {case.name}: outputs differ, so nothing is compared: {shown}")


def verdicts(case: Case, runs: Runs) -> list[Verdict]:
    """Every bound of a case, after its outputs have been held equal once more."""
    hold_equal(case, runs)
    return [_verdict(bound, runs) for bound in case.bounds]


def _verdict(bound: Bound, runs: Runs) -> Verdict:
    ours, theirs = ([run.cpu_s for run in runs[name]] for name in (bound.contender, bound.reference))
    by_round = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Verdict(bound, statistics.median(ours) / statistics.median(theirs), min(by_round), max(by_round))


def child_main(cases: Mapping[str, Case], arguments: Sequence[str]) -> None:
    """What a process of its own does: prepare the input of a case, or run one contender and write down its figures."""
    what, case_name, load_text, *rest = arguments
    case, load = cases[case_name], Load(**json.loads(load_text))
    if what == "prepare":
        case.prepare(Path(rest[0]), load)
        return
    name, prepared, scratch, result = rest
    meter = Meter()
    output = case.contenders[name](Path(prepared), Path(scratch), load, meter)
    Path(result).write_text(json.dumps(asdict(meter) | asdict(output)), "utf-8")


def _measured_run(case: Case, name: str, load: Load, prepared: Path, folder: Path) -> Run:
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    result = folder / "result.json"
    busy, started = _busy_seconds(), time.perf_counter()
    process = _child(
        ["run", case.name, _text(load), name, str(prepared), str(scratch), str(result)], folder / "cost.json"
    )
    others = (_busy_seconds() - busy - process.cpu_s) / (time.perf_counter() - started)
    found: dict[str, Any] = json.loads(result.read_text("utf-8"))
    shutil.rmtree(scratch)
    return Run(process=process, others_cores=max(0.0, others), **found)


def _child(arguments: Sequence[str], cost: Path) -> Cost:
    spent = cost_of([sys.executable, "-m", "bench", "--child", *arguments], cost)
    if spent.status:
        raise FailedRunError(f"{' '.join(arguments[:2])} ended with status {spent.status}; its last words are above")
    return spent


def _text(load: Load) -> str:
    return json.dumps(asdict(load))


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "irq", 0) + getattr(times, "softirq", 0))


def machine() -> str:
    """The machine in a few words: cores, processor, memory, system, Python."""
    kind = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line for line in cpuinfo.read_text("utf-8").splitlines() if line.startswith("model name")]
        kind = named[0].split(":", 1)[1].strip() if named else kind
    memory = psutil.virtual_memory().total / 2**30
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{os.cpu_count()} cores ({kind}), {memory:.0f} GiB, {os.uname().sysname} {os.uname().machine}, Python {python}"
    )
