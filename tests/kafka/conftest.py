"""What the tests with a broker share: the broker, and a session that can talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from broker import Broker
from ceasefire.runtime.session import local_session


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    with local_session("kafka tests", {}, with_kafka=True) as session:
        yield session


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker(tmp_path_factory.mktemp("broker"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """One that a test may take away."""
    folder = tmp_path / "own_broker"
    folder.mkdir()
    started = Broker(folder)
    started.start()
    yield started
    started.stop()
