"""The one Spark session of all tests; it starts when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from ceasefire.runtime.session import local_session, quiet_stop


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A local session with Delta."""
    session = local_session("tests", {})
    yield session
    quiet_stop(session)
