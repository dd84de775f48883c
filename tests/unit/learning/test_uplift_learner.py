from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ceasefire.arrow import FloatArray
from ceasefire.errors import CheckFailedError
from ceasefire.learning.qini import qini
from ceasefire.learning.uplift import FittedUplift, TrainingRows, fit_uplift


def past(
    seed: int = 5, n: int = 6000, effect: float = 0.25, chosen: float = 0.0, groups: int = 2
) -> tuple[TrainingRows, FloatArray]:
    """Customers with three inputs and the truth: the message adds to who has a large first input, and to nobody else.

    Args:
        seed: of the draw.
        n: rows.
        effect: probability that the message adds for half of the customers.
        chosen: how much more often those are treated who buy anyway.
        groups: pools of campaigns.
    """
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(3, n))
    responsive, buyer = inputs[0] > 0, inputs[1] > 0
    truth = effect * responsive
    treated = draw.random(n) < 0.5 + chosen * np.where(buyer, 1, -1)
    chance = 0.1 + 0.2 * buyer + truth * treated
    rows = TrainingRows(
        inputs=inputs,
        treated=treated,
        outcome=draw.random(n) < chance,
        campaign=draw.integers(0, 4, n),
        group=draw.integers(0, groups, n),
        customer=draw.integers(0, n // 2, n),
    )
    return rows, truth


def predicted(fitted: FittedUplift, inputs: FloatArray, group: int = 0) -> FloatArray:
    """The formula that the fit stands for, row by row."""
    one = fitted.groups[group]
    found = []
    for row in inputs.T:
        treated, control = one.intercept_treated, one.intercept_control
        for place, value in enumerate(row):
            z = 0.0
            if np.isfinite(value):
                z = (min(max(value, fitted.low[place]), fitted.high[place]) - fitted.mean[place]) / fitted.scale[place]
            treated += fitted.treated_weights[place] * z
            control += fitted.control_weights[place] * z
        raw = 1 / (1 + np.exp(-treated)) - 1 / (1 + np.exp(-control))
        found.append(one.mean_uplift + one.spread * (raw - one.centre))
    return np.array(found)


NAMES = ("wide", "narrow")


def test_whom_the_message_moves_is_found_and_the_order_by_uplift_is_surely_better_than_chance() -> None:
    rows, truth = past()

    fitted = fit_uplift(rows, NAMES)

    found = predicted(fitted, rows.inputs)
    assert np.corrcoef(found, truth)[0, 1] > 0.7
    assert found[truth > 0].mean() - found[truth == 0].mean() > 0.1
    assert fitted.qini_low > 0
    assert fitted.qini_low < fitted.qini < fitted.qini_high


def test_the_mean_of_a_group_is_what_its_message_changed() -> None:
    rows, truth = past(n=20_000)

    fitted = fit_uplift(rows, NAMES)

    assert [one.mean_uplift for one in fitted.groups] == pytest.approx([truth.mean()] * 2, abs=0.03)
    for number, one in enumerate(fitted.groups):
        mine = rows.group == number
        assert predicted(fitted, rows.inputs[:, mine], number).mean() == pytest.approx(one.mean_uplift, abs=1e-6)


def test_when_buyers_are_chosen_more_often_the_mean_is_nearer_the_truth_than_the_plain_difference() -> None:
    rows, truth = past(n=20_000, chosen=0.3, groups=1)
    plain = rows.outcome[rows.treated].mean() - rows.outcome[~rows.treated].mean()

    fitted = fit_uplift(rows, NAMES[:1])

    assert abs(plain - truth.mean()) > 0.08
    assert abs(fitted.groups[0].mean_uplift - truth.mean()) < 0.03


def test_where_the_message_moves_everybody_alike_no_order_is_claimed_to_be_better() -> None:
    rows, _ = past(effect=0.0)

    fitted = fit_uplift(rows, NAMES)

    assert fitted.qini_low < 0
    assert abs(fitted.qini) < 0.01
    assert all(one.spread < 0.5 for one in fitted.groups)


def test_the_order_of_rows_changes_nothing() -> None:
    rows, _ = past(n=2000)
    # a customer is in a campaign once
    _, first = np.unique(np.stack([rows.customer, rows.campaign]), axis=1, return_index=True)
    rows = taken(rows, first)
    shuffled = taken(rows, np.random.default_rng(1).permutation(len(first)))

    one, other = fit_uplift(rows, NAMES, 5), fit_uplift(shuffled, NAMES, 5)

    assert one.treated_weights.tobytes() == other.treated_weights.tobytes()
    assert (one.groups, one.qini, one.qini_low) == (other.groups, other.qini, other.qini_low)


def test_a_group_with_few_outcomes_is_left_out_with_its_counts() -> None:
    rows, _ = past()
    rows = replace(rows, group=(np.arange(len(rows.group)) < 40).astype(np.int64))

    fitted = fit_uplift(rows, NAMES)

    assert [one.name for one in fitted.groups] == ["wide"]
    ((name, counts),) = fitted.left_out
    mine = rows.group == 1
    assert name == "narrow"
    assert (counts.treated, counts.treated_outcomes) == (
        (mine & rows.treated).sum(),
        (mine & rows.treated & rows.outcome).sum(),
    )


def test_inputs_that_never_differ_or_are_never_known_weigh_nothing_and_a_missing_value_counts_as_the_mean() -> None:
    rows, _ = past(n=3000)
    n = len(rows.treated)
    holes = rows.inputs.copy()
    holes[0, ::10] = np.nan
    holes[1, ::50] = np.inf
    inputs = np.vstack([holes, np.full(n, 3.3), np.full(n, np.nan)])

    fitted = fit_uplift(replace(rows, inputs=inputs), NAMES, 5)

    assert fitted.treated_weights[3:].tolist() == fitted.control_weights[3:].tolist() == [0.0, 0.0]
    at_mean, missing = inputs[:, :1].copy(), inputs[:, :1].copy()
    at_mean[0], missing[0] = fitted.mean[0], np.nan
    assert predicted(fitted, at_mean) == pytest.approx(predicted(fitted, missing))
    assert np.isfinite(predicted(fitted, inputs)).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: {"treated": np.zeros_like(rows.treated)}, "no customer was treated"),
        (lambda rows: {"treated": np.ones_like(rows.treated)}, "no customer was left alone"),
        (lambda rows: {"outcome": np.zeros_like(rows.outcome)}, "the outcome never happened"),
        (lambda rows: {"outcome": np.arange(len(rows.outcome)) < 20}, r"too few outcomes: wide \d+ of \d+ treated"),
        (lambda rows: {"inputs": np.ones_like(rows.inputs)}, "none of 3 features differs"),
        (lambda rows: {"inputs": np.full_like(rows.inputs, np.nan)}, "none of 3 features differs"),
    ],
    ids=["nobody treated", "nobody left alone", "never happened", "too few", "constant", "all missing"],
)
def test_a_past_that_does_not_tell_is_refused_in_a_sentence(change: object, says: str) -> None:
    rows, _ = past(n=800)
    assert callable(change)

    with pytest.raises(CheckFailedError, match=f"uplift cannot be learnt: {says}"):
        fit_uplift(replace(rows, **change(rows)), NAMES)


def test_the_qini_is_the_area_that_one_gets_by_adding_row_after_row() -> None:
    draw = np.random.default_rng(3)
    n = 60
    uplift = draw.integers(0, 9, n) / 10
    treated, outcome = draw.random(n) < 0.5, draw.random(n) < 0.4
    weight = 1 + draw.random(n)

    found = qini(uplift, treated, outcome, weight, np.arange(n))

    # by hand: a point of the curve after each group of equals
    points = [(0.0, 0.0)]
    for level in sorted(set(uplift.tolist()), reverse=True):
        among = [place for place in range(n) if uplift[place] >= level]
        gain = sum((1 if treated[i] else -1) * weight[i] for i in among if outcome[i])
        points.append((len(among) / n, gain / n))
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    assert found.value == pytest.approx(area - points[-1][1] / 2)
    # and the order of rows among equals does not matter
    back = slice(None, None, -1)
    assert qini(uplift[back], treated[back], outcome[back], weight[back], np.arange(n)[back]).value == pytest.approx(
        found.value
    )


def taken(rows: TrainingRows, places: np.ndarray) -> TrainingRows:
    parts = {name: getattr(rows, name)[..., places] for name in rows.__dataclass_fields__}
    return TrainingRows(**parts)
