"""A brand folder in its smallest form, to be spoiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ceasefire.config.bundle import Brand, Bundle, parse_bundle
from ceasefire.errors import ConfigurationError

FILES: dict[str, str] = {
    "brand.yaml": """\
brand: corner
currency: EUR
time_zone: Europe/Berlin
locale: en
customer_key: public:corner-shop-key
decision_window: {every: 1d, at: "06:00"}
channels:
  email: {cost: "0.002", hours: "08:00-21:00", expires: 48h}
""",
    "features.yaml": """\
features:
  - name: orders
    unit: orders
    description: Orders ever.
    from: {event: order}
    aggregate: count
""",
    "segments.yaml": """\
segments:
  - id: buyers
    rule: orders > 0
""",
    "campaigns.yaml": """\
campaigns:
  - id: thanks
    active: {from: 2026-01-01, to: 2026-12-31}
    audience: {any: [buyers]}
    priority: 20
    duration: 1d
    reentry: {max: 1, every: 2d}
    channels: [email]
    variants: [{id: mail, channel: email, template: t1}]
    outcome: {event: order, within: 14d}
    value: {share_of_order: 0.3}
    prior_uplift: 0.02
""",
}


def with_change(file: str, old: str, new: str) -> dict[str, str]:
    """The files with one piece of text replaced, or with a line added where `old` is empty."""
    assert FILES[file].count(old) == 1 or not old
    return FILES | {file: FILES[file].replace(old, new) if old else FILES[file] + new + "\n"}


def problems(texts: Mapping[str, str] = FILES, lists: Mapping[str, tuple[str, ...]] | None = None) -> list[str]:
    """Everything that is wrong with the files, as a person reads it."""
    _, found = parse_bundle(Bundle(texts, lists or {}))
    return str(ConfigurationError(found)).splitlines()


def brand_of(texts: Mapping[str, str] = FILES, lists: Mapping[str, tuple[str, ...]] | None = None) -> Brand:
    """What the files declare."""
    brand, found = parse_bundle(Bundle(texts, lists or {}))
    assert brand is not None, found
    return brand


def write(folder: Path, texts: Mapping[str, str] = FILES) -> Path:
    """A folder with these files."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder
