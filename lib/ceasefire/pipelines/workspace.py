"""One brand at work: its tables, what it declares, compiled, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ceasefire.config.brand import BrandSettings
from ceasefire.config.bundle import Brand, Bundle, customer_key, parse_bundle, read_bundle, read_draft
from ceasefire.config.kafka import Broker
from ceasefire.config.units import currency_exponent
from ceasefire.consent import ConsentTerms
from ceasefire.errors import ConfigurationError, UsageError
from ceasefire.events.contract import Contract
from ceasefire.events.customer_zones import ZoneRules
from ceasefire.events.harmless import harmless_in
from ceasefire.pipelines.programs import Programs, compile_brand, rule_problems
from ceasefire.runtime.clock import Clock
from ceasefire.runtime.figures import Figures
from ceasefire.storage.lake import Lake


@dataclass(frozen=True)
class BrandAtWork:
    """What a brand declares, compiled, and the key of its pseudonyms.

    Attributes:
        folder: of the brand, whose suppression lists are read when they are needed; None for a pinned brand.
    """

    brand: Brand
    programs: Programs
    key: bytes
    folder: Path | None = None

    @property
    def contract(self) -> Contract:
        """What its input rows are checked against."""
        settings, campaigns = self.brand.settings, self.brand.campaigns
        terms = ConsentTerms.of(
            settings.brand,
            {name: channel.aliases for name, channel in settings.channels.items()},
            (topic for campaign in campaigns for topic in campaign.topics),
            (campaign.id for campaign in campaigns),
        )
        return Contract(
            settings.brand,
            settings.currency,
            currency_exponent(settings.currency),
            self.key,
            terms,
            settings.address_rules,
            harmless_in(self.brand),
            settings.machine_agents,
            ZoneRules(settings.time_zone, settings.time_zone_from),
            settings.rates,
        )


def unreported(query: str, batch_id: int, figures: Figures) -> None:
    """The watcher of those whom nobody watches."""


def unnoticed(record: Mapping[str, Any]) -> None:
    """Ignore a record of what happens between batches."""


def never(window_end: datetime) -> bool:
    """The windows that are examined when none is."""
    return False


def at_any_time(window_end: datetime) -> AbstractContextManager[None]:
    """The turn of those who need not wait for it."""
    return nullcontext()


@dataclass(frozen=True)
class Workspace:
    """Everything a stage is told: where the tables are, what the brand wants, what time it is.

    Attributes:
        tracking: the address of an MLflow server; empty: models are registered beside the tables.
        broker: where topics are, if any are read or written.
        new_epoch: whether a query whose checkpoint is gone or broken may start over.
        report: told by each batch of a query (its name, the batch's id) what it came to.
        is_examined: whether the rows of a window are checked once it is decided; a check takes some ten seconds.
        turn: entered when everything is ready to close a window, which is closed within; begins when it may be.
        accepts_gap: whether a person has accepted that more time has passed since the newest closed window than
            `decision_window.max_gap` allows.
        notice: told what happens between batches: a record with event (waiting, going_on, held), query, at and says.
    """

    lake: Lake
    at_work: BrandAtWork
    clock: Clock
    tracking: str = ""
    broker: Broker | None = None
    new_epoch: bool = False
    report: Callable[[str, int, Figures], None] = unreported
    is_examined: Callable[[datetime], bool] = never
    turn: Callable[[datetime], AbstractContextManager[None]] = at_any_time
    accepts_gap: bool = False
    notice: Callable[[Mapping[str, Any]], None] = unnoticed

    @property
    def brand(self) -> Brand:
        """What the brand declares."""
        return self.at_work.brand

    @property
    def programs(self) -> Programs:
        """What it declares, compiled."""
        return self.at_work.programs


def load_brand(folder: Path, environment: Mapping[str, str]) -> BrandAtWork:
    """Read, check and compile a brand folder.

    Raises:
        UsageError: there is no such folder.
        ConfigurationError: with every problem of it.
    """
    bundle, problems = read_bundle(folder, environment)
    draft, wrong = read_draft(bundle)
    problems += wrong + rule_problems(draft)
    if problems:
        raise ConfigurationError(problems)
    return replace(_at_work(bundle, lambda settings: customer_key(settings, environment)), folder=folder)


def load_pinned_brand(bundle_text: str, key: bytes) -> BrandAtWork:
    """The brand as a run pinned it, whatever its folder says now."""
    return _at_work(Bundle.from_text(bundle_text), lambda settings: key)


def _at_work(bundle: Bundle, key_of: Callable[[BrandSettings], bytes]) -> BrandAtWork:
    brand, problems = parse_bundle(bundle)
    if brand is None:
        raise ConfigurationError(problems)
    return BrandAtWork(brand, compile_brand(brand), key_of(brand.settings))


def require_tables(root: str, brand: str) -> None:
    """Refuse early, before Spark is started, what only reads a brand's tables where there are none.

    Raises:
        UsageError: the root is a folder of this machine, and there is nothing of this brand in it.
    """
    if "://" not in root and not Path(root, brand).is_dir():
        raise UsageError(f"no tables of brand {brand} in {root}; has `ceasefire run` been here?")
