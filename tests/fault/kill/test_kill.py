"""The same with SIGKILL: the process is gone in the middle, with its JVM, and another one goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from ceasefire.storage.lake import Lake
from small_brand import BRAND, RUN_TABLES, Undisturbed, fingerprints

KILLED = -9
MAX_STARTS = 40
TESTS = Path(__file__).parents[2]


def test_a_run_killed_after_every_write_in_turn_ends_like_an_undisturbed_one(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # when processes are killed, each after the first write to a table that none was killed after before
    deaths = tmp_path / "deaths.json"
    deaths.write_text("[]", "utf-8")
    command = [sys.executable, str(Path(__file__).with_name("mortal_run.py")), str(tmp_path / "disturbed"), str(deaths)]
    ends = []
    while not ends or (ends[-1] == KILLED and len(ends) < MAX_STARTS):
        ends.append(subprocess.run(command, cwd=TESTS, check=False).returncode)

    # then each table was the last word of one of them, and the last one lived
    assert ends[-1] == 0
    assert sorted(json.loads(deaths.read_text("utf-8"))) == RUN_TABLES
    assert ends.count(KILLED) == len(RUN_TABLES)
    # and nothing is lost, nothing doubled
    disturbed = Lake(spark, str(tmp_path / "disturbed" / "lake"), BRAND)
    assert fingerprints(disturbed) == undisturbed.fingerprints
