from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pyarrow as pa
from pyspark.sql import SparkSession

from ceasefire.config.schedule import next_slot
from ceasefire.config.units import LocalHours, instant_micros, instant_of
from ceasefire.time_zones import PACKAGE_VERSION, known_zones
from wall_clocks import shown_by_pytz


def test_executors_work_out_slots_by_the_drivers_time_zones(spark: SparkSession) -> None:
    ready, hours = instant_micros(datetime(2026, 11, 1, 5, tzinfo=UTC)), LocalHours(10, 20)

    def slots(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            zones = batch.column("zone")
            found = pa.array([next_slot(ready, zone, hours) for zone in zones.to_pylist()], pa.int64())
            versions = pa.array([PACKAGE_VERSION] * len(batch), pa.string())
            yield pa.RecordBatch.from_arrays([zones, found, versions], names=["zone", "slot", "version"])

    zones = spark.createDataFrame([(zone,) for zone in sorted(known_zones())], "zone string").repartition(4)
    rows = zones.mapInArrow(slots, "zone string, slot bigint, version string").collect()

    assert {row["version"] for row in rows} == {PACKAGE_VERSION}
    assert {row["zone"]: row["slot"] for row in rows} == {zone: next_slot(ready, zone, hours) for zone in known_zones()}
    shown = {row["zone"]: shown_by_pytz(instant_of(row["slot"]), row["zone"]) for row in rows}
    assert {zone for zone, at in shown.items() if not (10 <= at.hour < 20 and at.minute == 0)} == set()
