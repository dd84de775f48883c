"""One brand at work: its tables, what it declares, compiled, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ceasefire.config.bundle import Brand, Bundle, customer_key, parse_bundle, read_bundle
from ceasefire.config.units import currency_exponent
from ceasefire.errors import ConfigurationError, Problem
from ceasefire.events.contract import Contract
from ceasefire.pipelines.programs import Programs, compile_brand
from ceasefire.runtime.clock import Clock
from ceasefire.storage.lake import Lake


@dataclass(frozen=True)
class BrandAtWork:
    """What a brand declares, compiled, and the key of its pseudonyms."""

    brand: Brand
    programs: Programs
    key: bytes

    @property
    def contract(self) -> Contract:
        """What its input rows are checked against."""
        settings = self.brand.settings
        return Contract(settings.brand, settings.currency, currency_exponent(settings.currency), self.key)


@dataclass(frozen=True)
class Workspace:
    """Everything a stage is told: where the tables are, what the brand wants, what time it is."""

    lake: Lake
    at_work: BrandAtWork
    clock: Clock

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
    brand, wrong = parse_bundle(bundle)
    problems += wrong
    if brand is None:
        raise ConfigurationError(problems)
    return _compiled(brand, customer_key(brand.settings, environment), problems)


def load_pinned_brand(bundle_text: str, key: bytes) -> BrandAtWork:
    """The brand as a run pinned it, whatever its folder says now."""
    brand, problems = parse_bundle(Bundle.from_text(bundle_text))
    if brand is None:
        raise ConfigurationError(problems)
    return _compiled(brand, key, [])


def _compiled(brand: Brand, key: bytes, problems: list[Problem]) -> BrandAtWork:
    programs, wrong = compile_brand(brand)
    if programs is None or problems:
        raise ConfigurationError([*problems, *wrong])
    return BrandAtWork(brand, programs, key)
