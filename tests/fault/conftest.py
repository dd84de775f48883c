"""What the tests of faults share: a run that nothing disturbs, to compare with."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from small_brand import Undisturbed, fingerprints, run_small_brand


@pytest.fixture(scope="session")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    workspace, ran = run_small_brand(spark, folder)
    return Undisturbed(folder, len(ran.closes), fingerprints(workspace.lake))
