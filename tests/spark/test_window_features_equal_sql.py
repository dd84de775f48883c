"""From files of events to window_features, every cell equals DuckDB over the same files."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import xxhash
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.pipelines.features import close_window
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, create_tables, read_table, rows_of
from ceasefire.tables import (
    CONTACTS_VAULT,
    CUSTOMER_HISTORY,
    CUSTOMER_MERGES,
    DECISION_RUNS,
    EVENTS,
    INGEST_BATCHES,
    QUARANTINED_EVENTS,
    QUERY_EPOCHS,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
)
from spark.event_streams import (
    BRAND,
    FIRST_CLOSE,
    HORIZON,
    SECOND_CLOSE,
    first_delivery,
    later_delivery,
    write_files,
)

WALL = SECOND_CLOSE + timedelta(days=1)
TABLES = (
    QUERY_EPOCHS,
    INGEST_BATCHES,
    EVENTS,
    QUARANTINED_EVENTS,
    CONTACTS_VAULT,
    CUSTOMER_HISTORY,
    CUSTOMER_MERGES,
    WINDOW_FEATURES,
    WINDOW_CLOSES,
    DECISION_RUNS,
)

BRAND_FOLDER = {
    "brand.yaml": """
brand: corner
currency: EUR
time_zone: UTC
locale: en
customer_key: public:corner-shop-key
decision_window: {every: 1d, at: "06:00"}
late_horizon: 30d
channels:
  email: {cost: "0.002", hours: "08:00-21:00", expires: 48h}
  sms: {cost: "0.04", hours: "10:00-20:00", expires: 12h}
""",
    "features.yaml": """
features:
  - {name: orders_24h, unit: orders, description: ., from: {event: order}, aggregate: count, window: 24h}
  - {name: orders_7d, unit: orders, description: ., from: {event: order}, aggregate: count, window: 7d}
  - {name: coats_seen_to_date, unit: views, description: ., from: {event: [browse, cart_added], category: coats},
     aggregate: count}
  - {name: winter_coats_seen_since_registration, unit: views, description: .,
     from: {event: browse, category: coats/winter}, aggregate: count, window: since_registration}
  - {name: coats_seen_by_email_7d, unit: views, description: .,
     from: {event: browse, category: coats, channel: email}, aggregate: count, window: 7d, default: -1}
  - {name: shop_events_24h, unit: events, description: .,
     from: {event: [browse, order, order_line, return], source: shop}, aggregate: count, window: 24h}
  - {name: sms_clicks_since_registration, unit: clicks, description: ., from: {event: send_clicked, channel: sms},
     aggregate: count, window: since_registration}
  - {name: spring_clicks_to_date, unit: clicks, description: ., from: {event: send_clicked, campaign: spring},
     aggregate: count}
  - {name: spend_7d, unit: minor, description: ., from: {event: order}, aggregate: sum, value: amount, window: 7d}
  - {name: net_spend_24h, unit: minor, description: ., from: {event: [order, return]}, aggregate: sum,
     value: net_amount, window: 24h}
  - {name: net_spend_7d, unit: minor, description: ., from: {event: [order, return]}, aggregate: sum,
     value: net_amount, window: 7d, default: 0}
  - {name: net_spend_to_date, unit: minor, description: ., from: {event: [order, return]}, aggregate: sum,
     value: net_amount, default: 0}
  - {name: net_spend_since_registration, unit: minor, description: ., from: {event: [order, return]}, aggregate: sum,
     value: net_amount, window: since_registration}
  - {name: coats_bought_to_date, unit: coats, description: ., from: {event: order_line, category: coats},
     aggregate: sum, value: quantity}
  - {name: mean_line_quantity_7d, unit: pieces, description: ., from: {event: order_line}, aggregate: mean,
     value: quantity, window: 7d}
  - {name: mean_game_result_since_registration, unit: minor, description: ., from: {event: session_ended},
     aggregate: mean, value: amount, window: since_registration, default: 0.5}
  - {name: worst_game_result_to_date, unit: minor, description: ., from: {event: session_ended}, aggregate: min,
     value: amount}
  - {name: largest_line_quantity_24h, unit: pieces, description: ., from: {event: order_line}, aggregate: max,
     value: quantity, window: 24h}
  - {name: first_order_amount_to_date, unit: minor, description: ., from: {event: order}, aggregate: first,
     value: amount}
  - {name: first_sum_moved_24h, unit: minor, description: ., from: {event: [order, return, order_line]},
     aggregate: first, value: net_amount, window: 24h}
  - {name: last_sum_moved_7d, unit: minor, description: ., from: {event: [order, return, order_line]},
     aggregate: last, value: net_amount, window: 7d}
  - {name: last_game_result_since_registration, unit: minor, description: ., from: {event: session_ended},
     aggregate: last, value: amount, window: since_registration}
  - {name: last_product_seen_to_date, unit: hash, description: ., from: {event: [browse, cart_added]},
     aggregate: last, value: product}
  - {name: first_category_bought_7d, unit: hash, description: ., from: {event: order_line}, aggregate: first,
     value: category, window: 7d}
  - {name: products_bought_to_date, unit: products, description: ., from: {event: order_line}, aggregate: distinct,
     value: product}
  - {name: categories_seen_7d, unit: categories, description: ., from: {event: browse}, aggregate: distinct,
     value: category, window: 7d}
  - {name: orders_returned_since_registration, unit: orders, description: ., from: {event: return},
     aggregate: distinct, value: order, window: since_registration}
  - {name: days_since_order_7d, unit: days, description: ., from: {event: order}, aggregate: days_since, window: 7d}
  - {name: days_since_coats_seen_24h, unit: days, description: ., from: {event: browse, category: coats},
     aggregate: days_since, window: 24h, default: 99}
  - {name: days_since_first_order, unit: days, description: ., from: {event: order}, aggregate: days_since_first}
  - {name: days_since_first_game_since_registration, unit: days, description: ., from: {event: session_ended},
     aggregate: days_since_first, window: since_registration}
  - {name: colour, unit: text, description: ., from: {profile: colour}, default: none}
  - {name: spend_trend_7d, unit: ratio, description: .,
     derived: "net_spend_7d / NULLIF(net_spend_to_date - net_spend_7d, 0)"}
