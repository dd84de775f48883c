"""What a feature makes of the events that its steps let through: one number per customer, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.config.units import MICROS_PER_DAY
from ceasefire.features.narrowing import (
    AMOUNT,
    CATEGORY_COLUMNS,
    EVENT_AT,
    QUANTITY,
    SETTLED,
    SETTLED_COLUMNS,
    TYPE,
    Events,
)
from ceasefire.features.selection import Selection, distinct_counts, largest, smallest, sums
from ceasefire.vocabulary import Aggregate, EventType

MILLI_PER_UNIT = 1000
NET = "net_amount"
"""SETTLED, below zero for returns."""

_VALUE_COLUMNS: dict[str | None, tuple[str, ...]] = {
    None: (),
    "amount": (AMOUNT,),
    SETTLED: SETTLED_COLUMNS,
    NET: SETTLED_COLUMNS,
    "quantity": (QUANTITY,),
    "category": CATEGORY_COLUMNS,
}


@dataclass(frozen=True)
class Reduction:
    """An aggregate of a value over the events that a step kept.

    The step has kept only events that carry the value and, for first and last, only those at that instant: the
    smallest value is the first one and the largest the last one, so that ties do not hang on the order of events.

    Attributes:
        step: the step, as numbered by `selections`.
        aggregate: how events become one number.
        value: what of an event is aggregated, as `read_value` names it; None for counts and days.
    """

    step: int
    aggregate: Aggregate
    value: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The history columns it reads."""
        if self.aggregate in (Aggregate.DAYS_SINCE, Aggregate.DAYS_SINCE_FIRST):
            return (EVENT_AT,)
        return _VALUE_COLUMNS.get(self.value, (str(self.value),))


@dataclass(frozen=True)
class PerCustomer:
    """A number for some of the n customers.

    Attributes:
        numbers: (n,) int64 or float64; 0 where there is none.
        missing: (n,) where there is none, since no event passed.
    """

    numbers: IntArray | FloatArray
    missing: BoolArray


def read_value(value: str, has_returns: bool) -> str:
    """What a feature aggregates, given what it names and whether returns are among its events.

    Only amounts of returns have to be matched to their orders; without returns an amount is its own net.
    """
    if value not in ("amount", NET):
        return value
    if not has_returns:
        return "amount"
    return NET if value == NET else SETTLED


def carrier(value: str) -> str:
    """The column that says whether an event carries a value; `category` stands for its deepest level."""
    return {"amount": AMOUNT, NET: SETTLED, "quantity": QUANTITY}.get(value, value)


def reduced(reduction: Reduction, events: Events, steps: Sequence[Selection]) -> PerCustomer:
    """The reduction's number for every customer of the batch."""
    selection = steps[reduction.step]
    of_present = _of_present(reduction, events, selection)
    dtype: np.dtype[Any] = of_present.dtype
    numbers = np.zeros(events.lists.customers, dtype=dtype)
    numbers[selection.present] = of_present
    missing = np.ones(events.lists.customers, dtype=np.bool_)
    missing[selection.present] = False
    return PerCustomer(numbers, missing)


def _of_present(reduction: Reduction, events: Events, selection: Selection) -> IntArray | FloatArray:
    match reduction.aggregate:
        case Aggregate.COUNT:
            return selection.counts
        case Aggregate.DAYS_SINCE:
            return _days_before_as_of(events, largest(selection, events.instants[selection.positions]))
        case Aggregate.DAYS_SINCE_FIRST:
            return _days_before_as_of(events, smallest(selection, events.instants[selection.positions]))
    value = str(reduction.value)
    values = _values(value, events, selection.positions)
    per_unit = MILLI_PER_UNIT if value == "quantity" else 1
    match reduction.aggregate:
        case Aggregate.DISTINCT:
            return distinct_counts(selection, values)
        case Aggregate.MEAN:
            # One division of two whole numbers: rounded once, whatever the unit.
            return sums(selection, values) / (selection.counts * per_unit)
        case Aggregate.SUM:
            numbers = sums(selection, values)
        case Aggregate.MIN | Aggregate.FIRST:
            numbers = smallest(selection, values)
        case Aggregate.MAX | Aggregate.LAST:
            numbers = largest(selection, values)
    return numbers if per_unit == 1 else numbers / per_unit


def _days_before_as_of(events: Events, instants: IntArray) -> FloatArray:
    days: FloatArray = (events.as_of_micros - instants) / MICROS_PER_DAY
    return days


def _values(value: str, events: Events, positions: IntArray) -> IntArray:
    match value:
        case "amount":
            return events.lists.filled(AMOUNT)[positions]
        case _ if value == SETTLED:
            return events.settled[0][positions]
        case _ if value == NET:
            amounts = events.settled[0][positions]
            return np.where(events.lists.whole(TYPE)[positions] == EventType.RETURN.code, -amounts, amounts)
        case "quantity":
            return events.lists.filled(QUANTITY)[positions]
        case _:
            return events.ids(value)[positions]
