"""Chance is a function of its keys."""

from __future__ import annotations

import numpy as np

from ceasefire.simulation.draws import Draws, mixed

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def test_numbers_are_those_of_the_published_generator() -> None:
    # given the generator's reference output for the seed 1234567 (Vigna's splitmix64.c)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]

    # when its output function is asked for the same states
    with np.errstate(over="ignore"):
        states = np.uint64(1234567) + GOLDEN * np.arange(1, 5, dtype=np.uint64)

    # then
    assert mixed(states).tolist() == expected


def test_a_draw_depends_on_nothing_but_seed_purpose_and_keys() -> None:
    draws = Draws(3)
    everybody = draws.uniform("purchase", np.arange(1000), 17)

    # whoever else is asked about, and in whatever order
    some = np.array([900, 3, 41])
    assert draws.uniform("purchase", some, 17).tolist() == everybody[some].tolist()
    assert Draws(3).uniform("purchase", 41, 17).tolist() == [everybody[41]]


def test_another_seed_purpose_day_or_order_of_keys_is_another_draw() -> None:
    draws, who = Draws(3), np.arange(5000)
    one = draws.uniform("purchase", who, 17)
    others = [
        Draws(4).uniform("purchase", who, 17),
        draws.uniform("return", who, 17),
        draws.uniform("purchase", who, 18),
        draws.uniform("purchase", np.full(5000, 9999), who),
    ]
    for other in others:
        assert not np.isin(other, one).any()
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


def test_uniform_numbers_are_uniform_and_normal_ones_normal() -> None:
    who = np.arange(100_000)
    uniform, normal = Draws(1).uniform("a", who), Draws(1).normal("b", who)
    counts = np.bincount((uniform * 20).astype(int), minlength=20)

    # chi squared of 19 degrees of freedom stays below 43.8 in 999 of 1,000 generators
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8
    assert (uniform > 0).all()
    assert (uniform < 1).all()
    assert abs(normal.mean()) < 0.015
    assert abs(normal.std() - 1) < 0.01
    assert abs((np.abs(normal) < 1.959964).mean() - 0.95) < 0.004


def test_a_choice_takes_each_index_as_often_as_its_share() -> None:
    drawn = Draws(5).choice("zone", np.array([2.0, 1.0, 1.0]), np.arange(40_000))
    assert np.abs(np.bincount(drawn) / 40_000 - [0.5, 0.25, 0.25]).max() < 0.01
