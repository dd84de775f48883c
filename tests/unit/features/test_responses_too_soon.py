"""Responses too soon after the delivery of their send are a machine's: the kernel equals DuckDB over the raw events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.features.program import FeatureProgram, compile_features
from unit.features.catalogues import feature
from unit.features.packed_histories import AS_OF, DAY, HOUR, SECOND, Event, pack

CUSTOMERS = ("ada", "bob", "silent")
WITHIN = 3 * SECOND
DELIVERED = AS_OF - 10 * HOUR
FEATURES = [
    feature("opens", "count", "send_opened"),
    feature("clicks_by_email_7d", "count", "send_clicked", window="7d", channel="email"),
    feature("acts", "count", ["order_line", "send_clicked", "send_opened"]),
    feature("deliveries", "count", "send_delivered"),
    feature("days_since_open", "days_since", "send_opened"),
    feature("spring_clicks", "distinct", "send_clicked", "campaign"),
]
PROGRAM = compile_features(FEATURES, WITHIN)

RESPONSES_SQL = """
WITH counting AS (
    SELECT * FROM events AS e
    WHERE instant < $as_of AND NOT (
        e.type IN ('send_opened', 'send_clicked')
        AND EXISTS (
            SELECT 1 FROM events AS d
            WHERE d.type = 'send_delivered' AND d.customer = e.customer AND d.send = e.send
              AND e.instant >= d.instant AND e.instant < d.instant + $within
        )
    )
)
SELECT
    c.customer,
    count(*) FILTER (type = 'send_opened') AS opens,
    count(*) FILTER (type = 'send_clicked' AND channel = 'email' AND instant >= $as_of - $week) AS clicks_by_email_7d,
    count(*) FILTER (type IN ('order_line', 'send_clicked', 'send_opened')) AS acts,
    count(*) FILTER (type = 'send_delivered') AS deliveries,
    ($as_of - max(instant) FILTER (type = 'send_opened')) / $day AS days_since_open,
    count(DISTINCT campaign) FILTER (type = 'send_clicked') AS spring_clicks
