"""The showcase's fortnight: invented customers, what they do by themselves, and how they take what the engine sends.

The kernels play it first, which takes seconds; Spark then decides by itself on the events that came of it. That the
queues hold the very messages to which these reactions are is checked at the end (`strangers`).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy as np

from ceasefire.config.shipped import shipped_conf
from ceasefire.config.simulation import OverExposed, Simulation, read_simulation
from ceasefire.config.units import instant_of
from ceasefire.pipelines.simulated.chain import as_told_by_kernels
from ceasefire.pipelines.simulated.days import Day, Setting, beginning, days, figures_of
from ceasefire.pipelines.simulated.inbox import Inbox
from ceasefire.pipelines.simulated.policies import Played, open_to_journeys
from ceasefire.pipelines.workspace import BrandAtWork
from ceasefire.simulation.measures import Figures

BRAND = "showcase"
WORLD_FILE = "showcase.yaml"
SEED = 1
COMPARED = (Played.SILENCE, Played.JOURNEYS, Played.EXCLUSIONS, Played.GREEDY, Played.ORACLE)


@dataclass(frozen=True)
class Fortnight:
    """Some days of the invented customers.

    Attributes:
        customers: how many there are.
        closes: of the days, in order.
        in_crossfire: at each close, the customers that two or more marketing campaigns want, each journey on its own.
        sent: send_id of every message that the engine sent, as the kernels have it.
        figures: what came of the days under each policy.
        over_exposed: what the figures call so.
    """

    customers: int
    closes: Sequence[datetime]
    in_crossfire: Mapping[datetime, int]
    sent: frozenset[str]
    figures: Mapping[Played, Figures]
    over_exposed: OverExposed

    def strangers(self, queued: frozenset[str]) -> int:
        """Messages that are in the queues and were not reckoned with, or the other way round."""
        return len(self.sent ^ queued)


def copy_of_brand(folder: Path) -> None:
    """The showcase's configuration as it comes; what was changed in the folder is lost."""
    shutil.copytree(shipped_conf() / "brands" / BRAND, folder, dirs_exist_ok=True)


def shipped_world() -> Simulation:
    """The world that comes with the program."""
    return read_simulation(shipped_conf() / WORLD_FILE)


def fortnight(parameters: Simulation, at_work: BrandAtWork, windows: int, inbox: Path) -> Fortnight:
    """Play so many days by the engine, write down what happens, and compare.

    Args:
        parameters: of the world; nothing in it may be late, since all events are handed in at once.
        at_work: the showcase.
        windows: how many days.
        inbox: folder for the events, a file for each day; one that is there already is written again, the same.
    """
    here = beginning(parameters, at_work, SEED, parameters.compared.customers)
    by_engine = _days(here, Played.GREEDY, windows)
    inbox.mkdir(parents=True, exist_ok=True)
    mail = Inbox(here.world, here.known.texts, inbox, here.known.under_way)
    mail.write_all()
    for day in by_engine:
        mail.waiting = day.happened
        mail.write_all()
    starts = here.world.starts[here.first_day :]
    closes = [instant_of(int(start)) for start in starts[:windows]]
    played = {how: by_engine if how is Played.GREEDY else _days(here, how, windows) for how in COMPARED}
    return Fortnight(
        customers=len(here.world.people),
        closes=closes,
        in_crossfire={close: _in_crossfire(day) for close, day in zip(closes, played[Played.JOURNEYS], strict=True)},
        sent=frozenset().union(*(as_told_by_kernels(here, day).sent for day in by_engine)),
        figures={how: figures_of(here, one, None) for how, one in played.items()},
        over_exposed=parameters.journeys.over_exposed,
    )


def _days(here: Setting, how: Played, count: int) -> list[Day]:
    return list(islice(days(here, how, here.at_work.brand), count))


def _in_crossfire(day: Day) -> int:
    assert day.window is not None, "journeys look at their candidates"
    wanted = open_to_journeys(day.window)
    wanted = wanted[~day.window.is_transactional[wanted]]
    campaigns = len(day.window.brand.campaigns)
    pairs = np.unique(day.window.owner[wanted] * campaigns + day.window.numbers("campaign")[wanted])
    return int((np.bincount(pairs // campaigns) > 1).sum())
