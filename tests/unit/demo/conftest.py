"""The packaged data as read once, and small folders of the same seven files."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from ceasefire.demo.events import Event, events
from ceasefire.demo.source import PACKAGED_DATA, Source, read_source
from unit.demo.small_folder import SMALL_FILES, MakeFolder


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Writes the small files, some of them changed; None leaves a file out."""

    def make(changes: Mapping[str, str | None]) -> Path:
        for name, text in {**SMALL_FILES, **changes}.items():
            if text is not None:
                (tmp_path / name).write_bytes(gzip.compress(text.encode(), mtime=0))
        return tmp_path

    return make


@pytest.fixture(scope="session")
def packaged() -> Source:
    return read_source(PACKAGED_DATA)


@pytest.fixture(scope="session")
def packaged_events(packaged: Source) -> list[Event]:
    return list(events(packaged))


@pytest.fixture(scope="session")
def raw_lines() -> pd.DataFrame:
    """The lines as they stand in the file, every field as text."""
    return pd.read_csv(PACKAGED_DATA / "transactions_sample.csv.gz", dtype=str, keep_default_na=False)
