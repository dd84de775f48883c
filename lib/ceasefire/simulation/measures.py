"""What a policy did to its customers, day by day, and what it brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ceasefire.arrow import BoolArray
from ceasefire.config.simulation import Simulation
from ceasefire.config.units import MICROS_PER_MINOR
from ceasefire.simulation.world import Sends, Truth


@dataclass(frozen=True)
class Figures:
    """One policy in one world.

    Attributes:
        sends: messages that reached somebody.
        withheld: messages that were decided and stopped at the last check.
        over_exposed: customer-days at whose end more marketing than is good for anybody had come within some days.
        doubled: customer-days with more than one message of marketing.
        broken_known: messages that had become wrong, and whose cause had arrived before they went.
        broken: messages that had become wrong.
        negative: messages of marketing that by themselves made a purchase less likely.
        left: customers who unsubscribed from a channel.
        conversions: purchases.
        profit: margin of what was bought and kept, less the costs of all sends; minor units.
        expected: margin that the messages add on average over all that chance could do, less their costs; minor units.
        over_capacity: sends of marketing beyond a day's capacity of their channel.
    """

    sends: int
    withheld: int
    over_exposed: int
    doubled: int
    broken_known: int
    broken: int
    negative: int
    left: int
    conversions: int
    profit: float
    expected: float
    over_capacity: int


class Days:
    """Adds up the days of one policy."""

    def __init__(
        self,
        customers: int,
        parameters: Simulation,
        cost_micros: Sequence[int],
        per_window: Mapping[str, int] | None,
        is_marketing: BoolArray,
    ) -> None:
        """Nothing has happened yet.

        Args:
            customers: n.
            parameters: of the world.
            cost_micros: of a send on each channel, millionths of a minor unit.
            per_window: a day's capacity of each channel, in their order; None: there is none.
            is_marketing: (campaigns,) which are; the others ask neither for exposure nor for these capacities.
        """
        self._is_marketing = is_marketing
        self._parameters = parameters
        self._cost = np.array(cost_micros, np.float64) / MICROS_PER_MINOR
        self._limits = None if per_window is None else np.array(list(per_window.values()), np.int64)
        self._counts: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
        self._customers = customers
        self._sums = dict.fromkeys(("sends", "withheld", "broken_known", "broken", "negative", "left"), 0)
        self._sums |= {"conversions": 0, "over_capacity": 0}
        self._profit = self._expected = 0.0

    def add(self, decided: Sends, sends: Sends, truth: Truth) -> None:
        """One more day: what was decided, what went, and what came of it."""
        is_marketing = self._is_marketing[sends.campaign]
        self._counts.append(np.bincount(sends.customer[is_marketing], minlength=self._customers))
        drawing = decided.channel[self._is_marketing[decided.campaign]]
        by_channel = np.bincount(drawing, minlength=len(self._cost))
        over = 0 if self._limits is None else int(np.maximum(by_channel - self._limits, 0).sum())
        for name, number in (
            ("sends", len(sends)),
            ("withheld", len(decided) - len(sends)),
            ("broken_known", truth.broken_known.sum()),
            ("broken", truth.broken.sum()),
            ("negative", (is_marketing & (truth.effect < 0)).sum()),
            ("left", truth.left),
            ("conversions", truth.bought.sum()),
            ("over_capacity", over),
        ):
            self._sums[name] += int(number)
        cost = float(self._cost[sends.channel].sum())
        self._profit += self._parameters.margin * float(truth.kept.sum()) - cost
        self._expected += truth.expected - cost

    def figures(self) -> Figures:
        """All days together."""
        counts = np.stack(self._counts)
        limit = self._parameters.journeys.over_exposed
        summed = np.concatenate([np.zeros((1, self._customers), np.int64), np.cumsum(counts, axis=0)])
        begin = np.maximum(np.arange(len(counts)) + 1 - limit.days, 0)
        within = summed[1:] - summed[begin]
        return Figures(
            over_exposed=int((within > limit.messages).sum()),
            doubled=int((counts > 1).sum()),
            profit=self._profit,
            expected=self._expected,
            **self._sums,
        )
