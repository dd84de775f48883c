"""Who lives in the world: drawn once, the same for every policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.config.simulation import Customers, LogNormal
from ceasefire.simulation.draws import Draws

DEPARTMENTS = ("coats", "handbags", "shoes", "ski", "toys", "books", "garden", "kitchen")
POKER = "games/poker"
CATEGORIES = (*DEPARTMENTS, POKER)
PRODUCTS_A_DEPARTMENT = 25
ADDRESS_SHARE = 0.7
"""Of those who never agreed to a channel, how many have an address for it all the same."""
LONGEST_TENURE = 700.0
BIRTHDAYS = 365


@dataclass(frozen=True)
class Population:
    """n customers with t latent tastes, d departments, c channels.

    Shapes:
        latent      (n, t) standard normal; whether a message moves somebody depends on them, nobody is told
        buying      (n,)   probability of a purchase on a day without messages
        order_log   (n,)   logarithm of the median order in major units
        sensitivity (n,)   how much messages annoy
        sessions    (n,)   probability of a visit to the shop on a day
        browsing    (n, d) cumulative shares of the departments in pages looked at
        registered  (n,)   days from the first day of the world, less than 0 for those who were there before
        birthday    (n,)   day of the year, counted from the first day of the world
        plays       (n,)   whether the customer plays poker
        consents    (n, c) marketing consent at registration
        addressed   (n, c) whether there is an address
        zone, locale, source  (n,) index in the names of the parameters
    """

    latent: FloatArray
    buying: FloatArray
    order_log: FloatArray
    sensitivity: FloatArray
    sessions: FloatArray
    browsing: FloatArray
    registered: FloatArray
    birthday: IntArray
    plays: BoolArray
    consents: BoolArray
    addressed: BoolArray
    zone: IntArray
    locale: IntArray
    source: IntArray

    def __len__(self) -> int:
        return len(self.buying)

    def first(self, count: int) -> Population:
        """The first so many customers."""
        return Population(*(getattr(self, name)[:count] for name in self.__dataclass_fields__))


def population(customers: Customers, count: int, days: int, draws: Draws) -> Population:
    """So many customers of a world of so many days.

    The tastes that a message or a department speaks to are directions of length 1, so that what is left of a customer's
    tastes along one is standard normal again.
    """
    who = np.arange(count)
    latent = np.stack([draws.normal("taste", who, axis) for axis in range(customers.tastes)], axis=1)
    # Not the matrix product of a library that adds up in another order on another machine.
    affinity = np.einsum("nt,dt->nd", latent, directions(len(DEPARTMENTS), customers.tastes, "department", draws))
    weights = np.exp(customers.browsing_slope * affinity)
    is_new = draws.uniform("is new", who) < customers.new
    moment = draws.uniform("registered", who)
    consents, addressed = [], []
    for number, share in enumerate(customers.consents.values()):
        agreed = draws.uniform("consent", who, number) < share
        consents.append(agreed)
        addressed.append(agreed | (draws.uniform("address", who, number) < ADDRESS_SHARE))
    return Population(
        latent=latent,
        buying=_drawn(customers.buying, "buying", who, draws),
        order_log=np.log(_drawn(customers.order_value, "order value", who, draws)),
        sensitivity=_drawn(customers.sensitivity, "sensitivity", who, draws),
        sessions=np.minimum(_drawn(customers.sessions, "sessions", who, draws), 1.0),
        browsing=np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True),
        registered=np.where(is_new, moment * days, -1.0 - moment * LONGEST_TENURE),
        birthday=(draws.uniform("birthday", who) * BIRTHDAYS).astype(np.int64),
        plays=draws.uniform("plays", who) < customers.players,
        consents=np.stack(consents, axis=1),
        addressed=np.stack(addressed, axis=1),
        zone=_index(customers.time_zones, "zone", who, draws),
        locale=_index(customers.locales, "locale", who, draws),
        source=_index(customers.sources, "source", who, draws),
    )


def directions(count: int, tastes: int, purpose: str, draws: Draws) -> FloatArray:
    """(count, tastes) directions of length 1."""
    raw = draws.normal(purpose, np.arange(count)[:, None], np.arange(tastes)[None, :])
    scaled: FloatArray = raw / np.sqrt((raw**2).sum(axis=1, keepdims=True))
    return scaled


def _drawn(quantity: LogNormal, purpose: str, who: IntArray, draws: Draws) -> FloatArray:
    drawn: FloatArray = quantity.median * np.exp(quantity.sigma * draws.normal(purpose, who))
    return drawn


def _index(shares: Mapping[str, float], purpose: str, who: IntArray, draws: Draws) -> IntArray:
    return draws.choice(purpose, np.array(list(shares.values())), who)
