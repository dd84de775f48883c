"""The clock, the queries' epochs, and what goes out: queues, what was withheld, and the identities that must hold."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, BooleanType, LongType, MapType, StringType, TimestampType

from ceasefire.tables.declaration import DeltaTable, column

CLOCK_TICKS = DeltaTable(
    name="clock_ticks",
    grain="one tick; written by the clock, so that a window closes when nobody does anything",
    columns=(
        column("tick_at", TimestampType(), "UTC instant"),
        column(
            "window_end", TimestampType(), "the close that this tick makes due; null for a tick of release only", True
        ),
        column("is_live", BooleanType(), "whether it was written at that instant, and not for one that had passed"),
    ),
    keys=("tick_at",),
    skip_by=("tick_at", "window_end"),
)

QUERY_EPOCHS = DeltaTable(
    name="query_epochs",
    grain="one epoch of one query; written by the query before the first thing that it writes under it",
    columns=(
        column("query", StringType(), "name of the query"),
        column("epoch", LongType(), "0 at first, one more each time that the query's checkpoint was lost"),
        column("started_at", TimestampType(), "UTC instant of the injected clock when its first batch began"),
    ),
    keys=("query", "epoch"),
)

SEND_QUEUE = DeltaTable(
    name="send_queue",
    grain="one send, released exactly once",
    columns=(
        column("send_id", StringType(), "the provider's idempotency key"),
        column("decision_id", StringType(), "the decision that wanted it"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("channel", StringType(), "channel"),
        column("address", StringType(), "where it goes; null since its customer was erased", True),
        column("campaign_id", StringType(), "campaign"),
        column("variant_id", StringType(), "content"),
        column("template", StringType(), "the provider's name of the content"),
        column("locale", StringType(), "language of the content"),
        column("merge_fields", MapType(StringType(), StringType()), "what the template is filled with"),
        column("class", StringType(), "vocabulary.MessageClass"),
        column("duration", StringType(), "how long others leave the customer alone, as configured"),
        column("not_before_at", TimestampType(), "UTC instant of the slot"),
        column("expires_at", TimestampType(), "UTC instant after which it must not go"),
        column("released_at", TimestampType(), "UTC instant of the tick that released it"),
        column("local_day", LongType(), "days from 1970-01-01 to the customer's own date then"),
        column("window_end", TimestampType(), "UTC instant of the close at which it was decided"),
        column("consent_at", TimestampType(), "UTC instant of the yes that it rests on; null: of none", True),
        column("known_through", LongType(), "last ingest batch known when it was released"),
        column("address_key", StringType(), "keyed hash of the normalised address", True),
    ),
    keys=("send_id",),
    partition_by=("channel",),
    skip_by=("not_before_at", "expires_at", "released_at"),
)

REVOKED_SENDS = DeltaTable(
    name="revoked_sends",
    grain="one queued send that was called back; its row in send_queue stays",
    columns=(
        column("send_id", StringType(), "of the queued send"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("channel", StringType(), "channel"),
        column("reason", StringType(), "vocabulary.RevokedReason"),
        column("caused_by", StringType(), "event_key of the event, or action_id of the operator's action"),
        column("revoked_at", TimestampType(), "UTC instant from which it must not go; never before its release"),
    ),
    keys=("send_id",),
    skip_by=("revoked_at",),
)

WITHHELD_SENDS = DeltaTable(
    name="withheld_sends",
    grain="one decided send that was stopped at the last gate",
    columns=(
        column("send_id", StringType(), "hash of decision, channel and slot"),
        column("decision_id", StringType(), "the decision that wanted it"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("channel", StringType(), "channel"),
        column("campaign_id", StringType(), "campaign"),
        column("reason", StringType(), "vocabulary.WithheldReason"),
        column("caused_by", StringType(), "event_key of the event that forbids it", True),
        column("withheld_at", TimestampType(), "UTC instant of the tick that stopped it"),
    ),
    keys=("send_id",),
    skip_by=("withheld_at",),
)

RECONCILIATION = DeltaTable(
    name="reconciliation",
    grain="one identity at the last tick of one release batch with work",
    columns=(
        column("release_batch", LongType(), "epoch x 2^32 + batch id of release"),
        column("checked_at", TimestampType(), "UTC instant of the tick"),
        column("identity", StringType(), "what must be equal"),
        column("expected", LongType(), "left side"),
        column("found", LongType(), "right side"),
        column("holds", BooleanType(), "whether they are equal"),
        column("send_ids", ArrayType(StringType()), "sends because of which they are not; a few of them"),
    ),
    keys=("release_batch", "identity"),
)

OPERATOR_ACTIONS = DeltaTable(
    name="operator_actions",
    grain="one thing that a person did to the brand at work by a command; the newest on a subject counts",
    columns=(
        column("action_id", StringType(), "hash of action, subject and instant"),
        column("action", StringType(), "vocabulary.OperatorAction"),
        column("subject", StringType(), "campaign/<id>, channel/<id>, all, hold/<id>, send/<id>, customer/<pseudonym>"),
        column("acted_at", TimestampType(), "UTC instant of the injected clock"),
        column("note", StringType(), "why, in the person's words", True),
    ),
    keys=("action_id",),
)
