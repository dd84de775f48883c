from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from small_brand import write_brand

JOBS = Path(__file__).parents[2] / "jobs"


def test_jobs_whose_broker_cannot_be_reached_say_so_in_one_sentence_within_a_minute(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"root: {tmp_path}/lake\nconf: {write_brand(tmp_path / 'conf')}\n"
        "kafka: {servers: '127.0.0.1:1', events: events, queues: queues}\n",
        "utf-8",
    )
    began = time.monotonic()

    # both at once: most of the minute they wait
    jobs = [
        subprocess.Popen(
            [sys.executable, str(JOBS / f"{job}.py"), "--settings", str(settings), "--once"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for job in ("ingest_events", "mirror_queues")
    ]
    said = [job.communicate() for job in jobs]

    assert time.monotonic() - began < 60
    assert [job.returncode for job in jobs] == [3, 3]
    for printed, complaint in said:
        (sentence,) = complaint.splitlines()
        assert sentence.startswith("127.0.0.1:1: Kafka cannot be used (TimeoutException: ")
        assert printed == ""
