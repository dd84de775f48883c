"""The last gate: what has happened, or become known, since a send was decided."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ceasefire.vocabulary import EventType, MessageClass, WithheldReason

FORBIDDING: Mapping[EventType, WithheldReason] = {
    EventType.UNSUBSCRIBED: WithheldReason.UNSUBSCRIBED,
    EventType.COMPLAINED: WithheldReason.COMPLAINED,
    EventType.SEND_BOUNCED: WithheldReason.BOUNCED,
    EventType.ERASURE_REQUESTED: WithheldReason.ERASED,
    EventType.CONSENT_CHANGED: WithheldReason.CONSENT_WITHDRAWN,
}
"""Events that forbid a send whatever it is about."""


def keep_open(decisions: DataFrame, handled: DataFrame, since: datetime, now: datetime | None) -> DataFrame:
    """The decided sends of which nothing has become yet, and those that this batch of ticks has judged before.

    Args:
        decisions: rows of the ledger.
        handled: send_id and judged_at, the tick that judged it, of every send that is queued or withheld, each once.
        since: the first tick that is worked off; what was judged from then on is kept, so that a repeated batch is
            about the same sends.
        now: the newest of these ticks if it shows the present, or None. What a replay has judged lies behind it.

    Returns:
        One row for each such send: decision_id, customer_id, as_of, through_batch, the columns of the treatment, and
        judged_at, null while nothing has become of it.
    """
    sends = decisions.where(F.col("outcome") == "send").select(
        "decision_id", "customer_id", F.col("window_end").alias("as_of"), "through_batch", "treatment.*"
    )
    marked = sends.join(handled, on="send_id", how="left")
    judged_at = F.col("judged_at")
    is_ours = (judged_at >= F.lit(since)) & (F.lit(True) if now is None else judged_at <= F.lit(now))
    return marked.where(judged_at.isNull() | is_ours)


def judging_instants(
    slots: Iterable[datetime], ticks: Iterable[datetime], now: datetime | None
) -> dict[datetime, datetime]:
    """As of when the sends of each slot are judged that a batch of ticks has reached.

    A replay judges a send at the first of its ticks that is not before the slot, a clock that shows the present as of
    now: one that is found late must not go as of its slot, for whoever opted out since must not hear from us.
    Slots are whole hours, so there are few of them, however many sends there are.

    Args:
        slots: of sends that wait.
        ticks: of the batch.
        now: the newest of them if it shows the present, or None. Replayed ticks among them may lie ahead of it, and
            reach nothing.

    Returns:
        By slot; those that are not reached are left out.
    """
    in_order = sorted(ticks) if now is None else [now]
    places = {slot: bisect_left(in_order, slot) for slot in slots}
    return {slot: in_order[place] for slot, place in places.items() if place < len(in_order)}


def keep_waiting(open_sends: DataFrame, judged_at: Mapping[datetime, datetime]) -> DataFrame:
    """The sends whose slot has come and of which nothing has become.

    Args:
        open_sends: `keep_open`.
        judged_at: `judging_instants` of their slots.

    Returns:
        The columns of open_sends but judged_at, and tick_at, when the send is judged.
    """
    ticks = (F.when(F.col("slot_at") == F.lit(slot), F.lit(tick)) for slot, tick in judged_at.items())
    tick_at = F.coalesce(*ticks, F.lit(None).cast("timestamp"))
    reached = open_sends.where(F.col("judged_at").isNull()).withColumn("tick_at", tick_at)
    return reached.where(F.col("tick_at").isNotNull()).drop("judged_at")


def news_since(due: DataFrame, events: DataFrame) -> DataFrame:
    """The events that each due send has to be checked against, joined to it.

    Args:
        due: `keep_waiting`.
        events: rows of the log.

    Returns:
        The columns of due, and of each event of its customer that happened at or before the tick and is news to
        the decision (happened at or after as_of, or arrived after it): event_key, event_type, happened_at,
        event_channel, product and order (hash64), granted, purpose.
    """
    facts = events.select(
        "customer_id",
        "event_key",
        "event_type",
        F.col("event_at").alias("happened_at"),
        F.col("ingest_batch").alias("arrived_with"),
        F.col("channel").alias("event_channel"),
        F.when(F.col("product_id").isNotNull(), F.xxhash64("product_id")).alias("product"),
        F.when(F.col("order_id").isNotNull(), F.xxhash64("order_id")).alias("order"),
        F.element_at("attributes", F.lit("granted")).alias("granted"),
        F.element_at("attributes", F.lit("purpose")).alias("purpose"),
    )
    is_news = (F.col("happened_at") >= F.col("as_of")) | (F.col("arrived_with") > F.col("through_batch"))
    joined = due.join(facts, on="customer_id", how="inner")
    return joined.where((F.col("happened_at") <= F.col("tick_at")) & is_news)


def flag_withheld(due: DataFrame, news: DataFrame, vault: DataFrame, address_kinds: Mapping[str, str]) -> DataFrame:
    """Say of each due send whether something forbids it, and what.

    Args:
        due: `keep_waiting`.
        news: `news_since`.
        vault: contacts.
        address_kinds: vault column of each channel's address.

    Returns:
        The rows of due with address, withheld_reason and withheld_by (the event's key); both null for a send that
        may go. Of several events the earliest counts, ties break on event_key; an event goes before a missing
        address, and that before expiry.
    """
    causes = drop_reversed_consents(news).where(forbids_send()).withColumn("reason", _reason_of_event())
    earliest = F.min_by(F.struct("reason", "event_key"), F.struct("happened_at", "event_key"))
    cause = causes.groupBy("send_id").agg(earliest.alias("cause"))
    reached = due.join(cause, on="send_id", how="left").join(vault, on="customer_id", how="left")
    address = F.coalesce(*(F.when(F.col("channel") == name, F.col(kind)) for name, kind in address_kinds.items()))
    reason = (
        F.when(F.col("cause").isNotNull(), F.col("cause.reason"))
        .when(address.isNull(), F.lit(WithheldReason.NO_ADDRESS.value))
        .when(F.col("tick_at") > F.col("expires_at"), F.lit(WithheldReason.EXPIRED.value))
    )
    return reached.select(
        *due.columns,
        address.alias("address"),
        reason.alias("withheld_reason"),
        F.col("cause.event_key").alias("withheld_by"),
    )


def withhold_in_shadow(flagged: DataFrame) -> DataFrame:
    """The same sends, and those that may go withheld too, since release only shows what it would do.

    Args:
        flagged: `flag_withheld`.
    """
    return flagged.withColumn("withheld_reason", F.coalesce("withheld_reason", F.lit(WithheldReason.SHADOW.value)))


def drop_reversed_consents(news: DataFrame) -> DataFrame:
    """Without the statements on consent that a later one, among the news, replaces.

    Grants that the decision already knew do not count against a withdrawal that became known since: in doubt the
    send is withheld, and the next window decides with all that is known. At one instant a withdrawal wins.
    """
    states = F.col("event_type").isin(
        EventType.CONSENT_CHANGED.value, EventType.UNSUBSCRIBED.value, EventType.COMPLAINED.value
    )
    purpose = F.coalesce(F.col("purpose"), F.lit(MessageClass.MARKETING.value))
    latest_first = Window.partitionBy("send_id", "event_channel", purpose, states).orderBy(
        F.desc("happened_at"), F.col("granted") == "true", "event_key"
    )
    ranked = news.withColumn("rank", F.row_number().over(latest_first))
    return ranked.where(~states | (F.col("rank") == 1)).drop("rank")


def forbids_send() -> Column:
    """An event of the news forbids the send it is joined to."""
    kind = F.col("event_type")
    on_its_channel = F.col("event_channel").isNull() | (F.col("event_channel") == F.col("channel"))
    marketing = F.col("class") == MessageClass.MARKETING.value
    withdraws = (kind == EventType.CONSENT_CHANGED.value) & (F.col("granted") == "false")
    withdraws_this = withdraws & (F.col("purpose") == F.col("class")) & on_its_channel
    opts_out = kind.isin(EventType.UNSUBSCRIBED.value, EventType.COMPLAINED.value) & marketing & on_its_channel
    bounces = (kind == EventType.SEND_BOUNCED.value) & on_its_channel
    erases = kind == EventType.ERASURE_REQUESTED.value
    return F.coalesce(withdraws_this | opts_out | bounces | erases | cancels(), F.lit(False))


def cancels() -> Column:
    """The campaign says that this event makes its message wrong.

    About the same product means: an event that names the product, or names no product but the order it came with.
    """
    product, order = F.col("product"), F.col("order")
    same = (product == F.col("about_product")) | (product.isNull() & (order == F.col("about_order")))
    return F.exists(
        "cancel_on",
        lambda one: (
            (one["event_type"] == F.col("event_type")) & (~one["same_product"] | F.coalesce(same, F.lit(False)))
        ),
    )


def _reason_of_event() -> Column:
    kind = F.col("event_type")
    reason = F.when(kind == EventType.RETURN.value, F.lit(WithheldReason.PRODUCT_RETURNED.value))
    for event_type, withheld in FORBIDDING.items():
        reason = reason.when(kind == event_type.value, F.lit(withheld.value))
    return reason.otherwise(F.lit(WithheldReason.CANCELLED_BY_EVENT.value))
