"""Every policy in many worlds, and what the difference between two of them is, within what chance allows."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from ceasefire.config.simulation import Simulation, read_simulation
from ceasefire.pipelines.simulated.days import null_world, play, setting
from ceasefire.pipelines.simulated.policies import Played
from ceasefire.pipelines.workspace import load_brand
from ceasefire.simulation.measures import Figures

CONFIDENCE = 0.95
NULL_PLAYED = (Played.PRIORITY, Played.GREEDY)
"""What is held against each other where no policy may look better."""

Capacity = float | None
"""A day's capacity as a share of the customers; None: there is none."""


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes:
        world: the file of the world.
        conf: the folder of the brand.
        seeds: how many worlds.
        customers: instead of the file's; None: as there.
        days: instead of the file's; None: as there.
        burn_in_customers: instead of the file's; None: as there.
    """

    world: Path
    conf: Path
    seeds: int
    customers: int | None = None
    days: int | None = None
    burn_in_customers: int | None = None

    def parameters(self) -> Simulation:
        """The world, as the plan wants it.

        Raises:
            UsageError: there is no such file.
            ConfigurationError: with every problem of it.
        """
        read = read_simulation(self.world)
        compared = {"customers": self.customers, "days": self.days}
        burn_in = {"customers": self.burn_in_customers}
        return read.model_copy(
            update={
                "compared": read.compared.model_copy(update=_given(compared)),
                "burn_in": read.burn_in.model_copy(update=_given(burn_in)),
            }
        )


@dataclass(frozen=True)
class Interval:
    """A mean over worlds, and how far it can be off: half the width of its 95 % interval, NaN for a single world."""

    mean: float
    half_width: float

    @property
    def low(self) -> float:
        """Its lower end."""
        return self.mean - self.half_width


@dataclass(frozen=True)
class Comparison:
    """What came of it.

    Attributes:
        parameters: of the worlds.
        figures: by capacity and policy, one for each seed, in the order of seeds.
        null: the same in worlds in which it makes no difference who gets what, at the first capacity.
    """

    parameters: Simulation
    figures: Mapping[Capacity, Mapping[Played, Sequence[Figures]]]
    null: Mapping[Played, Sequence[Figures]]

    def mean(self, capacity: Capacity, how: Played, name: str) -> float:
        """A figure's mean over worlds."""
        return float(np.mean([getattr(one, name) for one in self.figures[capacity][how]]))

    def added(self, capacity: Capacity, how: Played, name: str, against: Played = Played.SILENCE) -> Interval:
        """By how much a figure is higher than another policy's in the same worlds."""
        mine, theirs = self.figures[capacity][how], self.figures[capacity][against]
        pairs = zip(mine, theirs, strict=True)
        return interval([float(getattr(one, name) - getattr(other, name)) for one, other in pairs])

    def gain(self, capacity: Capacity, how: Played, name: str) -> Interval:
        """The same against priority with exclusions, as a share of what that policy adds to sending nothing."""
        base = self.added(capacity, Played.EXCLUSIONS, name).mean
        difference = self.added(capacity, how, name, Played.EXCLUSIONS)
        scale = abs(base) if base else float("nan")
        return Interval(difference.mean / scale, difference.half_width / scale)

    @property
    def null_difference(self) -> float:
        """In the null worlds: how much more a send of greedy is expected to bring than one of priority, as a share."""
        greedy, priority = (
            sum(one.expected for one in self.null[how]) / max(1, sum(one.sends for one in self.null[how]))
            for how in (Played.GREEDY, Played.PRIORITY)
        )
        return greedy / priority - 1.0


def interval(values: Sequence[float]) -> Interval:
    """Mean and half width of its interval by Student's t (1908, The probable error of a mean)."""
    from scipy.stats import t as student  # half a second that no other command waits for

    count = len(values)
    if count < 2:
        return Interval(float(np.mean(values)), float("nan"))
    width = student.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(values, ddof=1) / np.sqrt(count)
    return Interval(float(np.mean(values)), float(width))


def compare(plan: Plan, progress: Callable[[str], None]) -> Comparison:
    """Play every policy in each world, worlds side by side on the cores of this machine; their order changes nothing.

    Raises:
        UsageError: there is no such world or brand.
        ConfigurationError: with every problem of either.
    """
    parameters = plan.parameters()
    load_brand(plan.conf, os.environ)
    seeds = list(range(1, plan.seeds + 1))
    progress(f"world 1 of {plan.seeds}: a past, a burn-in, then every policy")
    cores = min(os.cpu_count() or 1, plan.seeds)
    found: dict[int, _World] = {}
    if cores == 1:
        for seed in seeds:
            found[seed] = _one_world(plan, seed)
            progress(f"{len(found)} of {plan.seeds} worlds")
    else:
        # Not forked: a copy of a process that runs threads may stop for ever.
        with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
            waiting = {pool.submit(_one_world, plan, seed): seed for seed in seeds}
            for done in as_completed(waiting):
                found[waiting[done]] = done.result()
                progress(f"{len(found)} of {plan.seeds} worlds")
    worlds = [found[seed] for seed in seeds]
    return Comparison(
        parameters,
        {
            capacity: {how: [one.figures[capacity, how] for one in worlds] for how in Played}
            for capacity in (*parameters.compared.capacities, None)
        },
        {how: [one.null[how] for one in worlds] for how in NULL_PLAYED},
    )


@dataclass(frozen=True)
class _World:
    figures: dict[tuple[Capacity, Played], Figures]
    null: dict[Played, Figures]


def _one_world(plan: Plan, seed: int) -> _World:
    # As many worlds as cores are under way: what a library did on several threads would only wait for another.
    with threadpool_limits(1):
        parameters, at_work = plan.parameters(), load_brand(plan.conf, os.environ)
        here = setting(parameters, at_work, seed, learns=True)
        capacities: tuple[Capacity, ...] = (*parameters.compared.capacities, None)
        figures = {(capacity, how): play(here, how, capacity) for capacity in capacities for how in Played}
        there = setting(*null_world(parameters, at_work), seed, learns=False)
        return _World(figures, {how: play(there, how, capacities[0]) for how in NULL_PLAYED})


def _given(values: Mapping[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}
