from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ceasefire.campaigns.treatments import Treatments, audience_mask, open_treatments
from ceasefire.config.campaigns import Audience, Campaign

CHANNELS = ("email", "sms", "push")
YES, NO = True, False


def mask(*members: bool) -> np.ndarray[Any, Any]:
    return np.array(members, np.bool_)


def campaign(name: str, *variants: tuple[str, str, str | None], channels: tuple[str, ...] = ("email",)) -> Campaign:
    """A campaign of (variant id, channel, locale)."""
    return Campaign.model_validate(
        {
            "id": name,
            "active": {"from": "2024-01-01", "to": "2024-12-31"},
            "audience": {"any": ["everyone"]},
            "priority": 1,
            "duration": "5d",
            "reentry": {"max": 1, "every": "30d"},
            "channels": list(channels),
            "variants": [
                {"id": one, "channel": channel, "locale": locale, "template": one} for one, channel, locale in variants
            ],
            "outcome": {"event": "order", "within": "14d"},
            "value": {"fixed": "4.00"},
            "prior_uplift": 0.01,
        }
    )


def contents(treatments: Treatments, campaigns: list[Campaign]) -> list[tuple[int, str, str, str]]:
    return [
        (owner, campaigns[number].id, CHANNELS[channel], campaigns[number].variants[variant].id)
        for owner, number, channel, variant in zip(
            treatments.owner.tolist(),
            treatments.campaign.tolist(),
            treatments.channel.tolist(),
            treatments.variant.tolist(),
            strict=True,
        )
    ]


def test_an_audience_is_in_any_in_all_in_none_and_on_the_list() -> None:
    segments = {
        "a": mask(YES, NO, YES, YES, YES, NO),
        "b": mask(NO, YES, NO, NO, NO, NO),
        "c": mask(YES, YES, NO, YES, YES, YES),
        "d": mask(NO, NO, NO, YES, NO, NO),
    }
    lists = {"audiences/vip.csv": mask(YES, YES, YES, YES, NO, YES)}
    audience = Audience.model_validate({"any": ["a", "b"], "all": ["c"], "none": ["d"], "list": "audiences/vip.csv"})

    assert audience_mask(audience, segments, lists).tolist() == [YES, YES, NO, NO, NO, NO]


def test_whoever_is_on_the_list_to_leave_out_is_in_no_audience_whatever_else_speaks_for_them() -> None:
    segments = {"a": mask(YES, YES, YES, NO), "b": mask(NO, NO, YES, NO)}
    lists = {"audiences/vip.csv": mask(YES, YES, YES, YES), "audiences/staff.csv": mask(NO, YES, NO, NO)}
    audience = {"any": ["a"], "none": ["b"], "list": "audiences/vip.csv", "not_list": "audiences/staff.csv"}

    assert audience_mask(Audience(**audience), segments, lists).tolist() == [YES, NO, NO, NO]
    assert Audience(**audience).lists == ("audiences/vip.csv", "audiences/staff.csv")


@given(st.data())
@settings(max_examples=100)
def test_an_audience_is_what_its_words_say_of_each_customer_alone(data: st.DataObject) -> None:
    parts = {
        "any": data.draw(st.lists(st.sampled_from("ab"), unique=True)),
        "all": data.draw(st.lists(st.sampled_from("ab"), unique=True)),
        "none": data.draw(st.lists(st.sampled_from("ab"), unique=True)),
        "list": data.draw(st.sampled_from([None, "on.csv", "off.csv"])),
        "not_list": data.draw(st.sampled_from([None, "on.csv", "off.csv"])),
    }
    given_parts = {name: part for name, part in parts.items() if part}
    columns = {name: data.draw(st.lists(st.booleans(), min_size=3, max_size=3)) for name in ("a", "b", "on", "off")}
    if not given_parts:
        with pytest.raises(ValidationError, match="empty audience"):
            Audience(**given_parts)
        return

    def wants(customer: int) -> bool:
        return (
            (not parts["any"] or any(columns[segment][customer] for segment in parts["any"]))
            and all(columns[segment][customer] for segment in parts["all"])
            and not any(columns[segment][customer] for segment in parts["none"])
            and (not parts["list"] or columns[parts["list"].removesuffix(".csv")][customer])
            and not (parts["not_list"] and columns[parts["not_list"].removesuffix(".csv")][customer])
        )

    segments = {name: mask(*columns[name]) for name in ("a", "b")}
    lists = {f"{name}.csv": mask(*columns[name]) for name in ("on", "off")}
    wanted = audience_mask(Audience(**given_parts), segments, lists).tolist()
    assert wanted == [wants(customer) for customer in range(3)]


@pytest.mark.parametrize(
    ("audience", "wanted"),
    [
        ({"any": ["a", "b"]}, [YES, YES, YES, NO]),
        ({"all": ["a", "b"]}, [YES, NO, NO, NO]),
        ({"none": ["a", "b"]}, [NO, NO, NO, YES]),
        ({"list": "one.csv"}, [NO, NO, NO, YES]),
        ({"not_list": "one.csv"}, [YES, YES, YES, NO]),
    ],
)
def test_a_part_that_is_not_given_excludes_nobody(audience: dict[str, Any], wanted: list[bool]) -> None:
    segments = {"a": mask(YES, YES, NO, NO), "b": mask(YES, NO, YES, NO)}

    assert audience_mask(Audience(**audience), segments, {"one.csv": mask(NO, NO, NO, YES)}).tolist() == wanted


