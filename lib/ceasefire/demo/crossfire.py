"""What the campaigns of the data would do to households if nobody settled their collisions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from ceasefire.demo.source import Source


@dataclass(frozen=True)
class Crossfire:
    """The open campaigns of one local date and whom they want.

    Attributes:
        on: the local date.
        open_campaigns: ids of the campaigns that are open, in the order of their numbers.
        households_by_campaigns: how many households are wanted by exactly so many open campaigns.
    """

    on: date
    open_campaigns: tuple[str, ...]
    households_by_campaigns: dict[int, int]

    @property
    def targeted(self) -> int:
        """Households that at least one open campaign wants."""
        return sum(self.households_by_campaigns.values())

    @property
    def in_crossfire(self) -> int:
        """Households that two or more open campaigns want at once."""
        return sum(count for campaigns, count in self.households_by_campaigns.items() if campaigns > 1)


def crossfire(source: Source, on: date) -> Crossfire:
    """How many campaigns want each household on a local date; a campaign is open from its start to its end, both in."""
    open_campaigns = {
        campaign.campaign_id for campaign in source.campaigns.values() if campaign.start <= on <= campaign.end
    }
    wanted = Counter(target.household_id for target in set(source.targets) if target.campaign_id in open_campaigns)
    return Crossfire(
        on=on,
        open_campaigns=tuple(sorted(open_campaigns, key=int)),
        households_by_campaigns=dict(sorted(Counter(wanted.values()).items())),
    )
