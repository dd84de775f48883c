"""Which uplift each candidate gets: that of the model its campaign names, or the campaign's prior and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ceasefire.arrow import CodeArray, FloatArray, IntArray
from ceasefire.config.campaigns import Campaign
from ceasefire.scoring.uplift_model import UpliftModel
from ceasefire.vocabulary import UpliftSource

_CODES = {source: code for code, source in enumerate(UpliftSource)}


@dataclass(frozen=True)
class ModelInUse:
    """What one window uses for one declared model; resolved once, the same on every executor.

    Attributes:
        name: as campaigns name it.
        number: version in the registry; None without a champion.
        sha256: of the parameters; None when they were not read.
        parameters: bytes of an `UpliftModel`; None when the campaigns' priors count instead.
        refusal: why they do, as a code; None when the model is used.
        detail: the same as a sentence.
    """

    name: str
    number: int | None = None
    sha256: str | None = None
    parameters: bytes | None = None
    refusal: str | None = None
    detail: str | None = None

    @property
    def label(self) -> str:
        """Name and number, as in coupons/3."""
        return self.name if self.number is None else f"{self.name}/{self.number}"


def sources_of_campaigns(
    campaigns: Sequence[Campaign], in_use: Mapping[str, ModelInUse], models: Mapping[str, UpliftModel]
) -> tuple[CodeArray, IntArray]:
    """Where each campaign's uplift comes from, and its group in its model.

    Args:
        campaigns: c of them.
        in_use: by name; every model that a campaign names.
        models: by name; those of `in_use` that have parameters.

    Returns:
        (c,) index in tuple(UpliftSource); (c,) position in the model's groups, -1 where no model is used.
    """
    sources, groups = [], []
    for campaign in campaigns:
        group = -1
        if campaign.uplift is None:
            source = UpliftSource.PRIOR
        elif in_use[campaign.uplift.model].parameters is not None:
            group = models[campaign.uplift.model].group_codes.get(campaign.uplift.group, -1)
            source = UpliftSource.MODEL if group >= 0 else UpliftSource.PRIOR_GROUP_NOT_LEARNT
        elif in_use[campaign.uplift.model].number is None:
            source = UpliftSource.PRIOR_NO_CHAMPION
        else:
            source = UpliftSource.PRIOR_MODEL_REFUSED
        sources.append(_CODES[source])
        groups.append(group)
    return np.array(sources, np.int8), np.array(groups, np.int64)


def chosen_uplifts(
    campaigns: Sequence[Campaign],
    in_use: Mapping[str, ModelInUse],
    models: Mapping[str, UpliftModel],
    campaign: IntArray,
    owner: IntArray,
    columns: Mapping[str, pa.Array],
    customer_count: int,
) -> tuple[FloatArray, CodeArray]:
    """The uplift of each of m candidates of n customers, NaN where the model reads something that is no number.

    Args:
        campaigns: as declared.
        in_use: by name; every model that a campaign names.
        models: by name; those of `in_use` that have parameters.
        campaign: (m,) index in the campaigns.
        owner: (m,) index of the customer.
        columns: (n,) each feature that a model reads, by name.
        customer_count: n.

    Returns:
        (m,) probability points; (m,) index in tuple(UpliftSource).
    """
    source_of_campaign, group_of_campaign = sources_of_campaigns(campaigns, in_use, models)
    uplift = np.array([one.prior_uplift for one in campaigns], np.float64)[campaign]
    for name, model in models.items():
        reads = np.array([one.uplift is not None and one.uplift.model == name for one in campaigns], np.bool_)
        mine = np.flatnonzero((reads & (group_of_campaign >= 0))[campaign])
        if len(mine):
            inputs = model.standardised(columns, customer_count)
            uplift[mine] = model.uplifts(inputs, group_of_campaign[campaign[mine]], owner[mine])
    return uplift, source_of_campaign[campaign]
