"""`ceasefire demo`: a week of real households, told so that one wants to read it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ceasefire.cli.output import program, progress, refusal_lines, results, say_json, say_table
from ceasefire.cli.workspaces import session_for
from ceasefire.config.schedule import clock_hour_at, local_text
from ceasefire.config.units import MICROS_PER_MINOR, instant_of
from ceasefire.demo.brand_folder import MODEL, brand_folder, template_folder
from ceasefire.demo.coupon_outcomes import FIRST_WINDOW
from ceasefire.demo.crossfire import Crossfire, crossfire
from ceasefire.demo.events import write_events
from ceasefire.demo.source import PACKAGED_DATA, read_source
from ceasefire.errors import CheckFailedError, EnvironmentMissingError, UsageError
from ceasefire.pipelines.demo_report import DemoReport, demo_report
from ceasefire.pipelines.models import registered_name, registry_for
from ceasefire.pipelines.run import Progress, run
from ceasefire.pipelines.training import train
from ceasefire.pipelines.workspace import BrandAtWork, Workspace, load_brand
from ceasefire.reports.explanation import WORDS
from ceasefire.storage.registry import Registry, champion, models, promote
from ceasefire.vocabulary import Outcome, Policy

BRAND = "completejourney"
MINOR_PER_UNIT = 100


def play_demo(root: str, data: Path | None, windows: int, brand: str, as_json: bool) -> None:
    """Convert the data, run the windows from 2017-12-04, and tell what happened.

    Raises:
        UsageError: another brand than the demo's, or a folder without the data.
        EnvironmentMissingError: the root cannot be written.
    """
    if brand != BRAND:
        raise UsageError(f"--brand {brand}: not supported yet, allowed: {BRAND}")
    with progress("reading the data") as tell:
        source = read_source(data or PACKAGED_DATA)
        folder = Path(root)
        try:
            events = write_events(source, folder / "events")
            brand_folder(source, template_folder(), folder / "conf")
        except OSError as error:
            raise EnvironmentMissingError(
                f"cannot write to {root}: {error.strerror}; choose another folder with --root"
            ) from None
        at_work = load_brand(folder / "conf", os.environ)
        days = [FIRST_WINDOW + timedelta(days=number) for number in range(windows)]
        closes = [_close(at_work, day) for day in days]
        tell("starting Spark")
        with session_for(at_work, root) as workspace:
            model = DemoModel(workspace, folder / "conf", closes[0], tell)
            run(workspace, str(events.parent), closes[0], closes[-1], tell, before_windows=model.make, examine=True)
            tell("reading the results")
            report = demo_report(workspace, closes)
            model_lines = model.lines()
    before = {close: crossfire(source, day) for close, day in zip(closes, days, strict=True)}
    if as_json:
        say_json(_as_data(report, before) | {"model": model_lines})
    else:
        _tell(report, before, at_work, folder, data, model_lines)


def _close(at_work: BrandAtWork, day: date) -> datetime:
    settings = at_work.brand.settings
    close = clock_hour_at(day, settings.decision_window.at, settings.time_zone)
    assert close is not None, "no clock change in December"
    return instant_of(close).astimezone(UTC)


def _as_data(report: DemoReport, before: Mapping[datetime, Crossfire]) -> dict[str, Any]:
    return {
        "windows": [
            {**window, "households_in_crossfire_before": before[window["window_end"]].in_crossfire}
            for window in report.windows
        ],
        "most_messages_a_day": report.most_messages_a_day,
        "queue_sizes": report.queue_sizes,
        "losses": report.losses,
        "withheld": report.withheld,
        "household": report.household,
    }


@dataclass
class DemoModel:
    """The demo's uplift model: trained on its own past before the first window, unless it is there already."""

    workspace: Workspace
    conf: Path
    first_close: datetime
    tell: Progress
    problem: str = ""

    def make(self) -> None:
        """Train and promote; a past that does not tell leaves the priors, and that is said."""
        registry, registered = self._registered()
        if champion(registry, registered) is not None:
            return
        try:
            trained = train(self.workspace, self.conf, MODEL, self.first_close, self.tell)
        except (UsageError, CheckFailedError) as error:
            self.problem = str(error)
            return
        override = None if trained.qini_low > 0 else "the demo shows the whole chain, whatever the figures say"
        promote(registry, registered, trained.number, override)

    def lines(self) -> list[str]:
        """What there is to say of the model, from what is recorded of it."""
        registry, registered = self._registered()
        found = [one for one in models(registry, registered) if one.is_champion]
        if not found:
            return [f"No model: {self.problem}"]
        tags = found[0].tags
        lines = [
            f"Model {MODEL}/{found[0].number}: Qini {tags['qini']} (90 % interval {tags['qini_low']} to "
            f"{tags['qini_high']}), trained on version {tags['training_table_version']} of {tags['training_table']}.",
            f"  Mind: {tags['caveat']}.",
        ]
        lines += [
            f"  {name.partition('.')[2]}: learnt from {tags[name]}" for name in tags if name.startswith("counts.")
        ]
        lines += [
            f"  {name.partition('.')[2]}: keeps its prior, too few outcomes ({tags[name]})"
            for name in tags
            if name.startswith("left_out.")
        ]
        if tags.get("promotion_override"):
            lines.append(f"  Promoted by override: {tags['promotion_override']}.")
        return lines

    def _registered(self) -> tuple[Registry, str]:
        return registry_for(self.workspace), registered_name(self.workspace.brand.settings.brand, MODEL)