""",
    "segments.yaml": "segments: []\n",
    "campaigns.yaml": "campaigns: []\n",
}

READ_SQL = """
CREATE TABLE {delivery}_lines AS
SELECT
    * EXCLUDE (event_at, amount, quantity),
    epoch_us(event_at::TIMESTAMPTZ) AS happened,
    (amount::DECIMAL(18, 2) * 100)::BIGINT AS minor,
    (quantity::DECIMAL(18, 3) * 1000)::BIGINT AS milli
FROM read_json($files, format = 'newline_delimited', columns = {{
    event_id: 'VARCHAR', customer_id: 'VARCHAR', event_type: 'VARCHAR', event_at: 'VARCHAR', source: 'VARCHAR',
    category: 'VARCHAR', product_id: 'VARCHAR', order_id: 'VARCHAR', campaign_id: 'VARCHAR', channel: 'VARCHAR',
    amount: 'VARCHAR', quantity: 'VARCHAR', attributes: 'MAP(VARCHAR, VARCHAR)'
}})
"""

KNOWN_SQL = """
CREATE MACRO days(number) AS number * 86400000000;
CREATE TABLE known_at_first AS SELECT DISTINCT ON (event_id) * FROM first_lines;
CREATE TABLE news AS
SELECT DISTINCT ON (event_id) * FROM later_lines WHERE event_id NOT IN (SELECT event_id FROM first_lines);
CREATE MACRO is_late(happened) AS happened < epoch_us('{horizon}'::TIMESTAMPTZ);
CREATE MACRO is_no(event_type, attributes) AS event_type IN ('unsubscribed', 'complained')
    OR (event_type = 'consent_changed' AND attributes['granted'] = 'false');
