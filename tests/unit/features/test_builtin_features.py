"""The features that come with every brand, and how they keep out of the way of declared ones."""

from __future__ import annotations

from typing import Any

import pytest

from ceasefire.config.brand import BrandSettings
from ceasefire.config.campaigns import Campaign
from ceasefire.config.features import Feature
from ceasefire.features.builtin import (
    about_features,
    builtin_features,
    catalogue,
    catalogue_problems,
    reserved_names,
)
from ceasefire.features.program import compile_features
from ceasefire.ids import hash64
from unit.features.catalogues import feature
from unit.features.packed_histories import AS_OF, DAY, Event, Setting, pack

CHANNEL = {"cost": "0.01", "hours": "08:00-20:00", "expires": "12h"}
SETTINGS = BrandSettings.model_validate(
    {
        "brand": "shop",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "locale": "de",
        "customer_key": "public:for-the-tests",
        "decision_window": {"at": "06:00"},
        "channels": {"email": CHANNEL, "push": CHANNEL, "letters": {**CHANNEL, "address": "phone"}},
    }
)


def campaign(identifier: str, about: dict[str, Any] | None = None) -> Campaign:
    return Campaign.model_validate(
        {
            "id": identifier,
            "active": {"from": "2026-01-01", "to": "2026-12-31"},
            "audience": {"any": ["everybody"]},
            "priority": 1,
            "duration": "5d",
            "reentry": {"max": 1, "every": "30d"},
            "channels": ["email"],
            "variants": [{"id": "plain", "channel": "email", "template": "t"}],
            "outcome": {"event": "order", "within": "14d"},
            "value": {"fixed": "1.00"},
            "prior_uplift": 0.01,
            "about": about,
        }
    )


HOW_TO = campaign("how_to", {"event": "order_line", "category": "coats"})
SALE = campaign("sale")


def test_every_channel_brings_its_consents_and_its_address() -> None:
    names = {one.name: one.from_.profile for one in builtin_features(SETTINGS) if one.from_ and one.from_.profile}
    assert names == {
        "marketing_consent_email": "consent/marketing/email",
        "transactional_consent_email": "consent/transactional/email",
        "marketing_consent_push": "consent/marketing/push",
        "transactional_consent_push": "consent/transactional/push",
        "marketing_consent_letters": "consent/marketing/letters",
        "transactional_consent_letters": "consent/transactional/letters",
        **{
            f"{purpose}_consent_{channel}_at": f"consent_at/{purpose}/{channel}"
            for channel in ("email", "push", "letters")
            for purpose in ("marketing", "transactional")
        },
        "refused_topics": "refusal/*",
        "address_email": "email",
        "address_push": "push_token",
        "address_letters": "phone",
        "time_zone": "time_zone",
        "locale": "locale",
    }


def test_the_worth_of_a_customer_rests_on_all_orders_to_date() -> None:
    orders = [Event("ada", "order", AS_OF - DAY, amount=1_000), Event("ada", "order", AS_OF - 900 * DAY, amount=2_001)]
    orders += [Event("ada", "order_line", AS_OF - DAY, amount=1_000), Event("ada", "order", AS_OF, amount=5)]
    said = [
        Setting("ada", "consent/marketing/email", "granted", AS_OF - DAY),
        Setting("ada", "email", "set", AS_OF - DAY),
    ]
    values = compile_features(builtin_features(SETTINGS)).values(pack(["ada", "bob"], orders, said), AS_OF)
    assert values["own_mean_order_minor"].to_pylist() == [1_500.5, None]
    assert values["own_order_count"].to_pylist() == [2, 0]
    assert values["marketing_consent_email"].to_pylist() == ["granted", None]
    assert values["address_email"].to_pylist() == ["set", None]


def test_a_how_to_mail_is_about_the_last_coat_that_was_bought() -> None:
    features = about_features(HOW_TO)
    assert features is not None
    assert [one.name for one in features] == ["about_product_how_to", "about_order_how_to"]
    events = [
        Event("ada", "order_line", AS_OF - 3, category="coats/wool", product="old coat", order="o1"),
        Event("ada", "order_line", AS_OF - 2, category="coats", product="new coat", order="o2"),
        Event("ada", "order_line", AS_OF - 1, category="shoes", product="shoes", order="o3"),
    ]
    values = compile_features(features).values(pack(["ada", "bob"], events), AS_OF)
    assert values["about_product_how_to"].to_pylist() == [hash64("new coat"), None]
    assert values["about_order_how_to"].to_pylist() == [hash64("o2"), None]


def test_a_campaign_about_nothing_brings_no_feature() -> None:
    assert about_features(SALE) is None


def test_a_campaign_may_have_as_long_a_name_as_any() -> None:
    longest = campaign("c" * 63, {"event": "order"})
    features = catalogue(SETTINGS, [longest], [])
    assert f"about_product_{'c' * 63}" in {one.name for one in features}
    assert compile_features(features).values(pack(["ada"]), AS_OF)


def test_the_catalogue_holds_built_in_then_about_then_declared_base_features() -> None:
    base = feature("spend", "sum", "order", "amount")
    ratio = Feature(name="ratio", unit="ratio", description="d", derived="spend / 2")
    about = about_features(HOW_TO)
    assert about is not None
    assert catalogue(SETTINGS, [SALE, HOW_TO], [ratio, base]) == (*builtin_features(SETTINGS), *about, base)


def test_a_declared_feature_may_not_take_a_built_in_name_be_it_base_or_derived() -> None:
    taken = feature("own_order_count", "count", "order")
    derived = Feature(name="about_order_how_to", unit="u", description="d", derived="spend / 2")
    free = feature("about_order_sale", "count", "order")
    assert {"own_order_count", "about_order_how_to", "locale"} < reserved_names(SETTINGS, [HOW_TO, SALE])
    assert catalogue_problems(SETTINGS, [HOW_TO, SALE], [taken, derived, free]) == [
        ("own_order_count", "this name is built in", "own_order_count", "another name"),
        ("about_order_how_to", "this name is built in", "about_order_how_to", "another name"),
    ]


def test_a_filter_on_a_channel_that_the_brand_lacks_is_reported() -> None:
    fax = feature("fax_opens", "count", "send_opened", channel="fax")
    push = feature("push_opens", "count", "send_opened", channel="push")
    assert catalogue_problems(SETTINGS, [], [fax, push]) == [
        ("fax_opens", "from names an unknown channel", "fax", "email, push, letters")
    ]


@pytest.mark.parametrize(
    ("aggregate", "value", "default", "is_fit"),
    [
        ("sum", "amount", 2**63 - 1, True),
        ("sum", "amount", 2**63, False),
        ("sum", "amount", -(2**63), True),
        ("mean", "amount", 2**63, True),
        ("mean", "amount", 10**400, False),
        ("mean", "amount", float("inf"), False),
        ("mean", "amount", float("nan"), False),
    ],
)
def test_a_default_must_fit_its_column(aggregate: str, value: str, default: float, is_fit: bool) -> None:
    declared = feature("spend", aggregate, "order", value, default=default)
    problems = catalogue_problems(SETTINGS, [], [declared])
    assert [problem[1] for problem in problems] == ([] if is_fit else ["default cannot be stored"])
    if is_fit:
        values = compile_features([declared]).values(pack(["ada"]), AS_OF)
        assert values["spend"].to_pylist() == [default]