FROM customers AS c LEFT JOIN counting AS e ON e.customer = c.customer
GROUP BY c.customer ORDER BY c.customer
"""

happenings = st.lists(
    st.builds(
        Event,
        customer=st.sampled_from(CUSTOMERS[:2]),
        type=st.sampled_from(("send_delivered", "send_opened", "send_clicked", "order_line")),
        # around the edges of a span after a few deliveries, around as_of, and a week ago
        at=st.builds(
            lambda start, edge, step: start + edge + step,
            st.sampled_from((DELIVERED, DELIVERED + SECOND, AS_OF, AS_OF - 7 * DAY)),
            st.sampled_from((0, WITHIN, -WITHIN)),
            st.integers(-1, 1),
        )
        | st.integers(AS_OF - 8 * SECOND, AS_OF + SECOND),
        order=st.sampled_from((None, "s1")),
        send=st.sampled_from((None, "s1", "s2")),
        channel=st.sampled_from(("email", "sms")),
        campaign=st.sampled_from((None, "spring", "autumn")),
    ),
    max_size=25,
)


def values_of(program: FeatureProgram, events: Sequence[Event], as_of: int = AS_OF) -> dict[str, list[object]]:
    values = program.values(pack(CUSTOMERS, events), as_of)
    return {name: column.to_pylist() for name, column in values.items()}


def values_by_sql(events: Sequence[Event], within: int) -> dict[str, list[object]]:
    columns = ("customer", "type", "send", "channel", "campaign")
    table = pa.table(
        {
            **{name: pa.array([getattr(event, name) for event in events], pa.string()) for name in columns},
            "instant": pa.array([event.at for event in events], pa.int64()),
        }
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("events", table)
        connection.register("customers", pa.table({"customer": list(CUSTOMERS)}))
        told = {"as_of": AS_OF, "within": within, "week": 7 * DAY, "day": DAY}
        found = connection.execute(RESPONSES_SQL, told).to_arrow_table()
    return {name: found[name].to_pylist() for name in found.column_names if name != "customer"}


@settings(max_examples=150)
@given(happenings, st.sampled_from((1, SECOND, WITHIN, HOUR)))
def test_features_over_responses_equal_sql(events: list[Event], within: int) -> None:
    assert values_of(compile_features(FEATURES, within), events) == values_by_sql(events, within)


@settings(max_examples=50)
@given(happenings.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_neither_order_nor_repetition_of_deliveries_shows(both: tuple[list[Event], list[Event]]) -> None:
    events, otherwise = both
    again = [event for event in events if event.type == "send_delivered"]
    counts = {name: values for name, values in values_of(PROGRAM, events).items() if name != "deliveries"}

    assert values_of(PROGRAM, otherwise) == values_of(PROGRAM, events)
    assert counts.items() <= values_of(PROGRAM, [*otherwise, *again]).items()


@settings(max_examples=50)
@given(happenings)
def test_how_customers_are_cut_into_batches_shows_in_no_response(events: list[Event]) -> None:
    whole = pack(CUSTOMERS, events)
    parts = [PROGRAM.values(whole.slice(start, length), AS_OF) for start, length in ((0, 1), (1, 0), (1, 2))]

    for name, column in PROGRAM.values(whole, AS_OF).items():
        assert pa.concat_arrays([part[name] for part in parts]) == column


@settings(max_examples=50)
@given(happenings)
def test_a_brand_that_declares_no_span_counts_every_response(events: list[Event]) -> None:
    ancient = [replace(event, send=None) for event in events]

    assert values_of(compile_features(FEATURES), events) == values_of(PROGRAM, ancient)


@pytest.mark.parametrize(
    ("after", "counts"),
    [(-HOUR, 1), (-1, 1), (0, 0), (1, 0), (WITHIN - 1, 0), (WITHIN, 1), (HOUR, 1)],
)
@pytest.mark.parametrize("kind", ["send_opened", "send_clicked"])
def test_the_span_holds_the_instant_of_the_delivery_and_not_its_own_end(kind: str, after: int, counts: int) -> None:
    mail = Event("ada", "send_delivered", DELIVERED, send="s1")
    response = Event("ada", kind, DELIVERED + after, send="s1")
    program = compile_features([feature("responses", "count", kind)], WITHIN)

    # then it does not matter which of the two came in first
    for events in ([mail, response], [response, mail]):
        assert values_of(program, events) == {"responses": [counts, 0, 0]}


def test_a_response_is_judged_by_the_delivery_of_its_own_send_to_its_own_customer() -> None:
    soon = DELIVERED + SECOND
    events = [
        Event("ada", "send_delivered", DELIVERED, send="s1"),
        # Ada opens another send, one that nobody knows, and one whose delivery nobody told; Bob opens a mail to Ada
        Event("ada", "send_opened", soon, send="s2"),
        Event("ada", "send_opened", soon),
        Event("ada", "send_opened", soon, order="s1"),
        Event("bob", "send_opened", soon, send="s1"),
        # and of two deliveries without a send neither is one of his click without a send
        Event("bob", "send_delivered", DELIVERED),
        Event("bob", "send_clicked", soon),
    ]

    assert values_of(PROGRAM, events)["acts"] == [3, 2, 0]


def test_a_response_soon_after_any_of_several_deliveries_is_a_machines() -> None:
    events = [
        Event("ada", "send_delivered", DELIVERED, send="s1"),
        Event("ada", "send_delivered", DELIVERED + HOUR, send="s1"),
        Event("ada", "send_opened", DELIVERED + SECOND, send="s1"),
        Event("ada", "send_opened", DELIVERED + HOUR - 1, send="s1"),
        Event("ada", "send_opened", DELIVERED + HOUR + SECOND, send="s1"),
    ]

    assert values_of(PROGRAM, events)["opens"] == [1, 0, 0]


def test_the_send_of_a_response_is_never_taken_for_an_order() -> None:
    orders = compile_features(
        [
            feature("orders", "distinct", ["order", "send_clicked"], "order"),
            feature("last_of_clicks", "last", "send_clicked", "order"),
        ]
    )
    events = [Event("ada", "order", DELIVERED, order="o1"), Event("ada", "send_clicked", AS_OF - 1, send="s1")]

    assert values_of(orders, events) == {"orders": [1, 0, 0], "last_of_clicks": [None, None, None]}


def test_responses_are_judged_once_for_all_features_and_cost_nothing_where_no_span_is_declared() -> None:
    orders = [feature("orders", "count", "order"), feature("deliveries", "count", "send_delivered")]

    assert compile_features(orders, WITHIN) == compile_features(orders)
    assert len(PROGRAM.narrowings) == len(compile_features(FEATURES).narrowings) + 1
    assert PROGRAM.columns == ("campaign", "channel", "event_at", "order", "type")
    assert "order" not in compile_features(FEATURES).columns
