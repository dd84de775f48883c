"""The four queries and the clock in one session: told to go on, asked to end, started again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.errors import AlreadyRunningError
from ceasefire.pipelines.release import start_release
from ceasefire.pipelines.stream import stream
from ceasefire.pipelines.workspace import Workspace
from ceasefire.runtime.metrics import listening
from ceasefire.storage.lake import read_table, rows_of
from ceasefire.tables import DECISIONS, EVENTS, QUARANTINED_EVENTS, SEND_QUEUE, WITHHELD_SENDS
from ceasefire.tables.declaration import DeltaTable
from small_brand import BRAND, Undisturbed, corner, fingerprints, run_small_brand, write_brand, write_events

TUESDAY = datetime(2026, 3, 10, 6, tzinfo=UTC)
LOOKS = 300


@dataclass
class HandSetClock:
    """A clock that stands until somebody sets it."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


def streamed(workspace: Workspace, events: Path, look: Callable[[], bool], records: list[dict[str, Any]]) -> None:
    """Stream until `look` is content; it is called about once a second."""
    stop, looks = Event(), iter(range(LOOKS))

    def look_and_stop() -> None:
        assert next(looks, None) is not None, "nothing came of it"
        if look():
            stop.set()

    with listening(workspace.lake.spark, [records.append]) as report:
        stream(replace(workspace, report=report), str(events), stop, lambda what: None, look_and_stop)


def decided(workspace: Workspace, close: datetime) -> bool:
    return not read_table(workspace.lake, DECISIONS).where(F.col("window_end") == F.lit(close)).isEmpty()


def counted(records: list[dict[str, Any]], query: str, what: str) -> dict[str, int]:
    """What the batches of a query came to, added up."""
    total: dict[str, int] = {}
    for record in records:
        if record["event"] == "batch" and record["query"] == f"{BRAND}_{query}":
            for kind, count in record.get(what, {}).items():
                total[kind] = total.get(kind, 0) + count
    return total


def counts_by(workspace: Workspace, table: DeltaTable, column: str) -> dict[str, int]:
    rows = rows_of(read_table(workspace.lake, table).groupBy(column).count())
    return {row[column]: row["count"] for row in rows}


def test_a_stream_closes_what_is_due_releases_in_time_and_goes_on_where_it_was_asked_to_end(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a brand, and a clock that stands half an hour after a close
    events = write_events(tmp_path / "events")
    clock = HandSetClock(TUESDAY.replace(minute=31))
    workspace = replace(corner(spark, tmp_path), clock=clock)
    records: list[dict[str, Any]] = []
    refused: list[str] = []

    # when it is streamed until sends have gone at noon, while somebody tries to start a second copy of a query
    def until_sends_have_gone() -> bool:
        if clock.now() < TUESDAY.replace(hour=12) and decided(workspace, TUESDAY):
            with suppress(AssertionError), pytest.raises(AlreadyRunningError) as second:
                start_release(workspace, once=True)
            refused.append(str(second.value))
            assert read_table(workspace.lake, SEND_QUEUE).isEmpty()
            clock.instant = TUESDAY.replace(hour=12)
        return not read_table(workspace.lake, SEND_QUEUE).isEmpty()

    streamed(workspace, events, until_sends_have_gone, records)

    # then the second copy was refused, and what the batches told is what the tables hold
    assert [one.startswith("release_sends of ") for one in refused] == [True]
    intake = counted(records, "ingest_events", "intake")
    stored = {table: read_table(workspace.lake, table).count() for table in (EVENTS, QUARANTINED_EVENTS)}
    assert intake == {"events": stored[EVENTS], "quarantined": stored[QUARANTINED_EVENTS]}
    assert counted(records, "decide", "outcomes") == counts_by(workspace, DECISIONS, "outcome")
    assert counted(records, "release_sends", "queued") == counts_by(workspace, SEND_QUEUE, "channel")
    before = fingerprints(workspace.lake)

    # when it is streamed again the next day, then that day's window is decided, and nothing of before is done again
    wednesday = TUESDAY.replace(day=11)
    clock.instant = wednesday.replace(minute=31)
    streamed(workspace, events, lambda: decided(workspace, wednesday), [])

    windows = rows_of(read_table(workspace.lake, DECISIONS).select("window_end").distinct())
    assert sorted(row["window_end"] for row in windows) == [TUESDAY, wednesday]
    after = fingerprints(workspace.lake)
    unchanged = ("events", "quarantined_events", "ingest_batches", "contacts_vault", "query_epochs")
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_in_shadow_mode_a_run_decides_as_a_live_one_and_queues_nothing(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # given a brand that ran live, and the same brand in shadow
    live = corner(spark, undisturbed.folder)
    conf = write_brand(tmp_path / "conf")
    write_events(tmp_path / "events")
    with (conf / "brand.yaml").open("a", encoding="utf-8") as settings:
        settings.write("release: {mode: shadow}\n")

    shadow, _ = run_small_brand(spark, tmp_path)

    # then both decide the same, and what the one queued, the other says would have gone
    chosen = ("customer_id", "window_end", "outcome", "treatment.campaign_id", "treatment.channel", "treatment.slot_at")
    decisions = [sorted(map(str, rows_of(read_table(one.lake, DECISIONS).select(*chosen)))) for one in (live, shadow)]
    assert decisions[0] == decisions[1]
    queued = {row["send_id"] for row in rows_of(read_table(live.lake, SEND_QUEUE))}
    would_have = {
        row["send_id"]
        for row in rows_of(read_table(shadow.lake, WITHHELD_SENDS).where(F.col("reason") == "shadow_mode"))
    }
    assert read_table(shadow.lake, SEND_QUEUE).isEmpty()
    assert queued == would_have != set()
