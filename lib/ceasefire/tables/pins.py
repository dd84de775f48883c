"""Facts that a brand's tables are bound to from their first start on."""

from __future__ import annotations

from pyspark.sql.types import StringType, TimestampType

from ceasefire.tables.declaration import DeltaTable, column

BRAND_PINS = DeltaTable(
    name="brand_pins",
    grain="one fact that all tables of the brand in this root rest on; written once",
    columns=(
        column("name", StringType(), "customer_key"),
        column("value", StringType(), "fingerprint of the key of the pseudonyms, 16 hexadecimal digits"),
        column("pinned_at", TimestampType(), "UTC instant of the injected clock at the first start"),
    ),
    keys=("name",),
)
