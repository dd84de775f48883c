"""What all tests share: one Spark session, started by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from ceasefire.runtime.session import local_session, quiet_stop


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session of the whole test run, as the program itself builds it."""
    # A test's session lives for minutes: optimising the JVM's code takes a third of its time and pays back less.
    session = local_session("tests", {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"})
    yield session
    quiet_stop(session)
