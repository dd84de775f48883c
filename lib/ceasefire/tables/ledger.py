"""What was decided: the pins of each run and the decisions, the second log."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DoubleType,
    LongType,
    MapType,
    StringType,
    TimestampType,
)

from ceasefire.tables.declaration import DeltaTable, column, struct

MODEL_PIN = struct(
    column("name", StringType(), "as campaigns name it"),
    column("number", LongType(), "version in the registry; null without a champion", True),
    column("sha256", StringType(), "of its parameters; null when they were not read", True),
    column("refusal", StringType(), "why the campaigns' priors count instead; null when it is used", True),
    column("detail", StringType(), "the same as a sentence", True),
)

DECISION_RUNS = DeltaTable(
    name="decision_runs",
    grain="one decided window: what it was decided from, and what came of it; written just before its decisions",
    columns=(
        column("run_id", StringType(), "hash of brand and window"),
        column("window_end", TimestampType(), "UTC instant of the close, the as-of of every feature"),
        column("through_batch", LongType(), "last ingest batch known"),
        column("ledger_version", LongType(), "version of decisions that locks were read from"),
        column("withheld_version", LongType(), "version of withheld_sends that locks were read from"),
        column("bundle_hash", StringType(), "SHA-256 of the configuration"),
        column("bundle", StringType(), "the configuration itself; lists as pseudonyms"),
        column("code_version", StringType(), "version of the program"),
        column("tzdata_version", StringType(), "version of the package of time zones; null: not known", True),
        column("models", ArrayType(MODEL_PIN), "every model that a campaign names"),
        column("is_examined", BooleanType(), "whether its rows are checked before anything of it is released"),
        column("policy", StringType(), "vocabulary.Policy"),
        column("customer_count", LongType(), "customers of the window: its decisions on marketing"),
        column("send_count", LongType(), "of which sends"),
        column("transactional_count", LongType(), "decisions on transactional campaigns, one each"),
        column("transactional_send_count", LongType(), "of which sends"),
        column("value_micros", LongType(), "value of marketing's winners, millionths of a minor unit"),
        column("value_by_policy", MapType(StringType(), LongType()), "the same from the same candidates, by policy"),
        column(
            "crossfire_count",
            LongType(),
            "customers with two or more marketing campaigns past the gates of dates and audience",
        ),
        column("losses", MapType(StringType(), LongType()), "losing candidates by vocabulary.LossReason"),
        column(
            "capacity_used",
            MapType(StringType(), LongType()),
            "sends by channel, transactional channel or campaign with a capacity",
        ),
    ),
    keys=("window_end",),
    skip_by=("window_end",),
)

CANDIDATE = struct(
    column("campaign_id", StringType(), "campaign"),
    column("variant_id", StringType(), "content"),
    column("channel", StringType(), "channel"),
    column("slot_at", TimestampType(), "UTC instant at which it would go"),
    column("uplift", DoubleType(), "probability points; null if the model could not say", True),
    column("uplift_source", StringType(), "vocabulary.UpliftSource"),
    column("model", StringType(), "name/number of the model that the campaign names", True),
    column("model_refusal", StringType(), "why the campaign's prior counts instead of that model", True),
    column("outcome_micros", LongType(), "worth of the outcome, millionths of a minor unit"),
    column("value_basis", StringType(), "vocabulary.ValueBasis"),
    column("cost_micros", LongType(), "cost of the send, millionths of a minor unit"),
    column("value_micros", LongType(), "uplift x outcome - cost, millionths of a minor unit"),
    column("reason_code", StringType(), "vocabulary.LossReason; null for the winner only", True),
)

TREATMENT = struct(
    column("send_id", StringType(), "hash of decision, channel and slot: the provider's idempotency key"),
    column("campaign_id", StringType(), "campaign"),
    column("variant_id", StringType(), "content"),
    column("template", StringType(), "the provider's name of the content"),
    column("locale", StringType(), "language of the content"),
    column("attributes", MapType(StringType(), StringType()), "of the content"),
    column("channel", StringType(), "channel"),
    column("class", StringType(), "vocabulary.MessageClass"),
    column("slot_at", TimestampType(), "UTC instant at which it goes"),
    column("expires_at", TimestampType(), "UTC instant after which it must not go"),
    column("duration", StringType(), "how long others leave the customer alone, as configured"),
    column("time_zone", StringType(), "the customer's own or derived one, as known then; null: the brand's", True),
    column("consent_at", TimestampType(), "UTC instant of the yes that it rests on; null: of none", True),
    column("about_product", LongType(), "hash64 of the product it is about", True),
    column("about_order", LongType(), "hash64 of the order it is about", True),
    column(
        "cancel_on",
        ArrayType(
            struct(
                column("event_type", StringType(), "vocabulary.EventType"),
                column("same_product", BooleanType(), "only if it is about the same product"),
            )
        ),
        "events since the decision that make it wrong",
    ),
)

DECISIONS = DeltaTable(
    name="decisions",
    grain="one customer and lane at one window close: one next message or silence",
    columns=(
        column("decision_id", StringType(), "hash(brand, customer, lane, window end)"),
        column("run_id", StringType(), "row of decision_runs"),
        column("customer_id", StringType(), "pseudonymous customer key"),
        column("lane", StringType(), "window, of marketing; or transactional/ and the campaign"),
        column("window_end", TimestampType(), "UTC instant of the close"),
        column("through_batch", LongType(), "last ingest batch known"),
        column("outcome", StringType(), "vocabulary.Outcome"),
        column("reason_code", StringType(), "why silence: the furthest candidate's reason; null for a send", True),
        column("treatment", TREATMENT, "what goes; null for silence", True),
        column("value_micros", LongType(), "value of the winner, 0 for silence or unknown uplift"),
        column("margin_micros", LongType(), "winner's value less the runner-up's; null without a runner-up", True),
        column("runner_up", StringType(), "campaign/channel of the best loser past the gates", True),
        column("candidates", ArrayType(CANDIDATE), "every treatment whose audience the customer is in"),
    ),
    keys=("customer_id", "lane", "window_end"),
    skip_by=("window_end", "treatment.slot_at"),
)
