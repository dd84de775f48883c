"""The demo brand's folder: campaigns and audiences from the data, everything else from a template."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ceasefire.config.bundle import BRAND_FILE
from ceasefire.config.shipped import shipped_conf
from ceasefire.demo.coupon_outcomes import OUTCOME_DAYS, coupon_outcomes, past_campaigns_of
from ceasefire.demo.events import BRAND, HOUSEHOLD_ZONE, campaign_name
from ceasefire.demo.source import CampaignDescription, Source
from ceasefire.errors import UsageError

TEMPLATE_FILES = (BRAND_FILE, "features.yaml", "segments.yaml")

_HEADER = """\
# Made from the Complete Journey data (ceasefire.demo.brand_folder); edit the terms of the types there.
#
# From the data: which campaigns there are, their types, their dates, which households each one wants, and the
# products of its coupons (of those, the ones that anybody bought). Their outcome is that any of these is bought; it
# is worth what buyers spent on them on average after the past campaigns of the type, times our margin.
# Ours, since the data know nothing of them: channels, templates, priority, duration, re-entry, margin, prior uplift
# and capacity, one set for each type; within a type the older campaign has priority.
"""


@dataclass(frozen=True)
class _Terms:
    """What we invented for all campaigns of one type; texts as they stand in the file."""

    channels: tuple[str, ...]
    prior_uplift: str
    capacity_per_window: int | None = None


_TERMS = {
    # Wide campaigns of coupons chosen for each household: they bring people to the store.
    "A": _Terms(("email", "push"), "0.03"),
    # Narrow ones of a few products, for which the manufacturer supplies a bounded number of coupons a day.
    "B": _Terms(("email", "sms"), "0.02", capacity_per_window=60),
    # Long ones.
    "C": _Terms(("email", "sms", "push"), "0.008"),
}
_MARGIN = Decimal("0.25")
_CENT = Decimal("0.01")
MODEL = "coupons"
_DURATION = "3d"
_REENTRY = "{max: 1, every: 7d}"
_PRIORITY_STEP = 10  # leaves room between two campaigns for one of your own


def campaign_files(source: Source) -> dict[str, str]:
    """What a brand folder says about campaigns: `campaigns.yaml`, and lists of natural ids and products for each.

    Returns:
        Texts by path inside the folder. The order of rows in the source changes nothing.
    """
    households: dict[str, set[str]] = defaultdict(set)
    for target in source.targets:
        households[target.campaign_id].add(target.household_id)
    in_priority = sorted(source.campaigns.values(), key=lambda one: (one.type, one.start, int(one.campaign_id)))
    priorities = {campaign.campaign_id: _PRIORITY_STEP * rank for rank, campaign in enumerate(in_priority, start=1)}
    values = _values(source)
    by_number = sorted(source.campaigns.values(), key=lambda one: int(one.campaign_id))
    files = {
        "campaigns.yaml": "".join(
            [
                _HEADER,
                "campaigns:\n",
                *(_campaign_text(one, priorities[one.campaign_id], values[one.type]) for one in by_number),
            ]
        )
    }
    bought = {line.product_id for line in source.lines}
    for campaign in by_number:
        products = [one for one in source.coupon_products.get(campaign.campaign_id, ()) if one in bought]
        files[_products(campaign.campaign_id)] = "".join(f"{line}\n" for line in ("product_id", *products))
        ids = sorted(households[campaign.campaign_id], key=int)
        files[_audience(campaign.campaign_id)] = "".join(f"{line}\n" for line in ("customer_id", *ids))
    return files


def template_folder() -> Path:
    """The demo's own brand folder."""
    return shipped_conf() / "brands" / BRAND


def brand_folder(source: Source, template_folder: Path, into: Path) -> None:
    """Write a full brand folder for a source; lists of an earlier source that lie there are removed.

    Args:
        source: where campaigns and audiences come from.
        template_folder: where brand, features and segments come from; may be the folder that is written.
        into: the folder to write, made if need be.

    Raises:
        UsageError: the template folder lacks a file; nothing is written then.
    """
    missing = [name for name in TEMPLATE_FILES if not (template_folder / name).is_file()]
    if missing:
        raise UsageError(f"no {', '.join(missing)} in {template_folder}; it should be the demo's own brand folder")
    files = {name: (template_folder / name).read_text("utf-8") for name in TEMPLATE_FILES} | campaign_files(source)
    for name, text in files.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in [*into.glob("audiences/*.csv"), *into.glob("products/*.csv")]:
        if path.relative_to(into).as_posix() not in files:
            path.unlink()


def _audience(campaign_id: str) -> str:
    return f"audiences/{campaign_name(campaign_id)}.csv"


def _products(campaign_id: str) -> str:
    return f"products/{campaign_name(campaign_id)}.csv"


def _values(source: Source) -> dict[str, Decimal]:
    """What the outcome is worth, by type; a type that nobody bought after in the past is worth nothing."""
    outcomes = coupon_outcomes(source, HOUSEHOLD_ZONE)
    values = {}
    for kind in _TERMS:
        spent = [spend for one in past_campaigns_of(source, kind) for spend in outcomes[one].spend.values()]
        values[kind] = (sum(spent, Decimal()) / max(len(spent), 1) * _MARGIN).quantize(_CENT)
    return values


def _campaign_text(campaign: CampaignDescription, priority: int, value: Decimal) -> str:
    terms = _TERMS[campaign.type]
    lines = [
        f"- id: {campaign_name(campaign.campaign_id)}",
        f"  name: Type {campaign.type} campaign {campaign.campaign_id}",
        f"  active: {{from: {campaign.start.isoformat()}, to: {campaign.end.isoformat()}}}",
        f"  audience: {{list: {_audience(campaign.campaign_id)}}}",
        f"  priority: {priority}",
        f"  duration: {_DURATION}",
        f"  reentry: {_REENTRY}",
        f"  channels: [{', '.join(terms.channels)}]",
        "  variants:",
        *(
            f"    - {{id: {channel}, channel: {channel}, template: campaign-{campaign.campaign_id}-{channel}}}"
            for channel in terms.channels
        ),
        f"  outcome: {{event: order_line, products: {_products(campaign.campaign_id)}, within: {OUTCOME_DAYS}d}}",
        f'  value: {{fixed: "{value}"}}',
        f"  prior_uplift: {terms.prior_uplift}",
        f"  uplift: {{model: {MODEL}, group: type_{campaign.type.lower()}}}",
    ]
    if terms.capacity_per_window is not None:
        lines.append(f"  capacity: {{per_window: {terms.capacity_per_window}}}")
    # Whoever redeems a coupon between the decision and the send needs no reminder.
    lines.append("  cancel_on: [{event: converted}]")
    return "".join(f"  {line}\n" for line in lines)
