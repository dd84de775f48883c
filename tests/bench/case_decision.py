"""What deciding costs in the Arrow pass, against a pass that ships the same columns there and back and decides nothing.

The shipped answer is the pass's own for some of the customers, repeated: as wide and as long, and computed beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from bench.brand import write_brand
from bench.checksums import checksum_of
from bench.generators import AS_OF, World
from bench.harness import Bound, Case, Load, Meter, Output
from bench.workshop import log_rows
from ceasefire.config.units import instant_micros
from ceasefire.history.packing import packed_histories
from ceasefire.pipelines.decision_pass import PASS_SCHEMA, DecisionPass
from ceasefire.pipelines.features import features_as_of, histories_for
from ceasefire.pipelines.workspace import BrandAtWork, load_brand
from ceasefire.runtime.session import local_session

EVENTS_PER_CUSTOMER = 20
FILES = 8
WARMING_CUSTOMERS = 1_000
ANSWERED = 10_000
"""Customers whose answers are shipped back for all of them; as many as Arrow batches have rows."""
SENT_EVERY, LISTED_EVERY = 5, 50
MEAN_ORDER_MINOR = 15_000.0

Batches = Iterable[pa.RecordBatch]
BatchFunction = Callable[[Batches], Iterator[pa.RecordBatch]]


def prepare(folder: Path, load: Load) -> None:
    """Everybody's features with some commitments, and the answers that the shipping pass gives back."""
    at_work = load_brand(write_brand(folder / "conf"), {})
    for name, customers in (("work", load.count), ("warming", WARMING_CUSTOMERS)):
        world = World(customers, customers * EVENTS_PER_CUSTOMER, load.shape)
        pq.write_table(log_rows(world), folder / f"{name}_events.parquet")
    with local_session("bench", {"spark.driver.memory": "3g"}) as spark:
        for name in ("work", "warming"):
            events = spark.read.parquet(str(folder / f"{name}_events.parquet"))
            histories = packed_histories(events, at_work.brand.settings.address_kinds)
            schema = from_arrow_schema(at_work.programs.window_schema)
            features = histories_for(at_work.programs, histories).mapInArrow(
                features_as_of(at_work.programs, AS_OF), schema
            )
            customers_of(features, at_work).repartition(FILES).write.parquet(str(folder / name))
    for name in ("work", "warming"):
        (folder / f"{name}_events.parquet").unlink()
    first = next(ds.dataset(str(folder / "work"), format="parquet").to_batches(batch_size=ANSWERED))
    answers = pa.Table.from_batches([pass_of(at_work).candidates(first)])
    pq.write_table(answers, folder / "answers.parquet")


def customers_of(features: DataFrame, at_work: BrandAtWork) -> DataFrame:
    """What the pass is told of each customer; some were sent something before, some are on a list."""
    turn = F.pmod(F.xxhash64("customer_id"), F.lit(SENT_EVERY * LISTED_EVERY))
    was_sent, is_listed = turn % SENT_EVERY == 0, turn % LISTED_EVERY == 1
    slot = F.lit(AS_OF).cast("timestamp") - F.make_dt_interval(days=F.lit(2))
    sent = {
        "sent_campaign": F.array(F.lit("campaign_1"), F.lit("campaign_2")),
        "sent_channel": F.array(F.lit("email"), F.lit("sms")),
        "sent_class": F.array(F.lit("marketing"), F.lit("marketing")),
        "sent_slot_at": F.array(slot, slot),
        "sent_duration": F.array(F.lit("3d"), F.lit("3d")),
    }
    return features.select(
        "customer_id",
        *at_work.programs.feature_types,
        *(F.when(was_sent, value).alias(name) for name, value in sent.items()),
        F.when(is_listed, F.array(F.lit("a_list"))).alias("on_lists"),
        F.lit(None).cast("boolean").alias("on_hold"),
        F.lit(None).cast("array<string>").alias("on_suppression_list"),
    )


def pass_of(at_work: BrandAtWork) -> DecisionPass:
    """The pass of a close at AS_OF."""
    grace = at_work.brand.settings.decision_window.grace.micros
    return DecisionPass(at_work.brand, at_work.programs.rules, instant_micros(AS_OF) + grace, MEAN_ORDER_MINOR)


def shipping(answers: bytes) -> BatchFunction:
    """Every column crosses to Python; the ids come back, and with each an answer."""

    def ship(batches: Batches) -> Iterator[pa.RecordBatch]:
        answered = pa.ipc.open_stream(answers).read_all().combine_chunks().to_batches()[0]
        for batch in batches:
            again = answered
            if batch.num_rows > answered.num_rows:
                again = answered.take(pa.array(np.arange(batch.num_rows) % answered.num_rows))
            again = again.slice(0, batch.num_rows)
            yield pa.RecordBatch.from_arrays([batch.column("customer_id"), *again.columns[1:]], schema=PASS_SCHEMA)

    return ship


def passed(decides: bool, prepared: Path, scratch: Path, load: Load, meter: Meter) -> Output:
    """One of the two passes, over all customers, into nothing."""
    if decides:
        work = pass_of(load_brand(prepared / "conf", {})).batches()
    else:
        sink = pa.BufferOutputStream()
        answers = pq.read_table(prepared / "answers.parquet").cast(PASS_SCHEMA)
        with pa.ipc.new_stream(sink, answers.schema) as writer:
            writer.write_table(answers)
        work = shipping(sink.getvalue().to_pybytes())
    with local_session("bench", {}) as spark:
        _through(spark, prepared / "warming", work).write.format("noop").mode("overwrite").save()
        with meter.measured():
            _through(spark, prepared / "work", work).write.format("noop").mode("overwrite").save()
        heard = _through(spark, prepared / "work", work)
        table = heard.select("customer_id", F.size("campaign").alias("candidates")).toArrow()
    candidates = sum(table["candidates"].to_pylist()) / load.count
    checksum = checksum_of(table.select(["customer_id"]), ("customer_id",))
    return Output(checksum, {"candidates a customer": candidates, "CPU µs a customer": 1e6 * meter.cpu_s / load.count})


def _through(spark: SparkSession, folder: Path, work: BatchFunction) -> DataFrame:
    return spark.read.parquet(str(folder)).mapInArrow(work, from_arrow_schema(PASS_SCHEMA))


CASE = Case(
    name="decision",
    question="Memberships, candidates, values and gates of everybody; a pass that ships the same columns does nothing.",
    counts={"S": 20_000, "M": 200_000, "L": 1_000_000},
    unit="customers",
    prepare=prepare,
    contenders={"shipping": partial(passed, False), "deciding": partial(passed, True)},
    bounds=(Bound("deciding", "shipping", 1.5),),
    equal=(("shipping", "deciding"),),
)
