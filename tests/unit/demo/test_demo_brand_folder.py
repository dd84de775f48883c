"""The demo brand's folder, the checked-in one and those made from other data."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from ceasefire.config.bundle import Brand, customer_key, parse_bundle, read_bundle
from ceasefire.demo.brand_folder import brand_folder, campaign_files
from ceasefire.demo.crossfire import crossfire
from ceasefire.demo.events import BRAND, CURRENCY, HOUSEHOLD_ZONE, Event
from ceasefire.demo.source import PACKAGED_DATA, Source, Target, read_source
from ceasefire.errors import UsageError
from ceasefire.ids import customer_id
from unit.demo.small_folder import SMALL_FILES, MakeFolder

CHECKED_IN = Path(__file__).parents[3] / "conf" / "brands" / "completejourney"


def read_brand(folder: Path) -> Brand:
    bundle, unreadable = read_bundle(folder, environment={})
    brand, wrong = parse_bundle(bundle)
    assert [str(problem) for problem in (*unreadable, *wrong)] == []
    assert brand is not None
    return brand


@pytest.fixture(scope="module")
def brand() -> Brand:
    return read_brand(CHECKED_IN)


@pytest.fixture(scope="module")
def raw_campaigns() -> pd.DataFrame:
    return pd.read_csv(PACKAGED_DATA / "campaign_descriptions.csv.gz", parse_dates=["start_date", "end_date"])


@pytest.fixture(scope="module")
def raw_targets() -> pd.DataFrame:
    return pd.read_csv(PACKAGED_DATA / "campaigns.csv.gz")


def test_the_checked_in_campaigns_and_audiences_are_what_the_packaged_data_make(packaged: Source) -> None:
    made = campaign_files(packaged)
    there = {path.relative_to(CHECKED_IN).as_posix() for path in CHECKED_IN.glob("*/*.csv")}
    assert there == made.keys() - {"campaigns.yaml"}
    for name, text in made.items():
        assert (CHECKED_IN / name).read_text("utf-8") == text, name


def test_the_checked_in_folder_has_no_problems_and_declares_enough(brand: Brand) -> None:
    assert len(brand.features) >= 16
    assert len(brand.segments) >= 10
    assert len(brand.campaigns) == 27


def test_brand_and_converter_agree_on_name_money_and_clock(brand: Brand) -> None:
    assert brand.settings.brand == BRAND
    assert brand.settings.currency == CURRENCY
    assert brand.settings.time_zone == HOUSEHOLD_ZONE.key


def test_campaigns_have_their_real_types_dates_and_households(
    brand: Brand, raw_campaigns: pd.DataFrame, raw_targets: pd.DataFrame
) -> None:
    key = customer_key(brand.settings, environment={})
    declared = {campaign.id: campaign for campaign in brand.campaigns}
    for row in raw_campaigns.itertuples():
        campaign = declared[f"campaign_{row.campaign_id}"]
        assert campaign.name == f"{row.campaign_type} campaign {row.campaign_id}"
        assert (campaign.active.from_, campaign.active.to) == (row.start_date.date(), row.end_date.date())
        wanted = raw_targets.loc[raw_targets["campaign_id"] == row.campaign_id, "household_id"]
        pseudonyms = tuple(sorted(customer_id(key, str(household)) for household in wanted))
        assert brand.bundle.lists[str(campaign.audience.list)] == pseudonyms


def test_redemptions_name_campaigns_that_the_brand_declares(brand: Brand, packaged_events: list[Event]) -> None:
    redeemed = {event["campaign_id"] for event in packaged_events if event["event_type"] == "converted"}
    assert redeemed
    assert redeemed <= {campaign.id for campaign in brand.campaigns}


def test_no_two_campaigns_share_a_priority_and_type_comes_before_date(brand: Brand) -> None:
    by_priority = sorted(brand.campaigns, key=lambda campaign: campaign.priority)
    assert len({campaign.priority for campaign in by_priority}) == len(by_priority)
    in_words = [(campaign.name.split()[1], campaign.active.from_) for campaign in by_priority]
    assert in_words == sorted(in_words)


def test_features_ask_for_categories_that_somebody_bought(brand: Brand, packaged_events: list[Event]) -> None:
    bought = {event["category"] for event in packaged_events if "category" in event}
    departments = {path.split("/")[0] for path in bought}
    asked = {feature.from_.category for feature in brand.features if feature.from_ and feature.from_.category}
    assert asked
    assert asked <= bought | departments


@pytest.mark.parametrize(("day", "households"), [(date(2017, 11, 27), 221), (date(2017, 12, 6), 343)])
def test_households_in_crossfire_are_counted_as_a_join_of_the_tables_counts_them(
    packaged: Source, raw_campaigns: pd.DataFrame, raw_targets: pd.DataFrame, day: date, households: int
) -> None:
    on = pd.Timestamp(day)
    is_open = (raw_campaigns["start_date"] <= on) & (raw_campaigns["end_date"] >= on)
    wanted = raw_targets.merge(raw_campaigns[is_open], on="campaign_id", how="inner").groupby("household_id").size()
    counted = crossfire(packaged, day)
    assert counted.in_crossfire == (wanted >= 2).sum() == households
    assert counted.targeted == len(wanted)
    assert counted.households_by_campaigns == wanted.value_counts().to_dict()


def test_a_campaign_is_open_on_its_first_and_last_day_and_not_around_them(packaged: Source) -> None:
    def is_open(day: date) -> bool:
        return "18" in crossfire(packaged, day).open_campaigns

    # campaign 18 runs from October 30 to December 24
    assert [is_open(date(2017, 10, 29)), is_open(date(2017, 10, 30))] == [False, True]
    assert [is_open(date(2017, 12, 24)), is_open(date(2017, 12, 25))] == [True, False]


def test_a_household_that_is_listed_twice_by_one_campaign_is_in_no_crossfire(make_folder: MakeFolder) -> None:
    source = read_source(make_folder({"campaigns.csv.gz": "campaign_id,household_id\n1,70\n1,70\n"}))
    counted = crossfire(source, date(2017, 3, 1))
    assert (counted.targeted, counted.in_crossfire) == (1, 0)


def test_before_the_first_campaign_nobody_is_wanted(packaged: Source) -> None:
    counted = crossfire(packaged, date(2016, 1, 1))
    assert (counted.targeted, counted.in_crossfire, counted.open_campaigns) == (0, 0, ())


def test_other_data_make_another_full_folder_with_their_own_campaigns(make_folder: MakeFolder, tmp_path: Path) -> None:
    # given a folder with two other campaigns, one of which wants nobody
    descriptions = SMALL_FILES["campaign_descriptions.csv.gz"] + "30,Type C,2017-05-01,2017-05-02\n"
    source = read_source(make_folder({"campaign_descriptions.csv.gz": descriptions}))

    # when
    brand_folder(source, CHECKED_IN, tmp_path / "brand")

    # then
    brand = read_brand(tmp_path / "brand")
    assert [campaign.id for campaign in brand.campaigns] == ["campaign_1", "campaign_30"]
    assert {name: len(ids) for name, ids in brand.bundle.lists.items()} == {
        "audiences/campaign_1.csv": 2,
        "audiences/campaign_30.csv": 0,
    }


def test_lists_of_earlier_data_are_removed_and_the_rest_is_made_anew(
    make_folder: MakeFolder, packaged: Source, tmp_path: Path
) -> None:
    brand_folder(packaged, CHECKED_IN, tmp_path / "brand")
    brand_folder(read_source(make_folder({})), CHECKED_IN, tmp_path / "brand")
    assert [path.name for path in (tmp_path / "brand" / "audiences").iterdir()] == ["campaign_1.csv"]
    assert len(read_brand(tmp_path / "brand").campaigns) == 1


def test_a_folder_can_be_its_own_template(make_folder: MakeFolder, tmp_path: Path) -> None:
    source = read_source(make_folder({}))
    brand_folder(source, CHECKED_IN, tmp_path / "brand")
    before = {path: path.read_bytes() for path in (tmp_path / "brand").rglob("*") if path.is_file()}
    brand_folder(source, tmp_path / "brand", tmp_path / "brand")
    assert {path: path.read_bytes() for path in (tmp_path / "brand").rglob("*") if path.is_file()} == before


def test_a_template_that_lacks_files_is_refused_before_anything_is_written(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    source = read_source(make_folder({}))
    with pytest.raises(UsageError, match=r"no brand\.yaml, features\.yaml, segments\.yaml in"):
        brand_folder(source, tmp_path / "nowhere", tmp_path / "brand")
    assert not (tmp_path / "brand").exists()


def test_the_order_of_rows_changes_no_file(packaged: Source) -> None:
    backwards = Source(
        lines=packaged.lines,
        redemptions=packaged.redemptions,
        campaigns=dict(reversed(packaged.campaigns.items())),
        targets=(*reversed(packaged.targets), Target(*packaged.targets[0])),
        demographics=packaged.demographics,
        categories=packaged.categories,
        coupon_products=packaged.coupon_products,
    )
    assert campaign_files(backwards) == campaign_files(packaged)
