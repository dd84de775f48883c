from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.brand import BrandSettings
from ceasefire.config.campaigns import OutcomeValue
from ceasefire.scoring.values import LOWEST_VALUE, candidate_values, outcome_micros
from ceasefire.vocabulary import ValueBasis

NOT_KNOWN = float("nan")
OWN, BRAND, FIXED = (
    tuple(ValueBasis).index(basis)
    for basis in (ValueBasis.OWN_MEAN_ORDER, ValueBasis.BRAND_MEAN_ORDER, ValueBasis.FIXED)
)


def brand(currency: str = "EUR") -> BrandSettings:
    return BrandSettings.model_validate(
        {
            "brand": "shop",
            "currency": currency,
            "time_zone": "Europe/Berlin",
            "locale": "de",
            "customer_key": "public:12345678",
            "decision_window": {"at": "06:00"},
            "channels": {"email": {"cost": "0.002", "hours": "08:00-21:00", "expires": "48h"}},
        }
    )


def test_a_share_of_an_order_is_taken_of_the_customers_own_mean_order() -> None:
    worth, basis = outcome_micros(OutcomeValue(share_of_order=0.25), brand(), np.array([8000.0, 100.0]), 5000.0)

    assert worth.tolist() == [2_000_000_000, 25_000_000]
    assert basis.tolist() == [OWN, OWN]


def test_a_customer_without_orders_counts_with_the_brands_mean_order_and_the_basis_says_so() -> None:
    worth, basis = outcome_micros(OutcomeValue(share_of_order=0.5), brand(), np.array([NOT_KNOWN, 100.0]), 5000.0)

    assert worth.tolist() == [2_500_000_000, 50_000_000]
    assert basis.tolist() == [BRAND, OWN]


def test_before_anybody_has_ordered_an_order_is_worth_nothing() -> None:
    worth, basis = outcome_micros(OutcomeValue(share_of_order=0.5), brand(), np.array([NOT_KNOWN]), NOT_KNOWN)

    assert worth.tolist() == [0]
    assert basis.tolist() == [BRAND]


def test_a_fixed_value_is_the_same_for_everybody_in_the_brands_minor_unit() -> None:
    own = np.array([NOT_KNOWN, 100.0])

    worth, basis = outcome_micros(OutcomeValue(fixed=Decimal("4.00")), brand(), own, 5000.0)
    yen, _ = outcome_micros(OutcomeValue(fixed=Decimal("4")), brand("JPY"), own, 5000.0)

    assert worth.tolist() == [400_000_000, 400_000_000]
    assert basis.tolist() == [FIXED, FIXED]
    assert yen.tolist() == [4_000_000, 4_000_000]


def test_a_value_is_uplift_times_outcome_less_the_cost_of_the_send() -> None:
    values = candidate_values(np.array([0.01, -0.01]), np.array([400_000_000] * 2), np.array([200_000] * 2))

    assert values.tolist() == [3_800_000, -4_200_000]


def test_a_message_that_suppresses_what_would_have_happened_costs_more_than_its_sending() -> None:
    value = candidate_values(np.array([-0.001]), np.array([400_000_000]), np.array([0]))

    assert value.tolist() == [-400_000]


def test_a_score_that_is_no_number_loses_to_every_other_and_raises_nothing() -> None:
    uplift = np.array([np.nan, np.inf, -np.inf, -1.0])

    with np.errstate(all="raise"):
        values = candidate_values(uplift, np.full(4, 10**17), np.full(4, 10**17))

    assert values.tolist() == [LOWEST_VALUE] * 3 + [-2 * 10**17]
    assert (-values > 0).all()


def test_absurd_numbers_stay_within_what_can_be_added_and_turned() -> None:
    uplift, outcome = np.array([1e300, -1e300]), np.full(2, 1 << 62)

    values = candidate_values(uplift, outcome, np.full(2, 1 << 62))
    worth, _ = outcome_micros(OutcomeValue(share_of_order=10), brand(), np.array([1e308]), 1.0)

    assert values.tolist() == [0, LOWEST_VALUE]
    assert worth.tolist() == [1 << 62]


def test_no_candidates_have_no_values() -> None:
    none = np.empty(0, np.int64)

    assert candidate_values(np.empty(0), none, none).dtype == np.int64


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.integers(0, 10**12), st.integers(0, 10**9)),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=60)
def test_values_agree_with_exact_fractions_to_the_last_unit_but_one(rows: list[tuple[float, int, int]]) -> None:
    uplift, outcome, cost = (np.array(column) for column in zip(*rows, strict=True))

    values = candidate_values(uplift.astype(np.float64), outcome.astype(np.int64), cost.astype(np.int64))

    for value, (up, out, price) in zip(values.tolist(), rows, strict=True):
        assert abs(value - (Fraction(up) * out - price)) <= Fraction(501, 1000)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20), st.integers(0, 20))
@settings(max_examples=60)
def test_values_do_not_depend_on_the_batch_they_are_worked_out_in(uplifts: list[float], cut: int) -> None:
    uplift = np.array(uplifts)
    outcome, cost = np.arange(len(uplift)) * 12345, np.full(len(uplift), 7)

    whole = candidate_values(uplift, outcome, cost)
    parts = [candidate_values(uplift[part], outcome[part], cost[part]) for part in (slice(None, cut), slice(cut, None))]

    assert np.concatenate(parts).tolist() == whole.tolist()
