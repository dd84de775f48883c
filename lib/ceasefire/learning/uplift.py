"""What past campaigns changed: two regressions, of the treated and of those left alone, calibrated for each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.errors import CheckFailedError
from ceasefire.learning.qini import qini

CLIPPED_SHARE = (0.02, 0.98)
"""Values beyond these quantiles count as the quantile: a regression is linear, and a few amounts are huge."""
PROPENSITY_BOUNDS = (0.01, 0.99)
LARGEST_WEIGHT = 20.0
"""No row counts more often than so many: a variance that one row makes is worth no lack of bias."""
PENALTY = 0.1
"""sklearn's C, the inverse of the L2 penalty."""
FOLDS = 5
MIN_SPREAD = 0.1
"""Of a customer's deviation from the mean at least this share is kept, so that customers can differ."""


@dataclass(frozen=True)
class TrainingRows:
    """One row for each customer and past campaign.

    Shapes, for n rows and k inputs:
        inputs    (k, n) what was known of the customer when the campaign began; NaN = unknown
        treated   (n,)   whether the campaign wanted the customer
        outcome   (n,)   whether its outcome happened in time
        campaign  (n,)   index of the campaign
        group     (n,)   index in the names of groups, with which campaigns are pooled
        customer  (n,)   64-bit hash: folds and bootstrap keep a customer's rows together
    """

    inputs: FloatArray
    treated: BoolArray
    outcome: BoolArray
    campaign: IntArray
    group: IntArray
    customer: IntArray


@dataclass(frozen=True)
class ArmCounts:
    """Rows of both arms, and how many of each had the outcome."""

    treated: int
    treated_outcomes: int
    control: int
    control_outcomes: int


@dataclass(frozen=True)
class FittedGroup:
    """One group of campaigns.

    Attributes:
        name: of the group.
        intercept_treated: log-odds at the mean of all inputs, if treated.
        intercept_control: the same if left alone.
        centre: mean difference of both probabilities over the group's rows.
        mean_uplift: calibrated mean, probability points.
        spread: from MIN_SPREAD to 1, the share of a row's deviation from the centre that is kept.
        counts: rows and outcomes.
    """

    name: str
    intercept_treated: float
    intercept_control: float
    centre: float
    mean_uplift: float
    spread: float
    counts: ArmCounts


@dataclass(frozen=True)
class FittedUplift:
    """The uplift of a row is clip(mean_uplift + spread (raw - centre), -1, 1) with its group's numbers.

    raw is the difference of both regressions' probabilities at z = (clip(x, low, high) - mean) / scale, missing = 0.

    Attributes:
        low, high, mean, scale: (k,) of the inputs.
        treated_weights, control_weights: (k,) log-odds for each unit of z; 0 for an input that never differs.
        groups: those with enough outcomes.
        left_out: name and counts of those without.
        qini, qini_low, qini_high: out of fold, incremental outcomes for each row, and the 90 % interval.
    """

    low: FloatArray
    high: FloatArray
    mean: FloatArray
    scale: FloatArray
    treated_weights: FloatArray
    control_weights: FloatArray
    groups: tuple[FittedGroup, ...]
    left_out: tuple[tuple[str, ArmCounts], ...]
    qini: float
    qini_low: float
    qini_high: float


@dataclass(frozen=True)
class _Regressions:
    """Both arms' weights (2, k) and intercepts (2, g), the treated first."""

    weights: FloatArray
    intercepts: FloatArray

    def raw(self, z: FloatArray, group: IntArray) -> FloatArray:
        """(n,) difference of the probabilities, given z (k, n)."""
        return self.chance(0, z, group) - self.chance(1, z, group)

    def chance(self, arm: int, z: FloatArray, group: IntArray) -> FloatArray:
        """(n,) probability of the outcome in an arm, 0 the treated, given z (k, n)."""
        log_odds = self.weights[arm] @ z + self.intercepts[arm][group]
        probability: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700, 700)))
        return probability


