"""`ceasefire demo`: a week of real households, told so that one wants to read it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ceasefire.cli.demo_tales import as_data, tell_reasons, tell_story, tell_where, tell_windows
from ceasefire.cli.output import progress, refusal_lines, results, say_json
from ceasefire.cli.workspaces import session_for
from ceasefire.config.schedule import clock_hour_at
from ceasefire.config.units import instant_of
from ceasefire.demo.brand_folder import MODEL, brand_folder, template_folder
from ceasefire.demo.coupon_outcomes import FIRST_WINDOW
from ceasefire.demo.crossfire import crossfire
from ceasefire.demo.events import write_events
from ceasefire.demo.source import PACKAGED_DATA, read_source
from ceasefire.errors import CheckFailedError, EnvironmentMissingError, UsageError
from ceasefire.pipelines.demo_report import DemoReport, demo_report
from ceasefire.pipelines.models import registered_name, registry_for
from ceasefire.pipelines.run import Progress, run
from ceasefire.pipelines.training import train
from ceasefire.pipelines.workspace import BrandAtWork, Workspace, load_brand
from ceasefire.storage.registry import Registry, champion, models, promote

BRAND = "completejourney"
WINDOWS = 7


def play_demo(root: str, data: Path | None, windows: int, as_json: bool) -> None:
    """Convert the data, run the windows from 2017-12-04, and tell what happened.

    Raises:
        UsageError: a folder without the data.
        EnvironmentMissingError: the root cannot be written.
    """
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
            run(workspace, str(events.parent), closes[0], closes[-1], tell, model.make, examine=True, as_of_slot=True)
            tell("reading the results")
            report = demo_report(workspace, closes)
            model_lines = model.lines()
    in_crossfire = {close: crossfire(source, day).in_crossfire for close, day in zip(closes, days, strict=True)}
    if as_json:
        say_json(as_data(report, in_crossfire) | {"model": model_lines})
    else:
        _tell(report, in_crossfire, at_work, folder, data, model_lines)


def _close(at_work: BrandAtWork, day: date) -> datetime:
    settings = at_work.brand.settings
    close = clock_hour_at(day, settings.decision_window.at, settings.time_zone)
    assert close is not None, "no clock change in December"
    return instant_of(close).astimezone(UTC)


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
    in_crossfire: Mapping[datetime, int],
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
    tell_windows(report, in_crossfire, zone)
    tell_reasons(report)
    tell_story(report, zone)
    tell_where(report, folder, BRAND, f" --data {data}" if data else "")
