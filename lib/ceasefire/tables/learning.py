"""What models are trained on."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, BooleanType, DoubleType, LongType, StringType, TimestampType

from ceasefire.tables.declaration import DeltaTable, column

TRAINING_ROWS = DeltaTable(
    name="training_rows",
    grain="one customer and past campaign of the model trained last; a model names the version it was trained on",
    columns=(
        column("model", StringType(), "as campaigns name it"),
        column("campaign_id", StringType(), "campaign"),
        column("group_id", StringType(), "pool of campaigns that it counts to"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("began_at", TimestampType(), "UTC instant at which the campaign began; nothing at or past it is known"),
        column("through_batch", LongType(), "last ingest batch that had arrived by then"),
        column("treated", BooleanType(), "whether the campaign wanted the customer"),
        column("outcome", BooleanType(), "whether the campaign's outcome happened within its time"),
        column("outcome_minor", LongType(), "amount of those events, minor units"),
        column(
            "inputs", ArrayType(DoubleType()), "features in the order in which the model names them; null = unknown"
        ),
    ),
    keys=("model", "campaign_id", "customer_id"),
    append_only=False,
)
