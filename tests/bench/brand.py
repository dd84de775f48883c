"""The brand of the benchmarks: as YAML for the engine, and its features once more as SQL for the references."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.generators import AS_OF, BRAND, KEY

CHANNELS = ("email", "sms")
WINDOWS: Mapping[str, int | None] = {"7d": 7, "30d": 30, "90d": 90, "to_date": None}
CAMPAIGN_COUNT = 12
_CATEGORY_GROUPS = ("bags", "bags/handbags", "shoes", "shoes/boots", "coats", "games")


@dataclass(frozen=True)
class Wanted:
    """A feature in words of the catalogue.

    Attributes:
        name: of the feature.
        events: types of events that it counts.
        aggregate: as the catalogue names it.
        window: a key of WINDOWS.
        value: what is aggregated, if anything.
        category: that and everything below it.
        channel: that alone.
    """

    name: str
    events: tuple[str, ...]
    aggregate: str
    window: str
    value: str | None = None
    category: str | None = None
    channel: str | None = None

    def declared(self) -> dict[str, Any]:
        """As features.yaml has it."""
        from_: dict[str, Any] = {"event": list(self.events)}
        from_ |= {} if self.category is None else {"category": self.category}
        from_ |= {} if self.channel is None else {"channel": self.channel}
        feature = {"name": self.name, "unit": "unit", "description": "For measuring.", "from": from_}
        feature |= {"aggregate": self.aggregate, "window": self.window}
        return feature | ({} if self.value is None else {"value": self.value})


def wanted_features() -> list[Wanted]:
    """Sixty-odd features of the kinds that brands declare."""
    features = []
    for window in WINDOWS:
        counted = ("browse", "cart_added", "order", "return")
        features += [Wanted(f"{event}_count_{window}", (event,), "count", window) for event in counted]
        features += [
            Wanted(f"spend_{window}", ("order",), "sum", window, "amount"),
            Wanted(f"net_spend_{window}", ("order", "return"), "sum", window, "net_amount"),
        ]
        features += [
            Wanted(f"opened_{channel}_{window}", ("send_opened",), "count", window, channel=channel)
            for channel in CHANNELS
        ]
    for category in _CATEGORY_GROUPS:
        name = category.replace("/", "_")
        features += [
            Wanted(f"{name}_seen_30d", ("browse",), "count", "30d", category=category),
            Wanted(f"{name}_seen_to_date", ("browse",), "count", "to_date", category=category),
            Wanted(f"{name}_bought", ("order_line",), "count", "to_date", category=category),
            Wanted(f"{name}_spend", ("order_line",), "sum", "to_date", "amount", category),
        ]
    for_days = ("browse", "cart_added", "order", "send_clicked")
    features += [Wanted(f"days_since_{event}", (event,), "days_since", "to_date") for event in for_days]
    return [
        *features,
        Wanted("days_since_registration", ("registered",), "days_since_first", "to_date"),
        Wanted("largest_order_90d", ("order",), "max", "90d", "amount"),
        Wanted("mean_order_90d", ("order",), "mean", "90d", "amount"),
        Wanted("products_bought", ("order_line",), "distinct", "to_date", "product"),
    ]


def write_brand(folder: Path) -> Path:
    """The brand's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, declared in _declared().items():
        (folder / name).write_text(json.dumps(declared), "utf-8")
    return folder


@dataclass(frozen=True)
class Dialect:
    """What Spark SQL and DuckDB say differently: an instant as a literal, and event_at as microseconds."""

    instant: Callable[[datetime], str]
    micros: str


SPARK = Dialect(lambda instant: f"TIMESTAMP '{instant.isoformat()}'", "unix_micros({})")
# DuckDB is handed event_at as a number; what knows time zones there is an extension that has to be downloaded.
DUCKDB = Dialect(lambda instant: str(int(instant.timestamp()) * 1_000_000), "{}")


def features_sql(dialect: Dialect, events: str) -> str:
    """A SELECT of all features of all customers with a past, from rows of the log; one pass over them."""
    columns = ", ".join(f"{sql} AS {name}" for name, sql in _feature_columns(dialect).items())
    as_of = dialect.instant(AS_OF)
    return f"SELECT customer_id, {columns} FROM {events} WHERE event_at < {as_of} GROUP BY customer_id"


def _feature_columns(dialect: Dialect) -> dict[str, str]:
    columns = dict(_builtin_columns(dialect))
    for one in wanted_features():
        where = [f"event_type IN ({', '.join(repr(event) for event in one.events)})"]
        if one.category is not None:
            where.append(f"(category = '{one.category}' OR category LIKE '{one.category}/%')")
        if one.channel is not None:
            where.append(f"channel = '{one.channel}'")
        days = WINDOWS[one.window]
        if days is not None:
            where.append(f"event_at >= {dialect.instant(AS_OF - timedelta(days=days))}")
        columns[one.name] = _aggregated(one, " AND ".join(where), dialect)
    columns["spend_trend"] = f"({columns['spend_30d']}) / ({columns['spend_90d']})"
    return columns


