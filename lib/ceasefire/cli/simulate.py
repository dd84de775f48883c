"""`ceasefire simulate`: whether the engine ends the crossfire, in worlds whose truth is known."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ceasefire.cli.output import program, progress, results, say_json, say_table
from ceasefire.cli.workspaces import session_for
from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.pipelines.simulated.chain import as_told_by_kernels, chain_days, unequal_decisions
from ceasefire.pipelines.simulated.comparison import Capacity, Comparison, Interval, Plan, compare
from ceasefire.pipelines.simulated.days import beginning, capacities, days
from ceasefire.pipelines.simulated.decisions import with_capacities
from ceasefire.pipelines.simulated.inbox import write_world
from ceasefire.pipelines.simulated.policies import Played
from ceasefire.pipelines.workspace import load_brand
from ceasefire.simulation.journal import CENTS

CUSTOMERS_IN_SPARK, DAYS_IN_SPARK = 2_000, 7
"""A world that Spark plays in a few minutes."""

ENGINE = (Played.PRIORITY, Played.GREEDY, Played.LEARNED)
HARMS = {
    "broken_known": "broken messages whose cause had arrived before they went",
    "doubled": "customer-days with two messages",
    "over_exposed": "over-exposed customer-days",
}
TARGET = 0.20
NULL_BOUND = 0.03


def play_simulation(plan: Plan, as_json: bool) -> None:
    """Compare the policies, and say what came of it."""
    with progress("making worlds") as tell:
        found = compare(plan, tell)
    if as_json:
        say_json(as_data(found))
        return
    compared = found.parameters.compared
    say = results().print
    say(
        f"\n{plan.seeds} worlds of {compared.customers:,} customers, {compared.days} days after a burn-in by lot of "
        f"{found.parameters.burn_in.days} days on {found.parameters.burn_in.customers:,}."
    )
    say("Means over worlds; behind a ± the half width of the paired 95 % interval. Money in units of the currency.\n")
    for capacity in found.figures:
        say_table(_title(capacity), _COLUMNS, [_row(found, capacity, how) for how in Played])
        say()
    over = found.parameters.journeys.over_exposed
    for line in _LEGEND:
        say(line.format(messages=over.messages, days=over.days), markup=False)
    say()
    for line in thresholds(found):
        say(line, markup=False)


def play_in_spark(plan: Plan, root: str) -> None:
    """Play one world through the whole Spark chain, and hold every decision against the kernels'.

    Raises:
        CheckFailedError: they decide otherwise.
    """
    parameters, at_work = plan.parameters(), load_brand(plan.conf, os.environ)
    count = parameters.compared.customers
    limits = capacities(parameters, count, parameters.compared.capacities[0])
    inbox = _new_folder(Path(root) / "events", "--root")
    with progress("making a world") as tell:
        here = beginning(parameters, at_work, 1, count)
        limited = replace(at_work, brand=with_capacities(at_work.brand, limits))
        alone = [as_told_by_kernels(here, day) for day in days(here, Played.GREEDY, limited.brand)]
        tell("starting Spark")
        with session_for(limited, root) as workspace:
            in_spark = list(chain_days(here, workspace, inbox, tell))
    unequal = sum(unequal_decisions(one, other) for one, other in zip(alone, in_spark, strict=True))
    decisions = sum(one.decisions.num_rows for one in in_spark)
    sends = sum(len(one.sent) for one in in_spark)
    results().print(
        f"{count:,} customers, {len(in_spark)} windows in Spark: {decisions:,} decisions, {sends:,} messages in the "
        f"queues, {unequal:,} otherwise than by the kernels alone (must be 0)."
    )
    results().print(
        f"The tables are in {root}; `{program()} show decisions --conf {plan.conf} --root {root}` reads one."
    )
    if unequal:
        raise CheckFailedError(f"{unequal:,} decisions differ between Spark and the kernels; neither can be trusted")


def write_events(plan: Plan, folder: str) -> None:
    """Write the events of one world in which nobody sends anything."""
    parameters, at_work = plan.parameters(), load_brand(plan.conf, os.environ)
    place = _new_folder(Path(folder), "--events")
    with progress("making a world") as tell:
        written = write_world(parameters, at_work, 1, place, tell)
    results().print(f"{written.lines:,} lines in {written.files} files in {folder}.")
    results().print(f"`{program()} run --conf {plan.conf} --root lake --events {folder}` takes them in.")


def _new_folder(path: Path, option: str) -> Path:
    if path.exists():
        raise UsageError(f"{option}: {path} is there already; name a new folder, so that no two worlds mix")
    return path


def thresholds(found: Comparison) -> list[str]:
    """Each figure that is asked for beside what it must be."""
    lines = []
    capacities = [one for one in found.figures if one is not None]
    for name, words in HARMS.items():
        total = sum(
            getattr(one, name) for capacity in capacities for how in ENGINE for one in found.figures[capacity][how]
        )
        lines.append(f"{_mark(total == 0)} {words}, engine at equal capacity: {total} (must be 0)")
    for capacity in capacities:
        gain = found.gain(capacity, Played.LEARNED, "profit")
        reached = gain.mean >= TARGET and gain.low > 0
        lines.append(
            f"{_mark(reached)} profit of {Played.LEARNED} against {Played.EXCLUSIONS} at {capacity:.0%}: "
            f"{_share(gain)} (target {TARGET:+.0%}, lower end above 0)"
        )
        lines += [
            f"     {how} at {capacity:.0%}: {_money(found, capacity, how, 'profit')} a world, "
            f"{_money(found, capacity, how, 'expected')} without the luck of the draw"
            for how in (Played.LEARNED, Played.ORACLE)
        ]
    null = found.null_difference
    lines.append(
        f"{_mark(abs(null) <= NULL_BOUND)} null world, a send of greedy against one of priority: {null:+.2%} "
        f"(within {NULL_BOUND:.0%})"
    )
    return lines


def as_data(found: Comparison) -> dict[str, Any]:
    """The same for other programs: every figure of every world."""
    return {
        "parameters": found.parameters.model_dump(mode="json"),
        "policies": [
            {"capacity": capacity, "policy": how.value, "worlds": [asdict(one) for one in worlds]}
            for capacity, policies in found.figures.items()
            for how, worlds in policies.items()
        ],
        "null": [
            {"policy": how.value, "worlds": [asdict(one) for one in worlds]} for how, worlds in found.null.items()
        ],
        "thresholds": thresholds(found),
    }


_COLUMNS = (
    "policy",
    "sends",
    "stopped",
    "over-exp.",
    "doubled",
    "known",
    "broken",
    "harmful",
    "left",
    "conversions",
    "per 1,000",
    "profit",
    "expected",
    "gain",
)
_LEGEND = (
    "sends: messages that went; stopped: decided, and withheld at the last check; over-exp.: customer-days after more "
    "than {messages} messages",
    "in {days} days; doubled: customer-days with two or more; known: broken messages whose cause had arrived before "
    "they went; broken: all of",
    "them; harmful: share of sends that by themselves cost a purchase more often than they bring one; left: "
    "unsubscribed. Against no messages:",
    "conversions, the same per 1,000 sends, profit; expected: that profit without the luck of the draw. Gain: profit "
    "against priority, exclusions.",
)


def _row(found: Comparison, capacity: Capacity, how: Played) -> tuple[str, ...]:
    sends = found.mean(capacity, how, "sends")
    conversions = found.added(capacity, how, "conversions")
    counts = [
        f"{found.mean(capacity, how, name):,.0f}"
        for name in ("sends", "withheld", "over_exposed", "doubled", "broken_known", "broken")
    ]
    return (
        how.value,
        *counts,
        f"{found.mean(capacity, how, 'negative') / sends:.0%}" if sends else "-",
        f"{found.mean(capacity, how, 'left'):,.0f}",
        _plus_minus(conversions, 1),
        f"{1000 * conversions.mean / sends:+.1f}" if sends else "-",
        _plus_minus(found.added(capacity, how, "profit"), CENTS),
        f"{found.mean(capacity, how, 'expected') / CENTS:+,.0f}",
        "-" if how is Played.EXCLUSIONS else _share(found.gain(capacity, how, "profit")),
    )


def _money(found: Comparison, capacity: Capacity, how: Played, name: str) -> str:
    return _plus_minus(found.added(capacity, how, name, Played.EXCLUSIONS), CENTS)


def _title(capacity: Capacity) -> str:
    return "Without capacity" if capacity is None else f"At a daily capacity of {capacity:.0%} of the customers"


def _plus_minus(what: Interval, unit: int) -> str:
    return f"{what.mean / unit:+,.0f} ± {what.half_width / unit:,.0f}"


def _share(what: Interval) -> str:
    return f"{what.mean:+.0%} ± {what.half_width:.0%}"


def _mark(holds: bool) -> str:
    return "ok  " if holds else "MISS"
