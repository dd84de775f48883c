"""Reading a folder of Complete Journey files, the packaged one and broken ones."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from ceasefire.demo.source import PACKAGED_DATA, Source, read_source, slug
from ceasefire.errors import UsageError
from unit.demo.small_folder import SMALL_FILES, MakeFolder

LINES = "transactions_sample.csv.gz"
LINE_HEADER = SMALL_FILES[LINES].splitlines()[0]


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(UsageError) as refusal:
        read_source(folder)
    return str(refusal.value).splitlines()


def test_the_packaged_files_are_the_ones_that_their_readme_names() -> None:
    readme = (PACKAGED_DATA / "README.md").read_text("utf-8")
    files = sorted(PACKAGED_DATA.glob("*.gz"))
    assert len(files) == len(SMALL_FILES)
    for file in files:
        content = file.read_bytes()
        assert f"| `{file.name}` |" in readme
        assert f"| {len(content)} | `{hashlib.sha256(content).hexdigest()}` |" in readme


def test_the_packaged_files_stay_small_enough_to_travel_with_the_library() -> None:
    assert sum(file.stat().st_size for file in PACKAGED_DATA.glob("*.gz")) < 3_000_000


def test_the_quietest_hours_of_the_stamps_are_the_small_hours_of_the_east_coast(raw_lines: pd.DataFrame) -> None:
    lines_by_hour = raw_lines["transaction_timestamp"].str[11:13].value_counts()
    assert set(lines_by_hour.nsmallest(2).index) == {"08", "09"}


def test_the_last_basket_is_stamped_in_the_new_year_of_utc(packaged: Source) -> None:
    assert max(line.at for line in packaged.lines) == datetime(2018, 1, 1, 3, 47, 38, tzinfo=UTC)


def test_every_line_is_read_and_those_without_value_stay(packaged: Source, raw_lines: pd.DataFrame) -> None:
    assert len(packaged.lines) == len(raw_lines) == 51_244
    assert (raw_lines["sales_value"].astype(float) == 0).sum() == 375
    # the noise of a binary float makes one more
    assert sum(line.amount == 0 for line in packaged.lines) == 376


def test_the_one_value_of_binary_noise_becomes_no_cents(raw_lines: pd.DataFrame, packaged: Source) -> None:
    noisy = raw_lines[raw_lines["sales_value"].str.contains("e")]
    assert noisy["sales_value"].tolist() == ["4.440892e-16"]
    line = packaged.lines[int(noisy.index[0])]
    assert (line.household_id, str(line.amount)) == ("2491", "0.00")


def test_all_other_values_keep_their_cents(raw_lines: pd.DataFrame, packaged: Source) -> None:
    for text, line in zip(raw_lines["sales_value"], packaged.lines, strict=True):
        assert line.amount == Decimal(text) or text == "4.440892e-16"


def test_lines_without_a_known_product_or_category_are_counted(packaged: Source) -> None:
    products = pd.read_csv(PACKAGED_DATA / "products.csv.gz", dtype=str, keep_default_na=False)
    known = set(products["product_id"].replace("9e+05", "900000"))
    paths = [(line.product_id in known, packaged.category(line.product_id)) for line in packaged.lines]
    assert sum(not is_known for is_known, _ in paths) == 157
    assert {path for is_known, path in paths if not is_known} == {"unknown/unknown"}
    assert sum(is_known and path.endswith("/unknown") for is_known, path in paths) == 74


def test_sixteen_redemptions_repeat_a_coupon_on_another_date(packaged: Source) -> None:
    assert len(set(packaged.redemptions)) == len(packaged.redemptions) == 1_357
    assert len({redemption[:3] for redemption in packaged.redemptions}) == 1_357 - 16


def test_round_ids_that_were_written_as_powers_of_ten_are_read_as_whole_numbers(
    raw_lines: pd.DataFrame, packaged: Source
) -> None:
    position = raw_lines["basket_id"].tolist().index("4.0128e+10")
    assert packaged.lines[position].basket_id == "40128000000"
    assert packaged.category("900000") == "cosmetics/fragrances"


def test_a_power_of_ten_that_is_no_whole_number_is_refused(make_folder: MakeFolder) -> None:
    folder = make_folder({LINES: f"{LINE_HEADER}\n70,1.23e+01,9,1.0,3.86,2017-03-05 19:06:53\n"})
    assert problems_of(folder) == [
        f"{LINES}:2: basket_id cannot be read, got '1.23e+01', allowed: a whole number",
    ]


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("GROCERY", "grocery"),
        ("FRZN MEAT/MEAT DINNERS", "frzn-meat-meat-dinners"),
        ("TRAVEL & LEISURE", "travel-leisure"),
        ("(CORP USE ONLY)", "corp-use-only"),
        ("", "unknown"),
        ("&", "unknown"),
    ],
)
def test_a_name_becomes_one_level_of_a_category_path(name: str, level: str) -> None:
    assert slug(name) == level


def test_a_small_folder_is_read_whole(make_folder: MakeFolder) -> None:
    source = read_source(make_folder({}))
    assert [line.amount for line in source.lines] == [Decimal("3.86")]
    assert source.category("9") == "seafood-pckgd/seafood-frozen"
    assert source.campaigns["1"].type == "A"
    assert [target.household_id for target in source.targets] == ["70", "80"]


def test_an_empty_demographic_is_left_out(make_folder: MakeFolder) -> None:
    source = read_source(make_folder({}))
    assert "home_ownership" not in source.demographics["70"]
    assert source.demographics["70"]["kids_count"] == "0"


def test_a_folder_that_is_not_there_is_refused_with_what_it_should_hold(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "nowhere")
    assert "nowhere" in problem
    assert all(name in problem for name in SMALL_FILES)


def test_missing_files_and_columns_are_all_named_at_once(make_folder: MakeFolder) -> None:
    folder = make_folder(
        {
            "coupons.csv.gz": "coupon_upc,campaign_id\n",
            "products.csv.gz": None,
            "campaigns.csv.gz": "",
            LINES: LINE_HEADER.replace("quantity,", "") + "\n",
        }
    )
    problems = problems_of(folder)
    assert len(problems) == 5
    assert problems[0].startswith("coupons.csv.gz: missing column product_id")
    assert problems[1].startswith(f"{LINES}: missing column quantity")
    assert problems[2].startswith("campaigns.csv.gz: missing column campaign_id, got an empty file")
    assert problems[3].startswith("campaigns.csv.gz: missing column household_id")
    assert problems[4] == f"products.csv.gz: missing file, allowed: a file products.csv.gz in {folder}"


def test_values_that_cannot_be_read_are_named_with_their_lines(make_folder: MakeFolder) -> None:
    folder = make_folder(
        {
            LINES: (
                f"{LINE_HEADER}\n"
                "seventy,1001,9,1.0,3.86,2017-03-05 19:06:53\n"
                "70,1002,9,many,3.86,2017-03-05 19:06:53\n"
                "70,1003,9,1.0,NaN,2017-03-05 19:06:53\n"
                "70,1004,9,1.0,3.86,2017-03-05\n"
                "70,1005,9,1.0\n"
            ),
            "campaign_descriptions.csv.gz": (
                "campaign_id,campaign_type,start_date,end_date\n"
                "1,Type A,2017-03-01,2017-02-01\n"
                "2,Type D,2017-03-01,2017-03-31\n"
                "3,Type A,soon,2017-03-31\n"
            ),
        }
    )
    problems = problems_of(folder)
    assert [problem.split(",")[0] for problem in problems] == [
        f"{LINES}:2: household_id cannot be read",
        f"{LINES}:3: quantity cannot be read",
        f"{LINES}:4: sales_value cannot be read",
        f"{LINES}:5: transaction_timestamp cannot be read",
        f"{LINES}:6: wrong number of fields",
        "campaign_descriptions.csv.gz:2: end_date cannot be read",
        "campaign_descriptions.csv.gz:3: campaign_type cannot be read",
        "campaign_descriptions.csv.gz:4: start_date cannot be read",
    ]


@pytest.mark.parametrize("value", ["1e12", "-1e12", "1e-999999", "0e999999", "Infinity", "", "1,5"])
def test_a_value_that_is_no_amount_of_money_is_refused(make_folder: MakeFolder, value: str) -> None:
    folder = make_folder({LINES: f'{LINE_HEADER}\n70,1001,9,1.0,"{value}",2017-03-05 19:06:53\n'})
    assert problems_of(folder) == [f"{LINES}:2: sales_value cannot be read, got '{value}', allowed: a decimal number"]


def test_of_very_many_bad_rows_the_first_are_shown_and_the_rest_counted(make_folder: MakeFolder) -> None:
    bad = "".join(f"70,{basket},9,1.0,free,2017-03-05 19:06:53\n" for basket in range(1001, 1051))
    problems = problems_of(make_folder({LINES: f"{LINE_HEADER}\n{bad}"}))
    assert len(problems) == 11
    assert problems[-1] == f"{LINES}: 40 more rows like these"


def test_files_that_contradict_each_other_are_refused(make_folder: MakeFolder) -> None:
    line = "1001,9,1.0,3.86,2017-03-05 19:06:53"
    folder = make_folder(
        {
            LINES: f"{LINE_HEADER}\n70,{line}\n80,{line}\n",
            "campaigns.csv.gz": "campaign_id,household_id\n1,70\n2,70\n",
            "coupon_redemptions.csv.gz": "household_id,coupon_upc,campaign_id,redemption_date\n70,500,3,2017-03-10\n",
            "products.csv.gz": "product_id,department,product_category\n9,DELI,\n9,MEAT,\n",
        }
    )
    assert [problem.split(",")[0] for problem in problems_of(folder)] == [
        "products.csv.gz: product 9 is there more than once",
        f"{LINES}: basket 1001 belongs to several",
        "campaigns.csv.gz: campaign 2 has no description",
        "coupon_redemptions.csv.gz: campaign 3 has no description",
    ]


def test_a_folder_without_a_single_line_is_refused(make_folder: MakeFolder) -> None:
    assert problems_of(make_folder({LINES: f"{LINE_HEADER}\n"})) == [f"{LINES}: no rows"]


def test_a_file_that_is_not_gzipped_is_named(make_folder: MakeFolder) -> None:
    folder = make_folder({})
    (folder / "products.csv.gz").write_text(SMALL_FILES["products.csv.gz"])
    (problem,) = problems_of(folder)
    assert problem.startswith("products.csv.gz: cannot be read as gzipped CSV in UTF-8")


def test_a_file_that_was_cut_off_is_named(make_folder: MakeFolder) -> None:
    folder = make_folder({})
    whole = (folder / "products.csv.gz").read_bytes()
    (folder / "products.csv.gz").write_bytes(whole[:-12])
    (problem,) = problems_of(folder)
    assert problem.startswith("products.csv.gz: cannot be read as gzipped CSV in UTF-8")
