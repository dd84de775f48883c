"""Customers who get no marketing whatever they consented to: on hold, or on a suppression list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ceasefire.addresses import KINDS, AddressRules
from ceasefire.arrow import BoolArray, batch_of
from ceasefire.config.suppressions import SuppressionLists, read_suppressions, suppressed_mask
from ceasefire.pipelines.operators import count_on_hold, customers_on_hold
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import read_table
from ceasefire.tables import CONTACTS_VAULT

_READ = ("customer_id", "natural_id", *KINDS)
_ALSO = {"customer_id": "natural_id"}
"""What else names the same as a column does."""

_LISTED = pa.schema([("customer_id", pa.string()), ("listed", pa.list_(pa.string()))])


def on_hold(workspace: Workspace) -> DataFrame | None:
    """Return customer_id of everybody with an open hold, each once; None where there is none."""
    return customers_on_hold(workspace.lake) if count_on_hold(workspace.lake) else None


def on_suppression_lists(workspace: Workspace) -> DataFrame | None:
    """Return whom the brand's suppression lists name now: customer_id and `listed`; None without lists.

    One row for each listed customer. `listed` has `customer_id` where the customer is named, and the kind of each
    address that is: a list of addresses is about mailboxes.

    Raises:
        CheckFailedError: a list cannot be read: then nobody may be written to.
    """
    at_work, rules = workspace.at_work, workspace.brand.settings.address_rules
    if at_work.folder is None:
        return None
    lists = read_suppressions(at_work.folder, at_work.key, rules)
    if lists.is_empty:
        return None
    contacts = read_table(workspace.lake, CONTACTS_VAULT).select(*_READ)
    return contacts.mapInArrow(keep_listed(lists, rules), from_arrow_schema(_LISTED))


def marked_as_held_back(workspace: Workspace, customers: DataFrame) -> DataFrame:
    """Add `on_hold` (true or null) and `on_suppression_list` (as `on_suppression_lists` has it, or null)."""
    held, listed = on_hold(workspace), on_suppression_lists(workspace)
    if held is None:
        customers = customers.withColumn("on_hold", F.lit(None).cast("boolean"))
    else:
        customers = customers.join(held.withColumn("on_hold", F.lit(True)), on="customer_id", how="left")
    if listed is None:
        return customers.withColumn("on_suppression_list", F.lit(None).cast("array<string>"))
    return customers.join(listed.withColumnRenamed("listed", "on_suppression_list"), on="customer_id", how="left")


def keep_listed(
    lists: SuppressionLists, rules: AddressRules
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for `mapInArrow`: contacts in, the listed ones out, as `on_suppression_lists` has them."""

    def keep(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            masks = {
                column: _mask(lists, batch, {column, _ALSO.get(column)}, rules) for column in ("customer_id", *KINDS)
            }
            found = [[column for column, mask in masks.items() if mask[row]] for row in range(batch.num_rows)]
            kinds = pa.array(found, pa.list_(pa.string()))
            listed = batch_of({"customer_id": batch.column("customer_id"), "listed": kinds}, _LISTED)
            yield listed.filter(pa.array([bool(columns) for columns in found], pa.bool_()))

    return keep


def _mask(
    lists: SuppressionLists, contacts: pa.RecordBatch, asked: Collection[str | None], rules: AddressRules
) -> BoolArray:
    """Which contacts a list names by one of the columns that are asked."""
    nothing = pa.nulls(contacts.num_rows, pa.string())
    ids, names, email, phone, token = (contacts.column(name) if name in asked else nothing for name in _READ)
    return suppressed_mask(lists, ids, names, email, phone, token, rules)
