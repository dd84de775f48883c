"""Whether the key of the pseudonyms is the one that the tables were made with: under another one all are strangers."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import functions as F

from ceasefire.config.brand import BrandSettings
from ceasefire.errors import UsageError
from ceasefire.ids import customer_id, key_fingerprint
from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import Lake, append_first, has_tables, read_table, rows_of
from ceasefire.tables import BRAND_PINS, CONTACTS_VAULT

KEY_PIN = "customer_key"


def pin_key(workspace: Workspace) -> None:
    """Bind the tables to the key of their first start, and refuse another one; for whoever writes to them.

    Raises:
        UsageError: the tables were made with another key.
    """
    if require_same_key(workspace):
        return
    row = {
        "name": [KEY_PIN],
        "value": [key_fingerprint(workspace.at_work.key)],
        "pinned_at": [workspace.clock.now()],
    }
    append_first(workspace.lake, BRAND_PINS, pa.table(row, schema=BRAND_PINS.arrow_schema), KEY_PIN)
    require_same_key(workspace)


def require_same_key(workspace: Workspace) -> bool:
    """Refuse a key with which the tables were not made; for whoever only reads them.

    Returns:
        Whether the tables are bound to a key.

    Raises:
        UsageError: the tables were made with another key.
    """
    lake, key = workspace.lake, workspace.at_work.key
    pinned = _pinned(lake)
    if pinned is None and _knows_customers_otherwise(lake, key):
        pinned = "unknown"
    if problem := key_problem(pinned, key_fingerprint(key), workspace.brand.settings, lake.path()):
        raise UsageError(problem)
    return pinned is not None


def key_problem(pinned: str | None, given: str, settings: BrandSettings, place: str) -> str:
    """Say what is wrong with a key; empty when nothing is.

    Args:
        pinned: fingerprint of the key that the tables were made with; None while there is none.
        given: fingerprint of this one.
        settings: of the brand; its `customer_key` is a reference.
        place: where the tables are.
    """
    if pinned in (None, given):
        return ""
    kind, _, name = settings.customer_key.partition(":")
    source = f"the environment variable {name}" if kind == "env" else "`customer_key` in brand.yaml"
    return (
        f"the tables in {place} were made with another customer_key (fingerprint {pinned}) than this one (fingerprint "
        f"{given}): under it every customer would be a stranger and every opt-out forgotten; set {source} back to the "
        "key that they were made with, or choose another folder with --root"
    )


def _pinned(lake: Lake) -> str | None:
    """The fingerprint that the tables are bound to."""
    if not has_tables(lake, BRAND_PINS):
        return None
    pins = rows_of(read_table(lake, BRAND_PINS).where(F.col("name") == KEY_PIN).select("value"))
    return next((row["value"] for row in pins), None)


def _knows_customers_otherwise(lake: Lake, key: bytes) -> bool:
    """Whether tables of before the pin hold a customer under another pseudonym than this key gives."""
    if not has_tables(lake, CONTACTS_VAULT):
        return False
    known = read_table(lake, CONTACTS_VAULT).where(F.col("natural_id").isNotNull())
    customers = rows_of(known.select("customer_id", "natural_id").limit(1))
    return any(customer["customer_id"] != customer_id(key, customer["natural_id"]) for customer in customers)
