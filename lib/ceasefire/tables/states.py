"""What is known of customers: packed histories, features at each close, memberships."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    DoubleType,
    LongType,
    ShortType,
    StringType,
    TimestampType,
)

from ceasefire.tables.declaration import DeltaTable, column, struct

PACKED_EVENT = struct(
    column("event_at", TimestampType(), "UTC instant"),
    column("type", ShortType(), "vocabulary.EventType.code, or MACHINE_CODE"),
    column("category_1", LongType(), "hash64 of the path's first level, 0 = none"),
    column("category_2", LongType(), "hash64 of the first two levels, 0 = none"),
    column("category_3", LongType(), "hash64 of the first three levels, 0 = none"),
    column("product", LongType(), "hash64, 0 = none"),
    column("order", LongType(), "hash64, 0 = none; the send of what is vocabulary.OF_A_SEND"),
    column("campaign", LongType(), "hash64, 0 = none"),
    column("channel", LongType(), "hash64, 0 = none"),
    column("source", LongType(), "hash64, 0 = none"),
    column("quantity_milli", LongType(), "thousandths of a unit", True),
    column("amount_minor", LongType(), "minor units", True),
)

PROFILE_ENTRY = struct(
    column("set_at", TimestampType(), "UTC instant"),
    column("name", StringType(), "attribute, or consent/<purpose>/<channel>"),
    column("value", StringType(), "null = removed", True),
)

CUSTOMER_HISTORY = DeltaTable(
    name="customer_history",
    grain="one customer: a snapshot of the log, fixed in width but for the profile",
    columns=(
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("events", ArrayType(PACKED_EVENT), "all events of the customer, in a total order"),
        column("profile", ArrayType(PROFILE_ENTRY), "all settings ever made, in a total order"),
        column("through_batch", LongType(), "last ingest batch in the snapshot"),
    ),
    keys=("customer_id",),
    skip_by=("through_batch",),
    append_only=False,
)

WINDOW_FEATURES = DeltaTable(
    name="window_features",
    grain="one customer at one window close: everybody with an event before it; a column for each declared feature",
    columns=(
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("window_end", TimestampType(), "UTC instant of the close; nothing at or past it is known"),
    ),
    keys=("customer_id", "window_end"),
    skip_by=("window_end",),
    append_only=False,
)

WINDOW_CLOSES = DeltaTable(
    name="window_closes",
    grain="one closed window: the signal that its features are complete",
    columns=(
        column("window_end", TimestampType(), "UTC instant of the close"),
        column("through_batch", LongType(), "last ingest batch that the features know"),
        column("customer_count", LongType(), "rows of window_features"),
        column(
            "mean_order_minor", DoubleType(), "mean amount of all orders so far, minor units; null without any", True
        ),
    ),
    keys=("window_end",),
    skip_by=("window_end",),
)

SEGMENT_MEMBERSHIPS = DeltaTable(
    name="segment_memberships",
    grain="one customer and the segments that hold at the newest decided close",
    columns=(
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("window_end", TimestampType(), "UTC instant of the close"),
        column(
            "segments",
            ArrayType(
                struct(
                    column("segment_id", StringType(), "segment"),
                    column("entered_at", TimestampType(), "close at which the customer was first seen in it"),
                )
            ),
            "in the order of declaration",
        ),
    ),
    keys=("customer_id",),
    append_only=False,
)

MEMBERSHIP_TRANSITIONS = DeltaTable(
    name="membership_transitions",
    grain="one customer entering or leaving one segment at a close",
    columns=(
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("segment_id", StringType(), "segment"),
        column("direction", StringType(), "enter or leave"),
        column("window_end", TimestampType(), "UTC instant of the close"),
        column(
            "criteria",
            ArrayType(
                struct(
                    column("criterion", StringType(), "a comparison of the rule whose truth changed"),
                    column(
                        "old_values", StringType(), "what it read at the close before, null if not known then", True
                    ),
                    column("new_values", StringType(), "what it read now, null if not known now", True),
                )
            ),
            "what flipped; empty for the residual segment, a new rule and a customer not seen before",
        ),
    ),
    keys=("customer_id", "segment_id", "window_end"),
    skip_by=("window_end",),
)
