"""The features that every decision needs, whatever a brand declares, and the whole catalogue of a brand."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from ceasefire.config.brand import BrandSettings
from ceasefire.config.campaigns import Campaign
from ceasefire.config.features import EventFilter, Feature
from ceasefire.vocabulary import (
    ADDRESS_PRESENT,
    CONSENT_AT,
    GRANTED,
    REFUSED_TOPICS,
    TIME_ZONE,
    WITHDRAWN,
    Aggregate,
    EventType,
    FeatureType,
    MessageClass,
    consent_entry,
    consent_instant_entry,
    derived_zone_entry,
)

FeatureProblem = tuple[str, str, str, str]
"""Feature name, what is wrong, what was got, what is allowed."""

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


def builtin_features(settings: BrandSettings) -> tuple[Feature, ...]:
    """Consents and addresses by channel, time zone, locale, and the orders that a candidate's worth rests on."""
    features = [
        _profile(
            f"{purpose}_consent_{channel}",
            consent_entry(purpose, channel),
            f"Consent to {purpose} messages by {channel}: {GRANTED}, {WITHDRAWN}, or null.",
        )
        for channel in settings.channels
        for purpose in MessageClass
    ]
    features += [
        _profile(
            f"{purpose}_consent_{channel}_at",
            consent_instant_entry(purpose, channel),
            f"Since when that answer to {purpose} messages by {channel} stands, in microseconds UTC.",
        )
        for channel in settings.channels
        for purpose in MessageClass
    ]
    features.append(_profile("refused_topics", REFUSED_TOPICS, "Topics and campaigns that were refused, a line each."))
    for channel in settings.channels:
        kind = settings.address_kind(channel)
        description = f"Whether an address for {channel} is known: {ADDRESS_PRESENT}, or null."
        features.append(_profile(f"address_{channel}", kind, description))
    features.append(_profile(TIME_ZONE, TIME_ZONE, "The customer's own time zone, an IANA name."))
    features += [
        _profile(
            derived_zone_feature(source), derived_zone_entry(source), f"The time zone that `{source}` tells, or null."
        )
        for source in settings.time_zone_from
    ]
    features.append(_profile("locale", "locale", "The customer's own language, and country if known."))
    orders = EventFilter(event=(EventType.ORDER,))
    features.append(
        Feature(
            name="own_mean_order_minor",
            unit="minor",
            description="Mean amount of the customer's orders to date.",
            from_=orders,
            aggregate=Aggregate.MEAN,
            value="amount",
        )
    )
    features.append(
        Feature(
            name="own_order_count",
            unit="orders",
            description="Orders of the customer to date.",
            from_=orders,
            aggregate=Aggregate.COUNT,
        )
    )
    return tuple(features)


def derived_zone_feature(source: str) -> str:
    """The feature that holds the time zone which an attribute tells."""
    return f"{TIME_ZONE}_{source}"


def about_features(campaign: Campaign) -> tuple[Feature, Feature] | None:
    """Product and order that a campaign's message would be about, or None for a campaign about nothing.

    Each is the last one named by any event that `about` lets through.
    """
    if campaign.about is None:
        return None
    about = campaign.about
    product = Feature(
        name="about_product",
        unit="product hash",
        description=f"Last product among the events that campaign {campaign.id} is about.",
        from_=about,
        aggregate=Aggregate.LAST,
        value="product",
    )
    order = Feature(
        name="about_order",
        unit="order hash",
        description=f"Last order among the events that campaign {campaign.id} is about.",
        from_=about,
        aggregate=Aggregate.LAST,
        value="order",
    )
    return _renamed(product, f"about_product_{campaign.id}"), _renamed(order, f"about_order_{campaign.id}")


def reserved_names(settings: BrandSettings, campaigns: Iterable[Campaign]) -> frozenset[str]:
    """The names that a brand's own features may not take."""
    return frozenset(feature.name for feature in _own_to_every_decision(settings, campaigns))


def catalogue(
    settings: BrandSettings, campaigns: Iterable[Campaign], declared: Iterable[Feature]
) -> tuple[Feature, ...]:
    """All base features of a brand: built in, what campaigns are about, declared ones that are not derived."""
    base = (feature for feature in declared if feature.derived is None)
    return (*_own_to_every_decision(settings, campaigns), *base)


def catalogue_problems(
    settings: BrandSettings, campaigns: Iterable[Campaign], declared: Sequence[Feature]
) -> list[FeatureProblem]:
    """What is wrong with declared features in the company of the brand's channels and campaigns."""
    reserved = reserved_names(settings, campaigns)
    channels = ", ".join(settings.channels)
    problems: list[FeatureProblem] = []
    for feature in declared:
        if feature.name in reserved:
            problems.append((feature.name, "this name is built in", feature.name, "another name"))
        if feature.from_ is not None and feature.from_.channel not in (None, *settings.channels):
            problems.append((feature.name, "from names an unknown channel", str(feature.from_.channel), channels))
        if not _default_fits(feature):
            allowed = "a finite number that fits into 64 bits"
            problems.append((feature.name, "default cannot be stored", str(feature.default), allowed))
    return problems


def _own_to_every_decision(settings: BrandSettings, campaigns: Iterable[Campaign]) -> tuple[Feature, ...]:
    about = (feature for campaign in campaigns for feature in about_features(campaign) or ())
    return (*builtin_features(settings), *about)


def _profile(name: str, entry: str, description: str) -> Feature:
    unit = "microseconds" if entry.startswith(CONSENT_AT) else "text"
    feature = Feature(name="profile", unit=unit, description=description, from_=EventFilter(profile=entry))
    return _renamed(feature, name)


def _renamed(feature: Feature, name: str) -> Feature:
    # The bound on the length of declared names must not become a shorter one on ids of channels and campaigns.
    return feature.model_copy(update={"name": name})


def _default_fits(feature: Feature) -> bool:
    default = feature.default
    if default is None or isinstance(default, str):
        return True
    if feature.type is FeatureType.INTEGER:
        return _INT64_MIN <= default <= _INT64_MAX
    return -sys.float_info.max <= default <= sys.float_info.max