def _aggregated(one: Wanted, where: str, dialect: Dialect) -> str:
    passing = f"FILTER (WHERE {where})"
    value = {
        "net_amount": "CASE WHEN event_type = 'return' THEN -amount_minor ELSE amount_minor END",
        "product": "product_id",
    }.get(str(one.value), "amount_minor")
    now = dialect.micros.format(dialect.instant(AS_OF))
    match one.aggregate:
        case "count":
            return f"count(*) {passing}"
        case "sum":
            return f"CAST(sum({value}) {passing} AS BIGINT)"
        case "max":
            return f"max({value}) {passing}"
        case "mean":
            return f"CAST(sum({value}) {passing} AS BIGINT) / nullif(count({value}) {passing}, 0)"
        case "distinct":
            return f"count(DISTINCT {value}) {passing}"
        case _:
            extreme = "max" if one.aggregate == "days_since" else "min"
            return f"({now} - {dialect.micros.format(f'{extreme}(event_at) {passing}')}) / 86400000000"


def _builtin_columns(dialect: Dialect) -> Mapping[str, str]:
    columns = {}
    for channel in CHANNELS:
        for purpose in ("transactional", "marketing"):
            said = (
                f"statement.purpose IN ('{purpose}', '*') AND statement.channel IN ('{channel}', '*') "
                "AND statement.topic IS NULL"
            )
            yes = f"max(event_at) FILTER (WHERE {said} AND statement.granted)"
            no = f"max(event_at) FILTER (WHERE {said} AND NOT statement.granted)"
            # Of two answers at one instant the no counts.
            standing = (
                f"CASE WHEN {no} = greatest({no}, {yes}) THEN 'withdrawn' WHEN {yes} IS NOT NULL THEN 'granted' END"
            )
            columns[f"{purpose}_consent_{channel}"] = standing
            columns[f"{purpose}_consent_{channel}_at"] = dialect.micros.format(f"greatest({no}, {yes})")
    # Here nobody refuses more than one topic, or takes that back: all of them to find would need a second pass.
    columns["refused_topics"] = "max(statement.topic) FILTER (WHERE NOT statement.granted)"
    profile = "event_type IN ('registered', 'profile_changed') AND attributes['{0}'] IS NOT NULL"
    settings = {"address_email": "email", "address_sms": "phone", "time_zone": "time_zone", "locale": "locale"}
    for name, entry in settings.items():
        where = profile.format(entry)
        columns[name] = f"max_by(attributes['{entry}'], event_at) FILTER (WHERE {where})"
    orders = "FILTER (WHERE event_type = 'order')"
    columns["own_mean_order_minor"] = (
        f"CAST(sum(amount_minor) {orders} AS BIGINT) / nullif(count(amount_minor) {orders}, 0)"
    )
    columns["own_order_count"] = f"count(*) {orders}"
    return columns


def _declared() -> dict[str, Any]:
    features = [one.declared() for one in wanted_features()]
    trend = {"name": "spend_trend", "unit": "ratio", "description": "For measuring."}
    features.append(trend | {"derived": "spend_30d / spend_90d"})
    return {
        "brand.yaml": {
            "brand": BRAND,
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "locale": "en",
            "customer_key": f"public:{KEY.decode()}",
            "decision_window": {"every": "1d", "at": "08:00", "grace": "30m"},
            "channels": {
                "email": {"cost": "0.002", "hours": "08:00-21:00", "expires": "48h"},
                "sms": {"cost": "0.04", "hours": "10:00-20:00", "expires": "12h"},
            },
            "policy": {"default": "greedy"},
        },
        "features.yaml": {"features": features},
        "segments.yaml": {"segments": _segments()},
        "campaigns.yaml": {"campaigns": _campaigns()},
    }


def _segments() -> list[dict[str, Any]]:
    rules = []
    for count in (1, 3, 5, 8, 12):
        rules.append((f"buyers_{count}", f"order_count_90d >= {count}"))
        rules.append((f"lapsed_{count}", f"order_count_to_date >= {count} AND days_since_order > {count * 10}"))
        for name in ("bags", "shoes", "coats", "games"):
            rules.append((f"{name}_lookers_{count}", f"{name}_seen_30d >= {count} AND {name}_bought = 0"))
            rules.append((f"{name}_buyers_{count}", f"{name}_spend > {count * 1000} OR {name}_bought > {count}"))
    return [{"id": name, "name": name, "rule": rule} for name, rule in rules]


def _campaigns() -> list[dict[str, Any]]:
    segments = _segments()
    return [_campaign(number, [one["id"] for one in segments[number::CAMPAIGN_COUNT]]) for number in range(12)]


def _campaign(number: int, segments: Sequence[str]) -> dict[str, Any]:
    return {
        "id": f"campaign-{number}".replace("-", "_"),
        "active": {"from": "2026-01-01", "to": "2026-12-31"},
        "audience": {"any": list(segments[:3])},
        "priority": 10 + number,
        "duration": "3d",
        "reentry": {"max": 1, "every": "30d"},
        "channels": list(CHANNELS),
        "variants": [{"id": f"v{place}", "channel": name, "template": name} for place, name in enumerate(CHANNELS)],
        "outcome": {"event": "order", "within": "14d"},
        "value": {"share_of_order": 0.3} if number % 2 else {"fixed": "9.00"},
        "prior_uplift": 0.01 + number / 1000,
        "capacity": {"per_window": 50_000},
    }
