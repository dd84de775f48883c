from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from ceasefire.errors import CheckFailedError
from ceasefire.pipelines.ingest import ingest_batch, start_ingest
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import Lake, append_once, create_tables, read_table, rows_of
from ceasefire.tables import CONTACTS_VAULT, EVENTS, INGEST_BATCHES, QUARANTINED_EVENTS, QUERY_EPOCHS, WINDOW_CLOSES
from spark.parsed_rows import LINE
from unit.config.brand_texts import write

TABLES = (QUERY_EPOCHS, INGEST_BATCHES, EVENTS, QUARANTINED_EVENTS, CONTACTS_VAULT, WINDOW_CLOSES)
WALL = datetime(2026, 3, 10, 12, tzinfo=UTC)


def workspace_in(folder: Path, spark: SparkSession, clock: datetime = WALL) -> Workspace:
    at_work = load_brand(write(folder / "conf"), {})
    lake = Lake(spark, str(folder / "root"), at_work.brand.settings.brand)
    create_tables(lake, TABLES)
    return Workspace(lake, at_work, FixedClock(clock))


def browse(event_id: str, at: datetime = WALL, customer: str = "customer-1", **changes: Any) -> str:
    common = {"event_id": event_id, "brand": "corner", "customer_id": customer, "event_type": "browse"}
    return json.dumps(common | {"event_at": at.isoformat(), "category": "ski"} | changes)


def ingest(workspace: Workspace, lines: Sequence[str], batch_id: int, file: str = "a.jsonl") -> Figures | None:
    table = pa.table([list(lines), [file] * len(lines), [0] * len(lines)], schema=LINE)
    return ingest_batch(workspace, workspace.lake.spark.createDataFrame(table), batch_id)


def rejections(workspace: Workspace) -> Counter[str]:
    rows = rows_of(read_table(workspace.lake, QUARANTINED_EVENTS))
    return Counter(reason for row in rows for reason in row["reasons"])


def contents(workspace: Workspace) -> dict[str, list[str]]:
    """All rows of all tables as texts."""
    return {table.name: sorted(map(repr, rows_of(read_table(workspace.lake, table)))) for table in TABLES}


def texts_under(root: Path) -> dict[str, str]:
    """Everything that any file says: tables as their values, all else as its bytes."""
    said = {}
    for path in (one for one in root.rglob("*") if one.is_file()):
        is_table = path.suffix == ".parquet"
        said[str(path.relative_to(root))] = str(pq.read_table(path).to_pydict() if is_table else path.read_bytes())
    return said


def test_no_file_and_no_row_stops_the_stream_and_all_are_accounted_for(spark: SparkSession, tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path, spark)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    # given files of every kind
    (inbox / "plain.jsonl").write_text("\n".join(browse(f"p{one}") for one in range(3)), "utf-8")
    (inbox / "windows.jsonl").write_bytes(f"{browse('w1')}\r\n{browse('w2')}\r\n".encode())
    (inbox / "packed.jsonl.gz").write_bytes(gzip.compress(f"{browse('g1')}\n{{broken\n".encode()))
    (inbox / "noise.bin").write_bytes(bytes(range(256)) * 20)
    (inbox / "latin1.jsonl").write_bytes(browse("l1", source="?").encode().replace(b"?", b"\xe9"))
    (inbox / "empty.jsonl").touch()
    (inbox / "deeper").mkdir()
    (inbox / "deeper" / "nested.jsonl").write_text(browse("n1") + "\n\n", "utf-8")

    # when they are followed, and then a batch with an event of another age comes, and a good one after it
    following = start_ingest(workspace, str(inbox), once=False)
    following.drain()
    (inbox / "second.jsonl").write_text(f"{browse('f1', datetime(2099, 1, 1, tzinfo=UTC))}\n{browse('s1')}\n", "utf-8")
    following.drain()
    (inbox / "third.jsonl").write_text(f"{browse('t1')}\n{browse('t2', WALL - timedelta(days=400))}\n", "utf-8")
    following.drain()
    following.stop()

    # then all good rows are events, in three batches of one growing number
    events = rows_of(read_table(workspace.lake, EVENTS))
    assert Counter(row["ingest_batch"] for row in events) == {0: 7, 1: 1, 2: 2}
    found = rejections(workspace)
    assert set(found) == {"future", "empty", "corrupt"}
    assert found["future"] == 1
    # and every row that came in is somewhere
    batches = {row["ingest_batch"]: row["row_count"] for row in rows_of(read_table(workspace.lake, INGEST_BATCHES))}
    rejected = Counter(row["ingest_batch"] for row in rows_of(read_table(workspace.lake, QUARANTINED_EVENTS)))
    kept = Counter(row["ingest_batch"] for row in events)
    assert batches == {number: kept[number] + rejected[number] for number in (0, 1, 2)}


