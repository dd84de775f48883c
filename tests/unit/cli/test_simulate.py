"""`ceasefire simulate` as people type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from numpy._core import _multiarray_umath as multiarray

from ceasefire.cli.main import exit_code_of
from ceasefire.config.simulation import read_simulation
from ceasefire.events.contract import parse_row
from ceasefire.pipelines.simulated.days import play, setting
from ceasefire.pipelines.simulated.policies import Played
from unit.simulation.small_world import WORLD_FILE, brand_at_work


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The world of the program, small enough for a test."""
    text = WORLD_FILE.read_text("utf-8")
    for large, small in (
        ("history_days: 60", "history_days: 6"),
        ("{days: 14, customers: 20000,", "{days: 4, customers: 300,"),
        ("{days: 60, customers: 4000,", "{days: 4, customers: 120,"),
    ):
        assert large in text
        text = text.replace(large, small)
    file = tmp_path / "world.yaml"
    file.write_text(text, "utf-8")
    return file


def test_worlds_on_several_cores_are_the_worlds_that_one_process_plays(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when two worlds are played side by side
    assert exit_code_of(["simulate", "--seeds", "2", "--world", str(world), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    # then each is what it is alone
    here = setting(read_simulation(world), brand_at_work(), 2, learns=True)
    of = {(one["capacity"], one["policy"]): one["worlds"] for one in told["policies"]}
    assert of.keys() == {(share, how.value) for share in (0.06, 0.12, None) for how in Played}
    for how in (Played.EXCLUSIONS, Played.LEARNED):
        assert of[0.12, how.value][1] == asdict(play(here, how, 0.12))


def test_a_processor_that_reckons_otherwise_comes_to_the_same_figures(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a machine without the instructions that this one has
    other = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(multiarray.__cpu_dispatch__),
        "OPENBLAS_CORETYPE": "Nehalem",
        "ARROW_USER_SIMD_LEVEL": "NONE",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    }
    arguments = ["simulate", "--seeds", "1", "--world", str(world), "--json"]

    there = subprocess.run(
        [sys.executable, "-m", "ceasefire.cli.main", *arguments],
        env=os.environ | other,
        capture_output=True,
        text=True,
        check=True,
    )

    assert exit_code_of(arguments) == 0
    assert there.stdout == capsys.readouterr().out


def test_the_table_names_every_policy_and_puts_each_figure_beside_what_it_must_be(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(["simulate", "--seeds", "1", "--world", str(world)]) == 0
    out = capsys.readouterr().out
    for how in Played:
        assert out.count(how.value) >= 3
    assert "ok   customer-days with two messages, engine at equal capacity: 0 (must be 0)" in out
    assert "null world" in out
    assert "(within 3%)" in out


def test_events_are_written_as_they_arrive_and_are_events_of_the_contract(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "events"
    assert exit_code_of(["simulate", "--world", str(world), "--customers", "200", "--events", str(folder)]) == 0
    lines = [line for file in sorted(folder.iterdir()) for line in file.read_text("utf-8").splitlines()]
    assert f"{len(lines):,} lines in {len(list(folder.iterdir()))} files" in capsys.readouterr().out
    assert not any(parse_row(one, brand_at_work().contract).reasons for one in lines)
    # some come twice, and out of order
    assert 0 < len(lines) - len(set(lines)) < len(lines) / 50
    instants = [json.loads(one)["event_at"] for one in lines]
    assert instants != sorted(instants)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--root", "a", "--events", "b"], "--root and --events: one of both"),
        (["--world", "nowhere.yaml"], "no world at nowhere.yaml"),
        (["--events", "."], "--events: . is there already; name a new folder"),
        (["--conf", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_played_is_said_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(["simulate", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_every_mistake_in_a_world_is_reported_with_its_line(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = world.read_text("utf-8").replace("margin: 0.30", "margin: 1.7").replace("tastes: 5", "tastes: none")
    world.write_text(text, "utf-8")
    assert exit_code_of(["simulate", "--world", str(world)]) == 2
    err = capsys.readouterr().err
    lines = text.splitlines()
    for key in ("margin", "tastes"):
        number = next(at for at, line in enumerate(lines, 1) if line.strip().startswith(key))
        assert f"{world}:{number}: " in err
