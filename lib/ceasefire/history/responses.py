"""Which responses in the log are those of a scanner or a prefetcher."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ceasefire.vocabulary import MACHINE_RESPONSE


def is_machine_response() -> Column:
    """The event names an agent that is a machine: found as it came in."""
    return F.coalesce(F.array_contains("repairs", MACHINE_RESPONSE), F.lit(False))
