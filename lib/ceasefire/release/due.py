"""Which sends are due at ticks of the clock, and as of when they are judged."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.vocabulary import WithheldReason


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


def keep_reached(open_sends: DataFrame, slots: Iterable[datetime]) -> DataFrame:
    """The sends whose slot has come and of which nothing has become, with the columns of open_sends but judged_at.

    Args:
        open_sends: `keep_open`.
        slots: that a tick has reached, few.
    """
    is_reached = F.col("slot_at").isin(list(slots))
    return open_sends.where(F.col("judged_at").isNull() & is_reached).drop("judged_at")


def withhold_in_shadow(flagged: DataFrame) -> DataFrame:
    """The same sends, and those that may go withheld too, since release only shows what it would do.

    Args:
        flagged: sends with the gate's verdict; those that wait go on waiting.
    """
    shadow = F.when(~F.col("waits"), F.lit(WithheldReason.SHADOW.value))
    return flagged.withColumn("withheld_reason", F.coalesce("withheld_reason", shadow))
