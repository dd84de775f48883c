"""Policies in a world with known truth: its past, a burn-in by lot, and every policy's days after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

import numpy as np
import pyarrow as pa

from ceasefire.config.bundle import Brand
from ceasefire.config.schedule import window_closes
from ceasefire.config.simulation import Simulation
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.errors import UsageError
from ceasefire.ids import customer_id
from ceasefire.pipelines.settlement import Window, transactional_campaigns
from ceasefire.pipelines.simulated.burn_in import BurnIn
from ceasefire.pipelines.simulated.decisions import (
    Desk,
    Ledger,
    empty_ledger,
    in_turns,
    may_go,
    sends_of,
    taken,
    together,
    with_capacities,
    without_models,
)
from ceasefire.pipelines.simulated.history import Knowledge
from ceasefire.pipelines.simulated.policies import BASELINES, Played, as_drawn, chosen
from ceasefire.pipelines.workspace import BrandAtWork
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.simulation.draws import Draws
from ceasefire.simulation.journal import Journal, Texts, Told, joined, natural_id
from ceasefire.simulation.measures import Days, Figures
from ceasefire.simulation.population import Population, population
from ceasefire.simulation.response import null_law
from ceasefire.simulation.world import Sends, State, Truth, World, no_sends, world_of
from ceasefire.time_zones import zone_named


@dataclass(frozen=True)
class Setting:
    """One seed's world before the days that are compared, the same for every policy.

    Attributes:
        parameters: of the world.
        at_work: the brand.
        world: of the customers that are compared.
        state: after the burn-in.
        known: what has happened by then.
        ledger: what was sent.
        learnt: what was learnt of the burn-in's log.
        first_day: number of the first day that is compared.
    """

    parameters: Simulation
    at_work: BrandAtWork
    world: World
    state: State
    known: Knowledge
    ledger: Ledger
    learnt: tuple[ModelInUse, ...]
    first_day: int


def null_world(parameters: Simulation, at_work: BrandAtWork) -> tuple[Simulation, BrandAtWork]:
    """The world in which no policy may look better: every message does the same to everybody, and costs the same."""
    equal = {
        name: getattr(parameters.customers, name).model_copy(update={"sigma": 0.0})
        for name in ("buying", "order_value")
    }
    # A median cannot be 0; this sensitivity moves no figure that is printed.
    equal["sensitivity"] = parameters.customers.sensitivity.model_copy(update={"median": 1e-12, "sigma": 0.0})
    world = parameters.model_copy(
        update={
            "response": null_law(parameters.response),
            "customers": parameters.customers.model_copy(update=equal),
        }
    )
    brand, settings = at_work.brand, at_work.brand.settings
    cheapest = min(one.cost for one in settings.channels.values())
    channels = {name: one.model_copy(update={"cost": cheapest}) for name, one in settings.channels.items()}
    same_cost = replace(brand, settings=settings.model_copy(update={"channels": channels}))
    return world, replace(at_work, brand=same_cost)


def setting(parameters: Simulation, at_work: BrandAtWork, seed: int, learns: bool) -> Setting:
    """Make a world, let its past and its burn-in pass, and learn from the burn-in's log.

    Args:
        parameters: of the world.
        at_work: the brand.
        seed: all that differs between worlds.
        learns: whether models are learnt.
    """
    start = beginning(parameters, at_work, seed, parameters.burn_in.customers)
    burn_in = BurnIn(start.world, start.state, start.known, start.ledger, at_work)
    burn_in.play(start.first_day, parameters.burn_in.days)
    count = parameters.compared.customers
    ids, sends = start.ledger.customer_ids[:count], start.ledger.sends
    return Setting(
        parameters=parameters,
        at_work=at_work,
        world=start.world.first(count),
        state=start.state.first(count),
        known=start.known.first(count, ids),
        ledger=Ledger(at_work.brand, ids, taken(sends, sends.customer < count)),
        learnt=burn_in.learnt() if learns else start.learnt,
        first_day=start.first_day + parameters.burn_in.days,
    )


def beginning(parameters: Simulation, at_work: BrandAtWork, seed: int, count: int) -> Setting:
    """A world of so many customers after its silent days; nobody has sent anything yet."""
    brand = at_work.brand
    world, state, past = new_world(parameters, at_work, seed, count)
    ids = pa.array([customer_id(at_work.key, natural_id(one)) for one in range(count)], pa.string())
    known = Knowledge(ids, texts_of(parameters, brand), told_by(world.people))
    known.happened(past)
    for day in range(parameters.history_days):
        known.happened(world.day(state, day, no_sends())[0])
    return Setting(
        parameters=parameters,
        at_work=at_work,
        world=world,
        state=state,
        known=known,
        ledger=empty_ledger(brand, ids),
        learnt=without_models(brand),
        first_day=parameters.history_days,
    )


def new_world(parameters: Simulation, at_work: BrandAtWork, seed: int, count: int) -> tuple[World, State, Journal]:
    """A world of so many customers before its first day, and what had happened by then.

    Raises:
        UsageError: the world's consents are not those of the brand's channels.
    """
    brand, draws = at_work.brand, Draws(seed)
    consents, channels = list(parameters.customers.consents), list(brand.settings.channels)
    if consents != channels:
        raise UsageError(
            f"customers.consents of the world: got {', '.join(consents)}, allowed: the channels of brand "
            f"{brand.settings.brand} in their order: {', '.join(channels)}"
        )
    days = parameters.history_days + parameters.burn_in.days + parameters.compared.days
    people = population(parameters.customers, count, days, draws)
    starts = np.array(day_starts(parameters, brand, days), np.int64)
    world = world_of(parameters, people, draws, starts, [one.id for one in brand.campaigns])
    return world, *world.beginning()


def day_starts(parameters: Simulation, brand: Brand, days: int) -> list[int]:
    """The instants at which the world's days begin, and the last one ends: the brand's closes, microseconds UTC."""
    settings = brand.settings
    zone = zone_named(settings.time_zone)
    first = datetime.combine(parameters.start, time(), zone) - timedelta(days=parameters.history_days)
    until = first + timedelta(days=days + 2)
    closes = window_closes(
        instant_micros(first), instant_micros(until), settings.decision_window.at, settings.time_zone
    )
    return closes[: days + 1]


def texts_of(parameters: Simulation, brand: Brand) -> Texts:
    """What the numbers of this world's events stand for."""
    customers = parameters.customers
    return Texts(
        brand=brand.settings.brand,
        campaigns=[one.id for one in brand.campaigns],
        channels=list(brand.settings.channels),
        addresses=[brand.settings.address_kind(one) for one in brand.settings.channels],
        zones=list(customers.time_zones),
        locales=list(customers.locales),
        sources=list(customers.sources),
    )