def fit_uplift(rows: TrainingRows, group_names: Sequence[str], min_treated_outcomes: int = 30) -> FittedUplift:
    """Learn from past campaigns what a message changes for whom.

    Propensities come from one regularised logistic regression of the treatment on the inputs and the group; rows are
    weighted by one over the chance of their own arm, clipped. Each arm is one regularised logistic regression, pooled
    over all groups (a T-learner; Kuenzel et al. 2019, Metalearners for estimating heterogeneous treatment effects).
    Each group's mean is the weighted difference of its arms, shrunk towards the mean of all by its own uncertainty;
    how much of a row's deviation is kept is the slope of the calibration on rows that the regressions did not see.

    Args:
        rows: in any order, which changes nothing.
        group_names: what the groups are called.
        min_treated_outcomes: a group with fewer outcomes among its treated is left out.

    Raises:
        CheckFailedError: the past does not tell: nobody was treated or left alone, too few outcomes, or inputs that
            never differ.
    """
    counts = [_counts(rows, rows.group == number) for number in range(len(group_names))]
    _refuse_untellable(rows, counts, group_names, min_treated_outcomes)
    kept = [number for number, one in enumerate(counts) if _can_be_learnt(one, min_treated_outcomes)]
    left_out = tuple((group_names[i], one) for i, one in enumerate(counts) if i not in kept)
    rows = _in_order(rows, kept)
    low, high, mean, scale, differs = _scales(rows.inputs)
    if not differs.any():
        raise CheckFailedError(
            f"uplift cannot be learnt: none of {len(differs)} features differs between customers; declare some that do"
        )
    z = _standardised(rows.inputs, low, high, mean, scale, differs)
    propensity = _propensities(z, rows, len(kept))
    weight = np.minimum(1.0 / np.where(rows.treated, propensity, 1.0 - propensity), LARGEST_WEIGHT)
    whole = _regressions(z, rows, weight, len(kept), np.ones(len(weight), np.bool_))
    unseen, anyway = _out_of_fold(z, rows, weight, len(kept))
    surplus = rows.outcome - anyway
    means = _group_means(surplus, rows, weight, len(kept))
    # Where one arm is all but missing, a comparison is an extrapolation: such rows say nothing of an order.
    is_comparable = np.minimum(propensity, 1.0 - propensity) >= 1.0 / LARGEST_WEIGHT
    telling = np.where(is_comparable, weight, 0.0)
    spread = _spread(unseen, surplus, rows, telling, len(kept))
    raw = whole.raw(z, rows.group)
    groups = tuple(
        FittedGroup(
            name=group_names[number],
            intercept_treated=float(whole.intercepts[0][place]),
            intercept_control=float(whole.intercepts[1][place]),
            centre=float(raw[rows.group == place].mean()),
            mean_uplift=float(means[place]),
            spread=spread,
            counts=counts[number],
        )
        for place, number in enumerate(kept)
    )
    found = qini(unseen, rows.treated, surplus, telling, rows.customer)
    return FittedUplift(
        low=low,
        high=high,
        mean=mean,
        scale=scale,
        treated_weights=whole.weights[0],
        control_weights=whole.weights[1],
        groups=groups,
        left_out=left_out,
        qini=found.value,
        qini_low=found.low,
        qini_high=found.high,
    )


def _counts(rows: TrainingRows, mine: BoolArray) -> ArmCounts:
    treated, control = mine & rows.treated, mine & ~rows.treated
    numbers = (treated, treated & rows.outcome, control, control & rows.outcome)
    return ArmCounts(*(int(one.sum()) for one in numbers))


def _can_be_learnt(counts: ArmCounts, min_treated_outcomes: int) -> bool:
    return counts.treated_outcomes >= min_treated_outcomes and counts.control > 0 and counts.control_outcomes > 0


