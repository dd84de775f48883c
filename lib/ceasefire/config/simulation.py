"""`conf/simulation.yaml`: the world with known truth, and what is compared in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ceasefire.config.parsing import Declared, parse_model, read_yaml
from ceasefire.config.units import Day, SpanOfTime
from ceasefire.errors import ConfigurationError, UsageError

SIMULATION_FILE = "simulation.yaml"

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]
Shares = Annotated[dict[str, Share], Field(min_length=1)]


class LogNormal(Declared):
    """A quantity whose logarithm is normal: its median, and the deviation of the logarithm."""

    median: Positive
    sigma: float = Field(ge=0)


class BurnIn(Declared):
    """The days before the comparison: messages by lot, the only ones that an engine learns from."""

    days: Count
    customers: Count
    messages_a_day: Share


class Compared(Declared):
    """How many of the customers every policy gets, for how long, at which daily capacities (shares of them)."""

    days: Count
    customers: Count
    capacities: tuple[Share, ...]


class Customers(Declared):
    """Who lives in the world; rates are a day's, shares are of all customers."""

    tastes: Count
    buying: LogNormal
    order_value: LogNormal
    sensitivity: LogNormal
    sessions: LogNormal
    pages_a_session: float = Field(ge=1)
    browsing_slope: float = Field(ge=0)
    new: Share
    players: Share
    consents: Shares
    time_zones: Shares
    locales: Shares
    sources: Shares


class ResponseLaw(Declared):
    """What a message changes; `simulation.response` has the formulas."""

    interest: float = Field(ge=0)
    taste_slope: float
    intrusion: float = Field(ge=0)
    wear: float = Field(ge=0)
    weariness: float = Field(ge=0)
    decay_days: Positive
    lasting_days: Count
    broken: float = Field(ge=0)
    further: Share
    leaving: float = Field(ge=0)
    leaving_slope: float


class Delivery(Declared):
    """How events arrive: the share that is late, by at most so many hours, and the share that comes twice."""

    late: Share
    late_hours: Positive
    repeated: Share


class Returns(Declared):
    """The share of orders that is returned, and when."""

    share: Share
    first_day: Positive
    last_day: Positive


class FreshBuyer(Declared):
    """Campaigns that are broken when they reach somebody who has bought within so many days."""

    campaigns: tuple[str, ...]
    days: Positive


class OverExposed(Declared):
    """More messages than this within so many days are too many."""

    messages: Count
    days: Count


class Journeys(Declared):
    """How marketers' tools play the campaigns, and what counts as harm."""

    forgotten: dict[str, tuple[str, ...]]
    exclusion: SpanOfTime
    fresh_buyer: FreshBuyer
    over_exposed: OverExposed
    capacity_by_channel: Shares


class Simulation(Declared):
    """The whole file. `margin` is the share of an order that is earned."""

    start: Day
    history_days: Count
    burn_in: BurnIn
    compared: Compared
    customers: Customers
    response: ResponseLaw
    delivery: Delivery
    returns: Returns
    margin: Share
    journeys: Journeys


def read_simulation(file: Path) -> Simulation:
    """The parameters of a world.

    Raises:
        UsageError: there is no such file.
        ConfigurationError: with every problem of it.
    """
    try:
        data, lines, problems = read_yaml(file)
    except FileNotFoundError:
        raise UsageError(f"no world at {file}; conf/{SIMULATION_FILE} is one") from None
    if not problems:
        found, problems = parse_model(Simulation, data, str(file), lines)
        if found is not None:
            return found
    raise ConfigurationError(problems)
