"""What is expected of the rows of a window: declared once, counted in one native pass, or by Great Expectations.

A value that is missing meets every expectation but `not_null`, as in SQL's CHECK and in Great Expectations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ceasefire.tables import DECISIONS, EVENTS, WINDOW_FEATURES, DeltaTable
from ceasefire.vocabulary import WINDOW_LANE, EventType, FeatureType, LossReason, Outcome

FUTURE_SECONDS = 600
"""How far ahead of its arrival an event may lie; what lies further ahead is never taken in."""

_LARGEST = math.nextafter(math.inf, 0)


class Kind(StrEnum):
    """What is expected of a column, or of several."""

    NOT_NULL = "not_null"
    UNIQUE = "unique"
    ONE_OF = "one_of"
    BETWEEN = "between"


@dataclass(frozen=True)
class Expectation:
    """One expectation of the rows of one table.

    Attributes:
        table: its name.
        kind: what is expected.
        columns: of the table, or of what `checked_columns` adds; several only for `unique`.
        reason: what would go wrong, for people.
        is_critical: whether nothing of a window is released while it does not hold.
        allowed: for `one_of`.
        least, most: for `between`, both included; None: no bound. Above stands the greatest number, so that what is
            none, which Spark takes for greater than all of them, lies between no bounds.
    """

    table: str
    kind: Kind
    columns: tuple[str, ...]
    reason: str
    is_critical: bool = False
    allowed: tuple[str, ...] = ()
    least: float | None = None
    most: float = _LARGEST

    @property
    def name(self) -> str:
        """How results call it."""
        return f"{self.kind} {', '.join(self.columns)}"


def expectations_of(table: DeltaTable, types: Mapping[str, FeatureType]) -> tuple[Expectation, ...]:
    """Those that follow from a table's declaration, then the declared ones.

    Args:
        table: as its rows are stored, brand's own columns included.
        types: of the brand's features.
    """
    from_declaration = [
        Expectation(table.name, Kind.NOT_NULL, (one.name,), "the column is declared to be always there", True)
        for one in table.columns
        if not one.nullable and one.name in _CHECKED[table.name]
    ]
    key = Expectation(table.name, Kind.UNIQUE, table.keys, f"a row is {table.grain}", True)
    declared = [one for one in DECLARED if one.table == table.name]
    if table.name == WINDOW_FEATURES.name:
        told = {one.columns[0] for one in declared}
        real = [name for name, kind in types.items() if kind is FeatureType.REAL and name not in told]
        declared += [
            Expectation(
                table.name,
                Kind.BETWEEN,
                (name,),
                "rules and models need finite numbers",
                False,
                (),
                -_LARGEST,
                _LARGEST,
            )
            for name in real
        ]
    return (*from_declaration, key, *declared)


def checked_columns(table: DeltaTable, rows: DataFrame, types: Mapping[str, FeatureType]) -> DataFrame:
    """The columns of a table's rows that anything is expected of, nested ones flat, and what is worked out of them."""
    if table.name == EVENTS.name:
        ahead = F.unix_micros("event_at") - F.unix_micros("ingested_at")
        return rows.select(*_CHECKED[EVENTS.name], (ahead / 1_000_000).alias("seconds_ahead"))
    if table.name == WINDOW_FEATURES.name:
        return rows.select(*_CHECKED[WINDOW_FEATURES.name], *types)
    uplifts = F.transform("candidates", lambda one: one["uplift"])
    is_send, has_treatment = F.col("outcome") == Outcome.SEND.value, F.col("treatment.send_id").isNotNull()
    slot, expiry = F.unix_micros("treatment.slot_at"), F.unix_micros("treatment.expires_at")
    winners = F.size(F.filter("candidates", lambda one: one["reason_code"].isNull()))
    return rows.select(
        *_CHECKED[DECISIONS.name],
        F.col("treatment.send_id").alias("send_id"),
        F.when(F.col("lane") == WINDOW_LANE, F.col("value_micros")).alias("marketing_value_micros"),
        F.array_min(uplifts).alias("least_uplift"),
        F.array_max(uplifts).alias("greatest_uplift"),
        (is_send == has_treatment).cast("int").alias("has_treatment_if_send"),
        (winners == is_send.cast("int")).cast("int").alias("has_one_winner_if_send"),
        ((slot - F.unix_micros("window_end")) / 1_000_000).alias("seconds_from_close_to_slot"),
        ((expiry - slot) / 1_000_000).alias("seconds_from_slot_to_expiry"),
    )


