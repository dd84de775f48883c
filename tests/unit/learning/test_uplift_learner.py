from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.errors import CheckFailedError
from ceasefire.learning.qini import qini
from ceasefire.learning.uplift import MIN_SPREAD, ArmCounts, FittedGroup, FittedUplift, TrainingRows, fit_uplift

BOUNDLESS = 1 << 62


def chance(log_odds: FloatArray) -> FloatArray:
    probability: FloatArray = 1.0 / (1.0 + np.exp(-log_odds))
    return probability


def drawn(
    seed: int,
    row_count: int,
    effect: Callable[[FloatArray], FloatArray],
    choice: Callable[[FloatArray], FloatArray] = lambda x: np.zeros(x.shape[1]),
    group_effects: tuple[float, ...] = (0.0,),
    input_count: int = 3,
) -> tuple[TrainingRows, FloatArray]:
    """Rows of an invented past and each row's true uplift.

    Effect and choice are log-odds, given the inputs: of the outcome if treated, and of being treated. The first input
    also moves the outcome of everybody.
    """
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(input_count, row_count))
    group = draw.integers(len(group_effects), size=row_count)
    treated = draw.random(row_count) < chance(choice(inputs))
    anyway = -1.5 + 0.8 * inputs[0]
    if_treated = chance(anyway + effect(inputs) + np.array(group_effects)[group])
    outcome = draw.random(row_count) < np.where(treated, if_treated, chance(anyway))
    customer = draw.integers(-BOUNDLESS, BOUNDLESS, size=row_count)
    return TrainingRows(inputs, treated, outcome, group.copy(), group, customer), if_treated - chance(anyway)


def predicted(fitted: FittedUplift, inputs: FloatArray, groups: list[FittedGroup]) -> list[float]:
    """The uplift of each row, worked out number by number from what the fit says of itself."""
    found = []
    for values, group in zip(inputs.T, groups, strict=True):
        treated, control = group.intercept_treated, group.intercept_control
        for i, value in enumerate(values):
            if np.isfinite(value):
                z = (min(max(value, fitted.low[i]), fitted.high[i]) - fitted.mean[i]) / fitted.scale[i]
                treated += fitted.treated_weights[i] * z
                control += fitted.control_weights[i] * z
        raw = 1 / (1 + np.exp(-treated)) - 1 / (1 + np.exp(-control))
        found.append(float(np.clip(group.mean_uplift + group.spread * (raw - group.centre), -1, 1)))
    return found


def groups_of(fitted: FittedUplift, rows: TrainingRows, names: tuple[str, ...]) -> list[FittedGroup]:
    by_name = {one.name: one for one in fitted.groups}
    return [by_name[names[number]] for number in rows.group]


def numbers_of(fitted: FittedUplift) -> FloatArray:
    """Every number of a fit in one array."""
    arrays = (fitted.low, fitted.high, fitted.mean, fitted.scale, fitted.treated_weights, fitted.control_weights)
    of_groups = [
        float(getattr(group, field.name))
        for group in fitted.groups
        for field in fields(group)
        if field.name not in ("name", "counts")
    ]
    numbers: FloatArray = np.concatenate([*arrays, of_groups, [fitted.qini, fitted.qini_low, fitted.qini_high]])
    return numbers


def in_order(rows: TrainingRows, order: IntArray) -> TrainingRows:
    return TrainingRows(
        np.ascontiguousarray(rows.inputs[:, order]),
        rows.treated[order],
        rows.outcome[order],
        rows.campaign[order],
        rows.group[order],
        rows.customer[order],
    )


def helps_some(inputs: FloatArray) -> FloatArray:
    log_odds: FloatArray = 0.3 + 1.0 * inputs[1]
    return log_odds


def helps_nobody(inputs: FloatArray) -> FloatArray:
    return np.zeros(inputs.shape[1])


@pytest.fixture(scope="module")
def known_past() -> tuple[TrainingRows, FloatArray]:
    """A past drawn by lot in which the second input says whom a message helps, in two groups of campaigns."""
    return drawn(1, 8000, helps_some, group_effects=(0.0, 0.8))