-- A no is never too late: it counts from its arrival on.
CREATE TABLE known_at_second AS
SELECT * FROM known_at_first
UNION ALL
SELECT * REPLACE (CASE WHEN is_late(happened) THEN epoch_us('{arrival}'::TIMESTAMPTZ) ELSE happened END AS happened)
FROM news WHERE NOT is_late(happened) OR is_no(event_type, attributes);
"""

FEATURES_SQL = """
WITH
past AS (
    SELECT
        known.*,
        $as_of - happened AS ago,
        event_type IN ('browse', 'cart_added') AS is_look,
        event_type IN ('order', 'return', 'order_line') AS is_move,
        CASE WHEN event_type = 'return' THEN -minor ELSE minor END AS net,
        category = 'coats' OR category LIKE 'coats/%' AS is_coat,
        category = 'coats/winter' OR category LIKE 'coats/winter/%' AS is_winter_coat,
        array_to_string(string_split(category, '/')[1:3], '/') AS kept_category,
        coalesce(
            happened >= min(happened) FILTER (event_type = 'registered') OVER (PARTITION BY customer_id), false
        ) AS is_registered
    FROM {known} AS known
    WHERE happened < $as_of
),
settings AS (
    SELECT customer_id, happened, entry.key AS name, CASE
        WHEN entry.value = '' THEN NULL
        WHEN entry.key IN ('email', 'phone') AND entry.value IS NOT NULL THEN 'set'
        ELSE entry.value
    END AS value
    FROM (
        SELECT customer_id, happened, unnest(map_entries(attributes)) AS entry
        FROM past WHERE event_type IN ('registered', 'profile_changed')
    )
    UNION ALL
    SELECT customer_id, happened, attributes['purpose'] || ' by ' || channel,
        CASE attributes['granted'] WHEN 'true' THEN 'granted' ELSE 'withdrawn' END
    FROM past WHERE event_type = 'consent_changed'
    UNION ALL
    SELECT customer_id, happened, 'marketing by ' || channel, 'withdrawn'
    FROM past WHERE event_type IN ('unsubscribed', 'complained')
),
latest AS (
    SELECT * FROM settings
    QUALIFY row_number() OVER (PARTITION BY customer_id, name ORDER BY happened DESC, value DESC NULLS LAST) = 1
),
profiles AS (
    SELECT
        customer_id,
        max(value) FILTER (name = 'marketing by email') AS marketing_consent_email,
        max(value) FILTER (name = 'transactional by email') AS transactional_consent_email,
        max(value) FILTER (name = 'marketing by sms') AS marketing_consent_sms,
        max(value) FILTER (name = 'transactional by sms') AS transactional_consent_sms,
        max(happened) FILTER (name = 'marketing by email') AS marketing_consent_email_at,
        max(happened) FILTER (name = 'transactional by email') AS transactional_consent_email_at,
        max(happened) FILTER (name = 'marketing by sms') AS marketing_consent_sms_at,
        max(happened) FILTER (name = 'transactional by sms') AS transactional_consent_sms_at,
        NULL::VARCHAR AS refused_topics,
        max(value) FILTER (name = 'email') AS address_email,
        max(value) FILTER (name = 'phone') AS address_sms,
        max(value) FILTER (name = 'time_zone') AS time_zone,
        max(value) FILTER (name = 'locale') AS locale,
        max(value) FILTER (name = 'colour') AS colour
    FROM latest GROUP BY customer_id
),
orders AS (
    SELECT
        customer_id,
        sum(minor)::BIGINT / count(*) AS own_mean_order_minor,
        count(*) AS own_order_count,
        count(*) FILTER (ago <= days(1)) AS orders_24h,
        count(*) FILTER (ago <= days(7)) AS orders_7d,
        sum(minor) FILTER (ago <= days(7))::BIGINT AS spend_7d,
        first(minor ORDER BY happened, minor) AS first_order_amount_to_date,
        min(ago) FILTER (ago <= days(7)) / days(1) AS days_since_order_7d,
        max(ago) / days(1) AS days_since_first_order
    FROM past WHERE event_type = 'order' GROUP BY customer_id
),
spend AS (
    SELECT
        customer_id,
        sum(net) FILTER (ago <= days(1))::BIGINT AS net_spend_24h,
        sum(net) FILTER (ago <= days(7))::BIGINT AS net_spend_7d,
        sum(net)::BIGINT AS net_spend_to_date,
        sum(net) FILTER (is_registered)::BIGINT AS net_spend_since_registration
    FROM past WHERE event_type IN ('order', 'return') GROUP BY customer_id
),
lines AS (
    SELECT
        customer_id,
        sum(milli) FILTER (is_coat)::BIGINT / 1000 AS coats_bought_to_date,
        sum(milli) FILTER (ago <= days(7))::BIGINT
            / (1000 * count(*) FILTER (ago <= days(7))) AS mean_line_quantity_7d,
        max(milli) FILTER (ago <= days(1)) / 1000 AS largest_line_quantity_24h,
        first(spark_hash(kept_category) ORDER BY happened, spark_hash(kept_category)) FILTER (ago <= days(7))
            AS first_category_bought_7d,
        count(DISTINCT product_id) AS products_bought_to_date
    FROM past WHERE event_type = 'order_line' GROUP BY customer_id
),
games AS (
    SELECT
        customer_id,
        sum(minor) FILTER (is_registered)::BIGINT / count(minor) FILTER (is_registered)
            AS mean_game_result_since_registration,
        min(minor) AS worst_game_result_to_date,
        last(minor ORDER BY happened, minor) FILTER (is_registered AND minor IS NOT NULL)
            AS last_game_result_since_registration,
        max(ago) FILTER (is_registered) / days(1) AS days_since_first_game_since_registration
    FROM past WHERE event_type = 'session_ended' GROUP BY customer_id
),
rest AS (
    SELECT
        customer_id,
        count(*) FILTER (is_look AND is_coat) AS coats_seen_to_date,
        count(*) FILTER (event_type = 'browse' AND is_winter_coat AND is_registered)
            AS winter_coats_seen_since_registration,
        count(*) FILTER (event_type = 'browse' AND is_coat AND channel = 'email' AND ago <= days(7))
            AS coats_seen_by_email_7d,
        count(*) FILTER (
            event_type IN ('browse', 'order', 'order_line', 'return') AND source = 'shop' AND ago <= days(1)
        ) AS shop_events_24h,
        count(*) FILTER (event_type = 'send_clicked' AND channel = 'sms' AND is_registered)
            AS sms_clicks_since_registration,
        count(*) FILTER (event_type = 'send_clicked' AND campaign_id = 'spring') AS spring_clicks_to_date,
        first(net ORDER BY happened, net) FILTER (is_move AND net IS NOT NULL AND ago <= days(1))
            AS first_sum_moved_24h,
        last(net ORDER BY happened, net) FILTER (is_move AND net IS NOT NULL AND ago <= days(7)) AS last_sum_moved_7d,
        last(spark_hash(product_id) ORDER BY happened, spark_hash(product_id))
            FILTER (is_look AND product_id IS NOT NULL) AS last_product_seen_to_date,
        count(DISTINCT kept_category) FILTER (event_type = 'browse' AND ago <= days(7)) AS categories_seen_7d,
        count(DISTINCT order_id) FILTER (event_type = 'return' AND is_registered)
            AS orders_returned_since_registration,
        min(ago) FILTER (event_type = 'browse' AND is_coat AND ago <= days(1)) / days(1) AS days_since_coats_seen_24h
    FROM past GROUP BY customer_id
)
SELECT
    * REPLACE (
        coalesce(own_order_count, 0) AS own_order_count,
        coalesce(orders_24h, 0) AS orders_24h,
        coalesce(orders_7d, 0) AS orders_7d,
        CASE coats_seen_by_email_7d WHEN 0 THEN -1 ELSE coats_seen_by_email_7d END AS coats_seen_by_email_7d,
        coalesce(net_spend_7d, 0) AS net_spend_7d,
        coalesce(net_spend_to_date, 0) AS net_spend_to_date,
        coalesce(mean_game_result_since_registration, 0.5::DOUBLE) AS mean_game_result_since_registration,
        coalesce(products_bought_to_date, 0) AS products_bought_to_date,
        coalesce(days_since_coats_seen_24h, 99::DOUBLE) AS days_since_coats_seen_24h,
        coalesce(colour, 'none') AS colour
    ),
    coalesce(net_spend_7d, 0)
        / nullif(coalesce(net_spend_to_date, 0) - coalesce(net_spend_7d, 0), 0) AS spend_trend_7d
