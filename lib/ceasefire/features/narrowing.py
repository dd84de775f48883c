"""The steps of a feature program: each keeps some of the events that an earlier step let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ceasefire.arrow import BoolArray, IntArray
from ceasefire.features.machines import too_soon
from ceasefire.features.orders import replaced_states, taken_by_returns
from ceasefire.features.packed import PackedLists
from ceasefire.features.selection import Selection, at_extreme, everything, largest, narrowed, smallest
from ceasefire.vocabulary import RESPONSES, EventType

EVENT_AT = "event_at"
TYPE = "type"
AMOUNT = "amount_minor"
QUANTITY = "quantity_milli"
ORDER = "order"
PRODUCT = "product"
CATEGORY_COLUMNS = ("category_1", "category_2", "category_3")
SETTLED = "settled_amount"
"""An event's amount; of a return that states none, what it takes of its order. No column of a history has it."""

SETTLED_COLUMNS = (EVENT_AT, TYPE, ORDER, AMOUNT, QUANTITY, *CATEGORY_COLUMNS, PRODUCT, "campaign", "channel", "source")
"""The columns that tell the states of an order apart, and the returns of it: all."""

BEFORE_AS_OF = 0
"""The step that every program begins with: all events before as_of."""

_NEVER = np.iinfo(np.int64).max
_RESPONSES = tuple(sorted(event.code for event in RESPONSES))
_MATCHED = (EventType.ORDER.code, EventType.ORDER_LINE.code, EventType.RETURN.code)
_NULLABLE = (AMOUNT, QUANTITY)


@dataclass(frozen=True)
class OfTypes:
    """Events of one of these types, by code."""

    codes: tuple[int, ...]


@dataclass(frozen=True)
class NotTooSoon:
    """All events but the responses less than so many microseconds after the delivery of their send."""

    micros: int


@dataclass(frozen=True)
class NewestStates:
    """All events but the orders that a newer state of the same order replaces."""


@dataclass(frozen=True)
class Equal:
    """Events whose id column holds this hash."""

    column: str
    id_hash: int


@dataclass(frozen=True)
class Within:
    """Events of the last so many microseconds before as_of, the first of them included."""

    micros: int


@dataclass(frozen=True)
class SinceRegistration:
    """Events at or after the customer's first registration, which the step `registrations` finds."""

    registrations: int


@dataclass(frozen=True)
class Carrying:
    """Events in which a column, or SETTLED, says something: a number that is not null, an id that is not 0."""

    column: str


@dataclass(frozen=True)
class AtEarliest:
    """Each customer's events at the earliest instant of those so far."""


@dataclass(frozen=True)
class AtLatest:
    """Each customer's events at the latest instant of those so far."""


Criterion = OfTypes | NotTooSoon | NewestStates | Equal | Within | SinceRegistration | Carrying | AtEarliest | AtLatest


@dataclass(frozen=True)
class Narrowing:
    """One step: of the events that step `of` kept, those that meet a criterion."""

    of: int
    criterion: Criterion

    @property
    def columns(self) -> tuple[str, ...]:
        """The history columns it reads."""
        match self.criterion:
            case OfTypes():
                return (TYPE,)
            case NotTooSoon():
                return (EVENT_AT, TYPE, ORDER)
            case NewestStates():
                return SETTLED_COLUMNS
            case Carrying(column=column) if column == SETTLED:
                return SETTLED_COLUMNS
            case Equal(column=column) | Carrying(column=column):
                return CATEGORY_COLUMNS if column == "category" else (column,)
            case _:
                return (EVENT_AT,)