@pytest.fixture(scope="module")
def fit_of_known_past(known_past: tuple[TrainingRows, FloatArray]) -> FittedUplift:
    return fit_uplift(known_past[0], ("mail", "coupon"))


def test_whom_a_message_helps_is_found_where_the_lot_decided_who_got_it(
    known_past: tuple[TrainingRows, FloatArray], fit_of_known_past: FittedUplift
) -> None:
    rows, truth = known_past
    found = predicted(fit_of_known_past, rows.inputs, groups_of(fit_of_known_past, rows, ("mail", "coupon")))

    assert np.corrcoef(found, truth)[0, 1] > 0.9
    assert np.abs(np.array(found) - truth).mean() < 0.04
    assert 0 < fit_of_known_past.qini_low <= fit_of_known_past.qini <= fit_of_known_past.qini_high


def test_customers_whom_the_fit_never_saw_are_told_apart_as_well(fit_of_known_past: FittedUplift) -> None:
    rows, truth = drawn(99, 4000, helps_some, group_effects=(0.0, 0.8))
    found = predicted(fit_of_known_past, rows.inputs, groups_of(fit_of_known_past, rows, ("mail", "coupon")))

    assert np.corrcoef(found, truth)[0, 1] > 0.9


def test_a_group_of_campaigns_that_works_better_has_the_larger_mean(
    known_past: tuple[TrainingRows, FloatArray], fit_of_known_past: FittedUplift
) -> None:
    rows, truth = known_past
    mail, coupon = fit_of_known_past.groups

    assert (mail.name, coupon.name) == ("mail", "coupon")
    assert mail.mean_uplift == pytest.approx(truth[rows.group == 0].mean(), abs=0.03)
    assert coupon.mean_uplift == pytest.approx(truth[rows.group == 1].mean(), abs=0.03)
    assert coupon.mean_uplift > mail.mean_uplift + 0.05


def test_the_predictions_of_a_group_are_as_large_on_average_as_its_mean_says(
    known_past: tuple[TrainingRows, FloatArray], fit_of_known_past: FittedUplift
) -> None:
    rows, _ = known_past
    groups = groups_of(fit_of_known_past, rows, ("mail", "coupon"))
    found = np.array(predicted(fit_of_known_past, rows.inputs, groups))

    for number, group in enumerate(fit_of_known_past.groups):
        assert found[rows.group == number].mean() == pytest.approx(group.mean_uplift, abs=1e-9)


def test_every_row_is_counted_in_the_arm_and_group_it_belongs_to(
    known_past: tuple[TrainingRows, FloatArray], fit_of_known_past: FittedUplift
) -> None:
    rows, _ = known_past
    told = list(zip(rows.group.tolist(), rows.treated.tolist(), rows.outcome.tolist(), strict=True))

    for number, group in enumerate(fit_of_known_past.groups):
        assert group.counts == ArmCounts(
            treated=sum(one[:2] == (number, True) for one in told),
            treated_outcomes=told.count((number, True, True)),
            control=sum(one[:2] == (number, False) for one in told),
            control_outcomes=told.count((number, False, True)),
        )


def test_groups_whose_difference_is_noise_are_drawn_together_and_those_that_differ_keep_their_means() -> None:
    names = tuple("abcdefgh")
    alike, _ = drawn(5, 4000, lambda x: np.full(x.shape[1], 0.5), group_effects=(0.0,) * 8)
    apart, _ = drawn(
        5, 4000, lambda x: np.full(x.shape[1], 0.5), group_effects=(0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0)
    )

    def naive(rows: TrainingRows) -> FloatArray:
        arms = [
            [rows.outcome[(rows.group == number) & (rows.treated == arm)].mean() for number in range(8)]
            for arm in (True, False)
        ]
        differences: FloatArray = np.array(arms[0]) - np.array(arms[1])
        return differences

    means_alike = np.array([one.mean_uplift for one in fit_uplift(alike, names, 1).groups])
    means_apart = np.array([one.mean_uplift for one in fit_uplift(apart, names, 1).groups])

    assert means_alike.std() < 0.5 * naive(alike).std()
    assert means_apart.std() > 0.8 * naive(apart).std()


