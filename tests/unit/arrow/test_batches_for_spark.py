"""Spark takes what a function for `mapInArrow` yields by position, so the declared order must hold."""

from __future__ import annotations

from itertools import permutations

import pyarrow as pa
import pytest

from ceasefire.arrow import batch_of
from ceasefire.errors import CheckFailedError

SCHEMA = pa.schema([("customer_id", pa.string()), ("sent", pa.int64()), ("at", pa.timestamp("us", tz="UTC"))])
COLUMNS = {
    "customer_id": pa.array(["anna", "bert"]),
    "sent": pa.array([1, None], pa.int32()),
    "at": pa.array([0, 1_000], pa.timestamp("ms", tz="UTC")),
}
ROWS = [
    {"customer_id": "anna", "sent": 1, "at": 0},
    {"customer_id": "bert", "sent": None, "at": 1_000_000},
]


@pytest.mark.parametrize("order", permutations(COLUMNS))
def test_columns_lie_as_they_are_declared_in_whatever_order_they_were_worked_out(order: tuple[str, ...]) -> None:
    batch = batch_of({name: COLUMNS[name] for name in order}, SCHEMA)

    assert batch.schema == SCHEMA
    assert batch.set_column(2, "at", batch["at"].cast(pa.int64())).to_pylist() == ROWS


def test_every_column_that_is_missing_or_too_many_is_named() -> None:
    with pytest.raises(CheckFailedError, match="sent: missing; at: missing; opened: not declared"):
        batch_of({"customer_id": COLUMNS["customer_id"], "opened": COLUMNS["sent"]}, SCHEMA)


def test_a_value_that_does_not_fit_its_type_is_no_batch() -> None:
    with pytest.raises(pa.ArrowInvalid):
        batch_of(COLUMNS | {"sent": pa.array(["many", "few"])}, SCHEMA)