def _tell(
    report: DemoReport,
    before: Mapping[datetime, Crossfire],
    at_work: BrandAtWork,
    folder: Path,
    data: Path | None,
    model_lines: Sequence[str],
) -> None:
    say, zone = results().print, at_work.brand.settings.time_zone
    customers = max((window["customers"] for window in report.windows), default=0)
    say(
        f"\n{customers:,} real households, {len(at_work.brand.campaigns)} campaigns, "
        f"{len(report.windows)} daily windows."
    )
    say("Households, purchases and coupons are real; channels, consents, addresses and costs are ours.\n")
    for line in [*model_lines, *refusal_lines(report.windows), ""]:
        say(line, markup=False)
    say_table(
        "Before: several campaigns want one household on one day. After: one message or silence.",
        ("day", "crossfire", "queued", "withheld", "silent", "greedy", "priority", "gain"),
        [_window_row(window, before[window["window_end"]], zone) for window in report.windows],
    )
    say(f"\nMost messages for one household on one day, after: {report.most_messages_a_day}")
    say("(crossfire: households that two or more campaigns want on that day; greedy and priority: what the")
    say("messages chosen by value, and by a fixed order of campaigns, are expected to be worth in dollars)\n")
    say_table("Send queues", ("channel", "sends"), list(report.queue_sizes.items()))
    say()
    reasons = [(count, reason, WORDS[reason]) for reason, count in report.losses.items()]
    say_table("Why the other candidates lost", ("candidates", "reason", "in words"), reasons)
    if report.withheld:
        say()
        stopped = [(count, reason, WORDS[reason]) for reason, count in report.withheld.items()]
        say_table("Why decided sends were withheld at the last check", ("sends", "reason", "in words"), stopped)
    _tell_story(report, zone)
    say(f"\nWritten to {folder}:")
    say(f"  {folder}/{BRAND}/queues/<channel>.jsonl   one file for each channel")
    say(f"  {folder}/{BRAND}/<table>                  the tables, in Delta")
    say(f"  {folder}/conf                             the brand's configuration")
    tables = f"--conf {folder}/conf --root {folder}"
    more = f"--root {folder} --windows {len(report.windows) + 1}" + (f" --data {data}" if data else "")
    say("\nTry next:")
    say(f"  {program()} explain {tables} --customer {report.household}")
    say(f"  {program()} show withheld_sends {tables}")
    say(f"  {program()} demo {more}")


def _window_row(window: dict[str, Any], before: Crossfire, zone: str) -> tuple[Any, ...]:
    greedy, priority = (window["value_by_policy_micros"][policy.value] for policy in (Policy.GREEDY, Policy.PRIORITY))
    gain = f"{(greedy / priority - 1):+.1%}" if priority else "-"
    return (
        window["window_end"].astimezone(ZoneInfo(zone)).strftime("%a %m-%d"),
        before.in_crossfire,
        window["queued"],
        window["withheld"],
        window["silent"],
        _dollars(greedy),
        _dollars(priority),
        gain,
    )


def _tell_story(report: DemoReport, zone: str) -> None:
    say, local = results().print, local_text(zone)
    say(f"\nThe week of household {report.household}:")
    for decision in report.story:
        day = decision["window_end"].astimezone(ZoneInfo(zone)).strftime("%a %m-%d")
        candidates = [one for one in decision["candidates"] if one["reason_code"] != "outside_dates"]
        wanting = len({one["campaign_id"] for one in candidates})
        if decision["outcome"] == Outcome.SEND.value:
            chosen = decision["treatment"]
            text = f"{chosen['campaign_id']} by {chosen['channel']}, {local(chosen['slot_at'])}"
        else:
            text = f"silence: {WORDS[decision['reason_code']]}"
        say(f"  {day}  {wanting} campaigns want it -> {text}", markup=False)


def _dollars(micros: int) -> str:
    return f"{micros / MICROS_PER_MINOR / MINOR_PER_UNIT:.2f}"