def test_where_the_likely_buyers_were_chosen_the_mean_is_nearer_the_truth_than_the_plain_difference() -> None:
    # given the first input makes a purchase more likely and a message more likely, and messages do little
    rows, truth = drawn(2, 8000, lambda x: np.full(x.shape[1], 0.2), choice=lambda x: 1.2 * x[0])
    plain = rows.outcome[rows.treated].mean() - rows.outcome[~rows.treated].mean()

    (group,) = fit_uplift(rows, ("mail",)).groups

    assert plain > truth.mean() + 0.1
    assert abs(group.mean_uplift - truth.mean()) < 0.25 * abs(plain - truth.mean())


def test_where_a_message_changes_everybody_alike_or_nobody_no_order_of_customers_is_called_good() -> None:
    past = [drawn(seed, 2500, helps_nobody)[0] for seed in range(10, 18)]
    fits = [fit_uplift(rows, ("mail",)) for rows in past]

    # An interval of 90 % may miss once, or twice, in eight.
    assert sum(one.qini_low <= 0 <= one.qini_high for one in fits) >= 6
    assert abs(np.mean([one.qini for one in fits])) < 0.003


def test_where_almost_only_likely_buyers_were_chosen_an_effect_that_is_not_there_is_not_called_found() -> None:
    past = [drawn(seed, 4000, helps_nobody, choice=lambda x: 2.5 + 2.0 * x[0])[0] for seed in range(100, 108)]
    fits = [fit_uplift(rows, ("mail",)) for rows in past]

    assert sum(one.qini_low > 0 for one in fits) <= 1
    assert np.mean([one.groups[0].mean_uplift for one in fits]) < 0.04
    assert np.mean([one.groups[0].spread for one in fits]) < 0.4


def test_where_nothing_tells_customers_apart_little_of_the_deviation_is_kept_and_where_it_does_much_is(
    fit_of_known_past: FittedUplift,
) -> None:
    (blind,) = fit_uplift(drawn(12, 3000, helps_nobody, input_count=20)[0], ("mail",)).groups

    assert MIN_SPREAD <= blind.spread < 0.5
    assert all(0.7 < one.spread <= 1.0 for one in fit_of_known_past.groups)


def test_the_order_of_the_rows_changes_nothing(
    known_past: tuple[TrainingRows, FloatArray], fit_of_known_past: FittedUplift
) -> None:
    rows, _ = known_past
    shuffled = in_order(rows, np.random.default_rng(3).permutation(len(rows.group)))

    again = fit_uplift(shuffled, ("mail", "coupon"))

    np.testing.assert_array_equal(numbers_of(again), numbers_of(fit_of_known_past))
    assert [one.counts for one in again.groups] == [one.counts for one in fit_of_known_past.groups]


def test_the_rows_that_were_given_are_not_changed() -> None:
    rows, _ = drawn(4, 1500, helps_some)
    rows.inputs[0, ::7] = np.inf
    before = [getattr(rows, field.name).copy() for field in fields(rows)]

    fit_uplift(rows, ("mail",))

    for field, value in zip(fields(rows), before, strict=True):
        np.testing.assert_array_equal(getattr(rows, field.name), value)


