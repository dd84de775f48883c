from __future__ import annotations

from datetime import UTC

import pandas as pd
import pytest

from ceasefire.demo.coupon_outcomes import LEARNT_FROM, CouponOutcome, coupon_outcomes, past_campaigns_of
from ceasefire.demo.source import PACKAGED_DATA, Source
from wall_clocks import clock_of

HOME = clock_of("America/New_York")


@pytest.fixture(scope="module")
def at_home(packaged: Source) -> dict[str, CouponOutcome]:
    return coupon_outcomes(packaged, HOME)


def bought_of_treated(outcomes: dict[str, CouponOutcome], campaigns: list[str]) -> tuple[int, int]:
    return (
        sum(outcomes[one].treated_buyers for one in campaigns),
        sum(len(outcomes[one].treated) for one in campaigns),
    )


def test_the_past_of_each_type_has_these_buyers(packaged: Source, at_home: dict[str, CouponOutcome]) -> None:
    assert {kind: bought_of_treated(at_home, past_campaigns_of(packaged, kind)) for kind in "ABC"} == {
        "A": (697, 1738),
        "B": (29, 1067),
        "C": (4, 202),
    }


def test_with_days_that_begin_at_midnight_utc_and_campaigns_of_the_year_before_there_are_a_few_more(
    packaged: Source,
) -> None:
    at_greenwich = coupon_outcomes(packaged, UTC)
    of_the_year_before = {
        kind: [one.campaign_id for one in packaged.campaigns.values() if one.type == kind and one.start < LEARNT_FROM]
        for kind in "ABC"
    }

    assert {
        kind: bought_of_treated(at_greenwich, past_campaigns_of(packaged, kind) + of_the_year_before[kind])
        for kind in "ABC"
    } == {"A": (695, 1738), "B": (34, 1167), "C": (4, 208)}


def test_of_the_households_that_type_a_left_alone_an_eighth_bought(
    packaged: Source, at_home: dict[str, CouponOutcome]
) -> None:
    households = {line.household_id for line in packaged.lines}
    alone = [households - at_home[one].treated for one in past_campaigns_of(packaged, "A")]
    bought = [
        len(each & at_home[one].spend.keys()) for each, one in zip(alone, past_campaigns_of(packaged, "A"), strict=True)
    ]

    assert round(sum(bought) / sum(map(len, alone)), 3) == 0.129
    assert max(map(len, packaged.coupon_products.values())) == 35_616


def test_a_campaigns_spend_is_what_pandas_adds_up(at_home: dict[str, CouponOutcome]) -> None:
    # given the files as pandas reads them
    lines = pd.read_csv(PACKAGED_DATA / "transactions_sample.csv.gz")
    coupons = pd.read_csv(PACKAGED_DATA / "coupons.csv.gz")
    at = pd.to_datetime(lines["transaction_timestamp"], utc=True).dt.tz_convert("America/New_York")

    # when campaign 13, which began on 8 August, is asked for by hand
    soon = (at >= "2017-08-08 00:00-04:00") & (at < "2017-08-22 00:00-04:00")
    its_products = lines["product_id"].isin(coupons[coupons["campaign_id"] == 13]["product_id"])
    expected = lines[soon & its_products].groupby("household_id")["sales_value"].sum().round(2)

    # then household by household it is the same
    found = {int(household): float(spend) for household, spend in at_home["13"].spend.items()}
    assert found == pytest.approx(expected.to_dict())
