"""How each policy that is compared chooses among the candidates of a close."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa

from ceasefire.arbitration.gates import REASON_CODES
from ceasefire.arbitration.lanes import capacities_drawn_on
from ceasefire.arbitration.policies import UNLIMITED, settle
from ceasefire.arrow import BoolArray, IntArray
from ceasefire.config.brand import BrandSettings
from ceasefire.config.bundle import Brand
from ceasefire.config.campaigns import Audience
from ceasefire.config.simulation import Simulation
from ceasefire.config.units import MICROS_PER_MINOR
from ceasefire.pipelines.settlement import Window, settle_window
from ceasefire.pipelines.simulated.decisions import sends_of
from ceasefire.scoring.values import candidate_values
from ceasefire.simulation.draws import Draws
from ceasefire.simulation.world import State, World
from ceasefire.vocabulary import LossReason, Policy

_WORTH = [REASON_CODES[one] for one in (LossReason.UPLIFT_UNKNOWN, LossReason.VALUE_NOT_POSITIVE)]


class Played(StrEnum):
    """How messages are chosen."""

    SILENCE = "no messages"
    JOURNEYS = "journeys, each alone"
    EXCLUSIONS = "priority, exclusions"
    PRIORITY = "engine: priority"
    GREEDY = "engine: greedy, prior"
    LEARNED = "engine: greedy, model"
    ORACLE = "oracle"


BASELINES = (Played.JOURNEYS, Played.EXCLUSIONS)
"""Policies as marketers' tools have them: rules are forgotten, and nothing is checked before a message goes."""


def chosen(world: World, state: State, window: Window, customers: IntArray, how: Played, day: int) -> IntArray:
    """(s,) candidates that are decided to be sent."""
    match how:
        case Played.JOURNEYS:
            return _every_journey(window, customers, world.draws, day)
        case Played.EXCLUSIONS | Played.PRIORITY:
            settlement = settle_window(window, Policy.PRIORITY)
        case Played.ORACLE:
            settlement = settle_window(_with_truth(world, state, window, customers), Policy.GREEDY)
        case _:
            settlement = settle_window(window, Policy.GREEDY)
    return settlement.winner[settlement.winner >= 0]


def _every_journey(window: Window, customers: IntArray, draws: Draws, day: int) -> IntArray:
    """Each journey sends to whom it wants, by its first channel with room, and knows of no other; first come is lot."""
    campaigns, owner = window.brand.campaigns, window.owner
    campaign, channel = window.numbers("campaign"), window.numbers("channel")
    competing = np.full(len(owner), -1, np.int8)
    competing[_closed_to_journeys(window)] = REASON_CODES[LossReason.NOT_IN_AUDIENCE]
    lot = draws.uniform("journey", customers[owner], day, campaign)
    order = np.lexsort((window.numbers("channel_position"), lot))
    channels = [window.brand.settings.channels[name] for name in window.channels]
    limits = [one.capacity for one in channels] + [one.transactional_capacity for one in channels]
    room = np.array([UNLIMITED if one is None else one.per_window for one in limits], np.int64)
    pairs = owner * len(campaigns) + campaign
    of_channel = capacities_drawn_on(channel, campaign, window.is_transactional, len(channels))[:1]
    settled = settle(order, pairs, competing, of_channel, room, len(window.customer_ids) * len(campaigns))
    return settled.winner[settled.winner >= 0]


def _with_truth(world: World, state: State, window: Window, customers: IntArray) -> Window:
    """The window as somebody sees it who knows what each message will change, and what orders are worth."""
    every = np.arange(len(window.owner))
    added = world.expected(state, sends_of(window, every, customers))
    worth = world.order_worth(customers[window.owner]) * MICROS_PER_MINOR
    value = candidate_values(added, np.rint(worth).astype(np.int64), window.numbers("cost_micros"))
    reason = window.numbers("gate_reason").astype(np.int8)
    worthless = REASON_CODES[LossReason.VALUE_NOT_POSITIVE]
    # A transactional message need not be worth anything.
    is_open = ((reason < 0) | (reason == worthless)) & ~window.is_transactional
    reason = np.where(is_open, np.where(value > 0, -1, worthless), reason).astype(np.int8)
    columns = {**window.columns, "value_micros": pa.array(value), "gate_reason": pa.array(reason)}
    return replace(window, columns=columns)


def as_drawn(parameters: Simulation, brand: Brand, how: Played) -> Brand:
    """The brand as marketers' tools hold it: a rule forgotten; a fixed period of exclusion, or none at all."""
    journeys = parameters.journeys
    campaigns = []
    for one in brand.campaigns:
        update: dict[str, Any] = {}
        if one.id in journeys.forgotten:
            update["audience"] = Audience(any=journeys.forgotten[one.id])
        if how is Played.EXCLUSIONS:
            update["duration"] = journeys.exclusion
        campaigns.append(one.model_copy(update=update))
    lock = "all" if how is Played.EXCLUSIONS else "none"
    return replace(brand, campaigns=tuple(campaigns), settings=locking(brand, lock))


def locking(brand: Brand, lock: str) -> BrandSettings:
    """The settings of a brand whose duration periods exclude these."""
    pressure = brand.settings.pressure.model_copy(update={"lock": lock})
    return brand.settings.model_copy(update={"pressure": pressure})


def open_to_journeys(window: Window) -> IntArray:
    """Candidates that nothing but their worth speaks against: journeys do not ask what a message is worth."""
    return np.flatnonzero(~_closed_to_journeys(window))


def _closed_to_journeys(window: Window) -> BoolArray:
    reason = window.numbers("gate_reason")
    return (reason >= 0) & ~np.isin(reason, _WORTH)