def test_a_group_with_few_outcomes_is_left_out_with_its_counts_and_touches_no_other_number(
    known_past: tuple[TrainingRows, FloatArray], fit_of_known_past: FittedUplift
) -> None:
    # given a third group of forty rows whose inputs are nothing like the others', and nine bought after a message
    rows, _ = known_past
    few = TrainingRows(
        inputs=np.full((3, 40), 1e6),
        treated=np.arange(40) < 25,
        outcome=(np.arange(40) < 9) | (np.arange(40) >= 37),
        campaign=np.full(40, 1),
        group=np.full(40, 1),
        customer=np.arange(40),
    )
    group = np.concatenate([np.where(rows.group == 1, 2, 0), few.group])
    joined = TrainingRows(
        inputs=np.hstack([rows.inputs, few.inputs]),
        treated=np.concatenate([rows.treated, few.treated]),
        outcome=np.concatenate([rows.outcome, few.outcome]),
        campaign=np.concatenate([rows.campaign, few.campaign]),
        group=group,
        customer=np.concatenate([rows.customer, few.customer]),
    )

    fitted = fit_uplift(joined, ("mail", "letter", "coupon"), min_treated_outcomes=10)

    assert fitted.left_out == (("letter", ArmCounts(25, 9, 15, 3)),)
    assert [one.name for one in fitted.groups] == ["mail", "coupon"]
    np.testing.assert_allclose(numbers_of(fitted), numbers_of(fit_of_known_past), rtol=0, atol=1e-9)


def test_exactly_as_many_outcomes_as_are_asked_for_are_enough() -> None:
    rows, _ = drawn(6, 1500, helps_some)
    count = int((rows.treated & rows.outcome).sum())

    assert not fit_uplift(rows, ("mail",), count).left_out
    with pytest.raises(CheckFailedError):
        fit_uplift(rows, ("mail",), count + 1)


def test_a_group_without_any_row_is_left_out_with_nothing_counted() -> None:
    rows, _ = drawn(6, 1500, helps_some)

    assert fit_uplift(rows, ("mail", "fax")).left_out == (("fax", ArmCounts(0, 0, 0, 0)),)


def test_a_constant_input_and_one_that_nobody_has_weigh_exactly_nothing() -> None:
    rows, _ = drawn(7, 2000, helps_some, input_count=4)
    # A constant whose mean is not exact in binary.
    rows.inputs[2], rows.inputs[3] = 0.1, np.nan

    fitted = fit_uplift(rows, ("mail",))

    assert fitted.scale[2:].tolist() == [1.0, 1.0]
    assert fitted.treated_weights[2:].tolist() == [0.0, 0.0]
    assert fitted.control_weights[2:].tolist() == [0.0, 0.0]
    assert fitted.treated_weights[:2].all()
    assert fitted.control_weights[:2].all()
    assert np.isfinite(numbers_of(fitted)).all()


def test_what_is_not_known_counts_as_the_mean_of_what_is() -> None:
    rows, _ = drawn(8, 3000, helps_some)
    rows.inputs[1, ::5] = np.nan
    fitted = fit_uplift(rows, ("mail",))
    known = rows.inputs[1][~np.isnan(rows.inputs[1])]
    low, high = np.quantile(known, [0.02, 0.98])

    # the numbers describe the known values alone
    assert fitted.low[1] == pytest.approx(low)
    assert fitted.high[1] == pytest.approx(high)
    assert fitted.mean[1] == pytest.approx(np.clip(known, low, high).mean())
    assert fitted.scale[1] == pytest.approx(np.clip(known, low, high).std())
    # and the regressions see a mean in place of what is missing: its group's mean of predictions is exact
    found = predicted(fitted, rows.inputs, [fitted.groups[0]] * 3000)
    assert np.mean(found) == pytest.approx(fitted.groups[0].mean_uplift, abs=1e-9)


def test_an_infinite_value_is_as_good_as_none() -> None:
    rows, _ = drawn(8, 1500, helps_some)
    with_nan, with_infinity = rows.inputs.copy(), rows.inputs.copy()
    with_nan[1, :10] = np.nan
    with_infinity[1, :5], with_infinity[1, 5:10] = np.inf, -np.inf

    nan_fit, infinity_fit = (fit_uplift(replace(rows, inputs=one), ("mail",)) for one in (with_nan, with_infinity))

    np.testing.assert_array_equal(numbers_of(infinity_fit), numbers_of(nan_fit))