def test_each_customer_has_one_treatment_for_each_campaign_that_wants_them_and_each_of_its_channels() -> None:
    campaigns = [
        campaign("birthday", ("b1", "email", None), ("b2", "sms", None), channels=("sms", "email")),
        campaign("welcome", ("w1", "push", None), channels=("push",)),
    ]

    treatments = open_treatments(campaigns, [mask(YES, NO, YES), mask(YES, NO, NO)], [None] * 3, "en", CHANNELS)

    assert contents(treatments, campaigns) == [
        (0, "birthday", "sms", "b2"),
        (0, "birthday", "email", "b1"),
        (0, "welcome", "push", "w1"),
        (2, "birthday", "sms", "b2"),
        (2, "birthday", "email", "b1"),
    ]
    assert treatments.starts.tolist() == [0, 3, 3, 5]
    assert treatments.channel_position.tolist() == [0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("locale", "variants", "content"),
    [
        ("pt-PT", ("pt-PT", "pt", "de-AT", "de", None, "fr"), "pt-PT"),
        ("pt-PT", ("pt-BR", "pt", "de-AT", "de", None, "fr"), "pt"),
        ("pt-PT", ("pt-BR", "de-AT", "de", None, "fr"), "de-AT"),
        ("pt-PT", ("pt-BR", "de", None, "fr"), "de"),
        ("pt-PT", ("pt-BR", None, "fr"), None),
        ("pt-PT", ("pt-BR", "fr"), "pt-BR"),
        ("pt", ("de-AT", "pt"), "pt"),
        (None, ("pt", "de-AT"), "de-AT"),
        ("", ("pt", "de-AT"), "de-AT"),
        ("Klingon", ("pt", "de-AT"), "de-AT"),
        ("pt_PT", ("de-AT", "pt-PT"), "pt-PT"),
        ("PT-pt", ("de-AT", "pt-PT"), "pt-PT"),
        ("zh-Hant-TW", ("de-AT", "zh"), "zh"),
    ],
)
def test_content_falls_back_from_the_customers_locale_to_language_brand_and_default(
    locale: str | None, variants: tuple[str | None, ...], content: str | None
) -> None:
    one = campaign("news", *((f"v{number}", "email", variant) for number, variant in enumerate(variants)))

    treatments = open_treatments([one], [mask(YES)], [locale], "de-AT", CHANNELS)

    assert one.variants[treatments.variant[0]].locale == content


def test_a_variant_of_another_channel_is_never_chosen_however_well_its_locale_fits() -> None:
    one = campaign("news", ("s", "sms", "pt-PT"), ("e", "email", None), channels=("email", "sms"))

    treatments = open_treatments([one], [mask(YES)], ["pt-PT"], "en", CHANNELS)

    assert contents(treatments, [one]) == [(0, "news", "email", "e"), (0, "news", "sms", "s")]


def test_of_two_variants_in_one_locale_the_first_listed_counts() -> None:
    one = campaign("news", ("first", "email", "en"), ("second", "email", "en"))

    assert open_treatments([one], [mask(YES)], ["en"], "en", CHANNELS).variant.tolist() == [0]


def test_locales_can_come_as_an_arrow_array() -> None:
    one = campaign("news", ("a", "email", None), ("b", "email", "pt"))

    treatments = open_treatments([one], [mask(YES, YES)], pa.array(["pt", None], pa.string()), "en", CHANNELS)

    assert treatments.variant.tolist() == [1, 0]


def test_nobody_in_any_audience_makes_no_treatment() -> None:
    one = campaign("news", ("a", "email", None))

    treatments = open_treatments([one], [mask(NO, NO)], [None, None], "en", CHANNELS)

    assert treatments.starts.tolist() == [0, 0, 0]
    assert treatments.owner.dtype == treatments.campaign.dtype == treatments.variant.dtype == np.int64
    assert len(treatments.campaign) == 0


def test_without_customers_or_campaigns_there_is_no_treatment() -> None:
    one = campaign("news", ("a", "email", None))

    assert open_treatments([one], [mask()], [], "en", CHANNELS).starts.tolist() == [0]
    assert open_treatments([], [], [None], "en", CHANNELS).starts.tolist() == [0, 0]


@given(st.data())
@settings(max_examples=50)
def test_customers_get_the_same_treatments_whoever_else_is_in_their_batch(data: st.DataObject) -> None:
    campaigns = [
        campaign("a", ("a1", "email", "pt"), ("a2", "sms", None), channels=("email", "sms")),
        campaign("b", ("b1", "push", "pt-PT"), ("b2", "push", "en"), channels=("push",)),
    ]
    locales = data.draw(st.lists(st.sampled_from(["pt-PT", "pt", "en", "xx", None]), min_size=1, max_size=8))
    n = len(locales)
    masks = [mask(*data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) for _ in campaigns]

    together = contents(open_treatments(campaigns, masks, locales, "en", CHANNELS), campaigns)
    alone = [
        (customer, *rest)
        for customer in range(n)
        for _, *rest in contents(
            open_treatments(
                campaigns, [m[customer : customer + 1] for m in masks], [locales[customer]], "en", CHANNELS
            ),
            campaigns,
        )
    ]

    assert together == alone
