"""The showcase brand: its files have no problem, and its segments are the sentences that they are named after."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from ceasefire.config.brand import BrandSettings
from ceasefire.config.bundle import Bundle
from ceasefire.config.campaigns import Campaign
from ceasefire.config.features import Feature
from ceasefire.config.segments import Segment
from ceasefire.pipelines.workspace import BrandAtWork, load_brand, load_pinned_brand
from ceasefire.vocabulary import Aggregate, EventType, MessageClass
from unit.features.packed_histories import AS_OF, DAY, HOUR, Event, Setting, pack

CONF = Path(__file__).parents[3] / "conf"
SHOWCASE = load_brand(CONF / "brands" / "showcase", {})


def segments_of(*history: Event | Setting, brand: BrandAtWork = SHOWCASE) -> set[str]:
    """The segments of the one customer that all this happened to."""
    programs = brand.programs
    events = [one for one in history if isinstance(one, Event)]
    batch = pack(["eve"], events, [one for one in history if isinstance(one, Setting)])
    values = programs.base.values(batch, AS_OF)
    values |= programs.derived.values(values, 1)
    (members,) = programs.rules.memberships(values, 1).T
    return {rule for rule, is_in in zip(programs.rules.rule_ids, members, strict=True) if is_in}


def reread(segment: str, rule: str) -> BrandAtWork:
    """The showcase with another reading of one segment."""
    texts = dict(SHOWCASE.brand.bundle.texts)
    texts["segments.yaml"] = f'segments: [{{id: {segment}, rule: "{rule}"}}]'
    texts["campaigns.yaml"] = "campaigns: []"
    return load_pinned_brand(replace(SHOWCASE.brand.bundle, texts=texts).text, SHOWCASE.key)


def it(type_: str, ago: int, **facts: Any) -> Event:
    return Event("eve", type_, AS_OF - ago, **facts)


def order(ago: int, amount: int, order_id: str = "o1") -> Event:
    return it("order", ago, amount=amount, order=order_id)


# The folder


def test_the_showcase_has_no_problem_and_four_channels() -> None:
    assert SHOWCASE.brand.settings.brand == "showcase"
    assert {name: SHOWCASE.brand.settings.address_kind(name) for name in SHOWCASE.brand.settings.channels} == {
        "email": "email",
        "sms": "phone",
        "push": "push_token",
        "ad_audience": "email",
    }


def test_it_has_the_campaigns_of_the_stories_and_one_message_that_is_no_marketing() -> None:
    by_class = {one.id: one.class_ for one in SHOWCASE.brand.campaigns}

    assert [name for name, class_ in by_class.items() if class_ is MessageClass.TRANSACTIONAL] == ["refund_notice"]
    assert {"new_customer", "birthday", "holiday", "flash_sale", "how_to", "win_back"} < set(by_class)
    assert {"poker_comeback", "ski_upsell"} < set(by_class)


def test_every_segment_of_the_showcase_is_wanted_by_a_campaign() -> None:
    wanted = {name for one in SHOWCASE.brand.campaigns for name in one.audience.segments}

    assert wanted == {one.id for one in SHOWCASE.brand.segments}


def test_a_bundle_read_back_from_its_text_declares_the_same() -> None:
    pinned = load_pinned_brand(Bundle.from_text(SHOWCASE.brand.bundle.text).text, SHOWCASE.key)

    assert pinned.brand.bundle.hash == SHOWCASE.brand.bundle.hash
    assert pinned.brand == SHOWCASE.brand
    assert pinned.programs == SHOWCASE.programs


# Registered less than a week ago, no purchases, browsed handbags

LOOKED = it("browse", DAY, category="handbags")


@pytest.mark.parametrize(
    ("registered_ago", "is_in"), [(7 * DAY - 1, True), (7 * DAY, False), (7 * DAY + 1, False), (0 * DAY + 1, True)]
)
def test_a_new_customer_leaves_by_time_alone_at_exactly_seven_days(registered_ago: int, is_in: bool) -> None:
    looked = it("browse", 1, category="handbags")

    assert ("new_browsed_handbags" in segments_of(it("registered", registered_ago), looked)) is is_in


@pytest.mark.parametrize(
    ("category", "is_in"), [("handbags", True), ("handbags/leather/clutches/red", True), ("handbagsale", False)]
)
def test_handbags_are_the_category_and_all_below_it(category: str, is_in: bool) -> None:
    looked = it("browse", DAY, category=category)

    assert ("new_browsed_handbags" in segments_of(it("registered", 2 * DAY), looked)) is is_in


def test_what_was_looked_at_before_registering_does_not_count() -> None:
    assert "new_browsed_handbags" not in segments_of(it("registered", DAY - 1), LOOKED)
    assert "new_browsed_handbags" in segments_of(it("registered", DAY), LOOKED)


def test_a_returned_order_is_a_purchase_unless_the_rule_is_read_net() -> None:
    bought_and_returned = (
        it("registered", 3 * DAY),
        LOOKED,
        order(2 * DAY, 5000),
        it("return", DAY, amount=5000, order="o1"),
    )
    net = reread(
        "new_browsed_handbags",
        "days_since_registration < 7 AND net_spend_to_date <= 0 AND handbag_browse_count_since_registration > 0",
    )

    assert "new_browsed_handbags" not in segments_of(*bought_and_returned)
    assert "new_browsed_handbags" in segments_of(*bought_and_returned, brand=net)


def test_whoever_never_registered_is_no_new_customer() -> None:
    assert segments_of(LOOKED) == set()


# Spent more than $500 to date, but never responded to a previous campaign

DELIVERED = it("send_delivered", 40 * DAY, channel="email")


@pytest.mark.parametrize(("spent", "is_in"), [(50_000, False), (50_001, True)])
def test_exactly_five_hundred_is_not_more_than_it(spent: int, is_in: bool) -> None:
    assert ("big_spenders_never_responded" in segments_of(order(10 * DAY, spent), DELIVERED)) is is_in


def test_spend_is_net_of_returns_unless_the_rule_is_read_gross() -> None:
    spent_and_returned = (order(10 * DAY, 60_000), it("return", 5 * DAY, amount=10_001, order="o1"), DELIVERED)
    gross = reread("big_spenders_never_responded", "gross_spend_to_date > 50000 AND response_count_to_date = 0")

    assert "big_spenders_never_responded" not in segments_of(*spent_and_returned)
    assert "big_spenders_never_responded" in segments_of(*spent_and_returned, brand=gross)


@pytest.mark.parametrize(
    ("event", "is_response"),
    [
        (it("send_opened", 39 * DAY, channel="email"), False),
        (it("send_clicked", 39 * DAY, channel="email"), True),
        (it("converted", 39 * DAY, campaign="spring"), True),
    ],
)
def test_to_respond_is_to_click_or_to_convert_and_not_to_open(event: Event, is_response: bool) -> None:
    responded = "big_spenders_never_responded" not in segments_of(order(10 * DAY, 60_000), DELIVERED, event)

    assert responded is is_response


def test_whoever_never_got_a_message_did_not_fail_to_respond_unless_the_rule_says_so() -> None:
    vacuous = reread("big_spenders_never_responded", "net_spend_to_date > 50000 AND response_count_to_date = 0")

    assert "big_spenders_never_responded" not in segments_of(order(10 * DAY, 60_000))
    assert "big_spenders_never_responded" in segments_of(order(10 * DAY, 60_000), brand=vacuous)


# Played poker in the last week and lost, with a predicted future value greater than $200

RICH = order(300 * DAY, 20_001)


def poker(ago: int, result: int) -> Event:
    return it("session_ended", ago, category="games/poker/holdem", amount=result)


@pytest.mark.parametrize(
    ("sessions", "is_in"),
    [
        ([poker(DAY, -500)], True),
        ([poker(DAY, 0)], False),
        ([poker(DAY, -500), poker(2 * DAY, 500)], False),
        ([poker(DAY, -500), poker(7 * DAY + 1, 900)], True),
        ([poker(7 * DAY, -500)], True),
        ([poker(7 * DAY + 1, -500)], False),
        ([it("session_ended", DAY, category="games/roulette", amount=-500)], False),
    ],
)
def test_lost_means_over_all_poker_of_the_last_seven_days(sessions: Sequence[Event], is_in: bool) -> None:
    assert ("poker_losers" in segments_of(RICH, *sessions)) is is_in


def test_one_lost_session_is_enough_if_the_rule_is_read_that_way() -> None:
    any_session = reread("poker_losers", "worst_poker_result_7d < 0 AND net_spend_365d > 20000")

    assert "poker_losers" not in segments_of(RICH, poker(DAY, -500), poker(2 * DAY, 900))
    assert "poker_losers" in segments_of(RICH, poker(DAY, -500), poker(2 * DAY, 900), brand=any_session)


def test_a_loser_whose_year_was_worth_two_hundred_dollars_is_not_worth_more() -> None:
    assert "poker_losers" not in segments_of(order(300 * DAY, 20_000), poker(DAY, -500))
    assert "poker_losers" not in segments_of(order(366 * DAY, 90_000), poker(DAY, -500))


# Predicted to churn, bought two or more ski-department products in the past

QUIET = order(180 * DAY, 30_000)


def ski(product: str, quantity_milli: int = 1000) -> Event:
    return it(
        "order_line", 180 * DAY, category="ski/boots", product=product, order="o1", quantity=quantity_milli, amount=1
    )


def test_two_products_are_two_different_ones_unless_pieces_are_counted() -> None:
    pieces = reread("skiers_gone_quiet", "ski_unit_count_to_date >= 2 AND days_since_last_purchase >= 180")

    assert "skiers_gone_quiet" in segments_of(QUIET, ski("boot"), ski("pole"))
    assert "skiers_gone_quiet" not in segments_of(QUIET, ski("boot", 2000), ski("boot"))
    assert "skiers_gone_quiet" in segments_of(QUIET, ski("boot", 2000), brand=pieces)


def test_a_skier_who_bought_within_half_a_year_is_not_quiet() -> None:
    assert "skiers_gone_quiet" not in segments_of(QUIET, ski("boot"), ski("pole"), order(180 * DAY - 1, 1))


# The others


def test_a_coat_earns_a_how_to_until_anything_goes_back() -> None:
    coat = it("order_line", 2 * DAY, category="coats/down", product="c1", order="o1", quantity=1000, amount=20_000)
    sent_back = it("return", DAY, order="o1")

    assert "bought_a_coat" in segments_of(coat)
    assert "bought_a_coat" in segments_of(it("return", 3 * DAY, order="o0"), coat)
    assert "bought_a_coat" not in segments_of(coat, sent_back)


def test_a_cart_is_abandoned_for_one_to_three_days_and_not_when_it_was_bought() -> None:
    cart = it("cart_added", 30 * HOUR, category="shoes")

    assert "abandoned_cart" in segments_of(cart)
    assert "abandoned_cart" in segments_of(cart, order(31 * HOUR, 100))
    assert "abandoned_cart" not in segments_of(cart, order(29 * HOUR, 100))
    assert "abandoned_cart" not in segments_of(it("cart_added", 23 * HOUR, category="shoes"))


def test_the_newest_word_of_the_profile_counts() -> None:
    asked = Setting("eve", "message_preference", "less, please", AS_OF - 2 * DAY)
    relented = Setting("eve", "message_preference", "all", AS_OF - DAY)
    birthday = Setting("eve", "birthday_week", "yes", AS_OF - DAY)

    assert segments_of(asked, birthday) == {"wants_less", "birthday_this_week"}
    assert segments_of(asked, relented) == set()


# The documentation


def keys_of(model: type[BaseModel]) -> set[str]:
    """The keys that a file may have, those of its nested parts included."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(field.alias or name)
        for nested in models_in(field.annotation):
            keys |= keys_of(nested)
    return keys


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, UnionType):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in get_args(annotation) for model in models_in(part)]


@pytest.mark.parametrize("model", [BrandSettings, Feature, Segment, Campaign])
def test_the_readme_of_conf_names_every_key(model: type[BaseModel]) -> None:
    readme = (CONF / "README.md").read_text("utf-8")
    words = {part for quoted in readme.split("`")[1::2] for part in quoted.replace("{", " ").replace(":", " ").split()}
    named = {piece.strip(",}") for word in words for piece in [word, *word.split(".")]}

    assert keys_of(model) - named == set()


def test_the_readme_of_conf_names_every_event_type_and_aggregate() -> None:
    readme = (CONF / "README.md").read_text("utf-8")

    assert [one for one in (*EventType, *Aggregate) if f"`{one}`" not in readme] == []
