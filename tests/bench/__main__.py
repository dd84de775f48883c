"""`make bench`, or PYTHONPATH=tests .venv/bin/python -m bench [--case NAME] [--size S] [--shape hot] [--runs 3]."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import case_decision, case_features, case_ingest, case_scoring, case_window
from bench.generators import SHAPES
from bench.harness import Case, FailedRunError, Load, UnequalOutputsError, child_main, machine, run_case, verdicts
from bench.report import README, entry_of, keep, table_of
from ceasefire.runtime.clock import WallClock

CASES: dict[str, Case] = {
    one.name: one
    for one in (case_ingest.CASE, case_features.CASE, case_decision.CASE, case_scoring.CASE, case_window.CASE)
}
SIZES = ("S", "M", "L")
DEFAULT_SIZES = dict.fromkeys(CASES, ("M",)) | {"window": ("S", "M")}


def main(arguments: Sequence[str]) -> int:
    """Run the cases that were asked for; 1 when outputs differ, a run fails or a bound is missed."""
    options = _options(arguments)
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = options.work or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.case or CASES:
            case = CASES[name]
            for size in (options.size,) if options.size else DEFAULT_SIZES[name]:
                load = Load(size, case.counts[size], options.shape)
                try:
                    runs = run_case(case, load, options.runs, folder.absolute(), _say)
                    found = verdicts(case, runs)
                except (UnequalOutputsError, FailedRunError) as error:
                    _say(str(error))
                    return 1
                entry = entry_of(case, load, runs, found, _circumstances(arguments))
                if options.keep:
                    keep(entry)
                print(table_of(entry), end="\n\n")  # noqa: T201
                missed += sum(not one.holds for one in found)
    return 1 if missed else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be repeated")
    parser.add_argument("--size", choices=SIZES, help="instead of each case's own")
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0], help="of the generated events")
    parser.add_argument("--runs", type=int, default=3, help="fresh processes for each contender")
    parser.add_argument("--work", type=Path, help="where prepared input is kept for the next time")
    parser.add_argument(
        "--no-keep", dest="keep", action="store_false", help=f"leave {README.name} and the results as they are"
    )
    return parser.parse_args(arguments)


def _circumstances(arguments: Sequence[str]) -> dict[str, str]:
    return {
        "command": shlex.join(["python", "-m", "bench", *arguments]),
        "date": WallClock().now().date().isoformat(),
        "machine": machine(),
    }


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child_main(CASES, sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))
