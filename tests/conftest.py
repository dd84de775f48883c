"""What all tests share: one Spark session, a run to compare with, and how properties are tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from pyspark.sql import SparkSession

from ceasefire.runtime.session import local_session
from small_brand import Undisturbed, fingerprints, run_small_brand

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session of the whole test run, as the program itself builds it.

    But with more memory: Delta remembers the newest state of each table for an hour, and here are some thousand tables.
    """
    with local_session("tests", {"spark.driver.memory": "4g"}) as session:
        yield session


@pytest.fixture(scope="session")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Two windows of the small brand, for tests that read them and write nothing there."""
    folder = tmp_path_factory.mktemp("undisturbed")
    workspace, ran = run_small_brand(spark, folder)
    return Undisturbed(folder, len(ran.closes), fingerprints(workspace.lake))