def test_one_huge_amount_moves_a_fit_no_more_than_the_largest_usual_one() -> None:
    rows, _ = drawn(9, 1500, helps_some)
    large, huge = rows.inputs.copy(), rows.inputs.copy()
    large[1, 0], huge[1, 0] = 1e2, 1e12

    one, other = (fit_uplift(replace(rows, inputs=inputs), ("mail",)) for inputs in (large, huge))

    np.testing.assert_array_equal(numbers_of(one), numbers_of(other))


def test_a_choice_that_the_inputs_give_away_entirely_still_yields_finite_numbers() -> None:
    rows, _ = drawn(13, 2000, helps_some)
    rows = replace(rows, treated=rows.inputs[2] > 0)

    assert np.isfinite(numbers_of(fit_uplift(rows, ("mail",)))).all()


def test_customers_with_several_campaigns_are_learnt_from_whatever_the_order_of_their_rows() -> None:
    # given customers with three campaigns each
    rows, _ = drawn(14, 3000, helps_some)
    rows = replace(rows, customer=np.repeat(rows.customer[::3], 3), campaign=np.tile([0, 1, 2], 1000))
    shuffled = in_order(rows, np.random.default_rng(5).permutation(3000))

    fitted, again = fit_uplift(rows, ("mail",)), fit_uplift(shuffled, ("mail",))

    assert fitted.qini_low > 0
    np.testing.assert_array_equal(numbers_of(again), numbers_of(fitted))


def test_what_was_learnt_of_a_customer_is_never_judged_by_rows_of_the_same_customer() -> None:
    # given a past without any effect in which each customer comes four times with the same inputs and the same outcome
    rows, _ = drawn(15, 500, helps_nobody, input_count=15)
    rows = in_order(rows, np.repeat(np.arange(500), 4))
    rows = replace(rows, campaign=np.tile(np.arange(4), 500))

    fitted = fit_uplift(rows, ("mail",))

    assert fitted.qini_low <= 0 <= fitted.qini_high
    assert fitted.groups[0].spread < 0.5


def without_treated(rows: TrainingRows) -> TrainingRows:
    return replace(rows, treated=np.zeros(len(rows.treated), np.bool_))


def without_control(rows: TrainingRows) -> TrainingRows:
    return replace(rows, treated=np.ones(len(rows.treated), np.bool_))


def without_outcome(rows: TrainingRows) -> TrainingRows:
    return replace(rows, outcome=np.zeros(len(rows.outcome), np.bool_))


def without_differences(rows: TrainingRows) -> TrainingRows:
    inputs = np.full_like(rows.inputs, 0.1)
    inputs[1] = np.nan
    return replace(rows, inputs=inputs)


def without_rows(rows: TrainingRows) -> TrainingRows:
    return in_order(rows, np.zeros(0, np.int64))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_treated, "no customer was treated"),
        (without_rows, "no customer was treated"),
        (without_control, "no customer was left alone"),
        (without_outcome, "the outcome never happened"),
        (without_differences, "none of 3 features differs between customers"),
    ],
)
def test_a_past_that_cannot_tell_is_refused_in_one_sentence(
    spoil: Callable[[TrainingRows], TrainingRows], said: str
) -> None:
    rows, _ = drawn(6, 1500, helps_some)

    with pytest.raises(CheckFailedError, match=said) as refused:
        fit_uplift(spoil(rows), ("mail",))

    assert str(refused.value).startswith("uplift cannot be learnt: ")
    assert "\n" not in str(refused.value)


def test_where_no_group_has_enough_outcomes_each_is_named_with_its_counts_and_what_is_needed() -> None:
    mail, letter = [(True, True)] * 3 + [(True, False)] * 4 + [(False, True)] * 2, [(True, True), (False, False)]
    treated, outcome = np.array(mail + letter).T
    group = np.array([0] * len(mail) + [1] * len(letter))
    rows = TrainingRows(np.arange(11.0).reshape(1, 11), treated, outcome, group, group, np.arange(11))

    with pytest.raises(CheckFailedError) as refused:
        fit_uplift(rows, ("mail", "letter"), min_treated_outcomes=5)

    said = str(refused.value)
    assert "mail 3 of 7 treated, 2 of 2 untreated" in said
    assert "letter 1 of 1 treated, 0 of 1 untreated" in said
    assert "needs 5 among its treated" in said


