"""Parsed rows as Spark keeps them: in blocks, the rows of an Arrow batch in one cell each, beside the verdicts on them.

Of rows that it keeps itself, Spark writes every column anew whenever they are read. A cell is handed on as it is, and
who needs rows takes out of it what he needs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, BinaryType, LongType, MapType, StringType, StructField, StructType

from ceasefire.events.contract import Contract
from ceasefire.events.parsing import ARROW_SCHEMA, ROW_ID, BatchFunction, parse_lines
from ceasefire.events.personal_values import ADDRESSES
from ceasefire.tables import CONSENT_HOLDS, CONTACT_REFUSALS, CUSTOMER_ADDRESSES, CUSTOMER_MERGES
from ceasefire.vocabulary import EventType, RejectReason

BLOCK_ID = "block_id"
"""The number of a block's first row: of one parse alone, as the numbers of rows are."""

_REJECTED = ArrayType(StructType([StructField(ROW_ID, LongType()), StructField("reasons", ArrayType(StringType()))]))
SIDE_TABLES = (CUSTOMER_ADDRESSES, CUSTOMER_MERGES, CONTACT_REFUSALS, CONSENT_HOLDS)
"""The small tables that some rows of a batch also go to."""

BLOCK_SCHEMA = StructType(
    [
        StructField(BLOCK_ID, LongType()),
        StructField("rows", BinaryType()),
        StructField("rejected", _REJECTED),
        *(StructField(table.name, LongType()) for table in SIDE_TABLES),
        StructField("repairs", MapType(StringType(), LongType())),
    ]
)
"""`rows`: an Arrow message of `parsing.ARROW_SCHEMA`; `rejected`: its well-formed rows that are no events, or null; and
how many rows may go to each of the SIDE_TABLES; `repairs`: how many rows have repairs, by reason, or null."""

Rejected = Mapping[int, list[str]]
"""Of the well-formed rows of a block those that are no events all the same: reasons by row number."""

Mask = Callable[[pa.RecordBatch], pa.BooleanArray]
"""Which parsed rows something is about."""

Take = Callable[[pa.RecordBatch, Rejected], pa.RecordBatch]
"""What is taken out of a block: of its parsed rows, given those that were rejected."""


def parse_blocks(contract: Contract) -> BatchFunction:
    """As `parsing.parse_lines`, but each batch of rows comes out as a block that nobody has judged yet."""
    parse = parse_lines(contract)
    schema = to_arrow_schema(BLOCK_SCHEMA)

    def pack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in parse(batches):
            block = {BLOCK_ID: rows[ROW_ID][0].as_py(), "rows": rows.serialize().to_pybytes()}
            block |= {table.name: SIDE_MASKS[table.name](rows).true_count for table in SIDE_TABLES}
            block["repairs"] = counted_repairs(rows) or None
            yield pa.RecordBatch.from_pylist([block], schema)

    return pack


def counted_repairs(rows: pa.RecordBatch) -> list[tuple[str, int]]:
    """How many of these rows have repairs, by reason."""
    counts = pc.value_counts(rows["repairs"].flatten())
    return [(count["values"], count["counts"]) for count in counts.to_pylist()]


def take_rows(blocks: DataFrame, take: Take, schema: StructType) -> DataFrame:
    """What `take` finds in these blocks, as rows of this schema."""

    def unpack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for cell, rejected in zip(batch["rows"], batch["rejected"], strict=True):
                rows = pa.ipc.read_record_batch(cell.as_buffer(), ARROW_SCHEMA)
                yield take(rows, {one[ROW_ID]: one["reasons"] for one in rejected.as_py() or ()})

    return blocks.mapInArrow(unpack, schema)


def rejected_by_block(rejected: DataFrame) -> DataFrame:
    """BLOCK_ID and `rejected` of each block that has any.

    Args:
        rejected: BLOCK_ID, ROW_ID and reasons of well-formed rows that are no events.
    """
    return rejected.groupBy(BLOCK_ID).agg(F.collect_list(F.struct(ROW_ID, "reasons")).alias("rejected"))


def judge_blocks(blocks: DataFrame, rejected: DataFrame) -> DataFrame:
    """The same blocks with what `rejected_by_block` finds of them."""
    judged = blocks.drop("rejected").join(rejected, on=BLOCK_ID, how="left")
    return judged.select(*BLOCK_SCHEMA.names)


def have_addresses(rows: pa.RecordBatch) -> pa.BooleanArray:
    """Of each row, whether it sets an address."""
    return reduce(pc.or_, (pc.is_valid(rows[f"{kind}_key"]) for kind in ADDRESSES))


def are_merges(rows: pa.RecordBatch) -> pa.BooleanArray:
    """Of each row, whether it says that two ids are one person."""
    return pc.fill_null(pc.equal(rows["event_type"], EventType.CUSTOMER_MERGED.value), False)


def speak_against_contact(rows: pa.RecordBatch) -> pa.BooleanArray:
    """Of each row, whether it is a row of contact_refusals."""
    return pc.is_valid(rows["refusal"])


def are_unclear(rows: pa.RecordBatch) -> pa.BooleanArray:
    """Of each row, whether it looks like an opt-out and could not be understood."""
    reasons = rows["reasons"]
    of_row = pc.list_parent_indices(reasons).filter(pc.equal(reasons.flatten(), RejectReason.UNCLEAR_OPT_OUT.value))
    return pc.is_in(pa.array(np.arange(len(rows))), value_set=of_row.cast(pa.int64()))


SIDE_MASKS: Mapping[str, Mask] = {
    CUSTOMER_ADDRESSES.name: have_addresses,
    CUSTOMER_MERGES.name: are_merges,
    CONTACT_REFUSALS.name: speak_against_contact,
    CONSENT_HOLDS.name: are_unclear,
}


def are_well_formed(rows: pa.RecordBatch) -> pa.BooleanArray:
    """Of each row, whether the contract has nothing against it."""
    return pc.equal(pc.list_value_length(rows["reasons"]), 0)


def events_in(rows: pa.RecordBatch, rejected: Rejected) -> pa.RecordBatch:
    """The rows that are events."""
    return _kept(rows, _are_events(rows, rejected))


def others_in(rows: pa.RecordBatch, rejected: Rejected) -> pa.RecordBatch:
    """The rows that are no events, with their reasons."""
    others = _kept(rows, pc.invert(_are_events(rows, rejected)))
    own = zip(others[ROW_ID].to_pylist(), others["reasons"].to_pylist(), strict=True)
    reasons = pa.array([rejected.get(number, reasons) for number, reasons in own], others["reasons"].type)
    return others.set_column(others.schema.get_field_index("reasons"), "reasons", reasons)


def _are_events(rows: pa.RecordBatch, rejected: Rejected) -> pa.BooleanArray:
    sound = are_well_formed(rows)
    if not rejected:
        return sound
    return pc.and_not(sound, pc.is_in(rows[ROW_ID], pa.array(list(rejected), pa.int64())))


def _kept(rows: pa.RecordBatch, mask: pa.BooleanArray) -> pa.RecordBatch:
    # Nearly always all of them are: then nothing is copied.
    return rows if pc.all(mask).as_py() else rows.filter(mask)
