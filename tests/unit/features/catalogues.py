"""Catalogues for the tests: one feature in a line, and one that has every aggregate over every filter and window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ceasefire.config.features import EventFilter, Feature

NUMBERS = ("amount", "net_amount", "quantity")
IDS = ("product", "order", "category", "campaign")
AGGREGATES: tuple[tuple[str, str | None], ...] = (
    ("count", None),
    ("days_since", None),
    ("days_since_first", None),
    *((aggregate, value) for aggregate in ("sum", "mean", "min", "max") for value in NUMBERS),
    *((aggregate, value) for aggregate in ("first", "last") for value in (*NUMBERS, *IDS)),
    *(("distinct", value) for value in IDS),
)
WINDOWS = ("24h", "7d", "to_date", "since_registration")


@dataclass(frozen=True)
class NamedFilter:
    name: str
    types: tuple[str, ...]
    category: str | None = None
    channel: str | None = None
    campaign: str | None = None
    source: str | None = None
    default: int | None = None


_MANY = ("browse", "order", "order_line", "return", "session_ended")
FILTERS = (
    NamedFilter("one_type", ("order",)),
    NamedFilter("with_returns", ("order", "return"), default=-7),
    NamedFilter("registered", ("registered",)),
    NamedFilter("ski", _MANY, category="ski"),
    NamedFilter("boots", _MANY, category="ski/boots", default=3),
    NamedFilter("kids", _MANY, category="ski/boots/kids"),
    NamedFilter("email", _MANY, channel="email"),
    NamedFilter("spring", _MANY, campaign="spring"),
    NamedFilter("shop", _MANY, source="shop", default=0),
    NamedFilter("all_at_once", _MANY, category="ski", channel="email", campaign="spring", source="shop"),
)


def feature(
    name: str,
    aggregate: str,
    event: str | Sequence[str],
    value: str | None = None,
    window: str = "to_date",
    default: float | None = None,
    **filters: str | None,
) -> Feature:
    return Feature.model_validate(
        {
            "name": name,
            "unit": "u",
            "description": "d",
            "from": {"event": event, **filters},
            "aggregate": aggregate,
            "value": value,
            "window": window,
            "default": default,
        }
    )


def profile_feature(name: str, entry: str, default: str | None = None) -> Feature:
    return Feature(name=name, unit="text", description="d", from_=EventFilter(profile=entry), default=default)


def column_of(aggregate: str, value: str | None) -> str:
    return f"{aggregate}_{value}" if value else aggregate


def every_feature(filters: Sequence[NamedFilter] = FILTERS) -> tuple[Feature, ...]:
    """Every aggregate of every value in every window; each is named `<aggregate>[_<value>]_of_<filter>_<window>`."""
    return tuple(
        feature(
            f"{column_of(aggregate, value)}_of_{one.name}_{window}",
            aggregate,
            one.types,
            value,
            window,
            one.default,
            category=one.category,
            channel=one.channel,
            campaign=one.campaign,
            source=one.source,
        )
        for one in filters
        for window in WINDOWS
        for aggregate, value in AGGREGATES
    )