def test_a_batch_that_is_repeated_changes_nothing_and_a_copy_adds_only_duplicates(
    spark: SparkSession, tmp_path: Path
) -> None:
    workspace = workspace_in(tmp_path, spark)
    lines = [
        browse("e1", attributes={"email": "a@example.com"}),
        browse("e2"),
        browse("e2"),
        "{broken",
        browse("e3", WALL - timedelta(days=60)),
    ]
    ingest(workspace, lines, 0)
    once = contents(workspace)

    # when the same batch comes again, by a clock that has gone on, and after a window has closed
    later = Workspace(workspace.lake, workspace.at_work, FixedClock(WALL + timedelta(days=9)))
    close = {
        "window_end": [WALL - timedelta(hours=6)],
        "through_batch": [0],
        "customer_count": [1],
        "mean_order_minor": [None],
    }
    append_once(later.lake, WINDOW_CLOSES, pa.table(close, schema=WINDOW_CLOSES.arrow_schema), "test", 1)
    ingest(later, lines, 0)

    # then nothing has changed
    assert contents(workspace) | {"window_closes": []} == once
    assert Counter(rejections(workspace)) == {"duplicate": 1, "corrupt": 1}

    # when its rows come under another name, with a late one and a new address
    news = [browse("e4", WALL - timedelta(days=31)), browse("e5", WALL, attributes={"email": "b@example.com"})]
    ingest(later, [*lines, *news], 1, "copy.jsonl")

    # then they are duplicates, late as one of them would be
    assert rejections(workspace) == {"duplicate": 1 + 4, "corrupt": 2, "too_late": 1}
    assert len(rows_of(read_table(workspace.lake, EVENTS))) == 4
    assert [row["email"] for row in rows_of(read_table(workspace.lake, CONTACTS_VAULT))] == ["b@example.com"]

    # and other rows under a number that was used before are refused
    with pytest.raises(CheckFailedError, match="ingest batch 1 was seen before with other rows"):
        ingest(later, lines, 1)


def test_a_batch_of_events_alone_that_is_repeated_does_not_take_itself_for_known(
    spark: SparkSession, tmp_path: Path
) -> None:
    workspace = workspace_in(tmp_path, spark)
    placeholders: list[dict[str, str]] = [{"email": "n/a"}, {"email": "none", "phone": "-"}]
    lines = [browse(f"e{number}", attributes=attributes) for number, attributes in enumerate(placeholders)]
    figures = ingest(workspace, lines, 0)
    once = contents(workspace)

    # then what was no address is counted by its reason
    assert figures is not None
    assert figures.counts["repaired"] == {"email_placeholder": 2, "phone_placeholder": 1}

    # when what was written before the query could note that it was done comes again
    ingest(workspace, lines, 0)

    assert contents(workspace) == once
    assert not rejections(workspace)


def test_a_batch_of_which_a_table_holds_one_row_too_many_is_not_called_done(
    spark: SparkSession, tmp_path: Path
) -> None:
    workspace = workspace_in(tmp_path, spark)
    # given a row in quarantine that says it came with the next batch
    stray = {name: [None] for name in QUARANTINED_EVENTS.arrow_schema.names}
    stray |= {"ingest_batch": [0], "ingested_at": [WALL], "reasons": [["corrupt"]], "source_row": [1]}
    append_once(workspace.lake, QUARANTINED_EVENTS, pa.table(stray, schema=QUARANTINED_EVENTS.arrow_schema), "test", 1)

    # when that batch comes, and all its rows are events
    with pytest.raises(
        CheckFailedError, match="ingest batch 0: 2 rows came in, 3 stand in events and quarantined_events"
    ):
        ingest(workspace, [browse("e1"), browse("e2")], 0)


def test_natural_ids_and_addresses_stand_in_the_vault_and_in_no_other_file(spark: SparkSession, tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path, spark)
    natural_id, email, phone = "cust-48151623", "peter.ohara@example.com", "+49-170-9876543"
    names = {"customer": natural_id, "attributes": {"email": email, "phone": phone, "push_token": "tok-4711-0815"}}
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    lines = [
        browse("good", **names),
        browse("good", **names),
        browse("good", **names | {"note": f"{natural_id} {email}"}),
        browse(f"{natural_id}-link", **names | {"referrer": f"https://shop.example/?u={natural_id}&m={email}"}),
        browse("future", WALL + timedelta(days=1), **names | {"form": {"values": [email, {"who": natural_id}]}}),
        browse("bad", **names | {"brand": "other", "quantity": f"{email}"}),
        browse("merged", customer="another-one", event_type="customer_merged", attributes={"into": natural_id}),
        browse("half a row", **names)[:-2],
    ]
    (inbox / "events.jsonl").write_text("\n".join(lines), "utf-8")

    start_ingest(workspace, str(inbox), once=True).finish()

    assert len(rows_of(read_table(workspace.lake, QUARANTINED_EVENTS))) == 5
    (vault_row,) = [row for row in rows_of(read_table(workspace.lake, CONTACTS_VAULT)) if row["email"]]
    assert (vault_row["natural_id"], vault_row["email"], vault_row["phone"]) == (natural_id, email, phone)
    said = texts_under(tmp_path / "root")
    assert any(name.endswith(".parquet") and "/events/" in name for name in said)
    for secret in (natural_id, email, phone, "tok-4711-0815", "another-one"):
        holders = {name.split("/")[1] for name, text in said.items() if secret in text}
        assert holders == {"contacts_vault"}, secret
