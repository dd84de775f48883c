"""From memberships to treatments: who is in a campaign's audience, and in which content on which channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ceasefire.arrow import BoolArray, IntArray
from ceasefire.config.campaigns import Audience, Campaign


@dataclass(frozen=True)
class Treatments:
    """The treatments open to n customers, m in all, ascending by customer, campaign and the campaign's own channels.

    Shapes:
        starts            (n+1,) offsets: customer i owns starts[i]:starts[i+1], possibly none
        owner             (m,)   index of the customer
        campaign          (m,)   index in the campaigns
        channel           (m,)   index in the channel names
        channel_position  (m,)   index in the campaign's channels
        variant           (m,)   index in the campaign's variants
    """

    starts: IntArray
    owner: IntArray
    campaign: IntArray
    channel: IntArray
    channel_position: IntArray
    variant: IntArray


def audience_mask(
    audience: Audience, segment_rows: Mapping[str, BoolArray], list_rows: Mapping[str, BoolArray]
) -> BoolArray:
    """Which of n customers a campaign wants: in any of, in all of, in none of, on and not on a list, as far as given.

    Shapes:
        segment_rows  (n,) for each segment's id, the built-in one included: who is in it
        list_rows     (n,) for each list's file: who is on it
        returns       (n,)
    """
    parts = [segment_rows[segment] for segment in audience.all]
    parts += [~segment_rows[segment] for segment in audience.none]
    if audience.any:
        parts.append(np.logical_or.reduce([segment_rows[segment] for segment in audience.any]))
    if audience.list is not None:
        parts.append(list_rows[audience.list])
    if audience.not_list is not None:
        parts.append(~list_rows[audience.not_list])
    wanted: BoolArray = np.logical_and.reduce(parts)
    return wanted


def open_treatments(
    campaigns: Sequence[Campaign],
    audience_masks: Sequence[BoolArray],
    locales: pa.Array | Sequence[str | None],
    brand_locale: str,
    channel_names: Sequence[str],
) -> Treatments:
    """One treatment for each customer in a campaign's audience and each channel of the campaign.

    The content is the channel's variant in the customer's locale, else in just its language, else in the brand's
    locale, else in the brand's language, else the one without a locale, else the first listed.

    Shapes:
        audience_masks  one (n,) for each campaign
        locales         (n,) as customers wrote them; null or unknown: the brand's
        channel_names   all channels of the campaigns, in the order that numbers them
    """
    encoded = (locales if isinstance(locales, pa.Array) else pa.array(locales, pa.string())).dictionary_encode()
    # Customers' texts are any number and anything; what of them a variant mentions is little.
    mentioned = {variant.locale for campaign in campaigns for variant in campaign.variants}
    texts: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    chain_of_text = [tuple(one for one in _locale_and_language(text) if one in mentioned) for text in texts]
    chains = {chain: number for number, chain in enumerate(dict.fromkeys(chain_of_text))}
    text_of_customer = encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    chain_of_customer = np.array([chains[chain] for chain in chain_of_text])[text_of_customer]
    of_brand = (*_locale_and_language(brand_locale), None)
    channel_numbers = {name: number for number, name in enumerate(channel_names)}
    owners, variants, sizes, labels = [], [], [], []
    for number, (campaign, mask) in enumerate(zip(campaigns, audience_masks, strict=True)):
        members = np.flatnonzero(mask)
        for position, channel in enumerate(campaign.channels):
            variant_of_chain = np.array([_variant(campaign, channel, (*chain, *of_brand)) for chain in chains])
            owners.append(members)
            variants.append(variant_of_chain[chain_of_customer[members]])
            sizes.append(len(members))
            labels.append((number, channel_numbers[channel], position))
    owner = np.concatenate([np.empty(0, np.int64), *owners])
    variant = np.concatenate([np.empty(0, np.int64), *variants])
    label = np.repeat(np.array(labels, np.int64).reshape(-1, 3), sizes, axis=0)
    # The blocks lie in the order of campaigns and channels already, which a stable sort keeps.
    by_customer = np.argsort(owner, kind="stable")
    owner = owner[by_customer]
    return Treatments(
        starts=np.searchsorted(owner, np.arange(len(chain_of_customer) + 1)),
        owner=owner,
        campaign=label[by_customer, 0],
        channel=label[by_customer, 1],
        channel_position=label[by_customer, 2],
        variant=variant[by_customer],
    )


def _variant(campaign: Campaign, channel: str, chain: tuple[str | None, ...]) -> int:
    of_locale: dict[str | None, int] = {}
    for number, variant in enumerate(campaign.variants):
        if variant.channel == channel:
            of_locale.setdefault(variant.locale, number)
    return next((of_locale[one] for one in chain if one in of_locale), min(of_locale.values()))


def _locale_and_language(locale: str | None) -> tuple[str, ...]:
    # Customers' systems write pt_PT and PT-pt for what configuration calls pt-PT.
    language, _, region = (locale or "").strip().replace("_", "-").partition("-")
    language = language.lower()
    return (f"{language}-{region.upper()}", language) if region else (language,)