FROM rest
LEFT JOIN orders USING (customer_id)
LEFT JOIN spend USING (customer_id)
LEFT JOIN lines USING (customer_id)
LEFT JOIN games USING (customer_id)
LEFT JOIN profiles USING (customer_id)
"""

COUNTS_SQL = """
SELECT
    (SELECT count(*) FROM first_lines) + (SELECT count(*) FROM later_lines) AS every_line,
    (SELECT count(*) FROM known_at_second) AS events,
    (SELECT count(*) FROM later_lines WHERE event_id NOT IN (SELECT event_id FROM known_at_second)) AS too_late,
    (SELECT count(*) FROM known_at_second WHERE event_id LIKE 'later%' AND happened < $first_close) AS late
"""

CLOSES = (("known_at_first", FIRST_CLOSE), ("known_at_second", SECOND_CLOSE))
"""What is known at each close, as a table of the oracle."""

Cells = dict[tuple[str, str], Any]
"""By natural id of the customer and name of the feature."""


@pytest.fixture
def workspace(spark: SparkSession, tmp_path: Path) -> Workspace:
    for name, text in BRAND_FOLDER.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    lake = Lake(spark, str(tmp_path / "lake"), BRAND)
    create_tables(lake, TABLES)
    return Workspace(lake, load_brand(tmp_path / "conf", {}), FixedClock(WALL))


def test_every_cell_of_two_closes_equals_sql_over_the_files_though_late_events_came_between(
    workspace: Workspace, tmp_path: Path
) -> None:
    random = np.random.default_rng(20260501)
    events = tmp_path / "events"

    # given four months of events, and a close over them
    first = first_delivery(random)
    write_files(events, "first", first, count=3)
    start_ingest(workspace, str(events), once=True).finish()
    close_window(workspace, FIRST_CLOSE)

    # when news, late events and too late ones come, too few to fold, and the next day closes
    write_files(events, "later", later_delivery(random, first), count=2)
    start_ingest(workspace, str(events), once=True).finish()
    close_window(workspace, SECOND_CLOSE)

    # then SQL sees the same customers and the same cells at both closes
    with duckdb.connect(config={"threads": 1}) as oracle:
        read_files(oracle, events)
        wanted = {close: features_by_sql(oracle, known, close) for known, close in CLOSES}
        counts = counts_by_sql(oracle)
    found = features_by_close(workspace)
    for _, close in CLOSES:
        assert differences(found[close], wanted[close]) == []
    # and what was rejected is what repeats, or lies beyond the horizon
    reasons = rows_of(read_table(workspace.lake, QUARANTINED_EVENTS).select("reasons"))
    assert Counter(reason for row in reasons for reason in row["reasons"]) == {
        "duplicate": counts["every_line"] - counts["events"] - counts["too_late"],
        "too_late": counts["too_late"],
    }
    # and the second close read a snapshot and a tail, in which some events were late
    through_batch = through_batches(workspace)
    assert through_batch[CUSTOMER_HISTORY.name] < through_batch[WINDOW_CLOSES.name]
    assert counts["late"] > 10
    # and no feature was the same for everybody but the one on topics, of which there are none
    features = {name for _, name in wanted[SECOND_CLOSE]}
    assert {name for name in features if len(values_of(wanted[SECOND_CLOSE], name)) == 1} == {"refused_topics"}


def read_files(oracle: duckdb.DuckDBPyConnection, events: Path) -> None:
    oracle.create_function("spark_hash", spark_hash, ["VARCHAR"], "BIGINT")
    for delivery in ("first", "later"):
        oracle.execute(READ_SQL.format(delivery=delivery), {"files": str(events / f"{delivery}-*.jsonl")})
    oracle.execute(KNOWN_SQL.format(horizon=HORIZON.isoformat(), arrival=WALL.isoformat()))


def features_by_sql(oracle: duckdb.DuckDBPyConnection, known: str, close: datetime) -> Cells:
    result = oracle.execute(FEATURES_SQL.format(known=known), {"as_of": micros(close)})
    names = [column[0] for column in result.description]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return {(row["customer_id"], name): row[name] for row in rows for name in names if name != "customer_id"}


def counts_by_sql(oracle: duckdb.DuckDBPyConnection) -> dict[str, int]:
    result = oracle.execute(COUNTS_SQL, {"first_close": micros(FIRST_CLOSE)})
    (row,) = result.fetchall()
    return dict(zip([column[0] for column in result.description], row, strict=True))


def features_by_close(workspace: Workspace) -> dict[datetime, Cells]:
    """What stands in window_features, by close; more than one row for a customer and close would be an error."""
    named = {row["customer_id"]: row["natural_id"] for row in rows_of(read_table(workspace.lake, CONTACTS_VAULT))}
    cells: dict[datetime, Cells] = {close: {} for _, close in CLOSES}
    for row in rows_of(read_table(workspace.lake, WINDOW_FEATURES)):
        customer, close = named[row.pop("customer_id")], row.pop("window_end")
        of_close = cells[close]
        assert not any((customer, name) in of_close for name in row), f"{customer} twice at {close}"
        of_close.update({(customer, name): value for name, value in row.items()})
    return cells


def through_batches(workspace: Workspace) -> dict[str, int]:
    """The last ingest batch that the snapshot knows, and the one that the newest close knows."""
    newest = {}
    for table in (CUSTOMER_HISTORY, WINDOW_CLOSES):
        (row,) = rows_of(read_table(workspace.lake, table).agg(F.max("through_batch").alias("newest")))
        newest[table.name] = row["newest"]
    return newest


def differences(found: Cells, wanted: Cells) -> list[tuple[str, str, Any, Any]]:
    """Customer, feature, what stands there and what should; whole numbers and real ones are not the same."""
    keys = sorted({*found, *wanted})
    pairs = [(*key, found.get(key, "no cell"), wanted.get(key, "no cell")) for key in keys]
    return [pair for pair in pairs if (type(pair[2]), pair[2]) != (type(pair[3]), pair[3])]


def values_of(cells: Cells, feature: str) -> set[Any]:
    return {value for (_, name), value in cells.items() if name == feature}


def spark_hash(text: str) -> int:
    """Spark's xxhash64: what stands for a text in histories."""
    unsigned = xxhash.xxh64_intdigest(text.encode(), seed=42)
    return unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
