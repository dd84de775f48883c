"""What the tests on a cluster share: the cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from standalone import Cluster, python_without_the_package, start_master, start_worker


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    python = python_without_the_package(folder / "python")
    master = start_master(folder)
    try:
        worker = start_worker(folder, master.master)
        yield Cluster(master.master, python)
        worker.stop()
    finally:
        master.stop()
