from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import ceasefire

JOBS = sorted((Path(__file__).parents[2] / "jobs").glob("*.py"))
MODULES = sorted(one.name for one in pkgutil.walk_packages(ceasefire.__path__, "ceasefire."))


def test_there_is_a_job_for_each_step_of_the_chain_and_for_the_clock_the_mirror_and_the_models() -> None:
    assert [job.stem for job in JOBS] == [
        "build_features",
        "decide",
        "ingest_events",
        "mirror_queues",
        "release_sends",
        "tick_clock",
        "train_uplift",
    ]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.stem)
def test_a_job_is_a_short_file_with_a_main_that_says_what_it_lacks(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(job.read_text("utf-8").splitlines()) < 40
    spec = importlib.util.spec_from_file_location(job.stem, job)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    with pytest.raises(SystemExit) as stopped:
        module.main(["--settings", "nowhere.yaml"])

    assert stopped.value.code == 2
    assert "--settings nowhere.yaml: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.stem)
def test_a_driver_without_the_package_is_one_sentence(job: Path) -> None:
    without_packages = [sys.executable, "-I", "-S", str(job), "--settings", "nowhere.yaml"]

    ended = subprocess.run(without_packages, capture_output=True, text=True, check=False)

    said = f"{job.stem}: the driver has no module 'ceasefire'; deploy/spark/README.md says what goes where\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", said)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported_on_its_own(module: str) -> None:
    assert importlib.import_module(module).__doc__ or module.count(".") == 1
