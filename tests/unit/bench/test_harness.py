from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.harness import (
    Bound,
    Case,
    Meter,
    Output,
    Run,
    UnequalOutputsError,
    hold_equal,
    verdicts,
)
from bench.process_tree import Cost, cost_of, cpu_of_this_tree

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"
CASE = Case(
    name="race",
    question="Who is faster?",
    counts={"S": 1},
    unit="laps",
    prepare=lambda folder, load: None,
    contenders={"hare": lambda *_: Output("home"), "hedgehog": lambda *_: Output("home")},
    bounds=(Bound("hare", "hedgehog", 2.0),),
    equal=(("hare", "hedgehog"),),
)


def ran(cpu_s: float, checksum: str = "home") -> Run:
    return Run(1.0, cpu_s, Cost(2.0, 3.0, 0), 0.0, checksum, {})


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the harness starts find the modules of the tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def test_what_an_orphan_burns_after_its_parent_has_gone_is_counted(tmp_path: Path) -> None:
    burning = BUSY.format(seconds=0.3)
    # given a command that leaves a child behind, detached, which works on alone
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burning!r}], start_new_session=True)"

    cost = cost_of([sys.executable, "-c", parent], tmp_path / "cost.json")

    assert cost.cpu_s >= 0.3
    assert cost.status == 0


def test_a_command_that_is_killed_says_by_which_signal(tmp_path: Path) -> None:
    cost = cost_of([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], tmp_path / "cost.json")

    assert cost.status == 128 + 9


def test_the_meter_counts_a_child_that_has_ended() -> None:
    meter = Meter()
    before = cpu_of_this_tree()

    with meter.measured():
        os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", BUSY.format(seconds=0.2)], os.environ), 0)

    # processor time is told in hundredths of a second, from start and from end
    assert 0.15 <= meter.cpu_s <= cpu_of_this_tree() - before


def test_other_outputs_stop_before_any_ratio_and_name_who_made_what() -> None:
    runs = {"hare": [ran(1.0)], "hedgehog": [ran(1.0, "elsewhere")]}

    with pytest.raises(UnequalOutputsError, match="hare made home; hedgehog made elsewhere"):
        verdicts(CASE, runs)


def test_an_output_that_changes_from_run_to_run_stops_too() -> None:
    alone = replace(CASE, equal=())

    with pytest.raises(UnequalOutputsError, match="hedgehog made home; hedgehog made nowhere"):
        hold_equal(alone, {"hare": [ran(1.0)], "hedgehog": [ran(1.0), ran(1.0, "nowhere")]})


def test_a_bound_is_on_medians_and_shows_the_range_by_round() -> None:
    runs = {"hare": [ran(1.0), ran(9.0), ran(4.0)], "hedgehog": [ran(2.0), ran(3.0), ran(1.0)]}

    (verdict,) = verdicts(CASE, runs)

    assert (verdict.ratio, verdict.least, verdict.greatest) == (2.0, 0.5, 4.0)
    assert verdict.holds
    assert not replace(verdict, ratio=2.01).holds
