"""`features.yaml`: what is known of a customer, each feature a named function of history and as-of."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ceasefire.config.brand import Identifier
from ceasefire.config.parsing import CATEGORY, Declared, NotYet, refused
from ceasefire.config.units import MICROS_PER_DAY
from ceasefire.vocabulary import CONSENT_AT, Aggregate, EventType, FeatureType

CATEGORY_LEVELS = 3
"""Levels of a category path that a filter can name; deeper levels count under their third ancestor."""

_COMING = ("top", "streak", "hour_profile", "days_until")
_WINDOW = re.compile(r"([1-9][0-9]{0,4})([hd])")
_NEEDS_VALUE = {
    Aggregate.SUM,
    Aggregate.MEAN,
    Aggregate.MIN,
    Aggregate.MAX,
    Aggregate.FIRST,
    Aggregate.LAST,
    Aggregate.DISTINCT,
}
_NUMERIC = ("amount", "net_amount", "quantity")
_IDS = ("product", "order", "category", "campaign")


def _events(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _aggregate(value: Any) -> Any:
    if value in _COMING:
        raise refused(f"aggregate {value} is not supported yet", ", ".join(Aggregate))
    return value


def _window(value: Any) -> Any:
    if isinstance(value, str) and (value in ("to_date", "since_registration") or _WINDOW.fullmatch(value)):
        return value
    raise refused("not a window", "to_date, since_registration, or a span as in 7d or 24h")


def _default(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused("not a default", "a number, or a text for a profile feature")
    return value


_ONE_EVENT: dict[str, Any] = {"enum": [one.value for one in EventType]}
_EVENTS = {"anyOf": [_ONE_EVENT, {"type": "array", "items": _ONE_EVENT}]}
_WINDOW_TEXT = {"type": "string", "pattern": f"^(to_date|since_registration|{_WINDOW.pattern})$"}


class EventFilter(Declared):
    """Which events a feature counts, or which profile entry it reads; all that is given must match."""

    event: Annotated[tuple[EventType, ...], BeforeValidator(_events), WithJsonSchema(_EVENTS)] = ()
    category: Annotated[str, Field(pattern=CATEGORY)] | None = None
    channel: Identifier | None = None
    campaign: str | None = None
    source: str | None = None
    profile: str | None = None

    @model_validator(mode="after")
    def _events_or_profile(self) -> EventFilter:
        if (self.profile is None) == (not self.event):
            raise refused("needs either `event` or `profile`")
        if self.profile is not None and (self.category or self.channel or self.campaign or self.source):
            raise refused("`profile` takes no other filter")
        if self.category and self.category.count("/") >= CATEGORY_LEVELS:
            raise refused("category too deep for a filter", f"at most {CATEGORY_LEVELS} levels")
        return self


class Feature(Declared):
    """One declared feature.

    `value` names what of an event is aggregated: `amount`, `net_amount` (orders less returns), `quantity`,
    or for `distinct`, `first` and `last` also an id: `product`, `order`, `category`, `campaign`.
    """

    name: Identifier
    unit: str = Field(min_length=1)
    description: str = Field(min_length=1)
    from_: EventFilter | None = Field(default=None, alias="from")
    aggregate: Annotated[Aggregate, BeforeValidator(_aggregate)] | None = None
    value: Literal["amount", "net_amount", "quantity", "product", "order", "category", "campaign"] | None = None
    window: Annotated[str, BeforeValidator(_window), WithJsonSchema(_WINDOW_TEXT)] = "to_date"
    default: Annotated[int | float | str | None, BeforeValidator(_default)] = None
    derived: str | None = None
    expected: NotYet = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Feature:
        if self.derived is not None:
            if self.from_ or self.aggregate or self.value or self.default is not None or self.window != "to_date":
                raise refused("a derived feature takes only name, unit, description, derived")
            return self
        if self.from_ is None:
            raise refused("needs `from` or `derived`")
        if self.from_.profile is not None:
            if self.aggregate not in (None, Aggregate.LAST) or self.value or self.window != "to_date":
                raise refused("a profile feature takes no aggregate, value or window")
            if self.default is not None and not isinstance(self.default, str):
                raise refused("default of a profile feature must be text")
            return self
        if self.aggregate is None:
            raise refused("aggregate is missing", ", ".join(Aggregate))
        if (self.aggregate in _NEEDS_VALUE) != (self.value is not None):
            raise refused("`value` goes with sum, mean, min, max, first, last and distinct, and they need it")
        if self.value in _IDS and self.aggregate not in (Aggregate.DISTINCT, Aggregate.FIRST, Aggregate.LAST):
            raise refused(f"{self.aggregate} of an id makes no sense", "distinct, first, last")
        if self.value in _NUMERIC and self.aggregate is Aggregate.DISTINCT:
            raise refused("distinct counts ids", ", ".join(_IDS))
        if isinstance(self.default, str):
            raise refused("default must be a number")
        if isinstance(self.default, float) and self.type is FeatureType.INTEGER:
            raise refused("default of a whole-number feature must be whole")
        return self

    @property
    def type(self) -> FeatureType:
        """The type of the feature's column. Sums of money are whole minor units; quantities are real numbers."""
        if self.derived is not None:
            return FeatureType.REAL
        if self.from_ is not None and self.from_.profile is not None:
            return FeatureType.INTEGER if self.from_.profile.startswith(CONSENT_AT) else FeatureType.TEXT
        if self.aggregate in (Aggregate.MEAN, Aggregate.DAYS_SINCE, Aggregate.DAYS_SINCE_FIRST):
            return FeatureType.REAL
        if self.value == "quantity":
            return FeatureType.REAL
        return FeatureType.INTEGER

    @property
    def window_micros(self) -> int | None:
        """Length of a rolling window in microseconds; None for to_date and since_registration."""
        match = _WINDOW.fullmatch(self.window)
        if not match:
            return None
        return int(match[1]) * (MICROS_PER_DAY if match[2] == "d" else MICROS_PER_DAY // 24)
