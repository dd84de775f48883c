"""How a demo tells its windows, its queues and one customer's days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ceasefire.cli.output import program, results, say_table
from ceasefire.config.schedule import local_text
from ceasefire.config.units import MICROS_PER_MINOR
from ceasefire.pipelines.demo_report import DemoReport
from ceasefire.reports.explanation import WORDS
from ceasefire.time_zones import zone_named
from ceasefire.vocabulary import Outcome, Policy

MINOR_PER_UNIT = 100


def as_data(report: DemoReport, in_crossfire: Mapping[datetime, int]) -> dict[str, Any]:
    """The same for other programs."""
    return {
        "windows": [
            {**window, "customers_in_crossfire_before": in_crossfire[window["window_end"]]} for window in report.windows
        ],
        "most_messages_a_day": report.most_messages_a_day,
        "queue_sizes": report.queue_sizes,
        "losses": report.losses,
        "withheld": report.withheld,
        "customer": report.customer,
    }


def tell_windows(report: DemoReport, in_crossfire: Mapping[datetime, int], zone: str) -> None:
    """The collisions of each day, and what became of them."""
    say = results().print
    say_table(
        "Before: several campaigns want one customer on one day. After: one message or silence.",
        ("day", "crossfire", "queued", "withheld", "silent", "greedy", "priority", "gain"),
        [_window_row(window, in_crossfire[window["window_end"]], zone) for window in report.windows],
    )
    say(f"\nMost marketing messages for one customer on one day, after: {report.most_messages_a_day}")
    say("(crossfire: customers that two or more campaigns want on that day; greedy and priority: what the")
    say("messages chosen by value, and by a fixed order of campaigns, are expected to be worth in dollars)\n")


def tell_reasons(report: DemoReport) -> None:
    """What is in the queues, and why the rest is not."""
    say_table("Send queues", ("channel", "sends"), list(report.queue_sizes.items()))
    results().print()
    reasons = [(count, reason, WORDS[reason]) for reason, count in report.losses.items()]
    say_table("Why the other candidates lost", ("candidates", "reason", "in words"), reasons)
    if report.withheld:
        results().print()
        stopped = [(count, reason, WORDS[reason]) for reason, count in report.withheld.items()]
        say_table("Why decided sends were withheld at the last check", ("sends", "reason", "in words"), stopped)


def tell_story(report: DemoReport, zone: str) -> None:
    """The days of the one customer that most campaigns wanted."""
    say, local = results().print, local_text(zone)
    say(f"\nThe days of customer {report.customer}:")
    for decision in report.story:
        day = decision["window_end"].astimezone(zone_named(zone)).strftime("%a %m-%d")
        candidates = [one for one in decision["candidates"] if one["reason_code"] != "outside_dates"]
        wanting = len({one["campaign_id"] for one in candidates})
        if decision["outcome"] == Outcome.SEND.value:
            chosen = decision["treatment"]
            text = f"{chosen['campaign_id']} by {chosen['channel']}, {local(chosen['slot_at'])}"
        else:
            text = f"silence: {WORDS[decision['reason_code']]}"
        say(f"  {day}  {wanting} campaigns want it -> {text}", markup=False)


def tell_where(report: DemoReport, folder: Path, brand: str, again: str) -> None:
    """Where everything is, and what to type next.

    Args:
        report: of the demo.
        folder: its root.
        brand: the name of the brand's tables.
        again: further options of the same demo.
    """
    say = results().print
    say(f"\nWritten to {folder}:")
    say(f"  {folder}/{brand}/queues/<channel>.jsonl   one file for each channel")
    say(f"  {folder}/{brand}/<table>                  the tables, in Delta")
    say(f"  {folder}/conf                             the brand's configuration")
    tables = f"--conf {folder}/conf --root {folder}"
    say("\nTry next:")
    say(f"  {program()} explain {tables} --customer {report.customer}")
    say(f"  {program()} show withheld_sends {tables}")
    say(f"  {program()} demo --root {folder} --windows {len(report.windows) + 1}{again}")


def dollars(minor: float) -> str:
    """Minor units as dollars."""
    return f"{minor / MINOR_PER_UNIT:.2f}"


def _window_row(window: dict[str, Any], in_crossfire: int, zone: str) -> tuple[Any, ...]:
    greedy, priority = (window["value_by_policy_micros"][policy.value] for policy in (Policy.GREEDY, Policy.PRIORITY))
    gain = f"{(greedy / priority - 1):+.1%}" if priority else "-"
    return (
        window["window_end"].astimezone(zone_named(zone)).strftime("%a %m-%d"),
        in_crossfire,
        window["queued"],
        window["withheld"],
        window["silent"],
        dollars(greedy / MICROS_PER_MINOR),
        dollars(priority / MICROS_PER_MINOR),
        gain,
    )
