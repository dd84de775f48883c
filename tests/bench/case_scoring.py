"""What scoring costs in the Arrow pass, against a pass that only ships the same columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from bench.harness import Bound, Case, Load, Meter, Output
from ceasefire.runtime.session import local_session
from ceasefire.scoring.uplift_model import ModelGroup, ModelInput, UpliftModel

INPUTS, FILES = 40, 8
WARMING_CUSTOMERS = 1_000
Batches = Iterable[pa.RecordBatch]
BatchFunction = Callable[[Batches], Iterator[pa.RecordBatch]]


def prepare(folder: Path, load: Load) -> None:
    """A column for each input of the model."""
    draw = np.random.default_rng(1)
    for name, customers in (("work", load.count), ("warming", WARMING_CUSTOMERS)):
        (folder / name).mkdir()
        for number in range(FILES):
            rows = {f"f{i}": draw.normal(size=customers // FILES) for i in range(INPUTS)}
            pq.write_table(pa.table(rows), folder / name / f"{number}.parquet")


def model() -> UpliftModel:
    """A model of as many inputs as the demo's."""
    inputs = [ModelInput(f"f{i}", "d", -2.0, 2.0, 0.0, 1.0, 0.1, -0.05) for i in range(INPUTS)]
    return UpliftModel(tuple(inputs), (ModelGroup("all", -1.0, -1.2, 0.0, 0.02, 0.5),))


def shipping(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Every column crosses to Python; the first comes back."""
    for batch in batches:
        yield pa.RecordBatch.from_arrays([batch.column(0)], names=["uplift"])


def scoring(parameters: bytes) -> BatchFunction:
    """The same, with the uplift of each customer."""

    def score(batches: Batches) -> Iterator[pa.RecordBatch]:
        model = UpliftModel.from_bytes(parameters)
        for batch in batches:
            n = batch.num_rows
            columns = {one.name: batch.column(one.name) for one in model.inputs}
            found = model.uplifts(model.standardised(columns, n), np.zeros(n, np.int64), np.arange(n))
            yield pa.RecordBatch.from_arrays([pa.array(found)], names=["uplift"])

    return score


def passed(scores: bool, prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """One of the two passes, over all customers, into nothing."""
    work = scoring(model().to_bytes()) if scores else shipping
    with local_session("bench", {}) as spark:
        _through(spark, prepared / "warming", work).write.format("noop").mode("overwrite").save()
        with meter.measured():
            _through(spark, prepared / "work", work).write.format("noop").mode("overwrite").save()
        count = _through(spark, prepared / "work", work).where("uplift IS NOT NULL").count()
    return Output(f"{count} numbers", {"CPU µs a customer": 1e6 * meter.cpu_s / load.count})


def _through(spark: SparkSession, folder: Path, work: BatchFunction) -> DataFrame:
    return spark.read.parquet(str(folder)).mapInArrow(work, "uplift double")


CASE = Case(
    name="scoring",
    question="The uplift of everybody by a model of 40 inputs; a pass that ships the same columns does nothing.",
    counts={"S": 40_000, "M": 400_000, "L": 2_000_000},
    unit="customers",
    prepare=prepare,
    contenders={"shipping": partial(passed, False), "scoring": partial(passed, True)},
    bounds=(Bound("scoring", "shipping", 1.3),),
    equal=(("shipping", "scoring"),),
)
