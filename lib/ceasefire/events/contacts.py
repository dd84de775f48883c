"""Natural ids and addresses out of a batch of rows, for the vault and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ceasefire.events.personal_values import ADDRESSES
from ceasefire.events.verdicts import is_event


def contacts(judged: DataFrame) -> DataFrame:
    """One row for each customer of the batch: its natural id and the newest address of each kind that it brings.

    An attribute given as empty or null takes the address away. Of two at one instant the larger text counts, so
    that the order of rows does not matter.
    """
    events = judged.where(is_event()).select("customer_id", "natural_id", "attributes", "event_at", *ADDRESSES)
    speaks_of = {kind: F.map_contains_key("attributes", kind) for kind in ADDRESSES}
    newest = []
    for kind in ADDRESSES:
        setting = F.struct(F.col("event_at").alias("set_at"), F.col(kind).alias("address"))
        newest.append(F.max(F.when(speaks_of[kind], setting)).alias(f"newest_{kind}"))
    # Few rows speak of addresses. All have a customer, and a distinct needs no sort as the greatest of structs does.
    customer = ["customer_id", "natural_id"]
    speaking = events.where(F.col("attributes").isNotNull() & reduce(or_, speaks_of.values()))
    grouped = (
        events.select(*customer).distinct().join(speaking.groupBy(*customer).agg(*newest), on=customer, how="left")
    )
    columns = [F.col("customer_id"), F.col("natural_id")]
    for kind in ADDRESSES:
        columns += [
            F.col(f"newest_{kind}.address").alias(kind),
            F.col(f"newest_{kind}.set_at").alias(f"{kind}_set_at"),
        ]
    return grouped.select(*columns)


def keep_news(batch_contacts: DataFrame, vault: DataFrame) -> DataFrame:
    """Those contacts that the vault lacks, or knows an older address of; so that most batches need no MERGE."""
    joined = batch_contacts.alias("new").join(vault.alias("old"), on="customer_id", how="left")
    is_news = F.col("old.natural_id").isNull() | is_newer_contact()
    return joined.where(is_news).select("customer_id", *(f"new.{name}" for name in batch_contacts.columns[1:]))


def is_newer_contact() -> Column:
    """A row `new` knows a newer address, of any kind, than the row `old`."""
    newer = F.lit(False)
    for kind in ADDRESSES:
        newer = newer | _is_newer(kind)
    return newer


def newest_addresses() -> Mapping[str, Column]:
    """Each address column of `old` after `new` has been heard."""
    values = {}
    for kind in ADDRESSES:
        for name in (kind, f"{kind}_set_at"):
            values[name] = F.when(_is_newer(kind), F.col(f"new.{name}")).otherwise(F.col(f"old.{name}"))
    return values


def _is_newer(kind: str) -> Column:
    new, old = F.col(f"new.{kind}_set_at"), F.col(f"old.{kind}_set_at")
    same_instant_larger = (new == old) & (
        F.coalesce(F.col(f"new.{kind}"), F.lit("")) > F.coalesce(F.col(f"old.{kind}"), F.lit(""))
    )
    return F.coalesce(new.isNotNull() & (old.isNull() | (new > old) | same_instant_larger), F.lit(False))
