"""What scoring costs in the Arrow pass, against a pass that only ships the same columns.

Run from the root of the repository: .venv/bin/python tests/bench/scoring_in_the_pass.py [customers]. Both passes read
the same file and give back one number for each customer; they take turns, and the medians are compared.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from ceasefire.runtime.session import local_session, quiet_stop
from ceasefire.scoring.uplift_model import ModelGroup, ModelInput, UpliftModel

INPUTS, ROUNDS, FILES = 40, 5, 8
Batches = Iterable[pa.RecordBatch]


def model_of() -> UpliftModel:
    """A model of as many inputs as the demo's."""
    inputs = [ModelInput(f"f{i}", "d", -2.0, 2.0, 0.0, 1.0, 0.1, -0.05) for i in range(INPUTS)]
    return UpliftModel(tuple(inputs), (ModelGroup("all", -1.0, -1.2, 0.0, 0.02, 0.5),))


def shipping(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Every column crosses to Python; the first comes back."""
    for batch in batches:
        yield pa.RecordBatch.from_arrays([batch.column(0)], names=["uplift"])


def scoring(parameters: bytes) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """The same, with the uplift of each customer."""

    def score(batches: Batches) -> Iterator[pa.RecordBatch]:
        model = UpliftModel.from_bytes(parameters)
        for batch in batches:
            n = batch.num_rows
            columns = {one.name: batch.column(one.name) for one in model.inputs}
            found = model.uplifts(model.standardised(columns, n), np.zeros(n, np.int64), np.arange(n))
            yield pa.RecordBatch.from_arrays([pa.array(found)], names=["uplift"])

    return score


def seconds(spark: SparkSession, folder: str, work: Callable[[Batches], Iterator[pa.RecordBatch]]) -> float:
    """Wall seconds of one pass into nothing."""
    started = time.perf_counter()
    passed = spark.read.parquet(folder).mapInArrow(work, "uplift double")
    passed.write.format("noop").mode("overwrite").save()
    return time.perf_counter() - started


def main(customers: int) -> None:
    """Make the file, let the passes take turns, print the medians and their ratio."""
    draw = np.random.default_rng(1)
    spark = local_session("bench", {})
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FILES):
            rows = {f"f{i}": draw.normal(size=customers // FILES) for i in range(INPUTS)}
            pq.write_table(pa.table(rows), Path(folder) / f"{number}.parquet")
        taken: dict[str, list[float]] = {"shipping": [], "scoring": []}
        works = {"shipping": shipping, "scoring": scoring(model_of().to_bytes())}
        for turn in range(ROUNDS + 1):
            for name, work in works.items():
                passed = seconds(spark, folder, work)
                if turn:  # the first one warms the JVM
                    taken[name].append(passed)
    quiet_stop(spark)
    medians = {name: statistics.median(each) for name, each in taken.items()}
    for name, each in taken.items():
        print(f"{name:<9} {medians[name]:.2f} s (from {min(each):.2f} to {max(each):.2f}), {customers:,} customers")  # noqa: T201
    print(f"scoring / shipping = {medians['scoring'] / medians['shipping']:.2f}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400_000)
