"""What a brand says of scanners and prefetchers reaches whoever reads responses: features, models and outcomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ceasefire.config.units import instant_micros
from ceasefire.pipelines.features import features_of_batch
from ceasefire.pipelines.models import feature_definitions
from ceasefire.pipelines.training_rows import PastCampaign, asked_events
from ceasefire.pipelines.workspace import BrandAtWork
from unit.features.packed_histories import HOUR, SECOND, Event, pack
from unit.pipelines.shop import CLOSE, campaign, shop

BEGAN = datetime(2026, 5, 1, 22, tzinfo=UTC)
ENDED = BEGAN + timedelta(days=14)
MORNING = instant_micros(CLOSE) - 10 * HOUR


def brand(**changed: Any) -> BrandAtWork:
    """A shop with a feature over clicks, one over orders, and one that is worked out from the clicks."""
    of_events = {"unit": "events", "description": "So many.", "aggregate": "count"}
    features = [
        {"name": "clicks", "from": {"event": ["send_clicked"]}, **of_events},
        {"name": "orders", "from": {"event": "order"}, **of_events},
        {"name": "twice", "unit": "events", "description": "Twice the clicks.", "derived": "clicks * 2"},
    ]
    segments = [{"id": "is_new", "rule": "clicks > 0"}]
    return shop([campaign("offer")], features=features, segments=segments, **changed)


def test_a_click_three_seconds_after_the_delivery_is_the_customers_and_one_before_that_a_scanners() -> None:
    # given Ada's employer scans each link as mail comes in, and Bob is quick
    events = [
        Event("ada", "send_delivered", MORNING, send="s1"),
        Event("ada", "send_clicked", MORNING + SECOND, send="s1"),
        Event("bob", "send_delivered", MORNING, send="s2"),
        Event("bob", "send_clicked", MORNING + 3 * SECOND, send="s2"),
    ]

    def clicks(at_work: BrandAtWork) -> list[int]:
        schema, micros = at_work.programs.window_schema, instant_micros(CLOSE)
        history = pack(["ada", "bob"], events)
        read = history.select(["customer_id", *at_work.programs.history_columns])
        found: list[int] = features_of_batch(at_work.programs, read, CLOSE, micros, schema)["clicks"].to_pylist()
        return found

    # then only a brand that declares the span tells them apart
    assert clicks(brand(machine_responses={"within": "3s"})) == [0, 1]
    assert clicks(brand(machine_responses={"agents": ["barracuda"]})) == [1, 1]
    assert clicks(brand()) == [1, 1]


def test_another_span_makes_features_over_responses_others_than_a_model_learnt_and_leaves_the_rest() -> None:
    plain = feature_definitions(brand().brand)
    by_agent = feature_definitions(brand(machine_responses={"agents": ["barracuda"]}).brand)
    three, four = (feature_definitions(brand(machine_responses={"within": span}).brand) for span in ("3s", "4s"))

    assert by_agent == plain
    for name in ("clicks", "twice"):
        assert len({plain[name], three[name], four[name]}) == 3
    assert plain["orders"] == three["orders"] == four["orders"]


def test_deliveries_are_read_for_outcomes_that_are_responses_and_for_no_others() -> None:
    sought = {"clicked": "send_clicked", "opened": "send_opened", "bought": "order", "arrived": "send_delivered"}
    declared = [campaign(name, outcome={"event": event, "within": "14d"}) for name, event in sought.items()]
    past = [PastCampaign(one, BEGAN, ENDED, 7) for one in shop(declared).brand.campaigns]

    with_span, without = (asked_events(past, micros).to_pylist() for micros in (3 * SECOND, None))

    # the outcomes are the same either way
    assert [row for row in with_span if row["is_outcome"]] == without
    assert {row["campaign_id"]: row["event_type"] for row in without} == sought
    # and a delivery is read even if it was just before the campaign began, since its response may be after
    deliveries = [row for row in with_span if not row["is_outcome"]]
    assert [(row["campaign_id"], row["event_type"], row["begins_at"], row["ends_at"]) for row in deliveries] == [
        (name, "send_delivered", BEGAN - timedelta(seconds=3), ENDED) for name in ("clicked", "opened")
    ]


def test_deliveries_of_an_outcome_about_products_are_read_whatever_they_are_about() -> None:
    (about_all,) = shop([campaign("shoes", outcome={"event": "send_clicked", "within": "14d"})]).brand.campaigns
    about_shoes = about_all.outcome.model_copy(update={"products": "products/shoes.csv"})
    past = PastCampaign(about_all.model_copy(update={"outcome": about_shoes}), BEGAN, ENDED, 7)

    clicks, deliveries = asked_events([past], SECOND).to_pylist()

    assert (clicks["of_products"], deliveries["of_products"]) == (True, False)
