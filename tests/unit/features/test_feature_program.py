"""What a compiled catalogue makes of packed histories, however they are ordered, cut into batches or laid out."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.features import Feature
from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.features.program import arrow_type, compile_features
from ceasefire.ids import hash64
from unit.features.catalogues import FILTERS, every_feature, feature, profile_feature
from unit.features.packed_histories import AS_OF, DAY, EVENT_LISTS, HOUR, Event, Setting, pack

CUSTOMERS = ("ada", "bob", "cem")
EVERYTHING = (*every_feature(FILTERS[1:4]), profile_feature("tongue", "locale", "en"))
PROGRAM = compile_features(EVERYTHING)

few_events = st.lists(
    st.builds(
        Event,
        customer=st.sampled_from(CUSTOMERS),
        type=st.sampled_from(("registered", "browse", "order", "return")),
        at=st.integers(AS_OF - 10 * DAY, AS_OF - 1) | st.sampled_from((AS_OF - DAY, AS_OF - 7 * DAY)),
        amount=st.none() | st.integers(-9, 9),
        quantity=st.none() | st.integers(0, 9),
        category=st.sampled_from((None, "ski", "ski/boots")),
        product=st.sampled_from((None, "p1", "p2")),
    ),
    max_size=12,
)
few_settings = st.lists(
    st.builds(
        Setting,
        customer=st.sampled_from(CUSTOMERS),
        name=st.just("locale"),
        value=st.none() | st.sampled_from(("de", "fr")),
        at=st.integers(AS_OF - 2, AS_OF - 1),
    ),
    max_size=6,
)


def in_two_orders(items: list[Any]) -> st.SearchStrategy[tuple[list[Any], list[Any]]]:
    return st.tuples(st.just(items), st.permutations(items))


def values_of(features: list[Feature], history: pa.RecordBatch, as_of: int = AS_OF) -> dict[str, list[object]]:
    return {name: column.to_pylist() for name, column in compile_features(features).values(history, as_of).items()}


@settings(max_examples=20)
@given(few_events.flatmap(in_two_orders), few_settings.flatmap(in_two_orders))
def test_the_order_of_events_changes_no_feature(
    made: tuple[list[Event], list[Event]], said: tuple[list[Setting], list[Setting]]
) -> None:
    one_way, other_way = (pack(CUSTOMERS, made[order], said[order]) for order in (0, 1))
    assert PROGRAM.values(one_way, AS_OF) == PROGRAM.values(other_way, AS_OF)


@settings(max_examples=20)
@given(few_events, few_settings)
def test_how_customers_are_cut_into_batches_changes_no_feature(made: list[Event], said: list[Setting]) -> None:
    whole = pack(CUSTOMERS, made, said)
    together = PROGRAM.values(whole, AS_OF)
    parts = [PROGRAM.values(whole.slice(start, length), AS_OF) for start, length in ((0, 1), (1, 0), (1, 2))]
    for name, column in together.items():
        assert pa.concat_arrays([part[name] for part in parts]) == column


@settings(max_examples=20)
@given(few_events, few_settings, few_events)
def test_events_at_or_past_as_of_change_no_feature(made: list[Event], said: list[Setting], later: list[Event]) -> None:
    # given the same events, and others that the close must not know of
    unknown = [replace(event, at=event.at + 10 * DAY) for event in later]
    unknown_settings = [Setting("ada", "locale", "pt", AS_OF), Setting("bob", "locale", "pt", AS_OF + DAY)]

    foreknowing = pack(CUSTOMERS, made + unknown, said + unknown_settings)

    assert PROGRAM.values(foreknowing, AS_OF) == PROGRAM.values(pack(CUSTOMERS, made, said), AS_OF)


def test_a_window_holds_its_first_instant_and_not_its_last() -> None:
    counts = [feature("day", "count", "browse", window="24h"), feature("week", "count", "browse", window="7d")]
    visit = pack(["ada"], [Event("ada", "browse", AS_OF)])
    # a visit counts from just after it happened until the window's length has passed, by time alone
    for elapsed, in_day, in_week in (
        (0, 0, 0),
        (1, 1, 1),
        (24 * HOUR, 1, 1),
        (24 * HOUR + 1, 0, 1),
        (7 * DAY, 0, 1),
        (7 * DAY + 1, 0, 0),
    ):
        assert values_of(counts, visit, AS_OF + elapsed) == {"day": [in_day], "week": [in_week]}


def test_what_came_before_the_registration_does_not_count_since_registration() -> None:
    since = [
        feature("views", "count", "browse", window="since_registration"),
        feature("latest", "days_since", "browse", window="since_registration"),
    ]
    events = [
        # Ada looked before she registered, at that very instant, and after; her second registration is no news
        Event("ada", "browse", AS_OF - 9 * DAY),
        Event("ada", "browse", AS_OF - 8 * DAY),
        Event("ada", "registered", AS_OF - 8 * DAY),
        Event("ada", "browse", AS_OF - 2 * DAY),
        Event("ada", "registered", AS_OF - 1 * DAY),
        # Bob registers just as the window closes, Cem never does
        Event("bob", "browse", AS_OF - DAY),
        Event("bob", "registered", AS_OF),
        Event("cem", "browse", AS_OF - DAY),
    ]
    assert values_of(since, pack(CUSTOMERS, events)) == {"views": [2, 0, 0], "latest": [2.0, None, None]}


def test_ties_at_one_instant_go_to_the_smallest_first_and_the_largest_last_value() -> None:
    noon, one = AS_OF - 12 * HOUR, AS_OF - 11 * HOUR
    features = [
        feature("first_minor", "first", "order", "amount"),
        feature("last_minor", "last", "order", "amount"),
        feature("last_product", "last", "order", "product"),
    ]
    events = [
        Event("ada", "order", noon, amount=7, product="p1"),
        Event("ada", "order", noon, amount=5, product="p2"),
        # the last order says neither amount nor product, so it is the last of nothing
        Event("ada", "order", one),
    ]
    assert values_of(features, pack(["ada"], events)) == {
        "first_minor": [5],
        "last_minor": [7],
        "last_product": [max(hash64("p1"), hash64("p2"))],
    }


def test_a_returned_coat_is_subtracted_and_a_lost_game_stays_lost() -> None:
    net = [
        feature("net", "sum", ["order", "return"], "net_amount"),
        feature("game", "sum", "session_ended", "net_amount"),
        feature("best", "max", ["order", "return"], "net_amount"),
    ]
    events = [
        Event("ada", "order", AS_OF - 3, amount=9_900),
        Event("ada", "return", AS_OF - 2, amount=9_900),
        Event("ada", "session_ended", AS_OF - 1, amount=-250),
    ]
    assert values_of(net, pack(["ada"], events)) == {"net": [0], "game": [-250], "best": [9_900]}


def test_money_is_exact_where_a_double_is_not() -> None:
    spend = [feature("spend", "sum", "order", "amount"), feature("largest", "max", "order", "amount")]
    amounts = (2**60 + 1, 2**60, 1, -3)
    events = [Event("ada", "order", AS_OF - 1, amount=amount) for amount in amounts]
    # and a stranger's huge amounts in the same batch leave no trace
    events += [Event("bob", "order", AS_OF - 1, amount=2**62) for _ in range(3)]
    found = values_of(spend, pack(["bob", "ada"], events))
    assert found["spend"][1] == sum(amounts)
    assert found["largest"] == [2**62, 2**60 + 1]


def test_a_mean_leaves_out_events_without_the_value() -> None:
    means = [feature("mean_minor", "mean", "order", "amount"), feature("mean_pieces", "mean", "order", "quantity")]
    events = [
        Event("ada", "order", AS_OF - 1, amount=100, quantity=1_500),
        Event("ada", "order", AS_OF - 2, amount=None, quantity=250),
        Event("ada", "order", AS_OF - 3, amount=101, quantity=None),
    ]
    assert values_of(means, pack(["ada"], events)) == {"mean_minor": [100.5], "mean_pieces": [0.875]}


def test_where_nothing_passed_stands_the_default_or_zero_for_counts_or_nothing() -> None:
    features = [
        feature("orders", "count", "order"),
        feature("orders_or_one", "count", "order", default=1),
        feature("products", "distinct", "order", "product"),
        feature("spend", "sum", "order", "amount"),
        feature("spend_or_zero", "sum", "order", "amount", default=0),
        feature("mean_or_half", "mean", "order", "amount", default=0.5),
        feature("days", "days_since", "order"),
        feature("days_or_many", "days_since", "order", default=9_999),
    ]
    # given Ada did nothing, Bob something else, and Cem's order names neither product nor amount
    events = [Event("bob", "browse", AS_OF - 1), Event("cem", "order", AS_OF - DAY)]
    assert values_of(features, pack(CUSTOMERS, events)) == {
        "orders": [0, 0, 1],
        "orders_or_one": [1, 1, 1],
        "products": [0, 0, 0],
        "spend": [None, None, None],
        "spend_or_zero": [0, 0, 0],
        "mean_or_half": [0.5, 0.5, 0.5],
        "days": [None, None, 1.0],
        "days_or_many": [9_999.0, 9_999.0, 1.0],
    }


def test_the_population_is_everybody_with_an_event_before_as_of() -> None:
    events = [Event("ada", "browse", AS_OF - 1), Event("bob", "browse", AS_OF)]
    said = [Setting("cem", "locale", "de", AS_OF - DAY)]
    assert PROGRAM.has_events(pack(CUSTOMERS, events, said), AS_OF).tolist() == [True, False, False]


def test_a_batch_without_customers_and_customers_without_events_have_features_of_the_declared_types() -> None:
    for history in (pack([]), pack(["ada", "bob"])):
        values = PROGRAM.values(history, AS_OF)
        assert [column.type for column in values.values()] == [arrow_type(one) for one in EVERYTHING]
        assert {len(column) for column in values.values()} == {history.num_rows}
        assert not PROGRAM.has_events(history, AS_OF).any()


def test_a_null_list_is_no_events_even_when_elements_lie_beneath_it() -> None:
    events = {"ada": Event("ada", "order", AS_OF - 1, 5), "bob": Event("bob", "order", AS_OF - 2, 6)}
    events["cem"] = Event("cem", "order", AS_OF - 3, 7)
    said = {customer: Setting(customer, "locale", f"tongue of {customer}", AS_OF - 1) for customer in CUSTOMERS}
    whole = pack(CUSTOMERS, events.values(), said.values())
    bobs = pa.array([False, True, False])
    hidden = {
        name: column
        if name == "customer_id"
        else pa.ListArray.from_arrays(column.offsets, column.values, type=column.type, mask=bobs)
        for name, column in zip(whole.schema.names, whole.columns, strict=True)
    }
    del events["bob"], said["bob"]
    expected = PROGRAM.values(pack(CUSTOMERS, events.values(), said.values()), AS_OF)
    assert PROGRAM.values(pa.record_batch(hidden), AS_OF) == expected


def test_features_of_one_filter_and_window_share_every_step() -> None:
    kids = {"category": "ski/boots/kids", "channel": "email"}
    alone = compile_features([feature("spend", "sum", ["order", "return"], "amount", "7d", **kids)])
    features = [
        feature("spend", "sum", ["order", "return"], "amount", "7d", **kids),
        feature("mean", "mean", ["return", "order"], "amount", "7d", **kids),
        feature("net", "sum", ["order", "return", "order"], "net_amount", "7d", **kids),
        feature("count", "count", ["order", "return"], None, "7d", **kids),
        feature("days", "days_since", ["order", "return"], None, "7d", **kids),
    ]
    together = compile_features(features)
    # then state, type, category, channel, window and the presence of an amount are judged once for all
    assert len(alone.narrowings) == 6
    assert together.narrowings == alone.narrowings
    assert len(together.reductions) == 5


def test_another_window_costs_one_step_and_another_default_none() -> None:
    week = feature("week", "count", "browse", window="7d")
    month = feature("month", "count", "browse", window="30d")
    week_or_none = feature("week_or_none", "count", "browse", window="7d", default=-1)
    assert [len(compile_features(some).narrowings) for some in ([week], [week, month])] == [2, 3]
    assert len(compile_features([week, week_or_none]).reductions) == 1


def test_hundreds_of_features_rest_on_each_narrowing_once_and_travel_light() -> None:
    assert len(set(PROGRAM.narrowings)) == len(PROGRAM.narrowings) < len(EVERYTHING)
    assert all(narrowing.of <= position for position, narrowing in enumerate(PROGRAM.narrowings))
    pickled = pickle.dumps(PROGRAM)
    assert pickle.loads(pickled) == PROGRAM
    assert len(pickled) < len(pickle.dumps(EVERYTHING))


def test_only_the_columns_that_features_need_are_asked_for_and_read() -> None:
    count = feature("lines", "count", "order_line", category="ski/boots")
    spend = feature("spend", "sum", "order_line", "net_amount", "7d")
    orders = feature("orders", "count", "order")
    net = feature("net", "sum", ["order_line", "return"], "net_amount")
    tongue = profile_feature("tongue", "locale")
    assert compile_features([]).columns == ("event_at",)
    assert compile_features([tongue]).columns == ("event_at", "profile_at", "profile_name", "profile_value")
    assert compile_features([count]).columns == ("category_2", "event_at", "type")
    assert compile_features([count, spend]).columns == ("amount_minor", "category_2", "event_at", "type")
    # of orders and returns, all that tells their states apart
    assert set(compile_features([orders]).columns) == set(compile_features([net]).columns) == set(EVENT_LISTS)
    assert compile_features([feature("last", "last", "browse", "category")]).columns == (
        "category_1",
        "category_2",
        "category_3",
        "event_at",
        "type",
    )

    # and a batch of just those is enough, for each feature on its own
    history = pack(CUSTOMERS, [Event("ada", "order", AS_OF - 1, amount=3, category="ski/boots")])
    for one in EVERYTHING:
        narrow = history.select(["customer_id", *compile_features([one]).columns])
        program = compile_features([one])
        assert program.values(narrow, AS_OF) == program.values(history, AS_OF)


def test_a_history_that_is_not_fit_is_refused_by_name() -> None:
    spend = compile_features([feature("spend", "sum", "session_ended", "amount")])
    history = pack(["ada"], [Event("ada", "order", AS_OF - 1, amount=3)])

    with pytest.raises(CheckFailedError, match="history lacks columns amount_minor, type, got customer_id, event_at"):
        spend.values(history.select(["customer_id", "event_at"]), AS_OF)

    longer = pa.array([[1, 2]], pa.list_(pa.int64()))
    position = history.schema.get_field_index("amount_minor")
    with pytest.raises(CheckFailedError, match="amount_minor: lists of other lengths than event_at"):
        spend.values(history.set_column(position, "amount_minor", longer), AS_OF)

    timeless = pa.array([[None]], history.schema.field("event_at").type)
    position = history.schema.get_field_index("event_at")
    with pytest.raises(CheckFailedError, match="event_at: 1 null elements, allowed: none"):
        spend.values(history.set_column(position, "event_at", timeless), AS_OF)


def test_derived_features_and_names_that_stand_twice_are_refused_together() -> None:
    ratio = Feature(name="ratio", unit="ratio", description="d", derived="a / b")
    orders = feature("orders", "count", "order")
    with pytest.raises(UsageError, match=r"ratio is derived.*; feature orders stands twice"):
        compile_features([orders, ratio, orders])


def test_a_response_that_ingest_found_to_be_a_machines_counts_in_no_feature_and_is_still_a_past() -> None:
    features = [
        feature("opens", "count", "send_opened"),
        feature("responses", "count", ["send_opened", "send_clicked"], channel="email"),
        feature("days_since_click", "days_since", "send_clicked"),
    ]
    events = [
        # Ada clicks; a scanner has clicked for her since, and for Bob, who did nothing at all
        Event("ada", "send_clicked", AS_OF - 2 * DAY, channel="email"),
        Event("ada", "send_clicked", AS_OF - DAY, channel="email", by_machine=True),
        Event("bob", "send_opened", AS_OF - DAY, channel="email", by_machine=True),
    ]
    history = pack(CUSTOMERS, events)

    assert values_of(features, history) == {
        "opens": [0, 0, 0],
        "responses": [1, 0, 0],
        "days_since_click": [2.0, None, None],
    }
    assert compile_features(features).has_events(history, AS_OF).tolist() == [True, True, False]