def _refuse_untellable(
    rows: TrainingRows, counts: Sequence[ArmCounts], names: Sequence[str], min_treated_outcomes: int
) -> None:
    problem = ""
    if not rows.treated.any():
        problem = "no customer was treated; campaigns need an audience with somebody in it"
    elif rows.treated.all():
        problem = "no customer was left alone; without them nobody knows what would have happened anyway"
    elif not rows.outcome.any():
        problem = "the outcome never happened; look at `outcome` of the campaigns"
    elif not any(_can_be_learnt(one, min_treated_outcomes) for one in counts):
        told = "; ".join(
            f"{name} {one.treated_outcomes} of {one.treated} treated, {one.control_outcomes} of {one.control} untreated"
            for name, one in zip(names, counts, strict=True)
        )
        problem = (
            f"too few outcomes: {told}; a group needs {min_treated_outcomes} among its treated and some among the "
            "untreated; pool campaigns into larger groups or wait"
        )
    if problem:
        raise CheckFailedError(f"uplift cannot be learnt: {problem}")


def _in_order(rows: TrainingRows, kept: Sequence[int]) -> TrainingRows:
    """The rows of these groups, renumbered, in an order of their own: sums must not depend on how rows came."""
    place = np.full(int(rows.group.max()) + 1, -1, np.int64)
    place[list(kept)] = np.arange(len(kept))
    order = np.lexsort((rows.campaign, rows.customer))
    order = order[place[rows.group[order]] >= 0]
    inputs = rows.inputs[:, order]
    return TrainingRows(
        inputs=np.where(np.isfinite(inputs), inputs, np.nan),
        treated=rows.treated[order],
        outcome=rows.outcome[order],
        campaign=rows.campaign[order],
        group=place[rows.group[order]],
        customer=rows.customer[order],
    )


def _scales(inputs: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, BoolArray]:
    """(k,) each: clip bounds, mean and deviation of the clipped known values, and whether they differ at all."""
    k = len(inputs)
    low, high, mean, scale, differs = np.zeros(k), np.zeros(k), np.zeros(k), np.ones(k), np.zeros(k, np.bool_)
    for position, values in enumerate(inputs):
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        low[position], high[position] = np.quantile(known, CLIPPED_SHARE)
        clipped = np.clip(known, low[position], high[position])
        mean[position] = clipped.mean()
        deviation = clipped.std()
        # Of a constant, what is left is the rounding of its own mean.
        if deviation > 1e-9 * max(1.0, abs(mean[position])):
            scale[position], differs[position] = deviation, True
    return low, high, mean, scale, differs


def _standardised(
    inputs: FloatArray, low: FloatArray, high: FloatArray, mean: FloatArray, scale: FloatArray, differs: BoolArray
) -> FloatArray:
    clipped = np.clip(inputs, low[:, None], high[:, None])
    z = (clipped - mean[:, None]) / scale[:, None]
    return np.where(np.isfinite(z) & differs[:, None], z, 0.0)


def _design(z: FloatArray, group: IntArray, group_count: int) -> FloatArray:
    return np.vstack([z, np.arange(group_count)[:, None] == group[None, :]]).T


def _logistic(design: FloatArray, label: BoolArray, weight: FloatArray) -> tuple[FloatArray, float]:
    """Coefficients and intercept of one regression; of a label that never differs, its smoothed log-odds alone."""
    from sklearn.linear_model import LogisticRegression  # takes seconds to import

    if label.all() or not label.any():
        odds = (label.sum() + 0.5) / ((~label).sum() + 0.5)
        return np.zeros(design.shape[1]), float(np.log(odds))
    fitted = LogisticRegression(C=PENALTY, max_iter=500, tol=1e-8).fit(design, label, sample_weight=weight)
    return fitted.coef_[0].astype(np.float64), float(fitted.intercept_[0])


def _propensities(z: FloatArray, rows: TrainingRows, group_count: int) -> FloatArray:
    design = _design(z, rows.group, group_count)
    coefficients, intercept = _logistic(design, rows.treated, np.ones(len(rows.treated)))
    chance = 1.0 / (1.0 + np.exp(-np.clip(design @ coefficients + intercept, -700, 700)))
    return np.clip(chance, *PROPENSITY_BOUNDS)


