"""The rows that cases start from are those of ingest, and the references answer what the program does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from bench.brand import DUCKDB, features_sql, write_brand
from bench.checksums import checksum_of
from bench.generators import AS_OF, SHAPES, World, happenings, lines
from bench.workshop import log_rows, refusals_in
from ceasefire.config.units import instant_micros
from ceasefire.events.contract import parse_row
from ceasefire.pipelines.features import features_of_batch
from ceasefire.pipelines.workspace import BrandAtWork, load_brand
from unit.features.packed_histories import Event, Setting, pack

SAID = ("event_type", "event_at", "customer_id", "channel", "statement", "refusal", "repairs")
LEAST_OPT_OUTS = 10


@pytest.fixture(name="at_work")
def brand_at_work(tmp_path: Path) -> BrandAtWork:
    return load_brand(write_brand(tmp_path / "conf"), {})


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_the_log_say_on_consent_what_ingest_reads_out_of_the_lines(at_work: BrandAtWork, shape: str) -> None:
    world = World(customers=50, events=2_000, shape=shape)

    parsed = [parse_row(line, at_work.contract) for line in lines(happenings(world), "e")]

    rows = log_rows(world).select(SAID).to_pylist()
    assert rows == [{name: getattr(row, name) for name in SAID} for row in parsed]


def test_every_no_in_the_log_is_among_the_refusals_and_no_yes_is() -> None:
    rows = log_rows(World(customers=200, events=4_000))

    refusals = refusals_in(rows).to_pylist()

    said_no = [row for row in rows.to_pylist() if row["statement"] and not row["statement"]["granted"]]
    assert len(said_no) > LEAST_OPT_OUTS
    assert [row["event_key"] for row in refusals] == [row["event_key"] for row in said_no]
    assert [row["channel"] for row in refusals] == [row["statement"]["channel"] for row in said_no]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_reference_of_duckdb_makes_the_features_of_the_program(at_work: BrandAtWork, shape: str) -> None:
    rows = log_rows(World(customers=60, events=3_000, shape=shape))
    log = rows.set_column(rows.schema.get_field_index("event_at"), "event_at", rows["event_at"].cast(pa.int64()))

    with duckdb.connect() as connection:
        connection.register("log", log)
        reference = connection.execute(features_sql(DUCKDB, "log")).to_arrow_table()

    ours = pa.Table.from_batches([_features(at_work, rows.to_pylist())]).drop_columns("window_end")
    assert sorted(reference.schema.names) == sorted(ours.schema.names)
    for name in ours.schema.names:
        pair = ["customer_id"] if name == "customer_id" else ["customer_id", name]
        checksums = (checksum_of(table.select(pair), ("customer_id",)) for table in (reference, ours))
        assert len(set(checksums)) == 1, f"{name} differs"


def _features(at_work: BrandAtWork, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    micros = instant_micros(AS_OF)
    customers = sorted({row["customer_id"] for row in rows})
    histories = pack(customers, map(_event, rows), [setting for row in rows for setting in _settings(row)])
    return features_of_batch(at_work.programs, histories, AS_OF, micros, at_work.programs.window_schema)


def _event(row: Mapping[str, Any]) -> Event:
    return Event(
        row["customer_id"],
        row["event_type"],
        instant_micros(row["event_at"]),
        amount=row["amount_minor"],
        quantity=row["quantity_milli"],
        category=row["category"],
        product=row["product_id"],
        order=row["order_id"],
        campaign=row["campaign_id"],
        channel=row["channel"],
    )


def _settings(row: Mapping[str, Any]) -> Iterator[Setting]:
    customer, at, said = row["customer_id"], instant_micros(row["event_at"]), row["statement"]
    if row["event_type"] in ("registered", "profile_changed"):
        for name, value in row["attributes"]:
            yield Setting(customer, name, value, at)
    if said:
        name = f"consent/{said['purpose']}/{said['channel']}"
        yield Setting(customer, name, "granted" if said["granted"] else "withdrawn", at)
