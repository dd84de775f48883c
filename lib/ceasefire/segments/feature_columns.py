"""Feature columns in Arrow, checked once and handed out block by block as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ceasefire.arrow import BoolArray
from ceasefire.vocabulary import FeatureType

BLOCK_ROWS = 32_768
"""Rows that are worked on at a time, so that the masks of a program stay in the processor's cache."""

Columns = Mapping[str, pa.Array | pa.ChunkedArray]

ARROW_TYPES: dict[FeatureType, pa.DataType] = {
    FeatureType.INTEGER: pa.int64(),
    FeatureType.REAL: pa.float64(),
    FeatureType.TEXT: pa.string(),
    FeatureType.BOOLEAN: pa.bool_(),
}


@dataclass(frozen=True)
class Vector:
    """Numbers, booleans or truths of a block, and which of them are not null.

    Shapes, for a block of n rows:
        values  (n,), or (1,) for a constant; int64, float64 or bool; without meaning where null
        valid   (n,) or (1,), or None when no value is null
    """

    values: npt.NDArray[Any]
    valid: BoolArray | None


@dataclass(frozen=True)
class Block:
    """Rows start to stop of the columns.

    Attributes:
        columns: the arrays, cut to the block, by feature; each of the Arrow type of its feature.
        start: position of the first row.
        rows: how many rows.
    """

    columns: Mapping[str, Any]
    start: int
    rows: int


def blocks(columns: Columns, types: Mapping[str, FeatureType], rows: int) -> Iterator[Block]:
    """The named columns, block after block.

    Args:
        columns: at least the columns of `types`; more do no harm.
        types: the features that are read.
        rows: length of every column.

    Raises:
        ValueError: a column is missing, has another length or a type that its feature cannot have; says all of it.
    """
    complaints = [complaint for name in types for complaint in _misfit(columns, name, types[name], rows)]
    if complaints:
        raise ValueError("columns do not fit the program: " + "; ".join(complaints))
    typed = {name: _as_type(columns[name], ARROW_TYPES[kind]) for name, kind in types.items()}
    for start in range(0, rows, BLOCK_ROWS):
        cut = {name: _contiguous(column.slice(start, BLOCK_ROWS)) for name, column in typed.items()}
        yield Block(cut, start, min(BLOCK_ROWS, rows - start))


def vector(column: pa.Array, kind: FeatureType) -> Vector:
    """A number or boolean column of a block as numpy; NaN counts as null."""
    if kind is FeatureType.REAL:
        reals = column.to_numpy(zero_copy_only=False)
        known = ~np.isnan(reals)
        return Vector(reals, None if known.all() else known)
    valid = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    filled = column.fill_null(False if kind is FeatureType.BOOLEAN else 0) if column.null_count else column
    return Vector(filled.to_numpy(zero_copy_only=False), valid)


def _misfit(columns: Columns, name: str, kind: FeatureType, rows: int) -> list[str]:
    if name not in columns:
        return [f"{name}: is missing"]
    column = columns[name]
    complaints = [] if len(column) == rows else [f"{name}: has {len(column)} rows, not {rows}"]
    if not _fits(column.type, kind):
        complaints.append(f"{name}: is {column.type}, declared {kind}")
    return complaints


def _fits(found: pa.DataType, kind: FeatureType) -> bool:
    if pa.types.is_null(found):
        return True
    match kind:
        case FeatureType.INTEGER:
            return bool(pa.types.is_integer(found)) and found != pa.uint64()
        case FeatureType.REAL:
            return found in (pa.float32(), pa.float64())
        case FeatureType.BOOLEAN:
            return bool(pa.types.is_boolean(found))
        case FeatureType.TEXT:
            plain = found.value_type if pa.types.is_dictionary(found) else found
            return plain in (pa.string(), pa.large_string(), pa.string_view())


def _as_type(column: pa.Array | pa.ChunkedArray, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return column if column.type == target else column.cast(target)


def _contiguous(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
