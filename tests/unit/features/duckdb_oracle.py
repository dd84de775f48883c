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

IN_TIME = """
    event_at, amount NULLS FIRST, quantity NULLS FIRST,
    category_3, category_2, category_1, product_id, campaign_id, channel_id, source_id
"""
"""How the states of an order follow each other, and the returns of it."""

SETTLED_SQL = f"""
-- Nothing at or past as_of is known.
past AS (
    SELECT
        row_number() OVER () AS event_number, e.*,
        coalesce(product.id, 0) AS product_id, coalesce("order".id, 0) AS order_id,
        coalesce(campaign.id, 0) AS campaign_id, coalesce(channel.id, 0) AS channel_id,
        coalesce(source.id, 0) AS source_id, coalesce(first.id, 0) AS category_1,
        coalesce(second.id, 0) AS category_2, coalesce(third.id, 0) AS category_3
    FROM events AS e
    LEFT JOIN ids AS product ON product.text = e.product
    LEFT JOIN ids AS "order" ON "order".text = e."order"
    LEFT JOIN ids AS campaign ON campaign.text = e.campaign
    LEFT JOIN ids AS channel ON channel.text = e.channel
    LEFT JOIN ids AS source ON source.text = e.source
    LEFT JOIN ids AS first ON first.text = split_part(e.category, '/', 1)
    LEFT JOIN ids AS second
        ON second.text = array_to_string(string_split(e.category, '/')[1:2], '/') AND e.category LIKE '%/%'
    LEFT JOIN ids AS third
        ON third.text = array_to_string(string_split(e.category, '/')[1:3], '/') AND e.category LIKE '%/%/%'
    WHERE e.event_at < $as_of
),
-- An order that is told several times counts once, in its newest state.
standing AS (
    SELECT * FROM past
    QUALIFY type <> 'order' OR "order" IS NULL OR 0 = count(*) OVER (
        PARTITION BY customer, "order", type ORDER BY {IN_TIME} ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    )
),
-- An order is worth its amount or, where it is not told, its lines. It has left what stated returns do not take.
order_left AS (
    SELECT
        customer, "order",
        CASE
            WHEN bool_or(type = 'order') THEN any_value(amount) FILTER (type = 'order')
            WHEN NOT bool_or(type = 'order_line' AND amount IS NULL) THEN sum(amount) FILTER (type = 'order_line')
        END AS worth,
        greatest(0, worth - coalesce(sum(amount) FILTER (type = 'return'), 0)) AS minor
    FROM standing WHERE type IN ('order', 'order_line', 'return') AND "order" IS NOT NULL GROUP BY customer, "order"
),
-- A product of an order is worth its lines or, without any, the order if that names it.
product_left AS (
    SELECT
        customer, "order", product,
        CASE
            WHEN NOT bool_or(type = 'order_line') THEN any_value(amount) FILTER (type = 'order')
            WHEN NOT bool_or(type = 'order_line' AND amount IS NULL) THEN sum(amount) FILTER (type = 'order_line')
        END AS worth,
        greatest(0, worth - coalesce(sum(amount) FILTER (type = 'return'), 0)) AS minor
    FROM standing
    WHERE type IN ('order', 'order_line', 'return') AND "order" IS NOT NULL AND product IS NOT NULL
    GROUP BY customer, "order", product
),
silent AS (SELECT * FROM standing WHERE type = 'return' AND amount IS NULL AND "order" IS NOT NULL),
-- In order of time: the first silent return of a product takes what the product has left, another one nothing, and
-- none more than the order has left, if that is known.
wanting AS (
    SELECT
        s.*,
        CASE row_number() OVER (PARTITION BY s.customer, s."order", s.product ORDER BY {IN_TIME})
            WHEN 1 THEN p.minor ELSE 0
        END AS wants
    FROM silent AS s JOIN product_left AS p USING (customer, "order", product) WHERE p.worth IS NOT NULL
),
of_products AS (
    SELECT
        w.event_number, w.customer, w."order",
        CASE WHEN o.worth IS NULL THEN w.wants ELSE greatest(0, least(w.wants, o.minor - coalesce(
            sum(w.wants) OVER (
                PARTITION BY w.customer, w."order" ORDER BY {IN_TIME} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0
        ))) END AS takes
    FROM wanting AS w JOIN order_left AS o USING (customer, "order")
),
-- Then the first silent return of the whole takes the rest.
of_wholes AS (
    SELECT
        s.event_number,
        CASE row_number() OVER (PARTITION BY s.customer, s."order" ORDER BY {IN_TIME})
            WHEN 1 THEN greatest(0, o.minor - coalesce(taken.minor, 0)) ELSE 0
        END AS takes
    FROM silent AS s
    JOIN order_left AS o USING (customer, "order")
    LEFT JOIN (
        SELECT customer, "order", sum(takes) AS minor FROM of_products GROUP BY customer, "order"
    ) AS taken USING (customer, "order")
    WHERE s.product IS NULL AND o.worth IS NOT NULL
),
settled AS (
    SELECT standing.* REPLACE (coalesce(standing.amount, of_products.takes, of_wholes.takes)::BIGINT AS amount)
    FROM standing
    LEFT JOIN of_products USING (event_number)
    LEFT JOIN of_wholes USING (event_number)
)
"""

PASSING_SQL = """
WITH
windows(window_name, span) AS (SELECT * FROM ({windows})),
{settled},
registered AS (
    SELECT customer, min(event_at) AS registered_at
    FROM events WHERE type = 'registered' AND event_at < $as_of GROUP BY customer
),
passing AS (
    SELECT
        f.filter_name, w.window_name, e.customer, e.event_at, e.amount, e.quantity,
        CASE WHEN e.type = 'return' THEN -e.amount ELSE e.amount END AS net_amount,
        nullif(e.product_id, 0) AS product, nullif(e.order_id, 0) AS "order",
        nullif(e.campaign_id, 0) AS campaign, category.id AS category
    FROM settled AS e
    CROSS JOIN filters AS f
    CROSS JOIN windows AS w
    LEFT JOIN registered AS r ON r.customer = e.customer
    LEFT JOIN ids AS category ON category.text = array_to_string(string_split(e.category, '/')[1:3], '/')
    WHERE list_contains(f.types, e.type)
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
            PASSING_SQL.format(windows=WINDOWS_SQL, settled=SETTLED_SQL, columns=selected), {"as_of": _instant(AS_OF)}
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