@dataclass(frozen=True)
class Events:
    """The packed events of a batch, read as of one instant."""

    lists: PackedLists
    as_of_micros: int

    @cached_property
    def instants(self) -> IntArray:
        """(m,) event_at in epoch microseconds."""
        return self.lists.whole(EVENT_AT)

    @cached_property
    def deepest_category(self) -> IntArray:
        """(m,) hash of the deepest level of the category that histories keep, 0 for none."""
        first, second, third = (self.lists.whole(column) for column in CATEGORY_COLUMNS)
        return np.where(third != 0, third, np.where(second != 0, second, first))

    def ids(self, column: str) -> IntArray:
        """(m,) hashes of an id column; `category` stands for the deepest level."""
        return self.deepest_category if column == "category" else self.lists.whole(column)

    @cached_property
    def replaced(self) -> IntArray:
        """(k,) positions of the orders before as_of that a newer state of the same order before as_of replaces."""
        orders = self.lists.whole(ORDER)
        at = self._past_of_orders((EventType.ORDER.code,))
        ids = np.sort(orders[at])
        repeated = ids[1:][ids[1:] == ids[:-1]]
        if not len(repeated):
            return np.empty(0, dtype=np.int64)
        at = at[np.isin(orders[at], repeated)]
        replaced: IntArray = at[replaced_states(self.lists.owners[at], orders[at], self._places_in_time(at))]
        return replaced

    @cached_property
    def stands(self) -> BoolArray:
        """(m,) all but the replaced orders."""
        stands: BoolArray = np.ones(len(self.instants), dtype=np.bool_)
        stands[self.replaced] = False
        return stands

    @cached_property
    def settled(self) -> tuple[IntArray, BoolArray]:
        """(m,) amounts, 0 where unknown, and where they are known: of what is before as_of also what returns take.

        A return that states no amount takes what is left of its order.
        """
        orders, types = self.lists.whole(ORDER), self.lists.whole(TYPE)
        amounts, is_known = self.lists.filled(AMOUNT), self.lists.known(AMOUNT)
        returns = self._past_of_orders((EventType.RETURN.code,))
        silent = returns[~is_known[returns]]
        if not len(silent):
            return amounts, is_known
        at = self._past_of_orders(_MATCHED)
        at = at[np.isin(orders[at], orders[silent])]
        at = at[self.stands[at]]
        taken, is_taken = taken_by_returns(
            self.lists.owners[at],
            orders[at],
            self.lists.whole(PRODUCT)[at],
            types[at] == EventType.ORDER.code,
            types[at] == EventType.RETURN.code,
            amounts[at],
            is_known[at],
            self._places_in_time(at),
        )
        amounts, is_known = amounts.copy(), is_known.copy()
        amounts[at], is_known[at] = taken, is_taken
        return amounts, is_known

    @cached_property
    def _is_past(self) -> BoolArray:
        is_past: BoolArray = self.instants < self.as_of_micros
        return is_past

    def _past_of_orders(self, codes: tuple[int, ...]) -> IntArray:
        """(k,) positions of the events before as_of that are of these types and name an order."""
        at = np.flatnonzero(_is_one_of(self.lists.whole(TYPE), codes))
        of_orders: IntArray = at[self._is_past[at] & (self.lists.whole(ORDER)[at] != 0)]
        return of_orders

    def _places_in_time(self, at: IntArray) -> IntArray:
        """The places of events among each other: by instant, amount, quantity, ids; what is unknown comes first.

        Events that share a place differ in nothing.
        """
        ids = (self.lists.whole(column)[at] for column in ("source", "channel", "campaign", PRODUCT, *CATEGORY_COLUMNS))
        numbers = ((self.lists.filled(name)[at], self.lists.known(name)[at]) for name in (QUANTITY, AMOUNT))
        in_order = np.lexsort((*ids, *(key for pair in numbers for key in pair), self.instants[at]))
        places = np.empty(len(at), dtype=np.int64)
        places[in_order] = np.arange(len(at))
        return places

    def before_as_of(self) -> Selection:
        """All that may be read: the events before as_of."""
        return narrowed(everything(self.lists), self._is_past)


def selections(narrowings: Sequence[Narrowing], events: Events) -> list[Selection]:
    """What every step keeps; step 0 is the events before as_of, narrowing i yields step i + 1."""
    kept = [events.before_as_of()]
    for narrowing in narrowings:
        kept.append(_kept(narrowing, events, kept))
    return kept


def _kept(narrowing: Narrowing, events: Events, steps: Sequence[Selection]) -> Selection:
    selection = steps[narrowing.of]
    at = selection.positions
    match narrowing.criterion:
        case OfTypes(codes):
            return narrowed(selection, _is_one_of(events.lists.whole(TYPE)[at], codes))
        case NotTooSoon(micros):
            return narrowed(selection, ~_are_too_soon(events, at, micros))
        case NewestStates():
            return narrowed(selection, events.stands[at]) if len(events.replaced) else selection
        case Equal(column, id_hash):
            return narrowed(selection, events.lists.whole(column)[at] == id_hash)
        case Within(micros):
            return narrowed(selection, events.instants[at] >= events.as_of_micros - micros)
        case SinceRegistration(registrations):
            registered_at = _registered_at(steps[registrations], events)
            return narrowed(selection, events.instants[at] >= registered_at[selection.owners])
        case Carrying(column) if column == SETTLED:
            return narrowed(selection, events.settled[1][at])
        case Carrying(column) if column in _NULLABLE:
            return narrowed(selection, events.lists.known(column)[at])
        case Carrying(column):
            return narrowed(selection, events.ids(column)[at] != 0)
        case AtEarliest():
            instants = events.instants[at]
            return at_extreme(selection, instants, smallest(selection, instants))
        case AtLatest():
            instants = events.instants[at]
            return at_extreme(selection, instants, largest(selection, instants))


def _are_too_soon(events: Events, at: IntArray, micros: int) -> BoolArray:
    """Of the events at these positions, the responses that come too soon after any delivery of the batch."""
    types = events.lists.whole(TYPE)
    is_response = _is_one_of(types[at], _RESPONSES)
    deliveries = np.flatnonzero(types == EventType.SEND_DELIVERED.code)
    places = np.concatenate((deliveries, at[is_response]))
    is_delivery = np.arange(len(places)) < len(deliveries)
    owners, sends = events.lists.owners[places], events.lists.whole(ORDER)[places]
    found: BoolArray = np.zeros(len(at), dtype=np.bool_)
    found[is_response] = too_soon(owners, sends, events.instants[places], is_delivery, micros)[len(deliveries) :]
    return found


def _is_one_of(types: IntArray, codes: tuple[int, ...]) -> BoolArray:
    # A handful of comparisons over small integers is several times faster than a set membership.
    found: BoolArray = np.zeros(len(types), dtype=np.bool_)
    for code in codes:
        found |= types == code
    return found


def _registered_at(registrations: Selection, events: Events) -> IntArray:
    registered_at = np.full(events.lists.customers, _NEVER, dtype=np.int64)
    registered_at[registrations.present] = smallest(registrations, events.instants[registrations.positions])
    return registered_at


REGISTRATIONS = Narrowing(BEFORE_AS_OF, OfTypes((EventType.REGISTERED.code,)))
