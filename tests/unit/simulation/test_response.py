"""The law of reactions, held against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ceasefire.config.simulation import ResponseLaw
from ceasefire.simulation.response import added_probability, added_together, decayed, leaving_hazard, null_law

LAW = ResponseLaw(
    interest=0.02,
    taste_slope=0.7,
    intrusion=0.022,
    wear=0.35,
    weariness=0.004,
    decay_days=5,
    lasting_days=3,
    broken=0.02,
    further=0.2,
    leaving=0.0004,
    leaving_slope=0.45,
)


def added(taste: float, exposure: float, sensitivity: float, is_broken: bool = False) -> float:
    (found,) = added_probability(
        LAW, np.array([taste]), np.array([exposure]), np.array([sensitivity]), np.array([is_broken])
    )
    return float(found)


def test_a_lone_message_to_somebody_whom_nothing_annoys_brings_interest_less_intrusion() -> None:
    assert added(taste=0.0, exposure=1.0, sensitivity=0.0) == pytest.approx(0.02 - 0.022)
    assert added(taste=2.0, exposure=1.0, sensitivity=0.0) == pytest.approx(0.02 * math.exp(1.4) - 0.022)


def test_the_third_message_to_somebody_who_is_easily_annoyed_takes_a_purchase_away() -> None:
    # by hand: (0.0811 - 0.022) e^(-1.05) - 0.004 x 2 = 0.01269
    assert added(taste=2.0, exposure=3.0, sensitivity=1.0) == pytest.approx(0.01269, abs=2e-5)
    assert added(taste=0.5, exposure=3.0, sensitivity=1.0) < 0


def test_a_broken_message_costs_by_sensitivity() -> None:
    assert added(1.0, 1.0, 1.5) - added(1.0, 1.0, 1.5, is_broken=True) == pytest.approx(0.03)


def test_of_several_messages_of_a_day_the_best_counts_and_others_add_a_fifth() -> None:
    # given one customer with three messages, one with a single harmful one, one with none
    effects = np.array([0.01, 0.03, -0.02, -0.005])
    together = added_together(LAW, effects, np.array([0, 0, 0, 1]), 3)

    # then
    assert together.tolist() == pytest.approx([0.03 + 0.2 * (0.01 - 0.02), -0.005, 0.0])


def test_who_has_had_enough_leaves_more_often() -> None:
    hazard = leaving_hazard(LAW, np.array([1.0, 4.0]), np.array([1.0, 2.0]))
    assert hazard.tolist() == pytest.approx([0.0004, 0.0008 * math.exp(1.35)])


def test_exposure_fades_to_a_third_in_five_days() -> None:
    exposure = np.array([3.0])
    for _ in range(5):
        exposure = decayed(LAW, exposure)
    assert exposure[0] == pytest.approx(3.0 / math.e)


def test_the_null_law_does_the_same_to_everybody_and_as_much_on_average() -> None:
    tastes = np.random.default_rng(0).standard_normal(400_000)
    zeros, ones, false = np.zeros(400_000), np.ones(400_000), np.zeros(400_000, bool)
    real = added_probability(LAW, tastes, ones, zeros, false)
    null = added_probability(null_law(LAW), tastes, ones, zeros, false)
    assert np.ptp(null) == 0.0
    assert null[0] == pytest.approx(real.mean(), abs=2e-4)
