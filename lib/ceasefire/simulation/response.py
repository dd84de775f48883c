"""How customers react to messages: the truth that no engine is told."""

from __future__ import annotations

import numpy as np

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.config.simulation import ResponseLaw


def added_probability(
    law: ResponseLaw, taste: FloatArray, exposure: FloatArray, sensitivity: FloatArray, is_broken: BoolArray
) -> FloatArray:
    """What one message adds to the probability of a purchase within `lasting_days`; less than 0 where it annoys.

    With exposure F and sensitivity s: (interest e^(slope taste) - intrusion) e^(-wear F s) - weariness s max(F - 1, 0),
    and less broken s if what it says has become wrong.

    Shapes, for m messages:
        taste        (m,) of the customer for this message, standard normal over customers
        exposure     (m,) F: messages of the day and what is left of earlier ones
        sensitivity  (m,) s of the customer
        is_broken    (m,)
        returns      (m,)
    """
    interest = law.interest * np.exp(law.taste_slope * taste) - law.intrusion
    weariness = law.weariness * sensitivity * np.maximum(exposure - 1.0, 0.0)
    added: FloatArray = interest * np.exp(-law.wear * exposure * sensitivity) - weariness
    return added - np.where(is_broken, law.broken * sensitivity, 0.0)


def added_together(law: ResponseLaw, added: FloatArray, customer: IntArray, customer_count: int) -> FloatArray:
    """(n,) what all messages of one day add for each customer: the best in full, of the others the share `further`.

    Shapes, for m messages:
        added     (m,) of each on its own
        customer  (m,) index of its customer
    """
    total = np.bincount(customer, added, minlength=customer_count)
    best = np.full(customer_count, -np.inf)
    np.maximum.at(best, customer, added)
    best[np.isneginf(best)] = 0.0
    together: FloatArray = best + law.further * (total - best)
    return together


def leaving_hazard(law: ResponseLaw, exposure: FloatArray, sensitivity: FloatArray) -> FloatArray:
    """The probability that whoever got a message today unsubscribes: leaving s e^(slope (F - 1))."""
    hazard: FloatArray = law.leaving * sensitivity * np.exp(law.leaving_slope * (exposure - 1.0))
    return np.minimum(hazard, 1.0)


def decayed(law: ResponseLaw, exposure: FloatArray) -> FloatArray:
    """What is left of an exposure a day later."""
    return exposure * float(np.exp(-1.0 / law.decay_days))


def null_law(law: ResponseLaw) -> ResponseLaw:
    """The law of a world in which it makes no difference who gets what: the mean of the taste term for everybody."""
    mean_interest = law.interest * float(np.exp(law.taste_slope**2 / 2))
    return law.model_copy(update={"interest": mean_interest, "taste_slope": 0.0})
