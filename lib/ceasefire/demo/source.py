"""The folder of Complete Journey files as one checked value: baskets, redemptions, campaigns and their targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ceasefire.demo.csv_rows import BadValueError, Fields, Row, first_of, read_rows
from ceasefire.errors import Problem, UsageError

PACKAGED_DATA = Path(__file__).parent / "data"
"""The folder of files that travels with the library; its README says where they come from."""

UNKNOWN = "unknown"
UNKNOWN_CATEGORY = f"{UNKNOWN}/{UNKNOWN}"

_FILES: dict[str, tuple[str, ...]] = {
    "campaign_descriptions.csv.gz": ("campaign_id", "campaign_type", "start_date", "end_date"),
    "campaigns.csv.gz": ("campaign_id", "household_id"),
    "coupon_redemptions.csv.gz": ("household_id", "coupon_upc", "campaign_id", "redemption_date"),
    "coupons.csv.gz": ("coupon_upc", "product_id", "campaign_id"),
    "demographics.csv.gz": (
        "household_id",
        "age",
        "income",
        "home_ownership",
        "marital_status",
        "household_size",
        "household_comp",
        "kids_count",
    ),
    "products.csv.gz": ("product_id", "department", "product_category"),
    "transactions_sample.csv.gz": (
        "household_id",
        "basket_id",
        "product_id",
        "quantity",
        "sales_value",
        "transaction_timestamp",
    ),
}
_CENT = Decimal("0.01")
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9]+")
_CAMPAIGN_TYPE = re.compile(r"Type ([ABC])")


class Line(NamedTuple):
    """One product in one basket, as on the receipt; `amount` is in dollars, whole cents; `at` is UTC."""

    household_id: str
    basket_id: str
    product_id: str
    quantity: Decimal
    amount: Decimal
    at: datetime


class Redemption(NamedTuple):
    """One coupon of a campaign that a household redeemed on a local date."""

    household_id: str
    coupon_upc: str
    campaign_id: str
    on: date


class Target(NamedTuple):
    """One household that a campaign wanted."""

    campaign_id: str
    household_id: str


class CouponProduct(NamedTuple):
    """One product that a coupon of a campaign is for; several coupons of a campaign can be for one product."""

    campaign_id: str
    product_id: str


class CampaignDescription(NamedTuple):
    """One campaign: its type (A, B or C) and its local dates, both included."""

    campaign_id: str
    type: str
    start: date
    end: date


@dataclass(frozen=True)
class Source:
    """What a folder of Complete Journey files says, in the order of the files.

    Attributes:
        lines: sampled lines of baskets.
        redemptions: redeemed coupons.
        campaigns: descriptions by campaign id.
        targets: which household was wanted by which campaign.
        demographics: what is known of a household, by household id; empty values are left out.
        categories: `department/category` slugs by product id.
        coupon_products: by campaign id, the products that its coupons are for, in the order of their numbers.
    """

    lines: tuple[Line, ...]
    redemptions: tuple[Redemption, ...]
    campaigns: Mapping[str, CampaignDescription]
    targets: tuple[Target, ...]
    demographics: Mapping[str, Mapping[str, str]]
    categories: Mapping[str, str]
    coupon_products: Mapping[str, tuple[str, ...]]

    def category(self, product_id: str) -> str:
        """The category path of a product; one that the list of products lacks is `unknown/unknown`."""
        return self.categories.get(product_id, UNKNOWN_CATEGORY)


def read_source(folder: Path) -> Source:
    """Read and check a folder of the seven files.

    Raises:
        UsageError: a file or column is missing, a value cannot be read, or files contradict each other; one
            message names all of it, of each file its first few bad rows.
    """
    problems: list[Problem] = []
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}; it should hold {', '.join(_FILES)}")

    def rows_of(name: str, parse: Callable[[Fields], Row]) -> tuple[Row, ...]:
        return read_rows(folder / name, _FILES[name], parse, problems)

    coupons = rows_of("coupons.csv.gz", _coupon)
    lines = rows_of("transactions_sample.csv.gz", _line)
    redemptions = rows_of("coupon_redemptions.csv.gz", _redemption)
    descriptions = rows_of("campaign_descriptions.csv.gz", _description)
    targets = rows_of("campaigns.csv.gz", _target)
    demographics = rows_of("demographics.csv.gz", _demographics)
    products = rows_of("products.csv.gz", _product)
    if not problems:
        if not lines:
            problems.append(Problem("transactions_sample.csv.gz", "no rows"))
        problems += _repeated("campaign_descriptions.csv.gz", [("campaign", row.campaign_id) for row in descriptions])
        problems += _repeated("demographics.csv.gz", [("household", household) for household, _ in demographics])
        problems += _repeated("products.csv.gz", [("product", product) for product, _ in products])
        problems += _shared_baskets(lines)
        problems += _unknown_campaigns(redemptions, targets, coupons, {row.campaign_id for row in descriptions})
    if problems:
        raise UsageError("\n".join(str(problem) for problem in problems))
    return Source(
        lines=lines,
        redemptions=redemptions,
        campaigns={row.campaign_id: row for row in descriptions},
        targets=targets,
        demographics=dict(demographics),
        categories=dict(products),
        coupon_products=_by_campaign(coupons),
    )


def slug(text: str) -> str:
    """A name as one level of a category path.

    >>> slug("FRZN MEAT/MEAT DINNERS"), slug("")
    ('frzn-meat-meat-dinners', 'unknown')
    """
    return _NOT_IN_SLUGS.sub("-", text.lower()).strip("-") or UNKNOWN


def _line(fields: Fields) -> Line:
    return Line(
        household_id=fields.whole_number("household_id"),
        basket_id=fields.whole_number("basket_id"),
        product_id=fields.whole_number("product_id"),
        quantity=fields.decimal("quantity"),
        # One value carries the noise of binary floats (4.440892e-16); money has whole cents.
        amount=fields.decimal("sales_value").quantize(_CENT),
        at=fields.stamp("transaction_timestamp"),
    )


def _redemption(fields: Fields) -> Redemption:
    return Redemption(
        household_id=fields.whole_number("household_id"),
        coupon_upc=fields.whole_number("coupon_upc"),
        campaign_id=fields.whole_number("campaign_id"),
        on=fields.day("redemption_date"),
    )


def _coupon(fields: Fields) -> CouponProduct:
    return CouponProduct(fields.whole_number("campaign_id"), fields.whole_number("product_id"))


def _by_campaign(coupons: tuple[CouponProduct, ...]) -> dict[str, tuple[str, ...]]:
    products: dict[str, set[str]] = {}
    for campaign_id, product_id in coupons:
        products.setdefault(campaign_id, set()).add(product_id)
    return {campaign_id: tuple(sorted(of_campaign, key=int)) for campaign_id, of_campaign in products.items()}


def _description(fields: Fields) -> CampaignDescription:
    kind = _CAMPAIGN_TYPE.fullmatch(fields.text("campaign_type"))
    if not kind:
        raise BadValueError("campaign_type", fields.text("campaign_type"), "Type A, Type B or Type C")
    start, end = fields.day("start_date"), fields.day("end_date")
    if end < start:
        raise BadValueError("end_date", end.isoformat(), f"on or after the start, {start.isoformat()}")
    return CampaignDescription(fields.whole_number("campaign_id"), kind[1], start, end)


def _target(fields: Fields) -> Target:
    return Target(fields.whole_number("campaign_id"), fields.whole_number("household_id"))


def _demographics(fields: Fields) -> tuple[str, Mapping[str, str]]:
    household, *named = _FILES["demographics.csv.gz"]
    return fields.whole_number(household), {column: fields.text(column) for column in named if fields.text(column)}


def _product(fields: Fields) -> tuple[str, str]:
    path = f"{slug(fields.text('department'))}/{slug(fields.text('product_category'))}"
    return fields.whole_number("product_id"), path


def _repeated(name: str, keys: list[tuple[str, str]]) -> list[Problem]:
    seen: set[tuple[str, str]] = set()
    repeated: dict[tuple[str, str], None] = {}
    for key in keys:
        if key in seen:
            repeated[key] = None
        seen.add(key)
    return first_of(name, [Problem(name, f"{what} {key} is there more than once") for what, key in repeated])


def _shared_baskets(lines: tuple[Line, ...]) -> list[Problem]:
    name = "transactions_sample.csv.gz"
    owners: dict[str, str] = {}
    shared: dict[str, Problem] = {}
    for line in lines:
        owner = owners.setdefault(line.basket_id, line.household_id)
        if owner != line.household_id:
            shared[line.basket_id] = Problem(
                name, f"basket {line.basket_id} belongs to several", f"households {owner} and {line.household_id}"
            )
    return first_of(name, list(shared.values()))


def _unknown_campaigns(
    redemptions: tuple[Redemption, ...],
    targets: tuple[Target, ...],
    coupons: tuple[CouponProduct, ...],
    known: set[str],
) -> Iterator[Problem]:
    named = {
        "coupons.csv.gz": {coupon.campaign_id for coupon in coupons},
        "campaigns.csv.gz": {target.campaign_id for target in targets},
        "coupon_redemptions.csv.gz": {redemption.campaign_id for redemption in redemptions},
    }
    for name, ids in named.items():
        for unknown in sorted(ids - known):
            yield Problem(name, f"campaign {unknown} has no description", allowed="one of campaign_descriptions.csv.gz")
