"""Orders in several states, and returns that state no amount: the rules by example, and against DuckDB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ceasefire.config.features import Feature
from ceasefire.features.program import compile_features
from ceasefire.ids import hash64
from unit.features.catalogues import FILTERS, every_feature, feature
from unit.features.duckdb_oracle import features_by_sql
from unit.features.packed_histories import AS_OF, DAY, Event, pack

SPENT = feature("spent", "sum", ["order", "return"], "net_amount")
FEATURES = every_feature([one for one in FILTERS if one.name in ("one_type", "with_returns", "boots", "email", "shop")])
HISTORIES = 1_000
CATEGORIES, PRODUCTS = (None, "ski/boots", "ski/boots/kids", "bags"), (None, "p1", "p2")
CHANNELS, SOURCES = (None, "email", "sms"), (None, "shop", "app")
IDS = {
    text: hash64(text)
    for text in ("o0", "o1", "o2", "ski", *CATEGORIES, *PRODUCTS, *CHANNELS, *SOURCES)
    if text is not None
}


def order(days_ago: int, amount: int | None, name: str = "o1", product: str | None = None) -> Event:
    return Event("ada", "order", AS_OF - days_ago * DAY, amount, order=name, product=product)


def line(days_ago: int, amount: int | None, product: str, name: str = "o1") -> Event:
    return Event("ada", "order_line", AS_OF - days_ago * DAY, amount, order=name, product=product)


def sent_back(days_ago: int, amount: int | None = None, product: str | None = None, name: str = "o1") -> Event:
    return Event("ada", "return", AS_OF - days_ago * DAY, amount, order=name, product=product)


@pytest.mark.parametrize(
    ("told", "events", "spent"),
    [
        ("a return without an amount takes the order's", [order(9, 600), sent_back(3)], 0),
        ("it may come before its order", [sent_back(9), order(3, 600)], 0),
        ("a return with an amount takes that", [order(9, 600), sent_back(3, 200)], 400),
        ("a return of the rest takes what a partial one left", [order(9, 600), sent_back(5, 200), sent_back(3)], 0),
        ("whichever of the two comes first", [order(9, 600), sent_back(5), sent_back(3, 200)], 0),
        ("what is sent back twice is gone once", [order(9, 600), sent_back(5), sent_back(3)], 0),
        ("stated returns stand, also beyond the order", [order(9, 600), sent_back(5, 700), sent_back(3)], -100),
        ("a product takes its line", [order(9, 600), line(9, 200, "p1"), sent_back(3, product="p1")], 400),
        (
            "a product of two lines takes both",
            [order(9, 600), line(9, 200, "p1"), line(9, 50, "p1"), sent_back(3, product="p1")],
            350,
        ),
        (
            "a product, and then the whole, take no more than the order",
            [order(9, 600), line(9, 200, "p1"), line(9, 400, "p2"), sent_back(5, product="p1"), sent_back(3)],
            0,
        ),
        (
            "the products of a discounted order take no more than was paid",
            [
                order(9, 500),
                line(9, 200, "p1"),
                line(9, 400, "p2"),
                sent_back(5, product="p1"),
                sent_back(3, None, "p2"),
            ],
            0,
        ),
        ("a product takes the order that names it", [order(9, 600, product="p1"), sent_back(3, product="p1")], 0),
        ("a product that nobody knows of takes nothing", [order(9, 600), sent_back(3, product="p1")], 600),
        ("a return of another order takes nothing", [order(9, 600), sent_back(3, name="o2")], 600),
        ("an order of unknown amount leaves its return unknown", [order(9, None), sent_back(3)], None),
        ("an order that is told twice counts once, as it was told last", [order(9, 600), order(5, 300)], 300),
        ("and is sent back as it was told last", [order(9, 600), order(5, 300), sent_back(3)], 0),
        (
            "of two amounts at one instant the larger counts",
            [order(9, 300), order(9, 600), order(9, None)],
            600,
        ),
        ("two orders are two", [order(9, 600), order(5, 300, "o2")], 900),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_net_spend(told: str, events: list[Event], spent: int | None) -> None:
    for in_this_order in (events, events[::-1]):
        assert values_of([SPENT], in_this_order) == {"spent": [spent]}, told


def test_lines_lose_what_is_sent_back_of_them() -> None:
    features = [
        feature("lines", "sum", ["order_line", "return"], "net_amount"),
        feature("returned", "sum", "return", "amount"),
        feature("returns", "count", "return"),
    ]
    events = [line(9, 200, "p1"), line(9, 400, "p2"), sent_back(5, product="p1"), sent_back(3), sent_back(2)]

    # of an order that only its lines tell, the whole is their sum
    assert values_of(features, events) == {"lines": [0], "returned": [600], "returns": [3]}
    # and of a line in another currency nobody knows
    events[1] = line(9, None, "p2")
    assert values_of(features, events) == {"lines": [0], "returned": [200], "returns": [3]}


def test_a_window_holds_what_happened_in_it_wherever_the_order_lies() -> None:
    week = [
        feature("spent", "sum", ["order", "return"], "net_amount", "7d"),
        feature("orders", "count", "order", window="7d"),
    ]

    assert values_of(week, [order(30, 600), sent_back(3)]) == {"spent": [-600], "orders": [0]}
    # an order that was told anew this week is an order of this week
    assert values_of(week, [order(30, 600), order(3, 500)]) == {"spent": [500], "orders": [1]}


def test_a_state_that_was_replaced_is_in_no_feature() -> None:
    features = [
        feature("orders", "count", "order"),
        feature("ids", "distinct", "order", "order"),
        feature("by_app", "count", "order", source="app"),
        feature("dearest", "max", "order", "amount"),
        feature("days", "days_since_first", "order"),
        feature("mean", "mean", "order", "amount"),
    ]
    pending = Event("ada", "order", AS_OF - 9 * DAY, 900, order="o1", source="app")
    paid = Event("ada", "order", AS_OF - 5 * DAY, 600, order="o1", source="shop")

    assert values_of(features, [pending, paid]) == {
        "orders": [1],
        "ids": [1],
        "by_app": [0],
        "dearest": [600],
        "days": [5.0],
        "mean": [600.0],
    }
    # an order without an id, or of somebody else, is another one
    strangers = [Event("ada", "order", AS_OF - DAY, 1), Event("ada", "order", AS_OF - DAY, 1)]
    assert values_of(features[:1], [pending, paid, *strangers]) == {"orders": [3]}


def test_an_order_whose_amount_is_unknown_counts_and_is_worth_nothing_known() -> None:
    features = [
        feature("orders", "count", "order"),
        feature("days", "days_since", "order"),
        feature("spend", "sum", "order", "amount"),
        feature("mean", "mean", "order", "amount"),
    ]

    assert values_of(features, [order(90, 700), order(1, None, "o2")]) == {
        "orders": [2],
        "days": [1.0],
        "spend": [700],
        "mean": [700.0],
    }


def test_what_a_return_takes_is_judged_by_what_was_known_before_the_close() -> None:
    events = [order(9, 600), sent_back(5), order(-1, 900), sent_back(-1, 600)]

    assert values_of([SPENT], events) == {"spent": [0]}


def test_no_cell_of_a_thousand_random_histories_differs_from_sql() -> None:
    customers = [f"customer {number}" for number in range(HISTORIES)]
    made = random_histories(np.random.default_rng(1), customers)
    expected = features_by_sql(customers, made, IDS)

    values = compile_features(FEATURES).values(pack(customers, made), AS_OF)

    cells = {
        (customer, name): cell
        for name, column in values.items()
        for customer, cell in zip(customers, column.to_pylist(), strict=True)
    }
    assert len(cells) == len(FEATURES) * HISTORIES
    assert {key: (cell, expected[key]) for key, cell in cells.items() if cell != expected[key]} == {}


def values_of(features: Sequence[Feature], events: Sequence[Event]) -> dict[str, list[object]]:
    values = compile_features(features).values(pack(["ada"], events), AS_OF)
    return {name: column.to_pylist() for name, column in values.items()}


def random_histories(random: np.random.Generator, customers: Sequence[str]) -> list[Event]:
    """Up to sixteen events each around three orders, at few instants; many returns state no amount."""

    def one_of(choices: Sequence[str | None]) -> str | None:
        return choices[random.integers(len(choices))]

    def event(customer: str) -> Event:
        kind = str(one_of(("order", "order_line", "order_line", "return", "return", "return", "browse")))
        is_unknown = random.random() < (0.7 if kind == "return" else 0.15)
        return Event(
            customer,
            kind,
            AS_OF + int(random.integers(-12, 1)) * DAY + int(random.integers(-1, 2)),
            amount=None if is_unknown else int(random.integers(0, 9)) * 100,
            quantity=None if random.random() < 0.5 else 1_000,
            category=one_of(CATEGORIES),
            product=one_of(PRODUCTS),
            order=one_of((None, "o0", "o0", "o0", "o1", "o1", "o2")),
            channel=one_of(CHANNELS),
            source=one_of(SOURCES),
        )

    return [event(customer) for customer in customers for _ in range(random.integers(17))]
