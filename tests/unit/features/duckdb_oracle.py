"""The features once more, as SQL over the flat table of events: nothing of the program is used here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from unit.features.catalogues import AGGREGATES, FILTERS, NamedFilter, column_of
from unit.features.packed_histories import AS_OF, Event, Setting

Cell = int | float | str | None

WINDOWS_SQL = """
    VALUES ('24h', INTERVAL '24 hours'), ('7d', INTERVAL '7 days'), ('to_date', NULL), ('since_registration', NULL)
"""

PASSING_SQL = """
WITH
windows(window_name, span) AS (SELECT * FROM ({windows})),
registered AS (
    SELECT customer, min(event_at) AS registered_at
    FROM events WHERE type = 'registered' AND event_at < $as_of GROUP BY customer
),
passing AS (
    SELECT
        f.filter_name, w.window_name, e.customer, e.event_at, e.amount, e.quantity,
        CASE WHEN e.type = 'return' THEN -e.amount ELSE e.amount END AS net_amount,
        product.id AS product, "order".id AS "order", campaign.id AS campaign, category.id AS category
    FROM events AS e
    CROSS JOIN filters AS f
    CROSS JOIN windows AS w
    LEFT JOIN registered AS r ON r.customer = e.customer
    LEFT JOIN ids AS product ON product.text = e.product
    LEFT JOIN ids AS "order" ON "order".text = e."order"
    LEFT JOIN ids AS campaign ON campaign.text = e.campaign
    LEFT JOIN ids AS category ON category.text = array_to_string(string_split(e.category, '/')[1:3], '/')
    WHERE e.event_at < $as_of
      AND list_contains(f.types, e.type)
      AND (f.category IS NULL OR e.category = f.category OR starts_with(e.category, f.category || '/'))
      AND (f.channel IS NULL OR e.channel = f.channel)
      AND (f.campaign IS NULL OR e.campaign = f.campaign)
      AND (f.source IS NULL OR e.source = f.source)
      AND (w.span IS NULL OR e.event_at >= $as_of - w.span)
      AND (w.window_name <> 'since_registration' OR e.event_at >= r.registered_at)
)
SELECT c.customer, f.filter_name, w.window_name, {columns}
FROM customers AS c
CROSS JOIN filters AS f
CROSS JOIN windows AS w
LEFT JOIN passing AS p
    ON p.customer = c.customer AND p.filter_name = f.filter_name AND p.window_name = w.window_name
GROUP BY c.customer, f.filter_name, w.window_name, f.fallback
"""

PROFILE_SQL = """
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY customer, name ORDER BY set_at DESC, value DESC NULLS LAST) AS place
    FROM settings WHERE set_at < $as_of
)
SELECT c.customer, n.name, r.value
FROM customers AS c CROSS JOIN names AS n
LEFT JOIN ranked AS r ON r.customer = c.customer AND r.name = n.name AND r.place = 1
"""


def features_by_sql(
    customers: Sequence[str], events: Sequence[Event], ids: Mapping[str, int]
) -> dict[tuple[str, str], Cell]:
    """Every cell of `every_feature()`, by (customer, feature name); `ids` gives the id of every text."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("customers", pa.table({"customer": pa.array(customers, pa.string())}))
        connection.register("events", _events(events))
        connection.register("filters", _filters(FILTERS))
        connection.register("ids", pa.table({"text": list(ids), "id": pa.array(ids.values(), pa.int64())}))
        columns = [column_of(aggregate, value) for aggregate, value in AGGREGATES]
        selected = ", ".join(
            f"{_aggregate_sql(aggregate, value)} AS {column}"
            for (aggregate, value), column in zip(AGGREGATES, columns, strict=True)
        )
        rows = connection.execute(
            PASSING_SQL.format(windows=WINDOWS_SQL, columns=selected), {"as_of": _instant(AS_OF)}
        ).fetchall()
    return {
        (customer, f"{column}_of_{filter_name}_{window}"): cell
        for customer, filter_name, window, *cells in rows
        for column, cell in zip(columns, cells, strict=True)
    }


def settings_by_sql(
    customers: Sequence[str], settings: Sequence[Setting], names: Sequence[str]
) -> dict[tuple[str, str], Cell]:
    """The latest value by (customer, profile name)."""
    table = pa.table(
        {
            "customer": pa.array([one.customer for one in settings], pa.string()),
            "name": pa.array([one.name for one in settings], pa.string()),
            "value": pa.array([one.value for one in settings], pa.string()),
            "set_at": pa.array([_instant(one.at) for one in settings], pa.timestamp("us")),
        }
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("customers", pa.table({"customer": pa.array(customers, pa.string())}))
        connection.register("names", pa.table({"name": pa.array(names, pa.string())}))
        connection.register("settings", table)
        rows = connection.execute(PROFILE_SQL, {"as_of": _instant(AS_OF)}).fetchall()
    return {(customer, name): value for customer, name, value in rows}


def _aggregate_sql(aggregate: str, value: str | None) -> str:
    v = f'p."{value}"'
    match aggregate:
        case "count":
            return "coalesce(nullif(count(p.customer), 0), f.fallback, 0)"
        case "distinct":
            return f"coalesce(nullif(count(DISTINCT {v}), 0), f.fallback, 0)"
        case "days_since":
            return _days_sql("max(p.event_at)")
        case "days_since_first":
            return _days_sql("min(p.event_at)")
        case "mean":
            if value == "quantity":
                return f"coalesce((sum({v}) * 1000)::BIGINT / (count({v}) * 1000), f.fallback)"
            return f"coalesce(sum({v})::BIGINT / count({v}), f.fallback)"
        case "first":
            number = f"first({v} ORDER BY p.event_at, {v}) FILTER ({v} IS NOT NULL)"
        case "last":
            number = f"last({v} ORDER BY p.event_at, {v}) FILTER ({v} IS NOT NULL)"
        case _:
            number = f"{aggregate}({v})"
    type_ = "DOUBLE" if value == "quantity" else "BIGINT"
    return f"coalesce(({number})::{type_}, f.fallback::{type_})"


def _days_sql(instant: str) -> str:
    return f"coalesce((epoch_us($as_of::TIMESTAMP) - epoch_us({instant})) / 86400000000, f.fallback::DOUBLE)"


def _instant(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(microseconds=micros)


def _events(events: Sequence[Event]) -> pa.Table:
    def column(values: list[Any], type_: pa.DataType) -> pa.Array:
        return pa.array(values, type_)

    texts = ("customer", "type", "category", "product", "order", "campaign", "channel", "source")
    quantities = [None if event.quantity is None else Decimal(event.quantity) / 1000 for event in events]
    return pa.table(
        {
            **{name: column([getattr(event, name) for event in events], pa.string()) for name in texts},
            "event_at": column([_instant(event.at) for event in events], pa.timestamp("us")),
            "amount": column([event.amount for event in events], pa.int64()),
            "quantity": column(quantities, pa.decimal128(18, 3)),
        }
    )


def _filters(filters: Sequence[NamedFilter]) -> pa.Table:
    texts = ("category", "channel", "campaign", "source")
    return pa.table(
        {
            "filter_name": [one.name for one in filters],
            "types": pa.array([one.types for one in filters], pa.list_(pa.string())),
            **{name: pa.array([getattr(one, name) for one in filters], pa.string()) for name in texts},
            "fallback": pa.array([one.default for one in filters], pa.int64()),
        }
    )
