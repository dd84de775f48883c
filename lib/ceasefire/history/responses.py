"""Which responses in the log are those of a scanner or a prefetcher."""

from __future__ import annotations

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from ceasefire.vocabulary import MACHINE_RESPONSE, RESPONSES, EventType


def is_machine_response() -> Column:
    """The event names an agent that is a machine: found as it came in."""
    return F.coalesce(F.array_contains("repairs", MACHINE_RESPONSE), F.lit(False))


def is_too_soon(micros: int, *same: str) -> Column:
    """The event is a response less than so many microseconds after a delivery of its send.

    Args:
        micros: at exactly so many after the delivery, it is no longer too soon.
        same: columns that the response and the delivery must have in common beside send_id, as the customer.
    """
    up_to_it = Window.partitionBy(*same, "send_id").orderBy("event_at")
    delivered_at = F.when(F.col("event_type") == EventType.SEND_DELIVERED.value, F.col("event_at"))
    # Events at the same instant are in the frame: a response at the very instant of the delivery is too soon.
    latest = F.max(delivered_at).over(up_to_it.rangeBetween(Window.unboundedPreceding, Window.currentRow))
    is_response = F.col("event_type").isin(*sorted(RESPONSES)) & F.col("send_id").isNotNull()
    is_soon = F.unix_micros("event_at") - F.unix_micros(latest) < micros
    return F.coalesce(is_response & is_soon, F.lit(False))
