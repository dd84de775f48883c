"""What all tests share: one Spark session, started by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from ceasefire.runtime.session import local_session, quiet_stop


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session of the whole test run, as the program itself builds it."""
    session = local_session("tests", {})
    yield session
    quiet_stop(session)
