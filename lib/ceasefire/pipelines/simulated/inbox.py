"""A simulated world's events as files of JSON lines, in the order in which they arrive, some of them twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ceasefire.arrow import BoolArray
from ceasefire.config.simulation import Simulation
from ceasefire.pipelines.simulated.days import new_world, texts_of, told_by
from ceasefire.pipelines.workspace import BrandAtWork
from ceasefire.simulation.journal import Journal, Texts, joined, lines
from ceasefire.simulation.world import World, no_sends


@dataclass
class Inbox:
    """A folder that events are written to.

    Attributes:
        world: whose they are.
        texts: what their numbers stand for.
        folder: is there.
        waiting: what is not written yet.
        files: how many were written.
        lines: how many lines they hold.
    """

    world: World
    texts: Texts
    folder: Path
    waiting: Journal
    files: int = 0
    lines: int = 0

    def write_all(self) -> None:
        """Write everything that waits into one more file."""
        self.write(np.ones(len(self.waiting), np.bool_))

    def write(self, ready: BoolArray) -> None:
        """Write these of the waiting events into one more file."""
        coming, self.waiting = self.waiting.take(ready), self.waiting.take(~ready)
        if not len(coming):
            return
        coming = coming.take(np.lexsort((coming.customer, coming.at, coming.arrived)))
        twice = self.world.draws.uniform("twice", coming.customer, coming.at, coming.kind)
        copies = np.where(twice < self.world.parameters.delivery.repeated, 2, 1)
        self.files += 1
        self.lines += int(copies.sum())
        rows = coming.take(np.repeat(np.arange(len(coming)), copies))
        with (self.folder / f"{self.files:06d}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines(rows, self.texts, told_by(self.world.people)))


def write_world(
    parameters: Simulation, at_work: BrandAtWork, seed: int, folder: Path, progress: Callable[[str], None]
) -> Inbox:
    """The events of a world in which nobody sends anything, a file for each day; no more than two days in memory.

    Args:
        parameters: of the world; as many customers and days as are compared, after its silent days.
        at_work: the brand.
        seed: of the world.
        folder: a new one.
        progress: told in a few words what is being done.
    """
    folder.mkdir(parents=True)
    world, state, past = new_world(parameters, at_work, seed, parameters.compared.customers)
    inbox = Inbox(world, texts_of(parameters, at_work.brand), folder, past)
    days = parameters.history_days + parameters.compared.days
    for day in range(days):
        progress(f"day {day + 1} of {days}: {inbox.lines:,} lines")
        journal, _ = world.day(state, day, no_sends())
        inbox.waiting = joined([inbox.waiting, journal])
        inbox.write(inbox.waiting.arrived < world.starts[day + 1])
        state.forget_returns(int(world.starts[day + 1]))
    inbox.write_all()
    return inbox
