"""The log nested into one row for each customer: fixed-width facts, and everything ever set in the profile."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

from ceasefire.history.responses import is_machine_response
from ceasefire.tables import PACKED_EVENT, PROFILE_ENTRY
from ceasefire.vocabulary import (
    CONSENT,
    GRANTED,
    MACHINE_CODE,
    OF_A_SEND,
    PROFILES,
    REFUSAL,
    WITHDRAWN,
    EventType,
    RefusalKind,
)

CATEGORY_COLUMNS = ("category_1", "category_2", "category_3")


def packed_histories(events: DataFrame, address_kinds: Mapping[str, str]) -> DataFrame:
    """One row for each customer: customer_id, events (PACKED_EVENT), profile (PROFILE_ENTRY), each in a total order.

    Args:
        events: rows of the log.
        address_kinds: kind of address of each channel: a hard bounce takes it away until it is set again.
    """
    entries = _profile_entries(address_kinds).alias("entries")
    packed = events.select("customer_id", _packed_event().alias("event"), entries)
    nested = packed.groupBy("customer_id").agg(
        F.sort_array(F.collect_list("event")).alias("events"),
        F.sort_array(F.flatten(F.collect_list("entries"))).alias("profile"),
    )
    return nested.select(
        "customer_id",
        F.col("events").cast(ArrayType(PACKED_EVENT)).alias("events"),
        F.col("profile").cast(ArrayType(PROFILE_ENTRY)).alias("profile"),
    )


def with_tail(snapshot: DataFrame, tail: DataFrame) -> DataFrame:
    """Histories of a snapshot and of the events that came after it, as one; the order within a row stays total."""
    joined = snapshot.alias("old").join(tail.alias("new"), on="customer_id", how="full")
    return joined.select("customer_id", _appended("events"), _appended("profile"))


def _appended(name: str) -> Column:
    old, new = F.col(f"old.{name}"), F.col(f"new.{name}")
    both = F.sort_array(F.concat(old, new))
    return F.when(new.isNull(), old).when(old.isNull(), new).otherwise(both).alias(name)


def _packed_event() -> Column:
    levels = F.size(F.split("category", "/"))
    codes = F.create_map(*(F.lit(part) for kind in EventType for part in (kind.value, kind.code)))
    category_levels = [
        F.when(levels >= level, F.xxhash64(F.substring_index("category", "/", level)))
        .otherwise(F.lit(0))
        .alias(f"category_{level}")
        for level in range(1, len(CATEGORY_COLUMNS) + 1)
    ]
    order_or_send = F.when(F.col("event_type").isin(*OF_A_SEND), F.col("send_id")).otherwise(F.col("order_id"))
    ids = [
        F.when(column.isNotNull(), F.xxhash64(column)).otherwise(F.lit(0)).alias(name)
        for name, column in (
            ("product", F.col("product_id")),
            ("order", order_or_send),
            ("campaign", F.col("campaign_id")),
            ("channel", F.col("channel")),
            ("source", F.col("source")),
        )
    ]
    known = F.when(is_machine_response(), F.lit(MACHINE_CODE)).otherwise(codes[F.col("event_type")])
    code = known.cast("smallint").alias("type")
    return F.struct("event_at", code, *category_levels, *ids, "quantity_milli", "amount_minor")


def _profile_entries(address_kinds: Mapping[str, str]) -> Column:
    kind, statement = F.col("event_type"), F.col("statement")
    attributes = F.transform(F.map_entries("attributes"), lambda entry: _entry(entry["key"], entry["value"]))
    consent_name = F.concat(F.lit(CONSENT), statement["purpose"], F.lit("/"), statement["channel"])
    name = F.coalesce(F.concat(F.lit(REFUSAL), statement["topic"]), consent_name)
    said = _entry(name, F.when(statement["granted"], F.lit(GRANTED)).otherwise(F.lit(WITHDRAWN)))
    bounced = F.col("refusal") == RefusalKind.HARD_BOUNCE.value
    of_channel = F.coalesce(
        *(F.when(F.col("channel") == channel, F.lit(address)) for channel, address in address_kinds.items())
    )
    none = F.array().cast(ArrayType(PROFILE_ENTRY))
    entries = [
        F.when(kind.isin(*sorted(PROFILES)) & F.col("attributes").isNotNull(), attributes),
        F.when(statement.isNotNull(), F.array(said)),
        F.when(bounced & of_channel.isNotNull(), F.array(_entry(of_channel, F.lit(None)))),
    ]
    return F.concat(*(F.coalesce(entry.cast(ArrayType(PROFILE_ENTRY)), none) for entry in entries))


def _entry(name: Column, value: Column) -> Column:
    return F.struct(F.col("event_at").alias("set_at"), name.alias("name"), value.cast(StringType()).alias("value"))
