from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ceasefire.events.blocks import judge_blocks, rejected_by_block
from ceasefire.events.parsing import PARSED_SCHEMA, PARTITION_SHIFT, ROW_ID, parse_lines
from ceasefire.events.verdicts import (
    annotate_verdicts,
    batch_keys,
    batch_totals,
    doubtful_keys,
    is_event,
    keep_events,
    keep_rejected,
    keep_suspects,
    known_keys,
)
from ceasefire.storage.lake import rows_of
from spark.parsed_rows import LINE, by_row, parsed_blocks, parsed_rows
from unit.events.event_rows import CONTRACT, parsed, row

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE_BEFORE = NOW - timedelta(days=30)
KNOWN = StructType([StructField("event_key", StringType()), StructField("known_payload_hash", StringType())])


def event(event_id: str, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    return row("browse", event_id=event_id, event_at=at.isoformat(), **changes)


def log_of(spark: SparkSession, *events: dict[str, Any]) -> DataFrame:
    """What the log knows of these events."""
    keys = [(parsed(one).event_key, parsed(one).payload_hash) for one in events]
    return spark.createDataFrame(keys, KNOWN)


STORY: list[tuple[dict[str, Any] | str, list[str]]] = [
    (event("new"), []),
    # repeated within the batch: the first by position is the event
    (event("twice", till=1), []),
    (event("twice", till=1), ["duplicate"]),
    (event("twice", till=2), ["same_id_other_payload"]),
    # repeated from the log, however late or early it comes again
    (event("in the log"), ["duplicate"]),
    (event("in the log", till=2), ["same_id_other_payload"]),
    (event("long in the log", LATE_BEFORE - timedelta(days=300)), ["duplicate"]),
    (event("in the log with another date", NOW + timedelta(days=1)), ["same_id_other_payload"]),
    # the edges of the two clocks
    (event("just not future", NOW + timedelta(minutes=10)), []),
    (event("future", NOW + timedelta(minutes=10, microseconds=1)), ["future"]),
    (event("just not late", LATE_BEFORE), []),
    (event("late", LATE_BEFORE - timedelta(microseconds=1)), ["too_late"]),
    # a row that is rejected itself repels nobody
    (event("corrected", datetime(2099, 1, 1, tzinfo=UTC)), ["same_id_other_payload"]),
    (event("corrected"), []),
    (event("twice future", datetime(2099, 1, 1, tzinfo=UTC)), ["future"]),
    (event("twice future", datetime(2099, 1, 1, tzinfo=UTC)), ["future"]),
    # a malformed row keeps its reasons, and what follows it is judged without it
    (event("malformed first", brand="c"), ["unknown_brand"]),
    (event("malformed first"), []),
    (event("in the log", quantity="x"), ["bad_type"]),
    ("{broken", ["corrupt"]),
    ("", ["empty"]),
]
LINES = [one if isinstance(one, str) else json.dumps(one) for one, _ in STORY]


def known_events(spark: SparkSession) -> DataFrame:
    return log_of(
        spark,
        event("in the log"),
        event("long in the log", LATE_BEFORE - timedelta(days=300)),
        event("in the log with another date"),
    )


def test_every_row_gets_the_verdict_of_the_log_and_the_clock(spark: SparkSession) -> None:
    judged = annotate_verdicts(parsed_rows(spark, LINES), known_events(spark), NOW, LATE_BEFORE)

    expected = {number: (reasons,) for number, (_, reasons) in enumerate(STORY, start=1)}
    assert by_row(judged, "reasons") == expected


def test_how_rows_are_spread_over_tasks_and_before_the_first_close_nothing_is_late(spark: SparkSession) -> None:
    rows, known = parsed_rows(spark, LINES), known_events(spark)
    straight = by_row(annotate_verdicts(rows, known, NOW, LATE_BEFORE), "reasons", "event_key", "payload_hash")

    shuffled = rows.repartition(5, "payload_hash").orderBy("payload_hash")
    spread = by_row(
        annotate_verdicts(shuffled, known.repartition(3), NOW, LATE_BEFORE), "reasons", "event_key", "payload_hash"
    )

    assert spread == straight
    before_any_close = by_row(annotate_verdicts(rows, known, NOW, None), "reasons")
    late = next(number for number, (_, reasons) in enumerate(STORY, start=1) if reasons == ["too_late"])
    assert before_any_close == {number: straight[number][:1] for number in straight} | {late: ([],)}


def test_every_row_is_kept_once_and_the_copies_in_quarantine_name_nobody(spark: SparkSession) -> None:
    names = {"customer_id": "cust-4815", "attributes": {"email": "peter@example.com"}, "note": "peter@example.com"}
    lines = [
        json.dumps(event("kept", **names)),
        json.dumps(event("kept", **names)),
        json.dumps(event("x", brand="c", **names)),
    ]
    blocks = parsed_blocks(spark, lines)
    verdicts = annotate_verdicts(
        keep_suspects(blocks, batch_keys(blocks).select("key_hash")), log_of(spark), NOW, None
    ).where(~is_event())
    judged = judge_blocks(blocks, rejected_by_block(verdicts))

    events = keep_events(judged, 7, NOW, LATE_BEFORE).toArrow().to_pylist()
    rejected = keep_rejected(judged, 7, NOW).toArrow().to_pylist()

    assert [one["event_key"] for one in events] == [parsed(event("kept")).event_key]
    assert sorted(one["reasons"] for one in rejected) == [["duplicate"], ["unknown_brand"]]
    assert {(one["ingest_batch"], one["ingested_at"]) for one in [*events, *rejected]} == {(7, NOW)}
    copies = [json.loads(one["raw"]) for one in rejected]
    assert all(copy["event_type"] == "browse" and copy["category"] == "ski/boots" for copy in copies)
    assert not {"cust-4815", "peter"} & {word for copy in copies for word in str(copy).replace("@", "'").split("'")}
    assert parsed(event("kept", **names), CONTRACT).customer_id in {copy["customer_id"] for copy in copies}


def test_only_suspects_are_judged_and_every_row_still_gets_the_verdict_that_it_would_have_had(
    spark: SparkSession,
) -> None:
    blocks = parsed_blocks(spark, LINES)
    log = known_events(spark).withColumnRenamed("known_payload_hash", "payload_hash")
    unrelated = log_of(spark, event("never seen here")).withColumnRenamed("known_payload_hash", "payload_hash")

    keys = batch_keys(blocks)
    known = known_keys(log.union(unrelated), keys, F.broadcast)
    suspects = keep_suspects(blocks, doubtful_keys(keys, known, NOW, LATE_BEFORE))
    rejected = annotate_verdicts(suspects, known, NOW, LATE_BEFORE).where(~is_event())
    judged = judge_blocks(blocks, rejected_by_block(rejected))

    # Of the log only the keys of the batch, and of the batch neither what is malformed nor what nothing speaks against.
    assert known.count() == 3
    assert 0 < suspects.count() < len(LINES) - 5
    # and each row becomes an event or stands in quarantine with its reasons
    expected = {number: reasons for number, (_, reasons) in enumerate(STORY, start=1) if reasons}
    assert by_row(keep_rejected(judged, 7, NOW), "reasons") == {number: (one,) for number, one in expected.items()}
    sound = [parsed(one).payload_hash for one, reasons in STORY if not isinstance(one, str) and not reasons]
    assert sorted(one["payload_hash"] for one in rows_of(keep_events(judged, 7, NOW, LATE_BEFORE))) == sorted(
        map(str, sound)
    )


def test_of_a_batch_that_is_new_on_time_and_in_itself_distinct_no_key_is_doubtful(spark: SparkSession) -> None:
    sound = [json.dumps(event(name)) for name in ("one", "two")]
    malformed = ["{broken", "", json.dumps(event("two", brand="c"))]
    keys = batch_keys(parsed_blocks(spark, sound + malformed))
    log = log_of(spark, event("three")).withColumnRenamed("known_payload_hash", "payload_hash")

    assert doubtful_keys(keys, known_keys(log, keys, F.broadcast), NOW, LATE_BEFORE).isEmpty()
    assert not doubtful_keys(keys, known_keys(log, keys, F.broadcast), NOW, NOW + timedelta(seconds=1)).isEmpty()


def test_the_parts_of_a_batch_add_up_to_its_rows_and_to_the_newest_of_what_has_happened(spark: SparkSession) -> None:
    moments = [NOW - timedelta(days=1), NOW, NOW + timedelta(seconds=1)]
    lines = [json.dumps(event(f"at {at}", at)) for at in moments]
    blocks = parsed_blocks(spark, [*lines, lines[0], "{broken", "", json.dumps(event("other", brand="c"))])

    parts = batch_totals(batch_keys(blocks), NOW).toArrow().to_pylist()

    assert sum(one["row_count"] for one in parts) == 7
    assert sum(one["well_formed_count"] or 0 for one in parts) == 4
    assert max(one["newest_at"] for one in parts if one["newest_at"]) == NOW
    assert batch_totals(batch_keys(blocks.limit(0)), NOW).toArrow().num_rows == 0


def test_rows_that_are_read_by_several_tasks_have_numbers_of_their_own(spark: SparkSession) -> None:
    lines = pa.table([[""] * 40, ["a.jsonl"] * 40, [0] * 40], schema=LINE)
    spread = spark.createDataFrame(lines).repartition(4)

    numbers = [one[ROW_ID] for one in rows_of(spread.mapInArrow(parse_lines(CONTRACT), PARSED_SCHEMA).select(ROW_ID))]

    assert len(set(numbers)) == len(numbers) == 40
    assert len({one >> PARTITION_SHIFT for one in numbers}) > 1
