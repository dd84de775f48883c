"""What a command costs, with everything that it starts: also what dies on the way or outlives the command.

Run as `python -m bench.process_tree RESULT COMMAND...`. A process of its own adopts every orphan among the command's
descendants (Linux: the child subreaper of prctl) and waits for each of them, so that the kernel's own accounts add up.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_SIGNALLED = 128


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, user and system together; `status` is 128 + the signal that killed the command."""

    wall_s: float
    cpu_s: float
    status: int


def cost_of(command: Sequence[str], result: Path) -> Cost:
    """Run a command to its end, and the ends of all its descendants, under a supervisor."""
    subprocess.run([sys.executable, "-m", "bench.process_tree", str(result), *command], check=True)
    return Cost(**json.loads(result.read_text("utf-8")))


def cpu_of_this_tree() -> float:
    """CPU seconds of this process and its descendants so far, those included that a living one has seen end."""
    here = psutil.Process()
    seconds = 0.0
    for one in (here, *here.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _supervise(command: Sequence[str]) -> Cost:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], list(command), os.environ)
    status, ended = 0, started
    while True:
        try:
            pid, how = os.wait()
        except ChildProcessError:
            break
        if pid == child:
            status, ended = os.waitstatus_to_exitcode(how), time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = status if status >= 0 else _SIGNALLED - status
    return Cost(ended - started, used.ru_utime + used.ru_stime, status)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asdict(_supervise(sys.argv[2:]))), "utf-8")