def _regressions(
    z: FloatArray, rows: TrainingRows, weight: FloatArray, group_count: int, among: BoolArray
) -> _Regressions:
    """Both arms' regressions on some of the rows."""
    design, weights, intercepts = _design(z, rows.group, group_count), [], []
    for arm in (rows.treated, ~rows.treated):
        mine = among & arm
        of_mine = weight[mine]
        coefficients, intercept = _logistic(design[mine], rows.outcome[mine], of_mine / max(of_mine.mean(), 1e-12))
        weights.append(coefficients[: len(z)])
        intercepts.append(coefficients[len(z) :] + intercept)
    return _Regressions(np.array(weights), np.array(intercepts))


def _out_of_fold(
    z: FloatArray, rows: TrainingRows, weight: FloatArray, group_count: int
) -> tuple[FloatArray, FloatArray]:
    """(n,) each: a row's raw uplift, and its chance if left alone, by regressions that saw none of its customer's rows.

    The outcome less that chance is what is weighted: weights are clipped, so that of the outcome alone they would take
    for an effect what likely buyers, if they were the ones chosen, do anyway (the augmented estimator of Robins,
    Rotnitzky and Zhao 1994, with one arm's regression for both).
    """
    fold = np.mod(rows.customer, FOLDS)
    unseen, anyway = np.zeros(len(fold)), np.zeros(len(fold))
    for number in range(FOLDS):
        held = fold == number
        if held.any():
            others = _regressions(z, rows, weight, group_count, ~held)
            unseen[held] = others.raw(z[:, held], rows.group[held])
            anyway[held] = others.chance(1, z[:, held], rows.group[held])
    return unseen, anyway


def _group_means(surplus: FloatArray, rows: TrainingRows, weight: FloatArray, group_count: int) -> FloatArray:
    """(g,) weighted difference of the arms' surplus, shrunk towards the mean of all by empirical Bayes.

    With the groups' estimates d and variances v, the variance between groups is t = max(0, var(d) - mean(v)), and each
    keeps t / (t + v) of its distance to the mean weighted by 1 / (t + v) (Efron and Morris 1975; DerSimonian and Laird
    1986 for t). A single group keeps its own.
    """
    estimates, variances = np.zeros(group_count), np.zeros(group_count)
    for number in range(group_count):
        for sign, arm in ((1.0, rows.treated), (-1.0, ~rows.treated)):
            mine = (rows.group == number) & arm
            share = weight[mine] / weight[mine].sum()
            rate = float(share @ surplus[mine])
            estimates[number] += sign * rate
            variances[number] += float((share**2) @ (surplus[mine] - rate) ** 2)
    if group_count == 1:
        return estimates
    between = max(0.0, float(estimates.var(ddof=1) - variances.mean()))
    precision = 1.0 / np.maximum(between + variances, 1e-12)
    overall = float(precision @ estimates / precision.sum())
    return overall + between * precision * (estimates - overall)


def _spread(unseen: FloatArray, surplus: FloatArray, rows: TrainingRows, weight: FloatArray, group_count: int) -> float:
    """Slope of the weighted surplus of the treated less that of the others on the raw uplift, within groups.

    The surplus of a row is turned into what it says of the uplift, plus or minus its weight times the surplus (the
    transformed outcome of Athey and Imbens 2016, Recursive partitioning for heterogeneous causal effects).
    """
    said = np.where(rows.treated, 1.0, -1.0) * weight * surplus
    covariance = variance = 0.0
    for number in range(group_count):
        mine = (rows.group == number) & (weight > 0)
        if not mine.any():
            continue
        deviation = unseen[mine] - unseen[mine].mean()
        covariance += float(deviation @ (said[mine] - said[mine].mean()))
        variance += float(deviation @ deviation)
    slope = covariance / variance if variance > 0 else 0.0
    return float(np.clip(slope, MIN_SPREAD, 1.0))
