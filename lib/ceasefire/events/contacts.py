"""Natural ids and addresses out of a batch of rows, for the vault and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from ceasefire.events.blocks import Rejected, events_in, take_rows
from ceasefire.events.parsing import PARSED_SCHEMA
from ceasefire.events.personal_values import ADDRESSES
from ceasefire.events.verdicts import with_arrivals

IS_STRANGER = "is_stranger"
"""Of a contact, whether the vault has no row of its customer."""

_CUSTOMER = ("customer_id", "natural_id")
_TELLING = (*_CUSTOMER, "event_at", "attributes", *ADDRESSES, *(f"{kind}_key" for kind in ADDRESSES))
_TELLING_SCHEMA = StructType([PARSED_SCHEMA[name] for name in _TELLING])


def keep_telling(blocks: DataFrame, ingested_at: datetime, late_before: datetime | None) -> DataFrame:
    """Keep the events that carry an address, which are few, and one more of each customer of a block.

    Args:
        blocks: of the batch, judged.
        ingested_at: its instant.
        late_before: what happened before it was too late.

    Returns:
        customer_id, natural_id, event_at, attributes, and the addresses with their keys.
    """

    def take(rows: pa.RecordBatch, rejected: Rejected) -> pa.RecordBatch:
        return telling(with_arrivals(events_in(rows, rejected), ingested_at, late_before))

    return take_rows(blocks, take, _TELLING_SCHEMA)


def telling(events: pa.RecordBatch) -> pa.RecordBatch:
    """Keep of a block's events what `keep_telling` keeps."""
    attributes = events["attributes"]
    of_event = pc.list_parent_indices(pa.ListArray.from_arrays(attributes.offsets, attributes.keys))
    speaking = of_event.filter(pc.is_in(attributes.keys, pa.array(ADDRESSES)))
    numbered = pa.table({name: events[name] for name in _CUSTOMER} | {"number": pa.array(range(len(events)))})
    first = numbered.group_by(_CUSTOMER).aggregate([("number", "min")])["number_min"]
    return events.select(_TELLING).take(pc.unique(pa.concat_arrays([speaking.cast(pa.int64()), *first.chunks])))


def contacts(events: DataFrame) -> DataFrame:
    """One row for each customer of these events: its natural id and the newest address of each kind that they bring.

    An attribute given as empty or null takes the address away. Of two at one instant the larger text counts, so
    that the order of rows does not matter.
    """
    settings = []
    for kind in ADDRESSES:
        setting = F.struct(F.col("event_at").alias("set_at"), F.col(kind).alias("address"), f"{kind}_key")
        settings.append(F.when(F.map_contains_key("attributes", kind), setting).alias(kind))
    said = events.select(*_CUSTOMER, *settings)
    newest = said.groupBy(*_CUSTOMER).agg(*(F.max(kind).alias(kind) for kind in ADDRESSES))
    columns = [F.col(name) for name in _CUSTOMER]
    for kind in ADDRESSES:
        columns += [F.col(f"{kind}.address").alias(kind), F.col(f"{kind}.set_at").alias(f"{kind}_set_at")]
        columns.append(F.col(f"{kind}.{kind}_key").alias(f"{kind}_key"))
    return newest.select(*columns)


def without_erased(batch_contacts: DataFrame, erased: DataFrame) -> DataFrame:
    """Contacts of customers who were not erased, or who told an address since.

    Args:
        batch_contacts: `contacts`.
        erased: customer_id and erased_at of erased customers.
    """
    told_at = F.greatest(*(F.col(f"{kind}_set_at") for kind in ADDRESSES))
    joined = batch_contacts.join(erased.select("customer_id", "erased_at"), on="customer_id", how="left")
    stays = F.col("erased_at").isNull() | F.coalesce(told_at > F.col("erased_at"), F.lit(False))
    return joined.where(stays).select(*batch_contacts.columns)


def keep_news(batch_contacts: DataFrame, vault: DataFrame) -> DataFrame:
    """Contacts that the vault lacks, or knows an older address of; IS_STRANGER tells the former from the latter."""
    joined = batch_contacts.alias("new").join(vault.alias("old"), on="customer_id", how="left")
    is_stranger = F.col("old.natural_id").isNull()
    news = [F.col("customer_id"), *(F.col(f"new.{name}") for name in batch_contacts.columns[1:])]
    return joined.where(is_stranger | is_newer_contact()).select(*news, is_stranger.alias(IS_STRANGER))


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
        for name in (kind, f"{kind}_set_at", f"{kind}_key"):
            values[name] = F.when(_is_newer(kind), F.col(f"new.{name}")).otherwise(F.col(f"old.{name}"))
    return values


def _is_newer(kind: str) -> Column:
    new, old = F.col(f"new.{kind}_set_at"), F.col(f"old.{kind}_set_at")
    same_instant_larger = (new == old) & (
        F.coalesce(F.col(f"new.{kind}"), F.lit("")) > F.coalesce(F.col(f"old.{kind}"), F.lit(""))
    )
    return F.coalesce(new.isNotNull() & (old.isNull() | (new > old) | same_instant_larger), F.lit(False))
