from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.scoring.uplift_model import ModelGroup, ModelInput, ModelUnreadableError, UpliftModel

ORDERS = ModelInput("orders", "d1", low=0.0, high=20.0, mean=5.0, scale=4.0, treated_weight=0.8, control_weight=0.3)
SPEND = ModelInput("spend", "d2", low=0.0, high=900.0, mean=80.0, scale=50.0, treated_weight=-0.2, control_weight=0.4)
DAYS = ModelInput("days", "d3", low=1.0, high=60.0, mean=20.0, scale=10.0, treated_weight=0.1, control_weight=-0.1)
WIDE = ModelGroup("wide", -1.0, -1.5, centre=0.05, mean_uplift=0.03, spread=0.5)
NARROW = ModelGroup("narrow", -3.0, -3.2, centre=0.01, mean_uplift=0.02, spread=1.0)
MODEL = UpliftModel((ORDERS, SPEND, DAYS), (WIDE, NARROW))


def columns(*customers: tuple[float | None, float | None, float | None]) -> dict[str, pa.Array]:
    return {
        name: pa.array([one[place] for one in customers], pa.float64())
        for place, name in enumerate(("orders", "spend", "days"))
    }


def by_hand(orders: float, spend: float, days: float, group: ModelGroup) -> float:
    """The formula with scalars."""
    treated, control = group.treated_intercept, group.control_intercept
    for value, one in zip((orders, spend, days), MODEL.inputs, strict=True):
        z = (min(max(value, one.low), one.high) - one.mean) / one.scale
        treated += one.treated_weight * z
        control += one.control_weight * z
    raw = 1 / (1 + math.exp(-treated)) - 1 / (1 + math.exp(-control))
    return group.mean_uplift + group.spread * (raw - group.centre)


def uplift_of(customer: tuple[float | None, float | None, float | None], group: int = 0) -> float:
    inputs = MODEL.standardised(columns(customer), 1)
    return float(MODEL.uplifts(inputs, np.array([group]), np.array([0]))[0])


@given(
    st.floats(-10, 50),
    st.floats(-100, 2000),
    st.floats(0, 100),
    st.sampled_from([0, 1]),
)
def test_an_uplift_is_the_difference_of_two_probabilities_calibrated(
    orders: float, spend: float, days: float, group: int
) -> None:
    assert uplift_of((orders, spend, days), group) == pytest.approx(by_hand(orders, spend, days, MODEL.groups[group]))


def test_a_missing_value_counts_as_the_mean() -> None:
    assert uplift_of((None, 120.0, 30.0)) == uplift_of((5.0, 120.0, 30.0))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_finite_number_leaves_its_customer_without_an_uplift_and_nobody_else(broken: float) -> None:
    inputs = MODEL.standardised(columns((broken, 1.0, 1.0), (1.0, 1.0, 1.0)), 2)
    found = MODEL.uplifts(inputs, np.array([0, 0, 1]), np.array([0, 1, 0]))

    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == pytest.approx(by_hand(1.0, 1.0, 1.0, WIDE))


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_how_customers_are_cut_into_batches_changes_no_bit(size: int, seed: int) -> None:
    # given a thousand customers, each wanted by both groups
    draw = np.random.default_rng(seed)
    told = {one.name: pa.array(draw.normal(one.mean, 3 * one.scale, 1000)) for one in MODEL.inputs}
    whole = MODEL.standardised(told, 1000)
    at_once = [MODEL.uplifts(whole, np.full(1000, group), np.arange(1000)) for group in (0, 1)]

    # when they come in batches
    pieces: list[list[np.ndarray]] = [[], []]
    for begin in range(0, 1000, size):
        part = {name: column.slice(begin, size) for name, column in told.items()}
        count = len(part["orders"])
        inputs = MODEL.standardised(part, count)
        for group in (0, 1):
            pieces[group].append(MODEL.uplifts(inputs, np.full(count, group), np.arange(count)))

    # then the bits are the same
    for group in (0, 1):
        assert np.concatenate(pieces[group]).tobytes() == at_once[group].tobytes()


@given(st.tuples(st.floats(0, 20), st.floats(0, 900), st.floats(1, 60)), st.sampled_from([0, 1]))
def test_what_the_inputs_moved_adds_up_to_what_the_uplift_moved(
    customer: tuple[float, float, float], group: int
) -> None:
    average = tuple(one.mean for one in MODEL.inputs)
    inputs = MODEL.standardised(columns(customer), 1)[:, 0]

    moved = MODEL.contributions(inputs, group)

    whole = by_hand(*customer, MODEL.groups[group]) - by_hand(*average, MODEL.groups[group])
    assert moved.sum() == pytest.approx(whole, abs=1e-9)
    assert moved[inputs == 0].tolist() == [0.0] * int((inputs == 0).sum())


def test_a_model_is_read_back_from_its_bytes_as_it_was_and_bytes_are_canonical() -> None:
    assert UpliftModel.from_bytes(MODEL.to_bytes()) == MODEL
    assert UpliftModel.from_bytes(MODEL.to_bytes()).to_bytes() == MODEL.to_bytes()


def test_a_frame_of_pandas_gets_the_same_and_an_unknown_group_none() -> None:
    frame = pd.DataFrame(
        {
            "orders": [3.0, math.nan, 3.0],
            "spend": [70.0, 70.0, 70.0],
            "days": [2.0, 2.0, 2.0],
            "group": ["narrow", "wide", "other"],
        }
    )

    found = MODEL.uplifts_of_frame(frame)

    assert found[:2].tolist() == [uplift_of((3.0, 70.0, 2.0), 1), uplift_of((None, 70.0, 2.0), 0)]
    assert math.isnan(found[2])


def _changed(**changed: object) -> bytes:
    return json.dumps(json.loads(MODEL.to_bytes()) | changed).encode()


_INPUT = json.loads(MODEL.to_bytes())["inputs"][0]
_GROUP = json.loads(MODEL.to_bytes())["groups"][0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x80\x04pickle", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not of the format"),
        (_changed(format="other"), "not of the format"),
        (_changed(inputs=[]), "inputs: a list of 1"),
        (_changed(groups={}), "groups: a list of 1"),
        (_changed(inputs=[_INPUT | {"extra": 1}]), "inputs: each needs just name, definition"),
        (_changed(inputs=[_INPUT | {"mean": "5"}]), "inputs: mean is no finite number"),
        (_changed(inputs=[_INPUT | {"mean": True}]), "inputs: mean is no finite number"),
        (_changed(inputs=[_INPUT | {"mean": math.nan}]), "inputs: mean is no finite number"),
        (_changed(inputs=[_INPUT | {"name": 5}]), "inputs: name is no text"),
        (_changed(inputs=[_INPUT | {"scale": 0}]), "a scale must be above 0"),
        (_changed(inputs=[_INPUT | {"low": 21}]), "low not above high"),
        (_changed(inputs=[_INPUT, _INPUT]), "inputs: a name stands twice"),
        (_changed(groups=[_GROUP | {"spread": 1.5}]), "a spread must lie between 0 and 1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bytes_that_are_no_model_are_refused_with_the_part_that_is_wrong(data: bytes, says: str) -> None:
    with pytest.raises(ModelUnreadableError, match=says):
        UpliftModel.from_bytes(data)