def area_by_pairs(uplift: list[float], treated: list[bool], outcome: list[bool], weight: list[float]) -> float:
    """The area from all pairs of rows: each adds its gain as often as it comes before another, half as often if level.

    No curve is drawn: a row whose gain comes at a share s of the order lifts the curve over the remaining 1 - s.
    """
    area = 0.0
    n = len(uplift)
    for i in range(n):
        gain = (weight[i] if treated[i] else -weight[i]) if outcome[i] else 0.0
        for j in range(n):
            ahead = 1.0 if uplift[i] > uplift[j] else 0.5 if uplift[i] == uplift[j] else 0.0
            area += gain * (ahead - 0.5)
    return area / n**2


Row = tuple[float, bool, bool, float]
rows_with_ties = st.lists(
    st.tuples(
        st.sampled_from([-0.2, 0.0, 0.1, 0.3]), st.booleans(), st.booleans(), st.floats(1.0, 20.0, allow_nan=False)
    ),
    min_size=1,
    max_size=12,
)


def columns_of(rows: list[Row]) -> tuple[FloatArray, BoolArray, BoolArray, FloatArray]:
    uplift, treated, outcome, weight = zip(*rows, strict=True)
    return np.array(uplift), np.array(treated, np.bool_), np.array(outcome, np.bool_), np.array(weight)


@settings(max_examples=60, deadline=None)
@given(rows=rows_with_ties)
def test_the_area_is_what_all_pairs_of_rows_say_ties_included(rows: list[Row]) -> None:
    uplift, treated, outcome, weight = columns_of(rows)
    found = qini(uplift, treated, outcome, weight, np.arange(len(rows)))

    by_pairs = area_by_pairs(uplift.tolist(), treated.tolist(), outcome.tolist(), weight.tolist())
    assert found.value == pytest.approx(by_pairs, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(rows=rows_with_ties)
def test_among_equal_uplifts_it_does_not_matter_who_comes_first(rows: list[Row]) -> None:
    uplift, treated, outcome, weight = columns_of(rows)
    customer = np.arange(len(rows))
    found = qini(uplift, treated, outcome, weight, customer)
    turned = qini(uplift[::-1], treated[::-1], outcome[::-1], weight[::-1], customer[::-1])

    assert (turned.value, turned.low, turned.high) == pytest.approx((found.value, found.low, found.high), abs=1e-12)


def test_an_order_that_tells_nobody_apart_is_worth_nothing_for_certain() -> None:
    rows, _ = drawn(20, 500, helps_some)
    found = qini(np.zeros(500), rows.treated, rows.outcome, np.full(500, 2.0), rows.customer)

    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_the_reversed_order_is_as_bad_as_the_order_is_good() -> None:
    rows, truth = drawn(21, 2000, helps_some)
    weight = np.full(2000, 2.0)
    best, worst = (qini(one, rows.treated, rows.outcome, weight, rows.customer) for one in (truth, -truth))

    assert best.low > 0
    assert (worst.value, worst.low, worst.high) == pytest.approx((-best.value, -best.high, -best.low))


def test_repeating_a_customers_rows_makes_nothing_more_certain_and_as_many_new_customers_do() -> None:
    rows, truth = drawn(22, 1000, helps_some)
    four_times, uplift = in_order(rows, np.tile(np.arange(1000), 4)), np.tile(truth, 4)
    weight = np.full(4000, 2.0)
    once = qini(truth, rows.treated, rows.outcome, weight[:1000], rows.customer)
    repeated = qini(uplift, four_times.treated, four_times.outcome, weight, four_times.customer)
    new = qini(uplift, four_times.treated, four_times.outcome, weight, np.arange(4000))

    assert (repeated.value, repeated.low, repeated.high) == pytest.approx((once.value, once.low, once.high))
    assert new.high - new.low == pytest.approx((once.high - once.low) / 2, rel=0.25)
