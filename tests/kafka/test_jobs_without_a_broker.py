from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from small_brand import write_brand

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.mark.parametrize("job", ["ingest_events", "mirror_queues"])
def test_a_job_whose_broker_cannot_be_reached_says_so_in_one_sentence_and_ends(job: str, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"root: {tmp_path}/lake\nconf: {write_brand(tmp_path / 'conf')}\n"
        "kafka: {servers: '127.0.0.1:1', events: events, queues: queues}\n",
        "utf-8",
    )

    done = subprocess.run(
        [sys.executable, str(JOBS / f"{job}.py"), "--settings", str(settings), "--once"],
        capture_output=True,
        text=True,
        check=False,
        # A client that is left to itself tries for ever.
        timeout=240,
    )

    assert done.returncode == 3
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("127.0.0.1:1: Kafka cannot be used (TimeoutException: ")
    assert done.stdout == ""
