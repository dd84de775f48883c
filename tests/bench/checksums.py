"""A checksum of a whole table, whatever the order of its rows and however an engine cut it into chunks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds


def checksum_of(table: pa.Table, keys: tuple[str, ...]) -> str:
    """Number of rows and a hash of every cell, floats to the bit; rows sorted by `keys`, columns by name."""
    ordered = table.sort_by([(key, "ascending") for key in keys]) if keys else table
    digest = hashlib.sha256()
    for name in sorted(ordered.schema.names):
        digest.update(name.encode())
        _add(digest, ordered[name])
    return f"{table.num_rows} rows {digest.hexdigest()[:16]}"


def checksum_of_folder(folder: Path, keys: tuple[str, ...]) -> str:
    """The checksum of the parquet files of a folder, that of their rows taken together."""
    return checksum_of(ds.dataset(str(folder), format="parquet").to_table(), keys)


def _add(digest: hashlib._Hash, column: pa.ChunkedArray) -> None:
    whole = column.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    digest.update(np.packbits(whole.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_timestamp(whole.type):
        whole = whole.cast(pa.timestamp("us", whole.type.tz)).view(pa.int64())
    if pa.types.is_integer(whole.type):
        digest.update(pc.fill_null(whole, 0).cast(pa.int64()).to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_floating(whole.type):
        # Adding zero makes one of the two zeros.
        digest.update((pc.fill_null(whole, 0.0).to_numpy(zero_copy_only=False) + 0.0).tobytes())
    else:
        texts = pc.fill_null(whole.cast(pa.string()), "")
        digest.update(pc.utf8_length(texts).to_numpy(zero_copy_only=False).tobytes())
        digest.update("".join(texts.to_pylist()).encode())