@dataclass(frozen=True)
class Day:
    """One day of one policy.

    Attributes:
        window: the candidates of its close; None for a policy that never looks.
        decided: messages that were to go.
        sent: those that the last check let through.
        truth: what came of them.
        happened: every event of the day; some of them arrive later.
    """

    window: Window | None
    decided: Sends
    sent: Sends
    truth: Truth
    happened: Journal


def play(here: Setting, how: Played, share: float | None) -> Figures:
    """What one policy does with its days, and what comes of it.

    Args:
        here: the world after its burn-in; it is left as it is.
        how: the policy.
        share: daily capacity as a share of the customers; None: without.
    """
    per_window = None if share is None else capacities(here.parameters, len(here.world.people), share)
    return figures_of(here, days(here, how, with_capacities(here.at_work.brand, per_window)), per_window)


def figures_of(here: Setting, played: Iterable[Day], per_window: Mapping[str, int] | None) -> Figures:
    """What came of some days.

    Args:
        here: the world before them.
        played: a policy's days from the first on.
        per_window: a day's capacity of each channel; None: without.
    """
    settings = here.at_work.brand.settings
    costs = [settings.cost_micros(name) for name in settings.channels]
    is_marketing = ~transactional_campaigns(here.at_work.brand)
    total = Days(len(here.world.people), here.parameters, costs, per_window, is_marketing)
    for day in played:
        total.add(day.decided, day.sent, day.truth)
    return total.figures()


def days(here: Setting, how: Played, brand: Brand) -> Iterator[Day]:
    """One policy's days, one after the other.

    Args:
        here: the world after its burn-in; it is left as it is.
        how: the policy.
        brand: the world's brand, with the capacities that are wanted.
    """
    parameters, count, world = here.parameters, len(here.world.people), here.world
    if how in BASELINES:
        brand = as_drawn(parameters, brand, how)
    desk = Desk(brand, here.at_work.programs, here.learnt if how is Played.LEARNED else without_models(brand))
    state, known = here.state.first(count), here.known.first(count, here.known.customer_ids)
    ledger = Ledger(brand, here.ledger.customer_ids, here.ledger.sends)
    for number in range(here.first_day, here.first_day + parameters.compared.days):
        begin = int(world.starts[number])
        close = instant_of(begin)
        window, decided = None, no_sends()
        if how is not Played.SILENCE:
            known.arrive(desk.ready_at(close))
            window, customers = desk.window(close, desk.features(close, known), ledger)
            decided = sends_of(window, chosen(world, state, window, customers, how, number), customers)
        sent = decided
        if how not in BASELINES:
            sent = no_sends()
            for turn in in_turns(decided):
                # What happens up to their slots: a message can change nothing before it arrives.
                coming, _ = world.day(state.first(count), number, sent)
                news = joined([known.under_way, coming])
                sent = together(sent, taken(turn, may_go(brand, turn, begin, desk.ready_at(close), news)))
        ledger.add(sent)
        journal, truth = world.day(state, number, sent)
        known.happened(journal)
        yield Day(window, decided, sent, truth, journal)


def told_by(people: Population) -> Told:
    """What customers say of themselves."""
    return Told(people.zone, people.locale, people.source, people.addressed)


def capacities(parameters: Simulation, customers: int, share: float) -> dict[str, int]:
    """A day's capacity of each channel."""
    by_channel = parameters.journeys.capacity_by_channel
    return {name: max(1, round(share * customers * part)) for name, part in by_channel.items()}
