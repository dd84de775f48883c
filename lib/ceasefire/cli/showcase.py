"""`ceasefire demo --brand showcase`: a fortnight of invented customers, whose reactions are known."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

from ceasefire.cli.demo_tales import as_data, dollars, tell_reasons, tell_story, tell_where, tell_windows
from ceasefire.cli.output import progress, results, say_json, say_table
from ceasefire.cli.workspaces import session_for
from ceasefire.demo.invented_customers import BRAND, COMPARED, Fortnight, copy_of_brand, fortnight, shipped_world
from ceasefire.errors import CheckFailedError, EnvironmentMissingError
from ceasefire.pipelines.demo_report import DemoReport, demo_report
from ceasefire.pipelines.run import run
from ceasefire.pipelines.simulated.policies import Played
from ceasefire.pipelines.workspace import BrandAtWork, load_brand
from ceasefire.runtime.clock import FixedClock

WINDOWS = 14


def play_showcase(root: str, windows: int, as_json: bool) -> None:
    """Invent the customers, run the windows from 2026-11-20, and tell what happened and what came of it.

    Raises:
        EnvironmentMissingError: the root cannot be written.
        CheckFailedError: Spark sent other messages than those that the customers reacted to.
    """
    folder = Path(root)
    with progress("inventing customers") as tell:
        try:
            copy_of_brand(folder / "conf")
            at_work = load_brand(folder / "conf", os.environ)
            invented = fortnight(shipped_world(), at_work, windows, folder / "events")
        except OSError as error:
            raise EnvironmentMissingError(
                f"cannot write to {root}: {error.strerror}; choose another folder with --root"
            ) from None
        tell("starting Spark")
        with session_for(at_work, root) as live:
            # Their days may lie ahead of ours, and what is ahead of the clock is no event.
            workspace = replace(live, clock=FixedClock(invented.closes[-1] + timedelta(days=2)))
            run(
                workspace,
                str(folder / "events"),
                invented.closes[0],
                invented.closes[-1],
                tell,
                examine=True,
                as_of_slot=True,
            )
            tell("reading the results")
            report = demo_report(workspace, invented.closes)
    unknown = invented.strangers(report.sent)
    if as_json:
        truth = {how.value: asdict(figures) for how, figures in invented.figures.items()}
        say_json(as_data(report, invented.in_crossfire) | {"truth": truth, "unknown_sends": unknown})
    else:
        _tell(invented, report, unknown, at_work, folder)
    if unknown:
        raise CheckFailedError(
            f"{unknown:,} messages in the queues are not those that the customers' events react to; was the folder "
            f"{root} played with another configuration before? Choose another one with --root"
        )


def _tell(invented: Fortnight, report: DemoReport, unknown: int, at_work: BrandAtWork, folder: Path) -> None:
    say, zone = results().print, at_work.brand.settings.time_zone
    say(
        f"\n{invented.customers:,} invented customers, {len(at_work.brand.campaigns)} campaigns, "
        f"{len(report.windows)} daily windows.\n"
    )
    tell_windows(report, invented.in_crossfire, zone)
    _tell_truth(invented)
    tell_reasons(report)
    tell_story(report, zone)
    say(
        f"\nOf {len(report.sent):,} messages in the queues, {unknown:,} are others than those "
        "that these customers react to (must be 0)."
    )
    tell_where(report, folder, BRAND, f" --brand {BRAND}")


def _tell_truth(invented: Fortnight) -> None:
    silence = invented.figures[Played.SILENCE]
    rows = [
        (
            how.value,
            one.sends,
            one.doubled,
            one.over_exposed,
            one.broken,
            f"{one.negative / one.sends:.0%}" if one.sends else "-",
            one.left,
            one.conversions - silence.conversions,
            dollars(one.expected),
        )
        for how, one in ((how, invented.figures[how]) for how in COMPARED if how is not Played.SILENCE)
    ]
    say_table(
        "What nobody knows of real customers: the same days under other policies, against no messages at all",
        ("policy", "sends", "doubled", "over-exposed", "broken", "harmful", "left", "orders", "worth"),
        rows,
    )
    for line in _LEGEND:
        results().print(line.format(messages=invented.over_exposed.messages, days=invented.over_exposed.days))
    results().print()


_LEGEND = (
    "(doubled: customer-days with two or more messages of marketing; over-exposed: customer-days after more than",
    "{messages} of them in {days} days; harmful: share of sends that cost an order more often than they bring one;",
    "left: unsubscribed; orders: more or fewer than without messages; worth: dollars that all messages bring on",
    "average, less their costs.",
    "The engine knows no more than marketers' guesses of what a message changes; the oracle knows everything.)",
)
