"""Who bought what a campaign's coupons are for, soon after it began: the outcome that the demo's campaigns want."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from ceasefire.demo.source import Source

LEARNT_FROM = date(2017, 2, 8)
"""The data begin with the year: of a campaign that started earlier too little is known of the households before it."""
FIRST_WINDOW = date(2017, 12, 4)
OUTCOME_DAYS = 14


@dataclass(frozen=True)
class CouponOutcome:
    """What came of one campaign.

    Attributes:
        treated: households that it wanted.
        spend: dollars that each household that bought any of its products spent on them, wanted or not.
    """

    treated: frozenset[str]
    spend: Mapping[str, Decimal]

    @property
    def treated_buyers(self) -> int:
        """Households that it wanted and that bought."""
        return len(self.treated & self.spend.keys())


def coupon_outcomes(source: Source, zone: tzinfo) -> dict[str, CouponOutcome]:
    """The outcome of every campaign, by its id: purchases within 14 days of the midnight, in a zone, of its start."""
    treated: dict[str, set[str]] = defaultdict(set)
    for target in source.targets:
        treated[target.campaign_id].add(target.household_id)
    outcomes = {}
    for campaign_id, campaign in source.campaigns.items():
        begins = datetime.combine(campaign.start, time(), zone)
        ends = begins + timedelta(days=OUTCOME_DAYS)
        products = set(source.coupon_products.get(campaign_id, ()))
        spend: dict[str, Decimal] = defaultdict(Decimal)
        for line in source.lines:
            if line.product_id in products and begins <= line.at < ends:
                spend[line.household_id] += line.amount
        outcomes[campaign_id] = CouponOutcome(frozenset(treated[campaign_id]), dict(spend))
    return outcomes


def past_campaigns_of(source: Source, kind: str) -> list[str]:
    """Ids of the campaigns of a type that one can learn from before the first window."""
    return [
        one.campaign_id
        for one in source.campaigns.values()
        if one.type == kind and one.start >= LEARNT_FROM and one.end < FIRST_WINDOW
    ]
