"""Arrow's list layout as numpy sees it: flat columns, and for every element the customer it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import BoolArray, IntArray
from ceasefire.errors import CheckFailedError


@dataclass(frozen=True)
class PackedLists:
    """List columns of one batch, one row per customer, that have equal lengths in every row.

    Slices and offsets of the batch are respected; a null list holds nothing. Columns are flattened when first asked
    for, each once.

    Attributes:
        batch: one row per customer.
        key: the column whose lengths count; the others are held against it.
    """

    batch: pa.RecordBatch
    key: str
    _flat: dict[str, pa.Array] = field(default_factory=dict, compare=False, repr=False)
    _filled: dict[str, IntArray] = field(default_factory=dict, compare=False, repr=False)
    _known: dict[str, BoolArray] = field(default_factory=dict, compare=False, repr=False)

    @property
    def customers(self) -> int:
        """Number of rows of the batch."""
        return int(self.batch.num_rows)

    @cached_property
    def lengths(self) -> IntArray:
        """(n,) elements of each customer."""
        return _lengths(self.batch.column(self.key))

    @cached_property
    def owners(self) -> IntArray:
        """(m,) row of the batch that each element belongs to, ascending."""
        return np.repeat(np.arange(self.customers, dtype=np.int64), self.lengths)

    def elements(self, name: str) -> pa.Array:
        """(m,) the elements of a column, customer after customer.

        Raises:
            CheckFailedError: its lists are not as long as those of the key column.
        """
        if name not in self._flat:
            column = self.batch.column(name)
            if name != self.key and not np.array_equal(_lengths(column), self.lengths):
                raise CheckFailedError(f"history column {name}: lists of other lengths than {self.key}")
            self._flat[name] = column.flatten()
        return self._flat[name]

    def whole(self, name: str) -> IntArray:
        """(m,) a column of numbers, or of instants in epoch microseconds, in which no element is null.

        Raises:
            CheckFailedError: an element is null.
        """
        elements = self.elements(name)
        if elements.null_count:
            raise CheckFailedError(f"history column {name}: {elements.null_count} null elements, allowed: none")
        return _integers(elements)

    def filled(self, name: str) -> IntArray:
        """(m,) a column of numbers, 0 for null."""
        if name not in self._filled:
            self._filled[name] = _integers(pc.fill_null(self.elements(name), 0))
        return self._filled[name]

    def known(self, name: str) -> BoolArray:
        """(m,) where a column is not null."""
        if name not in self._known:
            self._known[name] = pc.is_valid(self.elements(name)).to_numpy(zero_copy_only=False)
        return self._known[name]


def unnested(batch: pa.RecordBatch, fields: Mapping[str, tuple[str, str]]) -> pa.RecordBatch:
    """Fields of nested columns, each as a list column of its own, beside the columns that are not nested.

    Args:
        batch: one row per customer; a null list holds nothing.
        fields: by name of the new column, the column of lists of structs and the field in it.
    """
    nested = {column for column, _ in fields.values()}
    columns = {name: batch.column(name) for name in batch.schema.names if name not in nested}
    for name, (column, field_name) in fields.items():
        lists = batch.column(column)
        columns[name] = pa.ListArray.from_arrays(lists.offsets, pc.struct_field(lists.values, field_name))
    return pa.RecordBatch.from_pydict(columns)


def require_columns(batch: pa.RecordBatch, names: Sequence[str]) -> None:
    """Hold a batch against the columns that are about to be read.

    Raises:
        CheckFailedError: columns are missing; names all of them.
    """
    missing = [name for name in names if name not in batch.schema.names]
    if missing:
        raise CheckFailedError(f"history lacks columns {', '.join(missing)}, got {', '.join(batch.schema.names)}")


def _lengths(column: pa.Array) -> IntArray:
    lengths: IntArray = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    return lengths


def _integers(elements: pa.Array) -> IntArray:
    if pa.types.is_timestamp(elements.type):
        elements = elements.cast(pa.timestamp("us", "UTC")).view(pa.int64())
    integers: IntArray = elements.to_numpy()
    return integers
