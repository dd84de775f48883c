"""Which values of a brand's rows may stay in the clear, as its folder declares it."""

from __future__ import annotations

from ceasefire.config.bundle import Brand
from ceasefire.events.personal_values import BUILT_IN_KEYS, Harmless, is_personal_key


def harmless_in(brand: Brand) -> Harmless:
    """Return the attributes that a feature or `profile.keep` names, and the words of the brand's own filters."""
    filters = [feature.from_ for feature in brand.features if feature.from_ is not None]
    filters += [campaign.about for campaign in brand.campaigns if campaign.about is not None]
    profiles = {read.profile for read in filters if read.profile is not None and not is_personal_key(read.profile)}
    words = {word for read in filters for word in (read.source, read.campaign) if word is not None}
    return Harmless(frozenset(BUILT_IN_KEYS | profiles | set(brand.settings.profile.keep)), frozenset(words))
