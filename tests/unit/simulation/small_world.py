"""A world of a few customers, for tests."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np

from ceasefire.config.simulation import Simulation, read_simulation
from ceasefire.pipelines.simulated.days import day_starts
from ceasefire.pipelines.workspace import BrandAtWork, load_brand
from ceasefire.simulation.draws import Draws
from ceasefire.simulation.population import population
from ceasefire.simulation.world import World, world_of

CONF = Path(__file__).parents[3] / "conf"
WORLD_FILE = CONF / "simulation.yaml"
BRAND_FOLDER = CONF / "brands" / "simulation"
DAYS = 40


@cache
def brand_at_work() -> BrandAtWork:
    """The simulated brand."""
    return load_brand(BRAND_FOLDER, os.environ)


def parameters(
    customers: int = 300, days: int = 12, burn_in_customers: int = 900, history_days: int = 12
) -> Simulation:
    """The world of the program, smaller."""
    read = read_simulation(WORLD_FILE)
    return read.model_copy(
        update={
            "history_days": history_days,
            "compared": read.compared.model_copy(update={"customers": customers, "days": days}),
            "burn_in": read.burn_in.model_copy(update={"customers": burn_in_customers, "days": 6}),
        }
    )


def small_world(customers: int = 400, seed: int = 1, **changes: object) -> World:
    """Some customers, forty days; parts of the parameters changed."""
    told = parameters().model_copy(update=changes)
    draws, brand = Draws(seed), brand_at_work().brand
    people = population(told.customers, customers, DAYS, draws)
    starts = np.array(day_starts(told, brand, DAYS), np.int64)
    return world_of(told, people, draws, starts, [one.id for one in brand.campaigns])
