"""How well an order of customers by uplift finds those whom a message changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ceasefire.arrow import BoolArray, FloatArray, IntArray

REPLICATES = 200
INTERVAL = (0.05, 0.95)
_SALT = 20_080_320


@dataclass(frozen=True)
class Qini:
    """The coefficient with the ends of its 90 % interval, in incremental outcomes for each row."""

    value: float
    low: float
    high: float


def qini(
    uplift: FloatArray, treated: BoolArray, outcome: BoolArray | FloatArray, weight: FloatArray, customer: IntArray
) -> Qini:
    """Area between the curve of incremental outcomes, best uplift first, and the line of a random order.

    The curve at a share of the rows is what the treated among them bought more than those left alone, each arm's
    outcomes weighted by one over the chance of its treatment (Radcliffe 2007, Using control groups to target on
    predicted lift; weights as in Gutierrez and Gerardy 2017, Causal inference and uplift modelling, section 3).
    Rows of equal uplift enter together, so their order does not matter. The interval is the percentile bootstrap over
    customers, whose rows stay together; a replicate gives each a Poisson number of copies, the same at every call.

    Shapes, for n rows:
        uplift    (n,) by which they are ordered
        treated   (n,)
        outcome   (n,)   whether it happened, or that less the chance that it would have anyway
        weight    (n,) one over the chance of the row's own arm
        customer  (n,) id
    """
    order = np.argsort(-uplift, kind="stable")
    last_of_ties = np.flatnonzero(np.append(np.diff(uplift[order]) != 0, True))
    gain = (np.where(treated, 1.0, -1.0) * outcome * weight)[order]
    _, of_customer = np.unique(customer[order], return_inverse=True)
    value = _area(gain, np.ones(len(gain)), last_of_ties)
    draw = np.random.default_rng(_SALT)
    replicates = []
    for _ in range(REPLICATES):
        copies = draw.poisson(1.0, of_customer.max() + 1)[of_customer].astype(np.float64)
        replicates.append(_area(gain * copies, copies, last_of_ties))
    low, high = np.quantile(replicates, INTERVAL)
    return Qini(value, float(low), float(high))


def _area(gain: FloatArray, copies: FloatArray, last_of_ties: IntArray) -> float:
    """Trapezoids under the curve over the share of rows, less those under its straight line, for each row."""
    total = copies.sum()
    if total == 0:
        return 0.0
    share = np.concatenate([[0.0], np.cumsum(copies)[last_of_ties] / total])
    curve = np.concatenate([[0.0], np.cumsum(gain)[last_of_ties] / total])
    area = float(np.sum(np.diff(share) * (curve[1:] + curve[:-1]) / 2))
    return area - float(curve[-1]) / 2
