"""Every cell of a catalogue of every aggregate, window and kind of filter equals DuckDB over the raw events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.features.program import arrow_type, compile_features
from ceasefire.ids import hash64
from unit.features.catalogues import every_feature, profile_feature
from unit.features.duckdb_oracle import features_by_sql, settings_by_sql
from unit.features.packed_histories import AS_OF, DAY, HOUR, Event, Setting, pack

CUSTOMERS = ("ada", "bob", "cem", "silent")
TYPES = ("registered", "browse", "order", "order_line", "return", "session_ended", "send_opened")
CATEGORIES = (None, "ski", "skiing", "ski/boots", "ski/bootstrap", "ski/boots/kids", "ski/boots/kids/red", "bags/ski")
PRODUCTS = (None, "p1", "p2", "p3")
ORDERS = (None, "o1", "o2")
CAMPAIGNS = (None, "spring", "autumn")
CHANNELS = (None, "email", "sms")
SOURCES = (None, "shop", "app")
IDS = {
    text: hash64(text)
    for texts in (CATEGORIES, PRODUCTS, ORDERS, CAMPAIGNS, CHANNELS, SOURCES)
    for text in texts
    if text is not None and text.count("/") < 3
}
EDGES = tuple(AS_OF - edge + step for edge in (0, 24 * HOUR, 7 * DAY, 40 * DAY) for step in (-1, 0, 1))
"""Few instants, so that ties are common, around as_of and around the edge of every window."""

CATALOGUE = every_feature()
PROGRAM = compile_features(CATALOGUE)

events = st.lists(
    st.builds(
        Event,
        customer=st.sampled_from(CUSTOMERS[:3]),
        type=st.sampled_from(TYPES),
        at=st.sampled_from(EDGES) | st.integers(AS_OF - 60 * DAY, AS_OF + DAY),
        amount=st.none() | st.integers(-5, 5) | st.integers(-(10**12), 10**12),
        quantity=st.none() | st.integers(0, 10_000),
        category=st.sampled_from(CATEGORIES),
        product=st.sampled_from(PRODUCTS),
        order=st.sampled_from(ORDERS),
        campaign=st.sampled_from(CAMPAIGNS),
        channel=st.sampled_from(CHANNELS),
        source=st.sampled_from(SOURCES),
    ),
    max_size=30,
)
PROFILE_NAMES = ("locale", "time_zone", "consent/marketing/email")
profile_settings = st.lists(
    st.builds(
        Setting,
        customer=st.sampled_from(CUSTOMERS[:3]),
        name=st.sampled_from((*PROFILE_NAMES, "of no interest")),
        value=st.none() | st.sampled_from(("", "a", "ab", "é", "\U0001f600", "\uffee")) | st.text(max_size=2),
        at=st.sampled_from((AS_OF - 2, AS_OF - 1, AS_OF, AS_OF + 1)),
    ),
    max_size=25,
)


@settings(max_examples=15)
@given(events)
def test_every_feature_of_a_few_events_equals_sql(few: list[Event]) -> None:
    assert_equals_sql(CUSTOMERS, few)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_feature_of_a_random_stream_equals_sql(seed: int) -> None:
    customers = [f"customer {number}" for number in range(60)]
    assert_equals_sql(customers, random_events(np.random.default_rng(seed), customers[:-1], 2_000))


@settings(max_examples=30)
@given(profile_settings)
def test_every_profile_feature_equals_sql(made: list[Setting]) -> None:
    features = [profile_feature(f"p{number}", name) for number, name in enumerate(PROFILE_NAMES)]

    values = compile_features(features).values(pack(CUSTOMERS, settings=made), AS_OF)

    expected = settings_by_sql(CUSTOMERS, made, PROFILE_NAMES)
    for number, name in enumerate(PROFILE_NAMES):
        assert values[f"p{number}"].to_pylist() == [expected[customer, name] for customer in CUSTOMERS]


def assert_equals_sql(customers: list[str] | tuple[str, ...], made: list[Event]) -> None:
    values = PROGRAM.values(pack(customers, made), AS_OF)
    expected = features_by_sql(customers, made, IDS)
    assert list(values) == [feature.name for feature in CATALOGUE]
    assert len(expected) == len(CATALOGUE) * len(customers)
    for feature in CATALOGUE:
        assert values[feature.name].type == arrow_type(feature)
        got = dict(zip(customers, values[feature.name].to_pylist(), strict=True))
        wanted = {customer: expected[customer, feature.name] for customer in customers}
        assert got == wanted, feature.name
        assert all(type(got[customer]) is type(wanted[customer]) for customer in customers), feature.name


def random_events(random: np.random.Generator, customers: list[str], count: int) -> list[Event]:
    def one_of(choices: tuple[str | None, ...]) -> str | None:
        return choices[random.integers(len(choices))]

    def maybe(low: int, high: int) -> int | None:
        return int(random.integers(low, high)) if random.random() < 0.7 else None

    return [
        Event(
            customer=customers[random.integers(len(customers))],
            type=TYPES[random.integers(len(TYPES))],
            at=EDGES[random.integers(len(EDGES))] if random.random() < 0.4 else AS_OF - int(random.integers(60 * DAY)),
            amount=maybe(-(10**9), 10**9),
            quantity=maybe(0, 10**6),
            category=one_of(CATEGORIES),
            product=one_of(PRODUCTS),
            order=one_of(ORDERS),
            campaign=one_of(CAMPAIGNS),
            channel=one_of(CHANNELS),
            source=one_of(SOURCES),
        )
        for _ in range(count)
    ]
