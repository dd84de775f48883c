"""The types of kernels over Arrow and numpy, and batches for Spark."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ceasefire.errors import CheckFailedError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
CodeArray = npt.NDArray[np.int8]
"""Positions in a closed enumeration; -1 where there is none."""


def batch_of(columns: Mapping[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns as a batch in the declared order and types.

    Spark takes what a function for `mapInArrow` yields by position, whatever the names.

    Raises:
        CheckFailedError: a declared column is missing, or there is one that is not declared; all of them at once.
        pyarrow.ArrowInvalid: a value does not fit its declared type.
    """
    problems = [f"{name}: missing" for name in schema.names if name not in columns]
    problems += [f"{name}: not declared" for name in columns if name not in schema.names]
    if problems:
        raise CheckFailedError(f"not the declared columns of a batch: {'; '.join(problems)}")
    return pa.RecordBatch.from_arrays([columns[field.name].cast(field.type) for field in schema], schema=schema)
