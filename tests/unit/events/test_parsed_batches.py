from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pytest

from ceasefire.events.blocks import parse_blocks
from ceasefire.events.contract import parse_row
from ceasefire.events.parsing import ARROW_SCHEMA, DAMAGED_BLOCK, PARSED_SCHEMA, ROW_ID, parse_lines
from unit.events.event_rows import CONTRACT, FIELDS_OF_TYPE, parsed, row

Line = tuple[bytes, str, int]


def batch(lines: Sequence[Line]) -> pa.RecordBatch:
    """Lines as Spark hands them on: bytes that it calls text, whether they are or not."""
    values, files, starts = zip(*lines, strict=True) if lines else ((), (), ())
    texts = pa.Array.from_buffers(pa.string(), len(lines), pa.array(values, pa.binary()).buffers())
    return pa.RecordBatch.from_arrays(
        [texts, pa.array(files, pa.string()), pa.array(starts, pa.int64())],
        names=["value", "source_file", "source_block"],
    )


def read(*batches: Sequence[Line]) -> list[dict[str, object]]:
    """The rows that come out, over all batches of one task."""
    rows: list[dict[str, object]] = []
    for parsed_batch in parse_lines(CONTRACT)([batch(lines) for lines in batches]):
        assert parsed_batch.schema == ARROW_SCHEMA
        rows += parsed_batch.to_pylist()
    return rows


def positions(*batches: Sequence[Line]) -> list[tuple[object, ...]]:
    """Where each row stood."""
    return [(one["source_file"], one["source_block"], one["source_row"]) for one in read(*batches)]


def test_rows_are_counted_within_their_block_of_the_file() -> None:
    lines = [(b"", "a", 0), (b"", "a", 0), (b"", "a", 64), (b"", "b", 0), (b"", "b", 0)]

    assert positions(lines) == [("a", 0, 1), ("a", 0, 2), ("a", 64, 1), ("b", 0, 1), ("b", 0, 2)]


def test_a_row_that_says_that_a_file_is_damaged_is_told_from_its_lines_by_its_block() -> None:
    why = b"the rest of this file cannot be read: EOFException"

    rows = read([(json.dumps(row()).encode(), "a", 0), (why, "a", DAMAGED_BLOCK), (why, "b", 0)])

    assert [one["reasons"] for one in rows] == [[], ["damaged_file"], ["corrupt"]]
    assert rows[1]["raw"] == why.decode()


def test_counting_goes_on_from_batch_to_batch() -> None:
    assert positions([(b"", "a", 0)] * 2, [], [(b"", "a", 0), (b"", "b", 0)]) == [
        ("a", 0, 1),
        ("a", 0, 2),
        ("a", 0, 3),
        ("b", 0, 1),
    ]


def test_each_task_counts_for_itself() -> None:
    parse = parse_lines(CONTRACT)

    for _ in range(2):
        (only,) = list(parse([batch([(b"", "a", 0)])]))
        assert only.to_pylist()[0]["source_row"] == 1


def test_each_row_has_a_number_of_its_own_whatever_its_file_and_batch() -> None:
    lines = [(b"", "a", 0), (b"", "a", 0), (b"", "b", 0)]

    assert len({one[ROW_ID] for one in read(lines, [], lines)}) == 6


@pytest.mark.parametrize("event_type", FIELDS_OF_TYPE)
def test_what_the_contract_reads_comes_out_as_it_is(event_type: str) -> None:
    value = row(event_type, till=1)
    (only,) = read([(json.dumps(value).encode(), "a", 0)])

    event = parsed(value)
    for name in ("event_key", "payload_hash", "customer_id", "event_type", "event_at", "amount_minor", "order_id"):
        assert only[name] == getattr(event, name)
    assert only["reasons"] == []
    assert dict(only["extra"] or []) == event.extra  # type: ignore[call-overload]
    assert dict(only["attributes"] or []) == (event.attributes or {})  # type: ignore[call-overload]


def test_reasons_come_sorted_so_that_a_replay_writes_the_same() -> None:
    bad = row("order_line", brand="c", amount="-1", source=3)

    (only,) = read([(json.dumps(bad).encode(), "a", 0)])

    assert only["reasons"] == ["bad_type", "out_of_range", "unknown_brand"]


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\x00\x01", b"\x80" * 1000, b'{"event_id": "\xc3"}', json.dumps(row()).encode()[:-1] + b"\xff}"]
)
def test_bytes_that_are_no_text_are_corrupt_and_stop_nothing(line: bytes) -> None:
    good = json.dumps(row()).encode()

    rows = read([(line, "a", 0), (good, "a", 0)])

    assert [one["reasons"] for one in rows] == [["corrupt"], []]


def test_bytes_that_are_no_text_within_a_good_row_are_corrupt_too() -> None:
    line = json.dumps(row(note="?")).encode().replace(b"?", b"\xff")

    assert [one["reasons"] for one in read([(line, "a", 0)])] == [["corrupt"]]


def test_a_record_without_a_value_is_an_empty_row() -> None:
    lines = batch([(b"", "a", 0)]).set_column(0, "value", pa.array([None], pa.string()))

    (only,) = list(parse_lines(CONTRACT)([lines]))

    assert only.to_pylist()[0]["reasons"] == ["empty"]


def test_a_row_in_any_script_comes_through() -> None:
    value = row(category="Žižkov/東京 🎿")

    (only,) = read([(json.dumps(value, ensure_ascii=False).encode(), "a", 0)])

    assert only["category"] == parse_row(json.dumps(value), CONTRACT).category == "Žižkov/東京 🎿"


def test_spark_and_arrow_are_told_the_same_columns() -> None:
    assert PARSED_SCHEMA.fieldNames() == ARROW_SCHEMA.names


def test_a_block_counts_the_repairs_of_its_rows_by_reason() -> None:
    rows = [
        row("profile_changed", attributes={"email": "n/a", "phone": "-"}),
        row("profile_changed", attributes={"email": "none"}),
        row("profile_changed", attributes={"email": "ada@example.com"}),
        row("unsubscribed", channel="email", amount="n/a"),
    ]
    lines = [(json.dumps(each).encode(), "a", 0) for each in rows]

    (block,) = parse_blocks(CONTRACT)([batch(lines)])
    (untouched,) = parse_blocks(CONTRACT)([batch(lines[2:3])])

    assert dict(block["repairs"][0].as_py()) == {"bad_type": 1, "email_placeholder": 2, "phone_placeholder": 1}
    assert untouched["repairs"][0].as_py() is None
