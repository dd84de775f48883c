"""Rows of the small tables that come out of a batch beside its events: addresses, merges, refusals and holds.

Each is written before the events, so that whoever knows an event knows what it says here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from ceasefire.arrow import batch_of
from ceasefire.events.blocks import (
    Rejected,
    are_merges,
    are_unclear,
    events_in,
    have_addresses,
    others_in,
    speak_against_contact,
    take_rows,
)
from ceasefire.events.personal_values import ADDRESSES, OTHER_CUSTOMER
from ceasefire.events.verdicts import with_arrivals
from ceasefire.tables import CONSENT_HOLDS, CONTACT_REFUSALS, CUSTOMER_ADDRESSES, CUSTOMER_MERGES, DeltaTable
from ceasefire.vocabulary import EVERY

Columns = dict[str, pa.Array]


def side_rows(
    table: DeltaTable, blocks: DataFrame, ingest_batch: int, ingested_at: datetime, late_before: datetime | None
) -> DataFrame:
    """Return the rows of one of `blocks.SIDE_TABLES` that judged blocks hold.

    Args:
        table: which one.
        blocks: of the batch, judged.
        ingest_batch: number of the batch.
        ingested_at: its instant, from which holds and late opt-outs count.
        late_before: what happened before it was too late.
    """
    find = _FINDERS[table.name]
    schema = table.arrow_schema

    def take(rows: pa.RecordBatch, rejected: Rejected) -> pa.RecordBatch:
        if table is CONSENT_HOLDS:
            columns = find(others_in(rows, rejected))
            columns["held_at"] = _repeated(ingested_at, schema.field("held_at").type, columns)
        else:
            columns = find(with_arrivals(events_in(rows, rejected), ingested_at, late_before))
        columns["ingest_batch"] = _repeated(ingest_batch, pa.int64(), columns)
        return batch_of(columns, schema)

    return take_rows(blocks, take, table.schema)


def address_columns(events: pa.RecordBatch) -> Columns:
    """Columns of customer_addresses: a row for each address that an event sets."""
    events = events.filter(have_addresses(events))
    parts = []
    for kind in ADDRESSES:
        setting = events.filter(pc.is_valid(events[f"{kind}_key"]))
        kinds = pa.repeat(pa.scalar(kind, pa.string()), len(setting))
        parts.append([setting["customer_id"], kinds, setting[f"{kind}_key"], setting["event_at"]])
    names = ("customer_id", "kind", "address_key", "set_at")
    return {name: pa.concat_arrays([part[place] for part in parts]) for place, name in enumerate(names)}


def merge_columns(events: pa.RecordBatch) -> Columns:
    """Columns of customer_merges: a row for each statement that two ids are one person."""
    merges = events.filter(are_merges(events))
    into = [dict(attributes or ()).get(OTHER_CUSTOMER) for attributes in merges["attributes"].to_pylist()]
    return {
        "event_key": merges["event_key"],
        "customer_id": merges["customer_id"],
        "into_id": pa.array(into, pa.string()),
        "merged_at": merges["event_at"],
    }


def refusal_columns(events: pa.RecordBatch) -> Columns:
    """Columns of contact_refusals: a row for each no and each bounce; a bounce is about its channel, every purpose."""
    refusals = events.filter(speak_against_contact(events))
    statement = refusals["statement"]
    purpose, channel = (pc.struct_field(statement, name) for name in ("purpose", "channel"))
    return {
        "event_key": refusals["event_key"],
        "customer_id": refusals["customer_id"],
        "kind": refusals["refusal"],
        "event_type": refusals["event_type"],
        "purpose": pc.coalesce(purpose, pa.scalar(EVERY)),
        "channel": pc.coalesce(channel, refusals["channel"], pa.scalar(EVERY)),
        "topic": pc.struct_field(statement, "topic"),
        "said_at": refusals["event_at"],
    }


def hold_columns(others: pa.RecordBatch) -> Columns:
    """Columns of consent_holds: a row for each rejected row that looks like an opt-out and could not be understood."""
    unclear = others.filter(are_unclear(others))
    return {
        "hold_id": unclear["payload_hash"],
        **{name: unclear[name] for name in ("customer_id", "source_file", "source_row", "raw")},
    }


_FINDERS: Mapping[str, Callable[[pa.RecordBatch], Columns]] = {
    CUSTOMER_ADDRESSES.name: address_columns,
    CUSTOMER_MERGES.name: merge_columns,
    CONTACT_REFUSALS.name: refusal_columns,
    CONSENT_HOLDS.name: hold_columns,
}


def _repeated(value: object, kind: pa.DataType, beside: Columns) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), len(next(iter(beside.values()))))
