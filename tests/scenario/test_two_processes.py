"""Three windows in two processes: what one decided, the next one knows, audited by SQL over the tables."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ceasefire.cli.main import exit_code_of
from ceasefire.storage.lake import Lake, read_table
from ceasefire.tables import DECISIONS, SEND_QUEUE, WITHHELD_SENDS
from small_brand import BRAND, FIRST_CLOSE, write_brand, write_events

COMMITTED = """
    SELECT d.customer_id, d.treatment.campaign_id AS campaign, CAST(d.treatment.slot_at AS DATE) AS day,
           CAST(REPLACE(d.treatment.duration, 'd', '') AS INT) AS lasts
    FROM decisions d LEFT ANTI JOIN withheld w ON d.treatment.send_id = w.send_id
    WHERE d.outcome = 'send'
"""
LOCK_BROKEN = f"""
    WITH committed AS ({COMMITTED})
    SELECT * FROM committed a JOIN committed b ON a.customer_id = b.customer_id
    WHERE a.day < b.day AND DATEDIFF(b.day, a.day) < a.lasts
"""
REENTRY_BROKEN = f"""
    WITH committed AS ({COMMITTED}),
         allowed AS (SELECT * FROM VALUES ('thanks', 2), ('how_to', 30), ('club', 30) AS t (campaign, days))
    SELECT * FROM committed a JOIN committed b ON a.customer_id = b.customer_id AND a.campaign = b.campaign
    JOIN allowed ON allowed.campaign = a.campaign
    WHERE a.day < b.day AND DATEDIFF(b.day, a.day) < allowed.days
"""
BUSY_LOCK = "SELECT * FROM (SELECT EXPLODE(candidates) AS c FROM decisions) WHERE c.reason_code = 'duration_lock'"
BUSY_REENTRY = "SELECT * FROM (SELECT EXPLODE(candidates) AS c FROM decisions) WHERE c.reason_code = 'reentry_limit'"
DAYS_WITH_TWO = f"""
    WITH committed AS ({COMMITTED}) SELECT customer_id, day FROM committed GROUP BY customer_id, day HAVING COUNT(*) > 1
"""


def test_locks_and_reentry_hold_over_three_windows_in_two_processes(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a brand whose first window this process has run
    conf, events = write_brand(tmp_path / "conf"), write_events(tmp_path / "events")
    command = [
        "run",
        "--conf",
        str(conf),
        "--events",
        str(events),
        "--root",
        str(tmp_path / "lake"),
        "--json",
        "--as-of-slot",
    ]
    command += ["--from", FIRST_CLOSE.isoformat(), "--until"]
    assert exit_code_of([*command, FIRST_CLOSE.isoformat()]) == 0
    # which says what it did not take, and where to look
    said = capsys.readouterr().err
    told = re.fullmatch(
        r"replayed as of each slot.*\n"
        r"5 of \d+ rows went into quarantine; each has its reasons: ceasefire (show .*)\n"
        r"1 customer is on hold for marketing: ceasefire holds .*\n",
        said,
    )
    assert told is not None
    assert exit_code_of(shlex.split(told[1])) == 0
    shown = capsys.readouterr().out
    assert all(reason in shown for reason in ("corrupt", "duplicate", "empty", "unknown_brand"))

    # when another process, to which no row is new, runs the two after it
    until = FIRST_CLOSE + timedelta(days=2)
    other = [sys.executable, "-m", "ceasefire.cli.main", *command, until.isoformat()]
    done = subprocess.run(other, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "replayed as of each slot, with consent as it is known now",
        "1 customer is on hold for marketing",
    ]

    # then SQL over the tables finds three windows and no broken lock or re-entry, though both had work to do
    lake = Lake(spark, str(tmp_path / "lake"), BRAND)
    for name, table in (("decisions", DECISIONS), ("withheld", WITHHELD_SENDS), ("queue", SEND_QUEUE)):
        read_table(lake, table).createOrReplaceTempView(name)
    assert spark.sql("SELECT DISTINCT window_end FROM decisions").count() == 3
    assert spark.sql(LOCK_BROKEN).isEmpty()
    assert spark.sql(REENTRY_BROKEN).isEmpty()
    assert spark.sql(DAYS_WITH_TWO).isEmpty()
    assert not spark.sql(BUSY_LOCK).isEmpty()
    assert not spark.sql(BUSY_REENTRY).isEmpty()
    # and what was withheld, and only that, is not in the queue
    assert spark.sql("SELECT * FROM queue q JOIN withheld w ON q.send_id = w.send_id").isEmpty()
    assert not spark.sql("SELECT * FROM withheld WHERE reason = 'product_returned'").isEmpty()
