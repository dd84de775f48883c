"""What the ledger says that customers were promised: the commitments that locks and re-entry count."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.vocabulary import Outcome, WithheldReason

SENT_COLUMNS = ("sent_campaign", "sent_channel", "sent_class", "sent_slot_at", "sent_duration")
"""What is told of a customer's commitments: lists of one length."""


def freed(withheld: DataFrame, in_shadow: bool) -> DataFrame:
    """The withheld sends that lock nobody.

    A brand in shadow mode decides as if its sends had gone, so that its decisions are those of a live one; once it is
    live, what was never sent counts no more.

    Args:
        withheld: rows of withheld_sends.
        in_shadow: whether the brand that decides is in shadow mode.
    """
    return withheld.where(F.col("reason") != WithheldReason.SHADOW.value) if in_shadow else withheld


def commitments(decisions: DataFrame, withheld: DataFrame, since: datetime, before: datetime) -> DataFrame:
    """One row for each customer with a send that is decided and not withheld, whether released yet or not.

    Args:
        decisions: rows of the ledger.
        withheld: rows of withheld_sends that lock nobody.
        since: slots before this instant reach no further.
        before: the close that is being decided; a repetition must not see its own decisions.

    Returns:
        customer_id, and the SENT_COLUMNS.
    """
    sent = decisions.where(
        (F.col("outcome") == Outcome.SEND.value)
        & (F.col("window_end") < F.lit(before))
        & (F.col("treatment.slot_at") >= F.lit(since))
    ).select(
        "customer_id",
        F.col("treatment.send_id").alias("send_id"),
        F.struct(
            F.col("treatment.slot_at").alias("sent_slot_at"),
            F.col("treatment.campaign_id").alias("sent_campaign"),
            F.col("treatment.channel").alias("sent_channel"),
            F.col("treatment.class").alias("sent_class"),
            F.col("treatment.duration").alias("sent_duration"),
        ).alias("send"),
    )
    kept = sent.join(withheld.select("send_id"), on="send_id", how="left_anti")
    nested = kept.groupBy("customer_id").agg(F.sort_array(F.collect_list("send")).alias("sends"))
    return nested.select("customer_id", *(F.col(f"sends.{name}").alias(name) for name in SENT_COLUMNS))