def unexpected_counts(frame: DataFrame, expectations: Sequence[Expectation]) -> tuple[int, dict[str, int]]:
    """How many rows there are, and for each expectation, by name, how many do not meet it.

    One pass for all that is asked of single rows; a further one for each that compares rows.
    """
    of_rows = [one for one in expectations if one.kind is not Kind.UNIQUE]
    counted = frame.agg(
        F.count("*").alias("rows"), *(F.count_if(is_unexpected(one)).alias(one.name) for one in of_rows)
    ).collect()[0]
    counts = {one.name: int(counted[one.name]) for one in of_rows}
    for one in expectations:
        if one.kind is Kind.UNIQUE:
            counts[one.name] = _repeated(frame, one.columns)
    return int(counted["rows"]), counts


def is_unexpected(expectation: Expectation) -> Column:
    """True for a row that does not meet an expectation of single rows, else false."""
    value = F.col(expectation.columns[0])
    if expectation.kind is Kind.NOT_NULL:
        return value.isNull()
    if expectation.kind is Kind.ONE_OF:
        return F.coalesce(~value.isin(*expectation.allowed), F.lit(False))
    below = F.lit(False) if expectation.least is None else value < F.lit(expectation.least)
    above = value > F.lit(expectation.most)
    return F.coalesce(below | above, F.lit(False))


def _repeated(frame: DataFrame, columns: Sequence[str]) -> int:
    """Rows that share their whole key with another."""
    groups = (
        frame.dropna(subset=list(columns)).groupBy(*columns).agg(F.count("*").alias("size")).where(F.col("size") > 1)
    )
    return int(groups.agg(F.coalesce(F.sum("size"), F.lit(0)).alias("rows")).collect()[0]["rows"])


_CHECKED: dict[str, tuple[str, ...]] = {
    EVENTS.name: ("event_key", "payload_hash", "ingest_batch", "customer_id", "event_type", "event_at", "ingested_at",
                  "quantity_milli"),
    DECISIONS.name: ("decision_id", "run_id", "customer_id", "lane", "window_end", "through_batch", "outcome",
                     "reason_code", "value_micros"),
    WINDOW_FEATURES.name: ("customer_id", "window_end"),
}  # fmt: skip

DECLARED: tuple[Expectation, ...] = (
    Expectation(EVENTS.name, Kind.ONE_OF, ("event_type",), "an unknown kind of event would count for nothing", True,
                allowed=tuple(one.value for one in EventType)),
    Expectation(EVENTS.name, Kind.BETWEEN, ("seconds_ahead",), "an event of the future would count before it happens",
                True, most=FUTURE_SECONDS),
    Expectation(EVENTS.name, Kind.BETWEEN, ("quantity_milli",), "nobody buys less than nothing", least=0),
    Expectation(DECISIONS.name, Kind.ONE_OF, ("outcome",), "a decision is a send or silence", True,
                allowed=tuple(one.value for one in Outcome)),
    Expectation(DECISIONS.name, Kind.ONE_OF, ("reason_code",), "each silence has one of the known reasons",
                allowed=tuple(one.value for one in LossReason)),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("has_treatment_if_send",), "a send says what goes, silence says nothing",
                True, least=1),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("has_one_winner_if_send",),
                "a lane sends one message at most, and each other candidate has its reason", True, least=1),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("marketing_value_micros",), "no offer goes that is not worth its cost",
                True, least=0),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("least_uplift",), "an uplift is a difference of probabilities", True,
                least=-1),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("greatest_uplift",), "an uplift is a difference of probabilities", True,
                most=1),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("seconds_from_close_to_slot",), "a slot lies after its window's close",
                True, least=0),
    Expectation(DECISIONS.name, Kind.BETWEEN, ("seconds_from_slot_to_expiry",), "a send expires after its slot", True,
                least=0),
    Expectation(WINDOW_FEATURES.name, Kind.BETWEEN, ("own_order_count",), "nobody ordered less than nothing", True,
                least=0),
    Expectation(WINDOW_FEATURES.name, Kind.BETWEEN, ("own_mean_order_minor",),
                "values rest on the mean order, and a negative one turns them round", least=0),
)  # fmt: skip
