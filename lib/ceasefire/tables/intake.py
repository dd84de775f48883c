"""What comes in: the log of events, what was rejected, and the vault of contacts. All are written by ingest."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    LongType,
    MapType,
    StringType,
    TimestampType,
)

from ceasefire.tables.declaration import DeltaTable, column, struct

TEXT_MAP = MapType(StringType(), StringType())

STATEMENT = struct(
    column("purpose", StringType(), "vocabulary.MessageClass, or * for every purpose"),
    column("channel", StringType(), "channel of the brand, or * for every channel"),
    column("topic", StringType(), "topic/<name> or campaign/<id> that alone is meant; null = all messages", True),
    column("granted", BooleanType(), "whether it is a yes"),
)
"""What an event says on consent, worked out once, when the row is read (`ceasefire.consent`)."""

INGEST_BATCHES = DeltaTable(
    name="ingest_batches",
    grain="one batch of input rows; written before its rows, so that a repeated batch sees the same clock",
    columns=(
        column("ingest_batch", LongType(), "epoch x 2^32 + batch id, so that it always grows"),
        column("ingested_at", TimestampType(), "UTC instant of the injected clock when the batch was first seen"),
        column(
            "late_before", TimestampType(), "events older than this were too late; null before the first close", True
        ),
        column("row_count", LongType(), "input rows of the batch"),
    ),
    keys=("ingest_batch",),
    skip_by=("ingest_batch",),
)

EVENTS = DeltaTable(
    name="events",
    grain="one accepted event",
    columns=(
        column("event_key", StringType(), "keyed hash of the event id"),
        column("payload_hash", StringType(), "keyed hash of the whole payload"),
        column("ingest_batch", LongType(), "batch with which it arrived"),
        column("ingested_at", TimestampType(), "UTC instant of that batch"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("event_type", StringType(), "vocabulary.EventType"),
        column("event_at", TimestampType(), "UTC instant at which it happened"),
        column("source", StringType(), "where it came from", True),
        column("category", StringType(), "path of the product's category", True),
        column("product_id", StringType(), "product", True),
        column("order_id", StringType(), "order", True),
        column("quantity_milli", LongType(), "thousandths of a unit", True),
        column("amount_minor", LongType(), "minor units of the brand's currency; null if unknown", True),
        column("campaign_id", StringType(), "campaign, ours or another tool's", True),
        column("send_id", StringType(), "send, ours or another tool's", True),
        column("channel", StringType(), "channel", True),
        column("referrer", StringType(), "where the customer came from", True),
        column("attributes", TEXT_MAP, "further facts; an address is only ever 'set'", True),
        column("_extra", TEXT_MAP, "keys that the contract does not know, as JSON text", True),
        column("statement", STATEMENT, "what it says on consent", True),
        column("refusal", StringType(), "vocabulary.RefusalKind, if it is a row of contact_refusals", True),
        column(
            "repairs",
            ArrayType(StringType()),
            "why it was repaired, how its amount was read, or that it is no response; sorted",
            True,
        ),
    ),
    keys=("event_key",),
    skip_by=("ingest_batch", "event_at"),
)

QUARANTINED_EVENTS = DeltaTable(
    name="quarantined_events",
    grain="one input row that was rejected, or that repeats an event",
    columns=(
        column("ingest_batch", LongType(), "batch with which it arrived"),
        column("ingested_at", TimestampType(), "UTC instant of that batch"),
        column("reasons", ArrayType(StringType()), "vocabulary.RejectReason, each once, sorted"),
        column(
            "unread_keys", ArrayType(StringType()), "keys whose values `bad_type` is about, each once, sorted", True
        ),
        column("source_file", StringType(), "file it stood in"),
        column("source_block", LongType(), "byte offset of the block of the file that one task read"),
        column("source_row", LongType(), "row within that block, from 1"),
        column("event_key", StringType(), "keyed hash of the event id, if it had one", True),
        column(
            "raw", StringType(), "the row without personal values; the shape of it where it could not be parsed", True
        ),
    ),
    keys=("source_file", "source_block", "source_row", "ingest_batch"),
    skip_by=("ingest_batch",),
)

CONTACTS_VAULT = DeltaTable(
    name="contacts_vault",
    grain="one customer; the only place of natural ids and addresses, read by release alone",
    columns=(
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("natural_id", StringType(), "the brand's own id of the customer"),
        column("email", StringType(), "address", True),
        column("email_set_at", TimestampType(), "UTC instant of the event that set it", True),
        column("email_key", StringType(), "keyed hash of the normalised address", True),
        column("phone", StringType(), "address", True),
        column("phone_set_at", TimestampType(), "UTC instant of the event that set it", True),
        column("phone_key", StringType(), "keyed hash of the normalised address", True),
        column("push_token", StringType(), "address", True),
        column("push_token_set_at", TimestampType(), "UTC instant of the event that set it", True),
        column("push_token_key", StringType(), "keyed hash of the normalised address", True),
    ),
    keys=("customer_id",),
    append_only=False,
)

INTAKE_LOOKS = DeltaTable(
    name="intake_looks",
    grain="one source, and when intake had last taken in everything that was there",
    columns=(
        column("source", StringType(), "events"),
        column("looked_at", TimestampType(), "UTC instant of the injected clock"),
    ),
    keys=("source",),
    append_only=False,
)

CUSTOMER_ADDRESSES = DeltaTable(
    name="customer_addresses",
    grain="one setting of a customer's address, by its keyed hash: who shares a mailbox, and since when",
    columns=(
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("kind", StringType(), "email, phone or push_token"),
        column("address_key", StringType(), "keyed hash of the normalised address"),
        column("set_at", TimestampType(), "UTC instant of the event that set it"),
        column("ingest_batch", LongType(), "batch with which it arrived"),
    ),
    keys=("customer_id", "kind", "address_key", "set_at"),
    skip_by=("ingest_batch",),
)

CONTACT_REFUSALS = DeltaTable(
    name="contact_refusals",
    grain="one no, one bounce, or one yes that takes back a no to a topic",
    columns=(
        column("event_key", StringType(), "of the event"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("kind", StringType(), "vocabulary.RefusalKind"),
        column("event_type", StringType(), "vocabulary.EventType"),
        column("purpose", StringType(), "vocabulary.MessageClass, or * for every purpose"),
        column("channel", StringType(), "channel of the brand, or * for every channel"),
        column("topic", StringType(), "topic/<name> or campaign/<id> that alone is meant; null = all messages", True),
        column("said_at", TimestampType(), "UTC instant from which it counts"),
        column("ingest_batch", LongType(), "batch with which it arrived"),
    ),
    keys=("event_key",),
    skip_by=("ingest_batch", "said_at"),
)

CONSENT_HOLDS = DeltaTable(
    name="consent_holds",
    grain="one input row that looks like an opt-out and could not be understood: it holds its customer's marketing",
    columns=(
        column("hold_id", StringType(), "keyed hash of the row"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("held_at", TimestampType(), "UTC instant at which the row arrived"),
        column("ingest_batch", LongType(), "batch with which it arrived"),
        column("source_file", StringType(), "file it stood in"),
        column("source_row", LongType(), "row within the block of that file, from 1"),
        column("raw", StringType(), "the row without personal values", True),
    ),
    keys=("hold_id",),
    skip_by=("ingest_batch",),
)

CUSTOMER_MERGES = DeltaTable(
    name="customer_merges",
    grain="one statement that two ids are one person",
    columns=(
        column("event_key", StringType(), "of the event"),
        column("customer_id", StringType(), "pseudonym of the id that was merged"),
        column("into_id", StringType(), "pseudonym of the id that it was merged into"),
        column("merged_at", TimestampType(), "UTC instant of the event"),
        column("ingest_batch", LongType(), "batch with which it arrived"),
    ),
    keys=("event_key",),
    skip_by=("ingest_batch", "merged_at"),
)
