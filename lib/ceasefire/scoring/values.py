"""What a send is worth: uplift times the value of the outcome, less the cost; whole millionths of a minor unit."""

from __future__ import annotations

import numpy as np

from ceasefire.arrow import CodeArray, FloatArray, IntArray
from ceasefire.config.brand import BrandSettings
from ceasefire.config.campaigns import OutcomeValue
from ceasefire.config.units import MICROS_PER_MINOR
from ceasefire.vocabulary import ValueBasis

LARGEST_VALUE = 1 << 62
"""Values stay within plus and minus this, so that taking off a cost or turning the sign cannot overflow."""
LOWEST_VALUE = -LARGEST_VALUE
"""The value of a candidate that cannot be valued: it loses to every other one."""

_BASIS_CODES = {basis: code for code, basis in enumerate(ValueBasis)}


def outcome_micros(
    value: OutcomeValue, settings: BrandSettings, own_mean_order_minor: FloatArray, brand_mean_order_minor: float
) -> tuple[IntArray, CodeArray]:
    """What a campaign's outcome is worth for each of n customers, and what that rests on.

    Args:
        value: a share of an order, or a fixed amount.
        settings: the brand, for its currency.
        own_mean_order_minor: (n,) minor units; NaN for a customer without orders, who counts with the brand's mean.
        brand_mean_order_minor: minor units; NaN when nobody has ordered yet: then an order is worth nothing.

    Returns:
        (n,) millionths of a minor unit; (n,) index in tuple(ValueBasis).
    """
    n = len(own_mean_order_minor)
    if value.fixed is not None:
        worth = np.full(n, settings.micros(value.fixed), np.int64)
        return worth, np.full(n, _BASIS_CODES[ValueBasis.FIXED], np.int8)
    assert value.share_of_order is not None  # the model lets exactly one of both through
    has_own = np.isfinite(own_mean_order_minor)
    brand_mean = brand_mean_order_minor if np.isfinite(brand_mean_order_minor) else 0.0
    mean_order = np.where(has_own, own_mean_order_minor, brand_mean)
    own, brand = _BASIS_CODES[ValueBasis.OWN_MEAN_ORDER], _BASIS_CODES[ValueBasis.BRAND_MEAN_ORDER]
    micros_of_share = np.float64(value.share_of_order * MICROS_PER_MINOR)
    return _whole(mean_order, micros_of_share), np.where(has_own, own, brand).astype(np.int8)


def candidate_values(uplift: FloatArray, outcome: IntArray, cost: IntArray) -> IntArray:
    """The value of each of m candidates: uplift times outcome, rounded, less the cost of the send.

    A candidate whose uplift is not a finite number gets LOWEST_VALUE.

    Shapes:
        uplift   (m,) probability points
        outcome  (m,) millionths of a minor unit, within LARGEST_VALUE
        cost     (m,) millionths of a minor unit, within LARGEST_VALUE
        returns  (m,) millionths of a minor unit, within LARGEST_VALUE
    """
    known = np.isfinite(uplift)
    gain = _whole(np.where(known, uplift, 0.0), outcome)
    return np.where(known, np.clip(gain - cost, LOWEST_VALUE, LARGEST_VALUE), LOWEST_VALUE)


def _whole(amount: FloatArray, factor: IntArray | np.float64) -> IntArray:
    # An absurd amount is clipped below, so its overflow to infinity is no news.
    with np.errstate(over="ignore"):
        product = np.rint(amount * factor)
    whole: IntArray = np.clip(product, float(LOWEST_VALUE), float(LARGEST_VALUE)).astype(np.int64)
    return whole
